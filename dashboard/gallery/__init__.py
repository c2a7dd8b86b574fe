"""The clickable image grid: one component for every page that shows photographs.

An item is a mapping: `id` (int, its own in the grid), `src` (the thumbnail's URL path), `caption`, and optionally `note`
(a second, quiet line), `colour` (the class, a bar under the picture), `badge` and `badge_colour` (a chip on the picture,
such as the predicted class) and `alt` (class, file, verdict: read aloud, and shown where the picture cannot be).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import streamlit as st

SIZES = ("S", "M", "L")

_FOLDER = Path(__file__).parent
_HTML = (_FOLDER / "gallery.html").read_text(encoding="utf-8")
_CSS = (_FOLDER / "gallery.css").read_text(encoding="utf-8")
_JS = (_FOLDER / "gallery.js").read_text(encoding="utf-8")
_FIELDS = ("src", "caption", "note", "colour", "badge", "badge_colour", "alt")


def gallery(
    items: Sequence[Mapping],
    *,
    key: str,
    size: str = "M",
    selected: str | int | None = None,
    empty: str = "No images here.",
    label: str | None = None,
    on_click: Callable[[int], None] | None = None,
) -> int | None:
    """The id of the image that was clicked (or opened with Enter) in this rerun, else None.

    `on_click` hears of the same click before the script reruns, early enough to change what stands above the grid.
    `label` names the list for a screen reader. Not inside `st.form`: Streamlit drops a component's clicks there.
    """
    ids = [int(item["id"]) for item in items]
    if len(set(ids)) < len(ids):
        raise ValueError("Two gallery items share an id.")
    if size not in SIZES:
        raise ValueError(f"There is no gallery size {size!r}. Choose one of: {', '.join(SIZES)}.")

    def clicked() -> None:
        image = _known(st.session_state[key].clicked, ids)
        if on_click is not None and image is not None:
            on_click(image)

    # Registered at each call, which is free while nothing differs: every runtime (and every AppTest) has its own registry,
    # and this module is imported once for all of them.
    mount = st.components.v2.component("scenescope_gallery", html=_HTML, css=_CSS, js=_JS)
    data = {
        "items": [{"id": image} | _fields(item) for image, item in zip(ids, items, strict=True)],
        "size": size,
        "selected": None if selected is None else str(selected),
        "label": label or f"{len(ids)} images",
        "empty": empty,
    }
    return _known(mount(key=key, data=data, on_clicked_change=clicked).clicked, ids)


def _fields(item: Mapping) -> dict[str, str]:
    """Return what the browser needs of an item, as text."""
    return {field: str(item[field]) for field in _FIELDS if item.get(field) is not None}


def _known(image: object, ids: Sequence[int]) -> int | None:
    """Return the clicked id if it is one of these images: the browser's word is not taken for it."""
    return image if isinstance(image, int) and image in ids else None
