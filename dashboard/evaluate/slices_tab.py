"""Slices Slices of the data by what the catalog knows of the images, each open to be looked at."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import filter_state, formatting, url_state
from dashboard.charts.dot_plot import interval_dots
from dashboard.charts.figure import CONFIG
from dashboard.charts.palette import ACCENT, BAD
from dashboard.components.scored_gallery import choose_order, scored_gallery, sort_rows
from dashboard.components.scored_run import SPLITS, ScoredRun
from engine.core.errors import UserError
from engine.core.number_text import percent, percent_range, signed
from engine.data.datasets import load_dataset
from engine.data.drift import ALPHA
from engine.data.filters import Filter
from engine.data.properties import PROPERTIES
from engine.evaluation import slices
from engine.evaluation.slices import ScoredImages

_WORST, _EXPLORE = "worst", "explore"
_SUPPORTS = (20, 50, 100)
_METHOD = (
    "Dark images may be wrong more often only because most of them are glaciers. So every slice is compared with what its class mix alone "
    "would give (the grey stroke): the errors of each class dealt out to its images at random, which is an exact test. Tried are the quarters "
    "and the outer tenths of every property, the classes, the folders that are not just a class, and all pairs of conditions with enough "
    "images; Holm's correction counts them all. A pair of properties has to be worse than either alone explains."
)


def slices_tab(scored: ScoredRun) -> None:
    try:
        of = cache.scored_catalog(scored.run, scored.split)
    except UserError as error:
        st.error(
            f"{formatting.literal(error.message)} {formatting.literal(error.hint)} Slices are made of what the catalog knows of the images; "
            "the other questions can be answered without it.", icon=":material/folder_off:",
        )  # fmt: skip
        return
    if of.excluded:
        st.caption(f":material/info: {of.excluded:,} images have changed or gone since they were scored, and are left out.")
    result = _rows(scored, of)
    if result is None or not len(result):
        return
    place = _chosen(result)
    _chart(result, place)
    _pictures(scored, of, result.iloc[place])


def _rows(scored: ScoredRun, of: ScoredImages) -> pd.DataFrame | None:
    """The slices of the column that is chosen, after what they say."""
    folders = slices.measure_column(of, slices.BY_FOLDER, scored.classes)
    explored = _explored(scored)
    labels = {_WORST: "Worst slices", **({_EXPLORE: "Explore's filter"} if explored else {})}
    labels |= {name: PROPERTIES[name].label.capitalize() for name in PROPERTIES} | {slices.BY_CLASS: "Class"}
    labels |= {slices.BY_FOLDER: "Folder"} if len(folders) else {}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = url_state.choose(st.selectbox, "Slice by", list(labels), "slice_by", format_func=labels.__getitem__, width=220)
        if by == _WORST:
            support = int(url_state.choose(
                st.segmented_control, "Minimum images", [f"{value}" for value in _SUPPORTS], "support"
            ))  # fmt: skip
            return _worst(scored, support)
    if by == _EXPLORE:
        return pd.DataFrame([slices.measure_slice(of, explored)])
    result = folders if by == slices.BY_FOLDER else slices.measure_column(of, by, scored.classes)
    if not len(result):
        st.info(
            f"All images have the same {labels[by].lower()}, or it is not known: slices by this property are not possible.",
            icon=":material/straighten:",
        )
    return result


def _worst(scored: ScoredRun, support: int) -> pd.DataFrame:
    result = cache.worst_slices(scored.run, scored.split, support)
    sure = result.beyond_chance
    if not result.tried:
        st.info(f"No slice has {support} images: there are {len(scored.predictions):,} in all.", icon=":material/straighten:")
    elif not len(sure):
        st.markdown(
            f"**No slice is weak beyond chance**: of {result.tried:,} that were tried, none stands out once its class mix and the number of tests "
            "are accounted for. The most suspicious, to look at:"
        )
    else:
        one = len(sure) == 1
        st.markdown(
            f"**{len(sure):,} {'slice is' if one else 'slices are'} weak beyond chance**, of {result.tried:,} that were tried: wrong more often than "
            f"{'its' if one else 'their'} class mix explains."
        )
    return result.frame


def _explored(scored: ScoredRun) -> Filter | None:
    """The filter of the Explore page, as far as it speaks of images and not of a run."""
    wanted, _ = Filter.from_text(url_state.recall(filter_state.KEY) or "")
    try:
        wanted, _ = load_dataset(scored.run.config.dataset).catalog.check(
            replace(wanted, splits=(), run="", predicted=(), correctness="")
        )
    except UserError:
        return None
    return wanted if wanted.to_text() else None


def _chosen(found: pd.DataFrame) -> int:
    """The slice whose images are shown, kept in the URL by its filter: by the list, or a click on the chart."""
    texts = [wanted.to_text() for wanted in found["filter"]]
    names = dict(zip(texts, found["words"], strict=True))
    chosen = url_state.choose(st.selectbox, "Images of", texts, "slice", format_func=lambda text: formatting.plain(names[text]))
    return texts.index(chosen)


def _chart(found: pd.DataFrame, place: int) -> None:
    texts = [wanted.to_text() for wanted in found["filter"]]

    def picked() -> None:
        points = st.session_state["slices-chart"].selection.points
        if points:
            url_state.set_choice("slice", texts[int(points[0]["customdata"][0])])

    many = "p_holm" in found
    sure = found["p_holm"] < ALPHA if many else pd.Series(False, index=found.index)
    rows = pd.DataFrame({
        "name": [formatting.plain(text) for text in found["words"]],
        "value": found["error"], "low": found["joint_low" if many else "low"], "high": found["joint_high" if many else "high"],
        "tick": found["expected"], "text": [f"{wrong:,} of {n:,} wrong" for wrong, n in zip(found["wrong"], found["n"], strict=True)],
        "colour": [BAD if one else ACCENT for one in sure],
    })  # fmt: skip
    if many:
        alone = zip(found["low"], found["high"], strict=True)
        rows["more"] = [f"this slice alone: {percent_range(low, high)}" for low, high in alone]
    st.plotly_chart(
        interval_dots(rows, clickable=True, chosen=place, longest=40, over=True),
        config=CONFIG,
        key="slices-chart",
        on_select=picked,
        selection_mode="points",
    )
    st.caption(_legend(many, bool(sure.any())))
    with st.expander("All numbers, and how they were computed", key="slices-numbers"):
        st.caption(_METHOD)
        shown = {"words": "slice", "n": "images", "wrong": "wrong", "error": "error rate", "expected": "expected", "excess": "excess errors",
                 "p": "p (this slice alone)", "p_holm": "p (Holm)"}  # fmt: skip
        table = found[[name for name in shown if name in found]].rename(columns=shown)
        # Streamlit's own formats would write a negative number with a hyphen; columns still sort by value.
        formats = {
            "images": "{:,}".format, "wrong": "{:,}".format, "error rate": percent, "expected": percent,
            "excess errors": lambda number: signed(number, 1), "p (this slice alone)": "{:.2g}".format, "p (Holm)": "{:.2g}".format,
        }  # fmt: skip
        st.dataframe(
            table.style.format({name: say for name, say in formats.items() if name in table}), hide_index=True, width="stretch"
        )


def _legend(many: bool, red: bool) -> str:
    """What the chart shows. Of the worst of many slices the interval has to allow for the choice: one slice's own would be too narrow."""
    stroke = "the grey stroke is what is expected from its class mix."
    if not many:
        return f"Error rate with its 95% interval; {stroke}"
    joint = (
        "Error rate with an interval that is widened for all slices tried, so that with 95% all of them hold at once (Bonferroni)"
    )
    return f"{joint}; {stroke}{' Red: beyond chance by the exact test (Holm).' if red else ''}"


