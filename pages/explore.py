"""Explore: what is in the data?"""

import streamlit as st

from dashboard import charts, url, words
from dashboard.explore import browser, problems
from dashboard.header import header, need_dataset
from dashboard.palette import class_colours
from engine.data.layouts import SPLITS

data = need_dataset(context := header("What is in the data?"))
counts = data.catalog.counts()
colours = class_colours(data.classes)
total, splits = int(counts["n"].sum()), counts.groupby("split")["n"].sum()
origin = ":gray-badge[synthetic: painted by a program]" if data.synthetic else f":gray[{words.literal(str(data.root))}]"
st.markdown(
    f"**{total:,} images** in **{len(data.classes)} classes**: "
    + ", ".join(f"{splits[split]:,} {split}" for split in SPLITS if split in splits)
    + f". {origin}"
)
problems(data)
balance, sizes = st.columns([3, 2], gap="large")
with balance:
    shown = url.choose(st.segmented_control, "Classes by split", ["counts", "proportions"], "balance")
    labelled = counts[counts["class"].notna()]
    st.plotly_chart(charts.class_counts(labelled, colours, share=shown == "proportions"), config=charts.CONFIG, key="counts")
with sizes:
    st.markdown("Image sizes")
    st.plotly_chart(charts.size_scatter(data.catalog.sizes().head(300)), config=charts.CONFIG, key="sizes")
browser(data, colours)
