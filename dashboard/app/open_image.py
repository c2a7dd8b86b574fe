"""The image that stands open in a dialog, in the address: the browser's Back closes it, and a link opens it again.

open=explore.123-3f2a9c01      the gallery that it was opened from, its number, and the beginning of its content's hash
"""

import re

import streamlit as st

from dashboard.app import url_state

KEY = "open"  # of the address; back.py walks from image to image within one entry of the history
_HASH = 8
_BEGAN = "open-image-began"
_TEXT = re.compile(r"([a-z0-9-]{1,40})\.([0-9]{1,9})-([0-9a-f]{8})")


def write_open_image(gallery: str, image: int, content: str | None) -> None:
    """Write into the address that an image of this gallery is open."""
    st.session_state.pop(_BEGAN, None)
    url_state.remember(KEY, f"{gallery}.{image}-{(content or '').ljust(_HASH, '0')[:_HASH]}")


def read_open_image(gallery: str) -> tuple[int, str] | None:
    """The number of the image that the address holds as open in this gallery, and how its content's hash begins."""
    match = _TEXT.fullmatch(url_state.recall(KEY) or "")
    return (int(match[2]), match[3]) if match and match[1] == gallery else None


def is_content(content: str | None, beginning: str) -> bool:
    """Whether this is the content that an address was written for: numbers are given anew when a dataset is added again."""
    return (content or "").ljust(_HASH, "0").startswith(beginning)


def is_new_opening(text: str) -> bool:
    """Whether an image is opened, rather than drawn again while the person has walked on from it."""
    before = st.session_state.get(_BEGAN)
    st.session_state[_BEGAN] = (text, url_state.recall(KEY))
    return url_state.recall(KEY) is None or before != st.session_state[_BEGAN]


def close_image() -> None:
    """No image is open: for a dialog that the person closed."""
    url_state.forget(KEY)
    st.session_state.pop(_BEGAN, None)
