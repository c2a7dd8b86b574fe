"""What a server that runs for weeks must release: the state of closed tabs, and freed memory."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from typing import Any

from streamlit.runtime import Runtime

from engine.core.process_memory import return_freed_memory

_INTERVAL = 10.0  # seconds


@contextlib.asynccontextmanager
async def housekeeping() -> AsyncGenerator[None, None]:
    """Tidy up every few seconds while the block runs."""
    task = asyncio.create_task(_tidy_repeatedly(), name="housekeeping")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _tidy_repeatedly() -> None:
    while True:
        await asyncio.sleep(_INTERVAL)
        try:
            close_expired_sessions()
            await asyncio.to_thread(return_freed_memory)
        except Exception:
            # The next round tries again. An error here must not end the task, or nothing would be released any more.
            logging.getLogger(__name__).exception("Tidying up failed.")


def close_expired_sessions() -> int:
    """Close the sessions whose tab has been closed for `server.disconnectedSessionTTL` seconds, and return their number.

    To be called on the server's event loop, as Streamlit itself calls `shutdown`.

    Why: Streamlit 1.64 (`MemorySessionStorage`, a `TTLCache`) drops expired sessions only when the next tab closes. Until then up to
    128 stay, each with its state, its uploads and the three open files of its event loop. There is no public way to the storage: the
    three names that begin with an underscore are private, and were checked with 1.64.0 only, which requirements.txt pins.

    May go when Streamlit expires sessions by itself. `test_tabs_that_were_closed_leave_no_open_files` in tests/http/test_sessions.py
    notices a version with which this no longer works.
    """
    manager: Any = Runtime.instance()._session_mgr  # Any: its declared type has no storage
    expired = manager._session_storage._cache.expire()
    for _, stored in expired:
        stored.session.shutdown()
    return len(expired)
