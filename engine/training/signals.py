"""SIGTERM and SIGINT: the first asks for an orderly end, the second for the end."""

import os
import signal
import threading
from collections.abc import Callable

_HEEDED = (signal.SIGTERM, signal.SIGINT)


def handle_signals(first: Callable[[], None], second: Callable[[], None]) -> None:
    """Call `first` at the first signal and `second` at the next, at once, from a thread of their own.

    A handler in Python would wait for the main thread to come back from a batch, or from a fit that takes a minute.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for number in _HEEDED:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    # A forked helper would write its own signals into the pipe of this process.
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    threading.Thread(target=_listen, args=(reading, first, second), name="signals", daemon=True).start()


def _listen(reading: int, first: Callable[[], None], second: Callable[[], None]) -> None:
    seen = 0
    while arrived := os.read(reading, 1):
        if arrived[0] in _HEEDED:
            seen += 1
            first() if seen == 1 else second()
