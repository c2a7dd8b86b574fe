"""The image that is open in a dialog, in the address: the browser's Back closes it, and a link opens it again.

open=explore.123-3f2a9c01      the gallery it was opened from, its id, and the beginning of its content hash
"""

import streamlit as st

from dashboard.app.url_state import Parameter
from engine.core.address import Integer, OrNone, Row, Text

_HASH = 8
# The gallery, the image, the beginning of its hash. browser_history.py keeps a walk from image to image in one entry of the history.
_KIND = Row((Text("[a-z0-9-]{1,40}"), Row((Integer(), Text(f"[0-9a-f]{{{_HASH}}}")), "-")), ".")
OPEN: Parameter[tuple[str, tuple[int, str]] | None] = Parameter("open", OrNone(_KIND), None)
_OPENED = "open-image-began"  # session: the last opening, and the address at that moment


def write_open_image(gallery: str, image: int, content: str | None) -> None:
    """Write an open image of this gallery into the address."""
    st.session_state.pop(_OPENED, None)
    OPEN.write((gallery, (image, (content or "").ljust(_HASH, "0")[:_HASH])))


def read_open_image(gallery: str) -> tuple[int, str] | None:
    """The id of this gallery's open image in the address, and the beginning of its content hash; None where none is open."""
    opened = OPEN.read()
    return opened[1] if opened is not None and opened[0] == gallery else None


def is_content(content: str | None, beginning: str) -> bool:
    """Whether a content hash is the one an address was written for: ids are assigned anew when a dataset is added again."""
    return (content or "").ljust(_HASH, "0").startswith(beginning)


def is_new_opening(text: str) -> bool:
    """Whether `text` opens an image now, rather than being drawn again after the person walked on to another."""
    before = st.session_state.get(_OPENED)
    st.session_state[_OPENED] = (text, OPEN.read())
    return not OPEN.is_set() or before != st.session_state[_OPENED]


def close_image() -> None:
    """Remove the open image from the address, when the person closes the dialog."""
    OPEN.clear()
    st.session_state.pop(_OPENED, None)
