"""Limits that an environment variable sets."""

import os


def limit_bytes(variable: str, megabytes: int) -> int:
    """The number of megabytes in this variable, in bytes; `megabytes` where it is not set to a number."""
    value = os.environ.get(variable, "")
    return (int(value) if value.isdecimal() else megabytes) * 2**20
