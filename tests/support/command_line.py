"""Runs the command line in this process, where torch is loaded already: a command takes milliseconds instead of seconds.

A command gets what a process of its own would have: streams, environment, signal handlers, and warnings and log messages on standard error.
"""

import contextlib
import io
import logging
import os
import signal
import subprocess
import warnings
from collections.abc import Iterator, Sequence

from engine.__main__ import run

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# What an interpreter ignores at its start.
_QUIET = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


def run_command(arguments: Sequence[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """How `python -m engine` ends with these arguments in this environment, and what it prints."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with (
        _in_environment(environment),
        _messages_to(err),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run(arguments)
    texts = (stream.buffer.getvalue().decode("utf-8", "surrogateescape") for stream in (out, err))
    return subprocess.CompletedProcess(arguments, code, *texts)


@contextlib.contextmanager
def _in_environment(environment: dict[str, str]) -> Iterator[None]:
    before, handlers = dict(os.environ), [signal.getsignal(number) for number in _SIGNALS]
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        for number, handler in zip(_SIGNALS, handlers, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def _messages_to(stream: io.TextIOWrapper) -> Iterator[None]:
    """Print warnings and log messages to the stream, where pytest would collect them."""
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.resetwarnings()
            for category in _QUIET:
                warnings.simplefilter("ignore", category)
            warnings.showwarning = lambda *warning: print(warnings.formatwarning(*warning[:4]), file=stream)
            yield
    finally:
        logging.getLogger().removeHandler(handler)
