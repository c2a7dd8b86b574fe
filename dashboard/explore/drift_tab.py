"""Train vs test Each property of one split against another, by a test and by the size of the difference."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import filter_state, formatting, url_state
from dashboard.charts.drift import drift_dots, drift_grid, split_histograms
from dashboard.charts.palette import ACCENT, BAD
from dashboard.components.click_target import chart
from dashboard.explore.query import Asked
from engine.core.number_text import MINUS, decimal
from engine.data.drift import ALPHA
from engine.data.filters import Filter
from engine.data.layouts import SPLITS
from engine.data.properties import PROPERTIES

_BINS = 40
_COLUMNS = {
    "property": "property", "n_a": "n {a}", "n_b": "n {b}", "median_a": "median {a}", "median_b": "median {b}",
    "delta": "Cliff's delta", "effect": "effect", "ks": "KS distance", "p_holm": "p (Holm)",
}  # fmt: skip
_METHOD = (
    "Effect: Cliff's delta, how much more often an image of one split has the higher value than the lower one when pairs are drawn "
    "(below 0.147 negligible, below 0.33 small, below 0.474 medium). Test: two-sample Kolmogorov-Smirnov, corrected by Holm over all "
    "rows. With many images even tiny differences become significant; the effect size tells whether one does."
)


def do_splits_differ(asked: Asked) -> None:
    """The verdict in a sentence, a dot a property, the two shapes of the one that is looked at, and all numbers."""
    pair = _choose_pair(asked)
    if pair is None:
        return
    a, b = pair
    inside = url_state.choose(
        st.segmented_control, "Compare", ["whole", "classes"], "differ_in", label_visibility="collapsed",
        format_func={"whole": "all images", "classes": "within each class"}.__getitem__,
    ) == "classes"  # fmt: skip
    wanted = replace(asked.within, splits=())
    result = cache.drift(asked.data, a, b, inside, wanted)
    if not len(result):
        st.info(f"Too few images of {a} or {b} match for a comparison.", icon=":material/compare_arrows:")
        return
    st.markdown(_verdict(result, a, b))
    if inside:
        chart(drift_grid(result, b), "drift-grid", _pick_cell)
        st.caption(
            f"Cliff's delta where a difference matters: + higher in {b}, {MINUS} lower. The strongest on top, of the largest classes."
        )
    else:
        chart(drift_dots(result, a, b), "drift", _pick_property)
        st.caption("Darker red means a larger difference: small, medium, large. Click a dot to compare the distributions.")
        _shapes(asked, wanted, result, a, b)
    _numbers(result, a, b)


def _choose_pair(asked: Asked) -> tuple[str, str] | None:
    present = asked.data.catalog.counts()["split"].unique()
    splits = [split for split in SPLITS if split in present]
    pairs = {f"{a}-{b}": (a, b) for place, a in enumerate(splits) for b in splits[place + 1 :]}
    if not pairs:
        st.info("This dataset has one split only: there is nothing to compare.", icon=":material/compare_arrows:")
        return None
    chosen = url_state.choose(
        st.selectbox, "Splits", list(pairs), "pair_of", "train-test", label_visibility="collapsed",
        format_func=lambda key: " against ".join(pairs[key]),
    )  # fmt: skip
    return pairs[chosen]


def _verdict(found: pd.DataFrame, a: str, b: str) -> str:
    """The answer in a sentence, as Markdown."""
    sure = found[(found["p_holm"] < ALPHA) & (found["effect"] != "negligible")]
    if not len(sure):
        return f"**{a.capitalize()} and {b} look alike**: no difference that matters in {len(found):,} comparisons."
    said = [_difference(row) for _, row in sure.head(3).iterrows()]
    more = f" and {len(sure) - 3:,} more" if len(sure) > 3 else ""
    return f"**{a.capitalize()} and {b} differ** in {len(sure):,} of {len(found):,} comparisons: {'; '.join(said)}{more}."


def _difference(row: pd.Series) -> str:
    of = PROPERTIES[row["property"]]
    inside = f" of {formatting.literal(formatting.plain(row['class']))}" if row["class"] else ""
    return f"{of.label}{inside} {of.say(row['median_a'])} → {of.say(row['median_b'])} ({row['effect']})"


def _shapes(asked: Asked, wanted: Filter, found: pd.DataFrame, a: str, b: str) -> None:
    """The two splits' histograms of the property that was clicked last, the largest difference at first."""
    names = found["property"].tolist()
    name = url_state.recall("differ_property")
    row = found[found["property"] == (name if name in names else names[0])].iloc[0]
    of = PROPERTIES[row["property"]]
    st.markdown(f"**{of.label.capitalize()}**  \n:gray[{row['sentence']}]")
    both = asked.data.catalog.view(replace(wanted, splits=(a, b)))
    chart(split_histograms(both.histogram(of.name, _BINS, by="split"), of, {a: ACCENT, b: BAD}), "drift-shapes")


def _numbers(found: pd.DataFrame, a: str, b: str) -> None:
    """Every figure, for who wants to check."""
    with st.expander("The numbers", icon=":material/table:"):
        names = {name: title.format(a=a, b=b) for name, title in _COLUMNS.items()}
        inside = {"class": "class"} if found["class"].any() else {}
        table = found.assign(property=[PROPERTIES[name].label for name in found["property"]])
        shown = table[[*inside, *names]].rename(columns=names)
        st.dataframe(shown.style.format(_formats(names)), hide_index=True, width="stretch")
        st.caption(_METHOD)


def _formats(names: dict[str, str]) -> dict[str, Callable[[float], str]]:
    """How each column reads. Not by Streamlit's own formats, which write a negative number with a hyphen; columns still sort by value."""
    figures: dict[str, Callable[[float], str]] = {
        "n_a": "{:,}".format, "n_b": "{:,}".format, "median_a": "{:,.4g}".format, "median_b": "{:,.4g}".format, "delta": decimal,
        "ks": decimal, "p_holm": "{:.2g}".format,
    }  # fmt: skip
    return {names[name]: say for name, say in figures.items()}


def _pick_property(clicked: Sequence[str]) -> None:
    url_state.remember("differ_property", clicked[0])


def _pick_cell(clicked: Sequence[str]) -> None:
    """A click on a cell means its class, and its property in the other view."""
    name, prop = clicked
    url_state.remember("differ_property", prop)
    filter_state.change(classes=() if filter_state.current().classes == (name,) else (name,))
