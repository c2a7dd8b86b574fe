"""What stands above the gallery: how many images there are or match, and which files are not used."""

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import filter_state, formatting
from dashboard.components.embedding_map import selection_chip
from dashboard.explore.query import Query
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.data.layouts import SPLITS

_LINE = 40  # pixels


def filter_summary(query: Query) -> None:
    """Draw one line below the filter bar: the dataset in a sentence or, with a filter, how many images match and the conditions."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="facts"):
        if query.conditions == Filter():
            _facts(query.data)
        else:
            catalog = query.data.catalog
            n, total = catalog.count(query.conditions), catalog.count(Filter(state=query.bar_conditions.state))
            st.markdown(f"**{n:,}** of {total:,} images match", width="content")
            selection_chip(query.data)
            filter_state.draw_chips(query.bar_conditions)
        # A line of text is lower than a row of chips: this keeps its height, so that nothing below moves with the first chip.
        st.container(height=_LINE, width=1, border=False)


def _facts(data: Dataset) -> None:
    counts = data.catalog.counts()
    splits = counts.groupby("split")["n"].sum()
    origin = f":gray-badge[{data.origin}]" if data.synthetic else f":gray[{formatting.literal(data.place)}]"
    st.markdown(
        f"**{int(counts['n'].sum()):,} images** in **{len(cache.classes(data)):,} classes**: "
        + ", ".join(f"{splits[split]:,} {split}" for split in SPLITS if split in splits)
        + f". {_unused_headline(data)} {origin}",
        width="content",
    )


def _unused_headline(data: Dataset) -> str:
    report = cache.unused_files(data)
    return f":{'orange' if report.loud else 'gray'}[{report.headline}]." if report.files else ""


def unused_files(data: Dataset) -> None:
    """Draw how the folders were interpreted and which files are not used: how many for which reason, and their names."""
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
