"""The image that is open in a dialog, in the address: the browser's Back closes it, and a link opens it again.

open=explore.123-3f2a9c01      the gallery it was opened from, its id, and the beginning of its content hash
"""

import re

import streamlit as st

from dashboard.app import url_state

KEY = "open"  # the parameter of the address; browser_history.py keeps a walk from image to image in one entry of the history
_HASH = 8
_OPENED = "open-image-began"  # session: the last opening, and the address at that moment
_TEXT = re.compile(r"([a-z0-9-]{1,40})\.([0-9]{1,9})-([0-9a-f]{8})")


def write_open_image(gallery: str, image: int, content: str | None) -> None:
    """Write an open image of this gallery into the address."""
    st.session_state.pop(_OPENED, None)
    url_state.remember(KEY, f"{gallery}.{image}-{(content or '').ljust(_HASH, '0')[:_HASH]}")


def read_open_image(gallery: str) -> tuple[int, str] | None:
    """The id of this gallery's open image in the address, and the beginning of its content hash; None where none is open."""
    match = _TEXT.fullmatch(url_state.recall(KEY) or "")
    return (int(match[2]), match[3]) if match and match[1] == gallery else None


def is_content(content: str | None, beginning: str) -> bool:
    """Whether a content hash is the one an address was written for: ids are assigned anew when a dataset is added again."""
    return (content or "").ljust(_HASH, "0").startswith(beginning)


def is_new_opening(text: str) -> bool:
    """Whether `text` opens an image now, rather than being drawn again after the person walked on to another."""
    before = st.session_state.get(_OPENED)
    st.session_state[_OPENED] = (text, url_state.recall(KEY))
    return url_state.recall(KEY) is None or before != st.session_state[_OPENED]


def close_image() -> None:
    """Remove the open image from the address, when the person closes the dialog."""
    url_state.forget(KEY)
    st.session_state.pop(_OPENED, None)
