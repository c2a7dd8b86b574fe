"""The files of a batch that are not used: how many, and each with its reason, in one place above the predictions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.app import formatting
from engine.core.number_text import count_text
from engine.inference.batch.store import Batch

_NAMED = 3  # files that are named per reason before the table names all


def report_unused(batch: Batch, errors: Iterable[tuple[str, str]], place: DeltaGenerator | None = None) -> None:
    """Draw the unused files: `errors`, the names of unreadable images with the reasons, and whatever else the folder or zip contains."""
    rows = [*errors, *((item.path, item.reason) for group in batch.unused.groups for item in group.named)]
    if not rows and not batch.unused.files:
        return
    unnamed = batch.unused.files - sum(len(group.named) for group in batch.unused.groups)
    with (place or st).container():
        st.warning(formatting.literal(sentence(rows, unnamed)), icon=":material/report:")
        if len(rows) > len({reason for _, reason in rows}) * _NAMED:
            with st.expander("All unused files"):
                table = pd.DataFrame(
                    [(formatting.plain(name), formatting.plain(reason)) for name, reason in rows], columns=["file", "reason"]
                )
                st.dataframe(table, hide_index=True, width="stretch")


def sentence(rows: Sequence[tuple[str, str]], unnamed: int = 0) -> str:
    """`3 files are not used. a.png: empty file; b.txt, c.txt: not an image.` `unnamed`: files beyond those of `rows`."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name, reason in rows:
        by_reason[reason].append(formatting.plain(name.rpartition("/")[2] or name))
    total = len(rows) + unnamed
    reasons = "; ".join(f"{_names(names)}: {formatting.plain(reason)}" for reason, names in by_reason.items())
    return f"{count_text(total, 'file is', 'files are')} not used. {reasons}{f'; and {unnamed:,} more' if unnamed else ''}."


def _names(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
