"""The tab Slices: error rates on groups of images that share a property, and the images of each."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import filter_state, formatting, url_state
from dashboard.app.url_state import Parameter
from dashboard.charts.dot_plot import interval_dots
from dashboard.charts.palette import ACCENT, BAD
from dashboard.components.clickable_chart import clickable_chart
from dashboard.components.scored_gallery import choose_order, scored_gallery, sort_rows
from dashboard.components.scored_run import SPLITS, ScoredRun
from engine.core.address import Choice, Text
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.core.number_text import percent, signed
from engine.data.datasets import load_dataset
from engine.data.drift import ALPHA
from engine.data.filters import Filter
from engine.data.properties import PROPERTIES
from engine.evaluation import slices
from engine.evaluation.slices import ScoredImages
from engine.runs.run import Run

_WORST, _EXPLORE = "worst", "explore"
_OPENED = "slice-opened"
_COLUMN, _SLICE = Parameter("slice_by", Text(), _WORST), Parameter("slice", Text(), "")
_SUPPORT = Parameter("support", Choice((20, 50, 100)), 20)
_SHOWN = Parameter("slice_show", Choice(("wrong", "all")), "wrong")
_METHOD = (
    "Dark images may be misclassified more often only because most of them are glaciers. So each slice is compared with the error rate that its "
    "class mix alone would give (the grey stroke), by an exact test that assigns the errors of each class to its images at random. The slices "
    "are the quarters and the outer tenths of every property, the classes, the folders that are not just a class, and all pairs of conditions "
    "with enough images; Holm's correction counts them all. A pair of properties must be worse than either property alone explains."
)


def slices_tab(scored: ScoredRun) -> None:
    try:
        images = _scored_images(scored.run, scored.split)
    except UserError as error:
        st.error(
            f"{formatting.literal(error.message)} {formatting.literal(error.hint)} Slices need the catalog's properties of the images; "
            "the other tabs work without them.", icon=":material/folder_off:",
        )  # fmt: skip
        return
    if images.excluded:
        st.caption(
            f":material/info: {images.excluded:,} images have changed or are missing since they were scored, and are excluded."
        )
    table = _choose_slices(scored, images)
    if not len(table):
        return
    place = _choose_slice(table)
    _chart(table, place)
    _images(scored, images, table.iloc[place])


def _choose_slices(scored: ScoredRun, images: ScoredImages) -> pd.DataFrame:
    """A row per slice of the property that a person chooses; a note above where there are none."""
    folders = slices.measure_column(images, slices.BY_FOLDER, scored.classes)
    explored = _explore_filter(scored)
    labels = {_WORST: "Worst slices"}
    if explored is not None:
        labels[_EXPLORE] = "Explore's filter"
    labels |= {name: PROPERTIES[name].label.capitalize() for name in PROPERTIES} | {slices.BY_CLASS: "Class"}
    if len(folders):
        labels[slices.BY_FOLDER] = "Folder"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        column = url_state.choose(st.selectbox, "Slice by", _COLUMN, list(labels), format_func=labels.__getitem__, width=220)
        if column == _WORST:
            return _worst_slices(scored, url_state.choose(st.segmented_control, "Minimum images", _SUPPORT))
    if column == _EXPLORE and explored is not None:
        return pd.DataFrame([slices.measure_slice(images, explored)])
    table = folders if column == slices.BY_FOLDER else slices.measure_column(images, column, scored.classes)
    if not len(table):
        st.info(
            f"No slices by {labels[column].lower()}: it is the same for all images, or unknown.",
            icon=":material/straighten:",
        )
    return table


def _scored_images(run: Run, split: str) -> ScoredImages:
    """Raises UserError."""
    return cache.scored_catalog(run, split, load_dataset(run.config.dataset))


def _worst_slices(scored: ScoredRun, support: int) -> pd.DataFrame:
    search = cache.worst_slices(scored.run, scored.split, load_dataset(scored.run.config.dataset), support)
    weak = search.beyond_chance
    if not search.tried:
        st.info(f"No slice has {support} images: there are {len(scored.predictions):,} in all.", icon=":material/straighten:")
    elif not len(weak):
        st.markdown(
            f"**No slice is weak beyond chance**: of {search.tried:,} that were tried, none stands out once its class mix and the number of tests "
            "are accounted for. The most suspicious ones:"
        )
    else:
        one = len(weak) == 1
        st.markdown(
            f"**{len(weak):,} {'slice is' if one else 'slices are'} weak beyond chance**, of {search.tried:,} that were tried: wrong more often than "
            f"{'its' if one else 'their'} class mix explains."
        )
    return search.frame


def _explore_filter(scored: ScoredRun) -> Filter | None:
    """The filter of the Explore page without its conditions on a run; None where nothing is left of it."""
    try:
        condition, _ = load_dataset(scored.run.config.dataset).catalog.check(
            replace(filter_state.current(), splits=(), run="", predicted=(), correctness="")
        )
    except UserError:
        return None
    return condition if condition.to_text() else None


def _choose_slice(table: pd.DataFrame) -> int:
    """The place of the slice whose images are shown, kept in the URL by its filter: chosen in the list or on the chart."""
    texts = [wanted.to_text() for wanted in table["filter"]]
    names = dict(zip(texts, table["words"], strict=True))
    text = url_state.choose(st.selectbox, "Images of", _SLICE, texts, format_func=lambda text: formatting.plain(names[text]))
    return texts.index(text)


def _chart(table: pd.DataFrame, place: int) -> None:
    texts = [wanted.to_text() for wanted in table["filter"]]

    def pick_slice(customdata: list) -> None:
        _SLICE.request(texts[int(customdata[0])])

    many = "p_holm" in table
    sure = table["p_holm"] < ALPHA if many else pd.Series(False, index=table.index)
    rows = pd.DataFrame({
        "name": [formatting.plain(text) for text in table["words"]],
        "value": table["error"], "low": table["joint_low" if many else "low"], "high": table["joint_high" if many else "high"],
        "tick": table["expected"], "text": [f"{wrong:,} of {n:,} wrong" for wrong, n in zip(table["wrong"], table["n"], strict=True)],
        "colour": [BAD if one else ACCENT for one in sure],
    })  # fmt: skip
    if many:
        alone = zip(table["error"], table["low"], table["high"], strict=True)
        rows["more"] = [f"this slice alone: {Estimate(value, low, high).limits('%')}" for value, low, high in alone]
    figure = interval_dots(rows, clickable=True, chosen=place, longest=40, names_above=True)
    clickable_chart(figure, "slices-chart", pick_slice, scrolls=False)
    st.caption(_legend(many, bool(sure.any())))
    with st.expander("All numbers, and how they were computed", key="slices-numbers"):
        st.caption(_METHOD)
        shown = {"words": "slice", "n": "images", "wrong": "wrong", "error": "error rate", "expected": "expected", "excess": "excess errors",
                 "p": "p (this slice alone)", "p_holm": "p (Holm)"}  # fmt: skip
        numbers = table[[name for name in shown if name in table]].rename(columns=shown)
        # Streamlit's own formats would write a negative number with a hyphen; columns still sort by value.
        formats: dict[str, Callable[..., str]] = {
            "images": "{:,}".format, "wrong": "{:,}".format, "error rate": percent, "expected": percent,
            "excess errors": lambda number: signed(number, 1), "p (this slice alone)": "{:.2g}".format, "p (Holm)": "{:.2g}".format,
        }  # fmt: skip
        st.dataframe(
            numbers.style.format({name: form for name, form in formats.items() if name in numbers}),
            hide_index=True,
            width="stretch",
        )


def _legend(many: bool, red: bool) -> str:
    """What the chart shows. For the worst of many slices the interval must allow for the choice: one slice's own would be too narrow."""
    stroke = "the grey stroke is the rate expected from its class mix."
    if not many:
        return f"Error rate with its 95% interval; {stroke}"
    joint = "Error rate with an interval that is widened so that with 95% confidence the intervals of all slices hold at once (Bonferroni)"
    return f"{joint}; {stroke}{' Red: beyond chance by the exact test (Holm).' if red else ''}"


