"""A panel for each question that the page answers, beside the pictures that they are answered from."""

from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from dashboard import url, words
from dashboard.explore import charts, conditions
from dashboard.explore.spreads import RIDGES_UP_TO, intervals, ridges
from dashboard.figure import CONFIG
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.data.properties import PROPERTIES

Panel = Callable[[Dataset, Filter, Mapping[str, str]], None]

LARGEST, SMALLEST = 30, 10  # classes that are drawn where there are more than both together
TALL = 560  # pixels of a chart; a taller one scrolls in its place
_SIZES = 300


def what_is_there(data: Dataset, wanted: Filter, colours: Mapping[str, str]) -> None:
    """Classes by split, as counts, proportions or a pie, and image sizes."""
    shown = url.choose(
        st.segmented_control, "Classes by split", ["counts", "proportions", "pie"], "balance", label_visibility="collapsed"
    )
    counts = _counts(data, wanted)
    drawn, left_out = _drawn(counts, wanted)
    if shown == "pie":
        st.plotly_chart(charts.class_pie(counts, colours), config=CONFIG, key="pie")
    elif len(drawn):
        figure = charts.class_bars(drawn, colours, share=shown == "proportions")
        with st.container(height=TALL if figure.layout.height > TALL else "content", border=False):
            st.plotly_chart(figure, config=CONFIG, key="counts", on_select=_pick_class, selection_mode="points")
    if left_out and shown != "pie":
        st.caption(f"The largest {LARGEST} and the smallest {SMALLEST} classes; {left_out:,} between them are not drawn.")
    _image_sizes(data, wanted)


def _counts(data: Dataset, wanted: Filter) -> pd.DataFrame:
    """Columns class, split, n, matching: all images with a class, and those that the filter leaves."""
    every = data.catalog.counts(Filter(state=wanted.state))
    left = data.catalog.counts(wanted).rename(columns={"n": "matching"})
    merged = every[every["class"].notna()].merge(left, how="left", on=["class", "split"])
    return merged.fillna({"matching": 0}).astype({"matching": int})


def _drawn(counts: pd.DataFrame, wanted: Filter) -> tuple[pd.DataFrame, int]:
    """The rows of the classes that are drawn, and how many classes are not: the largest, the smallest and the chosen ones are."""
    totals = counts.groupby("class", sort=False)["n"].sum()
    if len(totals) <= LARGEST + SMALLEST:
        return counts, 0
    ordered = totals.sort_values(ascending=False, kind="stable").index
    chosen = [name for name in wanted.classes[:LARGEST] if name in totals.index]
    names = list(dict.fromkeys([*chosen, *ordered[:LARGEST], *ordered[-SMALLEST:]]))
    drawn = counts[counts["class"].isin(names)]
    return drawn.sort_values("class", key=lambda column: column.map({name: i for i, name in enumerate(names)})), len(
        totals
    ) - len(names)


def _pick_class() -> None:
    """A click on a bar means its class and split; a second one takes that back."""
    points = st.session_state["counts"].selection.points
    if not points:
        return
    name, split = points[0]["customdata"]
    now = conditions.current()
    same = now.classes == (name,) and now.splits == (split,)
    conditions.change(classes=() if same else (name,), splits=() if same else (split,))


def _image_sizes(data: Dataset, wanted: Filter) -> None:
    sizes = data.catalog.sizes(wanted)
    if not len(sizes):
        return
    if len(sizes) == 1:
        st.markdown(f"All are {words.pixels(int(sizes['width'][0]), int(sizes['height'][0]))}.")
        return
    st.markdown(f"**Image sizes**  \n:gray[{_sizes_said(sizes)}]")
    st.plotly_chart(
        charts.size_scatter(sizes.head(_SIZES)), config=CONFIG, key="sizes", on_select=_pick_size, selection_mode="points"
    )


def _sizes_said(sizes: pd.DataFrame) -> str:
    first, total = sizes.iloc[0], int(sizes["n"].sum())
    said = f"{first['n'] / total:.1%} are {words.pixels(int(first['width']), int(first['height']))}; {len(sizes):,} sizes in all"
    return said + (f", the commonest {_SIZES} drawn" if len(sizes) > _SIZES else "")


def _pick_size() -> None:
    points = st.session_state["sizes"].selection.points
    if not points:
        return
    width, height = points[0]["customdata"]
    now = conditions.current()
    same = (
        now.range("width").low == now.range("width").high == width
        and now.range("height").low == now.range("height").high == height
    )
    for name, value in (("width", width), ("height", height)):
        now = now.with_range(name, *((None, None) if same else (value, value)))
    conditions.put(now)


def how_does_it_look(data: Dataset, wanted: Filter, colours: Mapping[str, str]) -> None:
    """One property's distribution in each class."""
    view = data.catalog.view(wanted)
    name = url.choose(
        st.selectbox, "Property", _differing(data), "property", "brightness", label_visibility="collapsed",
        format_func=lambda key: PROPERTIES[key].label.capitalize(),
    )  # fmt: skip
    of = PROPERTIES[name]
    points = view.quantiles(name, most=LARGEST + SMALLEST)
    st.caption(
        f"{of.help}. The line in a shape, and the bold number, are the median." if len(points) <= RIDGES_UP_TO else of.help
    )
    if not len(points):
        st.info(f"No image that matches has a {of.label} yet.", icon=":material/straighten:")
        return
    if len(points) <= RIDGES_UP_TO:
        figure = ridges(view.histogram(name, 48, by="class"), points, colours, of)
    else:
        figure = intervals(points, colours, of)
    with st.container(height=TALL if figure.layout.height > TALL else "content", border=False):
        st.plotly_chart(figure, config=CONFIG, key="spread", on_select=_pick_spread, selection_mode="points")


def _differing(data: Dataset) -> list[str]:
    """The properties in which the images differ at all, what is measured of the picture first."""
    view = data.catalog.view()
    names = sorted(PROPERTIES, key=lambda name: name in ("width", "height", "longest", "aspect", "bytes"))
    limits = {name: view.range(name) for name in names}
    return [name for name in names if limits[name] and limits[name][0] < limits[name][1]] or ["brightness"]


def _pick_spread() -> None:
    points = st.session_state["spread"].selection.points
    if points:
        (name,) = points[0]["customdata"]
        conditions.change(classes=() if conditions.current().classes == (name,) else (name,))


QUESTIONS: dict[str, tuple[str, Panel]] = {
    "there": ("What is there?", what_is_there),
    "look": ("How does it look?", how_does_it_look),
}


def choose_question() -> Panel:
    """The panel of the question that is asked, kept in the URL. The tabs stand over panel and pictures alike."""
    names = {title: key for key, (title, _) in QUESTIONS.items()}
    asked = url.recall("question")
    asked = asked if asked in QUESTIONS else next(iter(QUESTIONS))
    tabs = st.tabs(list(names), default=QUESTIONS[asked][0], key="question-tabs", on_change="rerun")
    opened = next((title for title, tab in zip(names, tabs, strict=True) if tab.open), QUESTIONS[asked][0])
    return QUESTIONS[url.remember("question", names[opened])][1]
