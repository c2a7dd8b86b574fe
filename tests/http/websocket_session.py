"""A browser tab without a browser: Streamlit's own protocol over a websocket, so that many tabs fit on a small machine.

It reruns pages, changes widgets at random, follows fragments that redraw by themselves and fetches the pictures that a page names.
"""

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

_PICTURES = re.compile(
    rb"/(?:thumb|preview|image|asked|seen|looked|media|mean|damaged|collected)/[A-Za-z0-9_.%&?=/-]+\.(?:jpg|jpeg|png|webp)[?A-Za-z0-9_=&%-]*"
)
_LARGEST_MESSAGE = 64 << 20
_PATIENCE = 300.0  # seconds that a rerun may take on a busy machine

Change = Callable[[WidgetState, random.Random], None]


class Session:
    """One open page. `rerun` loads a page or changes a widget; `dwell` looks at it for a while."""

    def __init__(self, socket: ClientConnection, seed: int) -> None:
        self._socket = socket
        self._random = random.Random(seed)
        self._page, self._query, self._page_hash = "", "", ""
        self._widgets: dict[str, WidgetState] = {}
        self._changes: dict[str, Change] = {}
        self._timers: dict[str, tuple[float, float]] = {}  # fragment -> interval, when it is due
        self.pictures: set[str] = set()
        self.failures: list[str] = []
        self.reruns = 0

    async def open_page(self, page: str, query: str) -> None:
        """Load a page at an address, as a click on its link does."""
        self._page, self._query = page, query
        self._widgets.clear()
        await self._rerun()

    async def change_widget(self) -> None:
        """Set one widget of the page to a random value of its own."""
        if not self._changes:
            return
        name = self._random.choice(sorted(self._changes))
        state = WidgetState(id=name)
        self._changes[name](state, self._random)
        self._widgets[name] = state
        await self._rerun()
        # A trigger is pressed once.
        if state.WhichOneof("value") == "trigger_value":
            del self._widgets[name]

    async def dwell(self, seconds: float) -> None:
        """Look at the page; its fragments redraw when they are due."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            due = min([until, *(at for _, at in self._timers.values())])
            try:
                async with asyncio.timeout(max(due - now, 0.01)):
                    self._read(await self._socket.recv(decode=False))
            except TimeoutError:
                for fragment in [name for name, (_, at) in self._timers.items() if at <= time.monotonic()]:
                    self._timers[fragment] = (self._timers[fragment][0], time.monotonic() + self._timers[fragment][0])
                    await self._rerun(fragment)

    async def _rerun(self, fragment: str = "") -> None:
        request = BackMsg()
        state = request.rerun_script
        state.query_string, state.page_name = self._query, self._page
        state.widget_states.widgets.extend(self._widgets.values())
        state.context_info.url = f"http://localhost/{self._page}"
        if fragment:
            state.fragment_id, state.is_auto_rerun = fragment, True
            # Without it a fragment that draws the whole page anew would draw the first page.
            state.page_script_hash = self._page_hash
        else:
            self._timers.clear()
            self._changes.clear()
        await self._socket.send(request.SerializeToString())
        self.reruns += 1
        async with asyncio.timeout(_PATIENCE):
            while self._read(await self._socket.recv(decode=False)) != "script_finished":
                pass

    def _read(self, data: bytes) -> str:
        message = ForwardMsg()
        message.ParseFromString(data)
        kind = message.WhichOneof("type")
        if kind == "delta":
            self.pictures.update(found.decode() for found in _PICTURES.findall(data))
            self._remember(message)
        elif kind == "auto_rerun":
            self._timers[message.auto_rerun.fragment_id] = (
                message.auto_rerun.interval,
                time.monotonic() + message.auto_rerun.interval,
            )
        elif kind == "navigation":
            self._page_hash = message.navigation.page_script_hash
        elif kind == "new_session" and not message.new_session.fragment_ids_this_run:
            # The whole page is drawn anew, as a fragment may wish: the fragments of before are gone.
            self._timers.clear()
            self._changes.clear()
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        return kind or ""

    def _remember(self, message: ForwardMsg) -> None:
        delta = message.delta
        if delta.WhichOneof("type") == "add_block" and delta.add_block.WhichOneof("type") == "tab_container":
            return
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception" or kind == "alert" and "This page failed" in element.alert.body:
            self.failures.append(f"/{self._page}?{self._query}: {element}"[:500])
        for name, change in _changes(kind, element):
            self._changes[name] = change


def _changes(kind: str | None, element: object) -> Iterator[tuple[str, Change]]:
    """How a widget may be changed; buttons are left alone, since they train, delete and decide."""
    widget = getattr(element, kind, None) if kind else None
    if widget is None or getattr(widget, "disabled", False):
        return
    if kind == "selectbox" and widget.options:
        yield widget.id, lambda state, chance: setattr(state, "string_value", chance.choice(list(widget.options)))
    elif kind == "button_group" and widget.options:
        contents = [option.content or option.content_icon for option in widget.options]
        yield widget.id, lambda state, chance: state.string_array_value.data.append(chance.choice(contents))
    elif kind == "pagination":
        yield widget.id, lambda state, chance: setattr(state, "int_value", chance.randint(1, widget.num_pages))
    elif kind == "checkbox":
        yield widget.id, lambda state, chance: setattr(state, "bool_value", chance.random() < 0.5)
    elif kind == "slider" and not widget.options:
        values = len(widget.default)
        yield (
            widget.id,
            lambda state, chance: state.double_array_value.data.extend(
                sorted(chance.uniform(widget.min, widget.max) for _ in range(values))
            ),
        )


@contextlib.asynccontextmanager
async def session(port: int, seed: int = 0) -> "contextlib.AsyncIterator[Session]":
    """A session of the server at this port; closed with its websocket."""
    address = f"ws://localhost:{port}/_stcore/stream"
    async with connect(
        address, subprotocols=["streamlit"], origin=f"http://localhost:{port}", max_size=_LARGEST_MESSAGE
    ) as socket:
        yield Session(socket, seed)
