"""SIGTERM and SIGINT: the first requests an orderly end, the second ends the process at once."""

import os
import signal
import threading
from collections.abc import Callable

_HANDLED = (signal.SIGTERM, signal.SIGINT)


def handle_signals(first: Callable[[], None], second: Callable[[], None]) -> None:
    """Call `first` at the first signal and `second` at the next, at once, from a thread of their own.

    A handler in Python runs in the main thread, and would wait until that comes back from a batch, or a fit of a minute.
    The interpreter's wakeup descriptor is written by the C handler, at once.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for number in _HANDLED:
        # Without a Python handler the signal would keep its default action, and write nothing to the wakeup descriptor.
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    # A forked helper would write its own signals into the pipe of this process.
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    threading.Thread(target=_listen, args=(reading, first, second), name="signals", daemon=True).start()


def _listen(reading: int, first: Callable[[], None], second: Callable[[], None]) -> None:
    count = 0
    while number := os.read(reading, 1):
        if number[0] not in _HANDLED:
            continue
        count += 1
        if count == 1:
            first()
        else:
            second()
