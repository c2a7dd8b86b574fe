"""The clickable image grid: one component for every page that shows photographs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from streamlit.components.v2 import component

from dashboard.app import formatting
from dashboard.app.component_files import join_modules
from dashboard.components.gallery.selection import GridSelection
from dashboard.components.reports import Channel, channel_data

__all__ = ["NOTES", "SIZES", "GalleryResult", "GridSelection", "Tile", "gallery"]

SIZES = ("S", "M", "L")
NOTES = 3  # lines under the caption that are shown

_FOLDER = Path(__file__).parent
_HTML = (_FOLDER / "gallery.html").read_text(encoding="utf-8")
_CSS = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("gallery.css", "card.css"))
_JS = join_modules(_FOLDER / "gallery.js")


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One image of a grid. Every text may hold a name of unknown origin: it is shown literally, on one line."""

    id: int  # unique in the grid
    src: str  # URL path of the thumbnail
    caption: str = ""
    notes: Sequence[str] = ()  # quieter lines under the caption, up to NOTES
    facts: Mapping[str, str] = field(default_factory=dict)  # on the hover card: name -> value
    preview: str | None = None  # URL path of a larger image for the hover card
    colour: str | None = None  # of the frame: the class
    badge: str | None = None  # a chip on the image, such as the predicted class
    badge_colour: str | None = None
    alt: str | None = None  # class, file, verdict: read aloud, and shown where the image cannot be loaded


@dataclass(frozen=True)
class GalleryResult:
    """What a person did: `opened` in this rerun (a click, a tap or Enter), and all that is `selected`, in order of choice."""

    opened: int | None = None
    selected: tuple[int, ...] = ()


def gallery(
    tiles: Sequence[Tile],
    *,
    key: str,
    size: str = "M",
    select: Literal["one", "many"] | None = None,
    scope: str = "",
    current: int | None = None,
    empty: str = "No images here.",
    label: str | None = None,
    on_open: Callable[[int], None] | None = None,
) -> GalleryResult:
    """What was opened in this rerun, and what is selected, of the tiles that this draws.

    `select`: with "many", Ctrl or Cmd and a click, Shift and a click, a dragged rectangle, Space, Ctrl+A and a long press
    select, Escape clears, and the selection stays while pages are turned; with "one", a click selects instead of opening.
    `scope` names what is selected from, such as the dataset: another scope begins with nothing selected. `GridSelection(key)`
    reads and changes it from outside. `current` marks the tile that another part of the
    page shows. `on_open` is called instead, before the script reruns: early enough to change what stands above the grid.
    `label` names the list for a screen reader. Not inside `st.form`: Streamlit drops a component's clicks there.
    """
    ids = [tile.id for tile in tiles]
    if len(set(ids)) < len(ids):
        raise ValueError("Two gallery tiles share an id.")
    if size not in SIZES:
        raise ValueError(f"There is no gallery size {size!r}. Choose one of: {', '.join(SIZES)}.")
    shown = frozenset(ids)
    selection = GridSelection(key)
    selection.enter_scope(scope)

    openings, selections = Channel(key, "opened"), Channel(key, "selected", lasting=True)

    def handle_open() -> None:
        image = _opened(openings, shown) if on_open is not None else None
        if on_open is not None and image is not None:
            on_open(image)

    def handle_selection() -> None:
        if select:
            selection.take_reports(selections, shown, select == "one")

    # Registered at each call, which is free while nothing differs: every runtime (and every AppTest) has its own registry,
    # and this module is imported once for all of them.
    mount = component("scenescope_gallery", html=_HTML, css=_CSS, js=_JS)
    selected = selection.read()
    data = {
        "items": [_item(tile) for tile in tiles],
        "size": size,
        "select": select or "",
        "selected": [image for image in selected if image in shown] if select else [],
        "elsewhere": sum(image not in shown for image in selected) if select else 0,
        **channel_data(openings, selections),
        "current": current,
        "label": formatting.plain(label or f"{len(ids)} images"),
        "empty": empty,
    }
    mount(key=key, data=data, on_opened_change=handle_open, on_selected_change=handle_selection)
    handle_selection()  # a session that begins anew takes over what the open tab still shows
    return GalleryResult(_opened(openings, shown), selection.read() if select else ())


def _item(tile: Tile) -> dict[str, Any]:
    """The tile as `Item` in types.ts; absent fields are not sent."""
    texts = {name: getattr(tile, name) for name in ("caption", "badge", "alt")}
    settings = {name: getattr(tile, name) for name in ("src", "preview", "colour", "badge_colour")}
    return {
        "id": tile.id,
        **{name: value for name, value in settings.items() if value},
        **{name: formatting.plain(text) for name, text in texts.items() if text},
        "notes": [formatting.plain(note) for note in tile.notes[:NOTES]],
        "facts": [[formatting.plain(name), formatting.plain(value)] for name, value in tile.facts.items()],
    }


def _opened(openings: Channel, shown: frozenset[int]) -> int | None:
    """The image that was opened last since the last time; only one of those that are shown."""
    return next((image for image in reversed(openings.take()) if isinstance(image, int) and image in shown), None)
