"""Sixteen images at random, four by four: the quickest look at what matches. One that is opened leads back to them."""

import random

import numpy as np
import streamlit as st

from dashboard.components.gallery import gallery
from dashboard.explore.detail import open_detail
from dashboard.explore.facts import tile
from dashboard.explore.query import Asked
from engine.data.filters import Filter

_COUNT = 16
_SEED = "sixteen-seed"
_OPENED = "sixteen-opened"  # the image to open: a dialog cannot open another, so that the page is drawn anew in between
_RETURN = "sixteen-return"


def sixteen_button(asked: Asked) -> None:
    """A button that shows them; the image that was opened from them; them again, once that is closed."""
    opened, closed = st.session_state.pop(_OPENED, None), st.session_state.pop(_RETURN, False)
    if st.button("Random 16", icon=":material/casino:", type="tertiary", key="sixteen"):
        st.session_state[_SEED] = random.randrange(10_000)
        _dialog(asked)
    elif opened is not None:
        open_detail(asked.data, _drawn(asked), "id", False, opened, asked.colours, _return)
    elif closed:
        _dialog(asked)


@st.dialog("Random 16", width="small")
def _dialog(asked: Asked) -> None:
    if st.button("New samples", icon=":material/casino:", key="sixteen-again"):
        st.session_state[_SEED] = random.randrange(10_000)
    # In the order in which the arrow keys lead through them.
    ids = asked.data.catalog.view(_drawn(asked)).page(1, _COUNT).tolist()
    rows = asked.data.catalog.rows(ids)
    tiles = [tile(asked.data, rows[image], asked.colours) for image in ids if image in rows]
    picked = gallery(tiles, key="sixteen-grid", size="S")
    if picked.opened is not None:
        st.session_state[_OPENED] = picked.opened
        st.rerun()


def _drawn(asked: Asked) -> Filter:
    """The images of the present seed, as a filter: Next and Previous stay among them."""
    ids, rng = asked.data.catalog.view(asked.within).ids(), np.random.default_rng(st.session_state[_SEED])
    # Very many are not shuffled for sixteen.
    drawn = rng.permutation(ids)[:_COUNT] if len(ids) < 100_000 else rng.choice(ids, _COUNT, replace=False, shuffle=False)
    return Filter(selection=asked.data.catalog.select(np.sort(drawn)), state=asked.within.state)


def _return() -> None:
    st.session_state[_RETURN] = True
