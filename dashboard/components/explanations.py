"""Pieces that explain one answer: the smallest cover, the nearest training images, the story of the epochs.

Each draws what is quick at once and what takes longer when it is called for; the lens and other pages place them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.image_urls import preview_url, thumbnail_url
from dashboard.app.interrupt import let_clicks_through
from dashboard.charts.dynamics import probability_curve
from dashboard.charts.figure import CONFIG
from dashboard.charts.palette import class_colours
from dashboard.components.gallery import Tile, gallery
from dashboard.components.inline_image import inline_image
from engine.core.errors import UserError
from engine.core.number_text import percent
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.inference.explain import examples as nearest
from engine.runs.run import Run

_FILLS = {"blur": "blurred", "mean": "its mean colour"}
_CHOICES = "explained-choices"


@dataclass(frozen=True)
class ExplainedImage:
    """A picture and what is known of its answer. `square`: (size, size, 3) uint8; `other` is the truth, or the second class."""

    run: Run
    content: str
    square: np.ndarray
    answer: int
    other: int
    other_is_true: bool = True


def smallest_patch(asked: ExplainedImage, key: str) -> None:
    """Behind a button: the smallest square that, covered, changes the answer; what was tried. A click elsewhere ends the search."""
    request = f"{key}-cover-request"
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-cover"):
        button = st.empty()
        fill = lasting_choice(f"{key}-fill", "Cover with", list(_FILLS), "blur", _FILLS.__getitem__, width=170)
    this = (asked.run.id, asked.content, fill)

    def begin() -> None:
        st.session_state[request] = this

    def end() -> None:
        st.session_state.pop(request, None)

    def offer() -> None:
        label = "Find the smallest patch that flips the prediction"
        button.button(label, key=f"{key}-find", icon=":material/select:", on_click=begin)

    if st.session_state.get(request) != this:
        end()  # a request for another picture ends here
    known = cache.has_occlusion(asked.run, asked.content, asked.square, fill)
    if not known and request in st.session_state:
        button.button("Stop", key=f"{key}-find-stop", icon=":material/stop:", on_click=end)
        known = _search(asked, fill)
        end()
    offer()
    if known:
        _smallest(asked, cache.occlusion(asked.run, asked.content, asked.square, fill))


def _search(asked: ExplainedImage, fill: str) -> bool:
    """Try the covers, with a bar that says how many; whether that is possible of this run."""
    bar = st.empty()

    def report(n: int, total: int) -> None:
        let_clicks_through()
        bar.progress(n / total, text=f"{n:,} of up to {total:,} patches tried")

    try:
        cache.occlusion(asked.run, asked.content, asked.square, fill, report)
    except UserError as error:
        bar.caption(formatting.literal(str(error)))
        return False
    bar.empty()
    return True


def _smallest(asked: ExplainedImage, result: "Occlusion") -> None:  # noqa: F821
    sides, size = f"{result.sides[0]} to {max(result.sides)}", len(asked.square)
    if result.box is None:
        st.markdown(f"No square of {sides} of {size} pixels changes the answer: {result.tried:,} patches were tried.")
        return
    left, right = st.columns([1, 2], gap="medium", vertical_alignment="center")
    inline_image(_framed(result.covered, result.box), "The smallest patch found", left)
    _, _, side = result.box
    right.markdown(
        f"Covered by {side} of {size} pixels a side, **{formatting.literal(asked.run.classes[result.answer])}** becomes "
        f"**{formatting.literal(asked.run.classes[result.becomes])}**, {percent(result.probability)} sure."
    )
    right.caption(
        f"{result.tried:,} patches of {min(result.sides)} to {max(result.sides)} pixels were tried, with 50% overlap. A smaller patch between "
        "them may work as well. The network was not trained on covered images."
    )


def nearest_examples(run: Run, data: Dataset, row: Row, asked: ExplainedImage, true: int, key: str) -> None:
    """The training images nearest to the picture, with their labels, and by which embedding they are."""
    st.markdown("**Nearest training images**")
    try:
        result = cache.examples(run, data, row, asked.square)
    except UserError as error:
        st.caption(formatting.literal(str(error)))
        return
    if result is None:
        st.caption("They are available once the map of this dataset has been computed.")
        st.page_link("../../pages/explore.py", label="Draw it on Explore, Similarity map", icon=":material/scatter_plot:")
        return
    colours, labels = class_colours(run.classes), result.nearest["label"].tolist()
    st.markdown(formatting.literal(nearest.verdict(run.classes[true], run.classes[asked.answer], labels)))
    gallery([_example(data, one, colours) for one in result.nearest.itertuples()], key=key, size="S", empty="There are none.")
    whose = (
        "this run's own network"
        if result.by == "run"
        else f"the dataset's index ({formatting.literal(result.model)} as pretrained, not as this run trained it)"
    )
    st.caption(f"By cosine distance in the embedding of {whose}.")


def epoch_history(run: Run, content: str, key: str) -> bool:
    """What the image was taken for after each epoch; whether the run knows: it does of validation images, trained in epochs."""
    story = cache.dynamics(run)
    if story is None or content not in story.contents:
        return False
    at = story.contents.index(content)
    frame = pd.DataFrame({"probability": story.probability[:, at].astype(float), "predicted": story.predicted[:, at]})
    frame = frame.assign(epoch=np.arange(1, len(frame) + 1), right=frame["predicted"] == story.true[at])
    frame["taken_for"] = [run.classes[index] for index in frame["predicted"]]
    st.plotly_chart(probability_curve(frame), config=CONFIG, key=key)
    return True


def _example(data: Dataset, one: "pd.core.frame.Pandas", colours: Mapping[str, str]) -> Tile:
    label = one.label
    said = "the same file" if one.copy else f"distance {one.distance:.3f}"
    return Tile(
        id=one.id, src=thumbnail_url(data.name, one.id, one.content), preview=preview_url(data.name, one.id, one.content),
        caption=label, notes=[said], colour=colours.get(label), alt=f"{label}, {said}, {one.path}",
        facts={"class": label, "distance": f"{one.distance:.4f}", "file": one.path},
    )  # fmt: skip


def _framed(picture: np.ndarray, box: Sequence[int]) -> np.ndarray:
    """The picture with a white and a dark line round the box."""
    left, top, side = box
    framed = picture.copy()
    for inset, colour in ((0, 255), (1, 20)):
        a, b, c, d = top + inset, top + side - 1 - inset, left + inset, left + side - 1 - inset
        if b > a and d > c:
            framed[[a, b], c : d + 1] = colour
            framed[a : b + 1, [c, d]] = colour
    return framed


def lasting_choice(
    key: str,
    label: str,
    options: Sequence,
    default: object,
    say: Callable,
    disabled_because: str | None = None,
    width: int | str = "stretch",
) -> object:
    """A list whose choice stays from picture to picture, although what it says changes. `disabled_because`: why it cannot be used."""
    wanted = st.session_state.get(f"{key}-list", choices().get(key, default))
    st.session_state[f"{key}-list"] = wanted if wanted in options else default
    chosen = st.selectbox(
        label,
        options,
        format_func=say,
        key=f"{key}-list",
        disabled=disabled_because is not None,
        help=disabled_because,
        width=width,
    )
    choices()[key] = chosen
    return chosen


def choices() -> dict:
    """What was chosen under the lens in this session, by key."""
    return st.session_state.setdefault(_CHOICES, {})