def _pictures(scored: ScoredRun, of: ScoredImages, chosen: pd.Series) -> None:
    wanted = chosen["filter"]
    rows = slices.slice_predictions(of, wanted)
    alone = ", 95% interval of this slice alone" if "p_holm" in chosen else ""
    interval = percent_range(chosen["low"], chosen["high"])
    said = f"{percent(chosen['error'])} wrong ({interval}{alone}), {percent(chosen['expected'])} expected from its class mix"
    text, link = st.columns([8, 3], vertical_alignment="center")
    text.markdown(
        f"**{formatting.literal(formatting.plain(chosen['words']))}**: {chosen['wrong']:,} of {chosen['n']:,} images, "
        f"{said}.{_elsewhere(scored, wanted)}"
    )
    link.button(
        "Open in Explore",
        icon=":material/filter_alt:",
        key="slice-explore",
        on_click=_open,
        args=(scored, wanted),
        width="stretch",
    )
    if st.session_state.pop(_OPENED, False):
        st.switch_page("../../pages/explore.py")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        only = url_state.choose(st.segmented_control, "Show", ["wrong", "all"], "slice_show")
        order = choose_order()
    rows = rows[rows["true"] != rows["predicted"]] if only == "wrong" else rows
    scored_gallery(
        scored,
        sort_rows(rows, order),
        "slice-images",
        scope=f"{wanted.to_text()}-{only}-{order}",
        empty="None of its images is wrong.",
    )


def _elsewhere(scored: ScoredRun, wanted: Filter) -> str:
    """What the same slice is like on the run's other split: a weakness that is none of chance is there as well."""
    other = next((split for split in SPLITS if split != scored.split and scored.run.has_predictions(split)), None)
    if other is None:
        return ""
    try:
        there = slices.measure_slice(cache.scored_catalog(scored.run, other), wanted)
    except UserError:
        return ""
    if not there["n"]:
        return f" No {other} image is in it."
    rates = f"{percent(there['error'])} wrong, {percent(there['expected'])} expected from its class mix"
    return f" On {other}: {there['wrong']:,} of {there['n']:,}, {rates}."


_OPENED = "slice-opened"


def _open(scored: ScoredRun, wanted: Filter) -> None:
    """Explore with the slice as its filter: the same images."""
    filter_state.put(replace(wanted, splits=(scored.split,)))
    st.session_state[_OPENED] = True
