"""Augment: what will the network see?"""

import random

import streamlit as st

from dashboard import url
from dashboard.augment.editor import another_pipeline, chosen_pipeline
from dashboard.augment.guard import guard_rails
from dashboard.augment.mixtures import mixtures
from dashboard.augment.sheets import choose_pictures, draws, normalisation_note, steps_alone
from dashboard.header import header, need_dataset

context = header("What will the network see?", usable=True)
data = need_dataset(context)
st.markdown(
    "Each pass over the data shows the network another variation of every picture. These come from the training pipeline itself."
)
sheet, controls = st.columns([7, 3], gap="large")
with controls:
    pipeline = chosen_pipeline()
    other = another_pipeline()
with sheet:
    chosen = choose_pictures(data)
    again, shuffle, view = st.columns([2, 2, 3], vertical_alignment="center")
    seed = url.whole("seed") or 0
    if again.button("Draw again", icon=":material/casino:", type="primary", width="stretch", help="With another seed."):
        seed = random.randrange(10_000)
    url.remember("seed", str(seed))
    if shuffle.button("Another picture", icon=":material/shuffle:", width="stretch"):
        url.remember("image", str(random.randrange(10_000)))
        st.rerun()
    normalised = view.toggle("As numbers: normalised", key="normalised")
    if normalised:
        st.caption(normalisation_note())
    if chosen is None:
        st.stop()
    steps_alone(chosen, pipeline, seed, normalised)
    said = f"{len(chosen.rows)} draws, seed {seed}"
    if other is None:
        draws(chosen, pipeline, seed, normalised, f"{said}: the same seed gives the same draws, here and in training")
    else:
        left, right = st.columns(2)
        with left:
            draws(chosen, pipeline, seed, normalised, f"{pipeline.name or 'this pipeline'}, {said}")
        with right:
            draws(chosen, other, seed, normalised, f"{other.name or 'the other'}, {said}")
    mixtures(data, chosen, pipeline, seed)
guard_rails(context.run, data, pipeline)
