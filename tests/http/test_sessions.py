"""What a tab leaves on the server when it is closed: nothing."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import psutil
from websocket_session import session


def open_tabs(port: int, count: int) -> None:
    """Open pages one after the other, each in a tab that is closed again."""

    async def visit() -> None:
        for number in range(count):
            async with session(port, number) as tab:
                await tab.open_page("explore", "dataset=scenes")
                assert tab.failures == []

    # In a thread of its own: the one of the tests may have an event loop already, the browser's.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, visit()).result()


def test_tabs_that_were_closed_leave_no_open_files(server, wait):
    """Two sockets belong to each session's event loop."""
    process = psutil.Process(server.pid)

    def sockets() -> int:
        return len(process.net_connections(kind="unix"))

    open_tabs(server.port, 1)
    wait(lambda: sockets() == 2)  # the server's own event loop
    files = process.num_fds()
    open_tabs(server.port, 12)
    wait(lambda: sockets() == 2)
    assert process.num_fds() <= files + 2


def test_an_open_tab_is_not_tidied_away(server, wait):
    async def visit() -> list[str]:
        async with session(server.port) as tab:
            await tab.open_page("explore", "dataset=scenes")
            # Twice the time to live of a closed one and a round of tidying.
            await tab.dwell(14)
            await tab.open_page("explore", "dataset=scenes&question=look")
            return tab.failures

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, visit()).result() == []


def test_the_server_has_no_zombies(server):
    assert [child for child in psutil.Process(server.pid).children() if child.status() == psutil.STATUS_ZOMBIE] == []
