"""What a person knows before looking: how many images there are, which files are not used, what is still being computed."""

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import filter_state, formatting
from dashboard.components.map import chip as map_chip
from dashboard.explore.query import Asked
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.data.layouts import SPLITS

_LINE = 40  # pixels


def facts_or_chips(asked: Asked) -> None:
    """One line below the filter bar, whatever the filter: the dataset in a sentence, or what of it matches, and why."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="facts"):
        if asked.within == Filter():
            _facts(asked.data)
        else:
            catalog = asked.data.catalog
            n, total = catalog.count(asked.within), catalog.count(Filter(state=asked.wanted.state))
            st.markdown(f"**{n:,}** of {total:,} images match", width="content")
            map_chip(asked.data)
            filter_state.draw_chips(asked.wanted)
        # Words are lower than chips: nothing below may move when the first chip comes.
        st.container(height=_LINE, width=1, border=False)


def _facts(data: Dataset) -> None:
    counts = data.catalog.counts()
    splits = counts.groupby("split")["n"].sum()
    origin = f":gray-badge[{data.origin}]" if data.synthetic else f":gray[{formatting.literal(data.place)}]"
    st.markdown(
        f"**{int(counts['n'].sum()):,} images** in **{len(cache.classes(data)):,} classes**: "
        + ", ".join(f"{splits[split]:,} {split}" for split in SPLITS if split in splits)
        + f". {_put_aside(data)} {origin}",
        width="content",
    )


def _put_aside(data: Dataset) -> str:
    report = cache.unused_files(data)
    return f":{'orange' if report.loud else 'gray'}[{report.headline}]." if report.files else ""


def problems(data: Dataset) -> None:
    """Files that are not used: how many for which reason, and the name of each; what the folders were taken for."""
    report = cache.unused_files(data)
    for note in report.notes:
        st.caption(formatting.literal(note))
    if not report.files:
        return
    with st.expander(report.headline, icon=":material/report:"):
        lines = [f"- {formatting.literal(f'{group.sentence}. {group.hint}'.strip())}" for group in report.groups]
        st.markdown("\n".join(lines))
        rows = [(formatting.plain(item.path), item.reason, item.files) for group in report.groups for item in group.named]
        if (named := sum(files for _, _, files in rows)) < report.files:
            st.caption(f"The first {named:,} of them:")
        st.dataframe(pd.DataFrame(rows, columns=["path", "reason", "files"]), hide_index=True, width="stretch")
