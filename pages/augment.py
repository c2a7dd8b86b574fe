"""Augment: what will the network see?"""

import random

import streamlit as st

from dashboard import cached, url, words
from dashboard.augment import SIZES, contact_sheet, pick_image
from dashboard.header import header, need_dataset
from engine.config import AUGMENTATIONS
from engine.data.images import ImageError

COUNT, SIDE = 16, 4

data = need_dataset(header("What will the network see?"))
st.markdown(
    "Each pass over the data shows the network another variation of every picture. These come from the training pipeline itself."
)
controls, sheet = st.columns([2, 5], gap="large")
with controls:
    picture = st.container()
    name = url.choose(st.selectbox, "Pipeline", list(AUGMENTATIONS), "pipeline", "standard")
    st.caption(AUGMENTATIONS[name])
    seed = url.whole("seed") or 0
    if st.button("Draw again", icon=":material/casino:", type="primary", width="stretch"):
        seed = random.randrange(10_000)
    url.remember("seed", str(seed))
    st.caption(f"Seed {seed}: the same seed gives the same draws.")
    row = pick_image(data)
    size = int(url.choose(st.selectbox, "Image size", SIZES, "px", "224", format_func=lambda px: f"{px} px"))
try:
    with st.spinner("Drawing", show_time=True):
        original, draws = cached.drawn(str(row.file(data.root)), row.hash, name, size, COUNT, seed)
except ImageError as error:
    st.error(f"{words.literal(row.path)} cannot be shown: {words.literal(str(error))}.", icon=":material/error:")
    st.stop()
picture.image(
    original, caption=f"Original: {words.literal(row.class_name)}, {words.pixels(row.width, row.height)}", width="stretch"
)
sheet.image(contact_sheet(draws, SIDE), caption=f"{COUNT} draws of the pipeline {name}", width="stretch")
