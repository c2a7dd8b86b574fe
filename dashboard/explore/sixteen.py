"""Sixteen images at random, four by four: the quickest look at what matches."""

import random

import numpy as np
import streamlit as st

from dashboard.explore.asked import Asked
from dashboard.explore.detail import open_next
from dashboard.explore.facts import tile
from dashboard.gallery import gallery

_COUNT = 16
_SEED = "sixteen-seed"


def sixteen_button(asked: Asked) -> None:
    """A button that shows them."""
    if st.button("16 at random", icon=":material/casino:", type="tertiary", key="sixteen"):
        st.session_state[_SEED] = random.randrange(10_000)
        _dialog(asked)


@st.dialog("16 at random", width="medium")
def _dialog(asked: Asked) -> None:
    if st.button("Draw again", icon=":material/casino:", key="sixteen-again"):
        st.session_state[_SEED] = random.randrange(10_000)
    ids = asked.data.catalog.view(asked.within).ids()
    drawn = np.random.default_rng(st.session_state[_SEED]).permutation(ids)[:_COUNT] if len(ids) < 100_000 else _few(ids)
    rows = asked.data.catalog.rows(drawn.tolist())
    picked = gallery([tile(asked.data, row, asked.colours) for row in rows.values()], key="sixteen-grid", size="M")
    if picked.opened is not None:
        open_next(picked.opened)
        st.rerun()


def _few(ids: np.ndarray) -> np.ndarray:
    """The same from very many, without shuffling them all."""
    return np.random.default_rng(st.session_state[_SEED]).choice(ids, _COUNT, replace=False, shuffle=False)
