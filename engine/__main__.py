"""`python -m engine COMMAND`: everything that the pages can do."""

import codecs
import io
import os
import sys
from collections.abc import Sequence

from engine.cli import PROGRAM, main
from engine.core.number_text import encode_for_terminal


def run(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    """Run a command as a program, to the last byte of its output; return the exit code."""
    # A file name that is not UTF-8 is printed nevertheless; in JSON it becomes an escape that names the same file.
    codecs.register_error("terminal", encode_for_terminal)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="terminal")
    code = main(arguments, program)
    try:
        sys.stdout.flush()
    except OSError:
        # The error was reported. Without this, the interpreter would flush once more at exit and print its own message.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = code or 2
    return code


if __name__ == "__main__":
    sys.exit(run())
