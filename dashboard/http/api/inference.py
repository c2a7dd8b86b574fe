"""Models at work for many callers: a few threads, a queue with an end, and a time after which nobody waits any more."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dashboard.http.api.refused import Refused

Result = TypeVar("Result")
WORKERS = 2  # a network takes all cores by itself: the second decodes meanwhile
WAITING = 30  # requests, those at work included
SECONDS = 60.0


class Inference:
    """Runs functions in threads of its own. `ask` is for an event loop; the functions' errors reach the asker."""

    def __init__(self, workers: int = WORKERS, waiting: int = WAITING, seconds: float = SECONDS) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="api")
        self._places = threading.Semaphore(waiting)
        self._seconds = seconds

    async def ask(self, function: Callable[[], Result]) -> Result:
        """What the function gives. Raises Refused: 503 where too many wait, 504 where it takes too long."""
        if not self._places.acquire(blocking=False):
            raise Refused(503, "Too many requests are waiting.", "Try again in a few seconds.", {"Retry-After": "2"})
        future = self._pool.submit(function)
        # A function that nobody waits for any more keeps its place until it ends: places are threads' work, not callers.
        future.add_done_callback(lambda _: self._places.release())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except TimeoutError:
            raise Refused(504, f"No answer within {self._seconds:g} seconds.", "Send fewer or smaller images.") from None


SHARED = Inference()