def _images(scored: ScoredRun, images: ScoredImages, row: pd.Series) -> None:
    condition = row["filter"]
    rows = slices.slice_predictions(images, condition)
    alone = ", 95% interval of this slice alone" if "p_holm" in row else ""
    interval = Estimate(row["error"], row["low"], row["high"]).limits("%")
    rates = f"{percent(row['error'])} wrong ({interval}{alone}), {percent(row['expected'])} expected from its class mix"
    text, link = st.columns([8, 3], vertical_alignment="center")
    text.markdown(
        f"**{formatting.literal(formatting.plain(row['words']))}**: {row['wrong']:,} of {row['n']:,} images, "
        f"{rates}.{_other_split(scored, condition)}"
    )
    link.button(
        "Open in Explore",
        icon=":material/filter_alt:",
        key="slice-explore",
        on_click=_open_in_explore,
        args=(scored, condition),
        width="stretch",
    )
    if st.session_state.pop(_OPENED, False):
        st.switch_page("../../pages/explore.py")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        only = url_state.choose(st.segmented_control, "Show", _SHOWN)
        order = choose_order()
    rows = rows[rows["true"] != rows["predicted"]] if only == "wrong" else rows
    scored_gallery(
        scored,
        sort_rows(rows, order),
        "slice-images",
        scope=f"{condition.to_text()}-{only}-{order}",
        empty="None of its images is misclassified.",
    )


def _other_split(scored: ScoredRun, condition: Filter) -> str:
    """A sentence about the same slice on the run's other split, where a real weakness shows as well."""
    other = next((split for split in SPLITS if split != scored.split and scored.run.has_predictions(split)), None)
    if other is None:
        return ""
    try:
        row = slices.measure_slice(_scored_images(scored.run, other), condition)
    except UserError:
        return ""
    if not row["n"]:
        return f" No {other} image is in it."
    rates = f"{percent(row['error'])} wrong, {percent(row['expected'])} expected from its class mix"
    return f" On {other}: {row['wrong']:,} of {row['n']:,}, {rates}."


def _open_in_explore(scored: ScoredRun, condition: Filter) -> None:
    """Make the slice the filter of Explore; the run of the script that follows switches to that page."""
    filter_state.put(replace(condition, splits=(scored.split,)))
    st.session_state[_OPENED] = True
