"""Inference for many callers: a few threads, a bounded queue, and a timeout."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dashboard.http.api.errors import ApiError

Result = TypeVar("Result")
WORKERS = 2  # a network uses all cores by itself; meanwhile the second thread decodes
MAX_REQUESTS = 30  # running and waiting together
TIMEOUT = 60.0  # seconds


class Inference:
    """Runs functions in threads of its own. `run` is called on an event loop; a function's error is raised there."""

    def __init__(self, workers: int = WORKERS, waiting: int = MAX_REQUESTS, seconds: float = TIMEOUT) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="api")
        self._slots = threading.Semaphore(waiting)
        self._seconds = seconds

    async def run(self, function: Callable[[], Result]) -> Result:
        """Return the function's result. Raises ApiError: 503 where too many requests wait, 504 after the timeout."""
        if not self._slots.acquire(blocking=False):
            raise ApiError(503, "Too many requests are waiting.", "Try again in a few seconds.", {"Retry-After": "2"})
        future = self._pool.submit(function)
        # Released when the function ends, and not with the timeout: until then its thread is busy, although nobody waits for it.
        future.add_done_callback(lambda _: self._slots.release())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except TimeoutError:
            raise ApiError(504, f"No answer within {self._seconds:g} seconds.", "Send fewer or smaller images.") from None


SHARED = Inference()
