"""Sixteen random images, four by four: the quickest look at what matches. Closing an image that was opened leads back to them."""

import random

import numpy as np
import streamlit as st

from dashboard.components.gallery import gallery
from dashboard.explore.detail import open_detail
from dashboard.explore.facts import image_tile
from dashboard.explore.query import Order, Query
from engine.data.filters import Filter

_COUNT = 16
_SEED = "sixteen-seed"
_OPENED = "sixteen-opened"  # the image to open: a dialog cannot open another one, so the page is rerun in between
_RETURN = "sixteen-return"


def random_sample_button(query: Query) -> None:
    """Draw the button and what belongs to it: the samples, the image opened from them, or the samples again once that is closed."""
    opened = st.session_state.pop(_OPENED, None)
    closed = st.session_state.pop(_RETURN, False)
    if st.button("Random 16", icon=":material/casino:", type="tertiary", key="sixteen"):
        st.session_state[_SEED] = random.randrange(10_000)
        _dialog(query)
    elif opened is not None:
        open_detail(query.data, _sampled(query), Order(), opened, query.colours, on_close=_reopen_samples)
    elif closed:
        _dialog(query)


@st.dialog("Random 16", width="small")
def _dialog(query: Query) -> None:
    if st.button("New samples", icon=":material/casino:", key="sixteen-again"):
        st.session_state[_SEED] = random.randrange(10_000)
    # In the same order as the arrow keys walk through them.
    ids = query.data.catalog.view(_sampled(query)).page(1, _COUNT).tolist()
    rows = query.data.catalog.rows(ids)
    tiles = [image_tile(query.data, rows[image], query.colours) for image in ids if image in rows]
    picked = gallery(tiles, key="sixteen-grid", size="S")
    if picked.opened is not None:
        st.session_state[_OPENED] = picked.opened
        st.rerun()


def _sampled(query: Query) -> Filter:
    """The images of the current seed, as a filter, so that Next and Previous stay among them."""
    ids = query.data.catalog.view(query.conditions).ids()
    rng = np.random.default_rng(st.session_state[_SEED])
    # Shuffling very many ids for sixteen of them would take a noticeable moment.
    sample = rng.permutation(ids)[:_COUNT] if len(ids) < 100_000 else rng.choice(ids, _COUNT, replace=False, shuffle=False)
    return Filter(selection=query.data.catalog.select(np.sort(sample)), state=query.conditions.state)


def _reopen_samples() -> None:
    st.session_state[_RETURN] = True
