"""Threads that prepare something while a person looks at a page. The server owns them: they end with it."""

import threading
import time
from collections.abc import Callable

Work = Callable[[threading.Event], None]  # called with an event that is set when the server stops

_running: dict[threading.Thread, threading.Event] = {}
_lock = threading.Lock()


def start_thread(name: str, work: Work) -> threading.Thread:
    """Run `work` in a thread; before each long step it should see whether the event that it is given is set."""
    stopping = threading.Event()

    def run() -> None:
        try:
            work(stopping)
        finally:
            with _lock:
                _running.pop(thread, None)

    # A daemon: an import or a prediction that cannot be interrupted must not keep the server's process alive.
    thread = threading.Thread(target=run, name=name, daemon=True)
    with _lock:
        _running[thread] = stopping
    thread.start()
    return thread


def stop_threads(seconds: float = 3.0) -> bool:
    """Ask all threads to end and wait, at most `seconds` in all; whether all have ended."""
    deadline = time.monotonic() + seconds
    with _lock:
        running = dict(_running)
    for stopping in running.values():
        stopping.set()
    for thread in running:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in running)
