"""What a server that runs for weeks gives back: the state of tabs that were closed, and memory that was freed."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from streamlit.runtime import Runtime

from engine.core.process_memory import return_freed_memory

_INTERVAL = 10.0  # seconds


@contextlib.asynccontextmanager
async def housekeeping() -> AsyncIterator[None]:
    """Tidy up now and then while the block lasts."""
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
            # The next round tries again: a server that answers matters more.
            logging.getLogger(__name__).exception("Tidying up failed.")


def close_expired_sessions() -> int:
    """Close the sessions whose tab has been gone for `server.disconnectedSessionTTL` seconds; how many. On the server's event loop.

    Streamlit 1.64 forgets them when the next tab closes, and not before: up to 128 stay, each with its state, its uploads and the
    three open files of its event loop.
    """
    expired = Runtime.instance()._session_mgr._session_storage._cache.expire()
    for _, stored in expired:
        stored.session.shutdown()
    return len(expired)
