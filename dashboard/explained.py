"""Pieces that explain one answer: heatmaps side by side, the smallest cover, the nearest training images, the story of the epochs.

Each draws what is quick at once and what takes longer when it is called for; the lens and other pages place them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cached, words
from dashboard.dynamics_charts import story_curve
from dashboard.figure import CONFIG
from dashboard.gallery import Tile, gallery
from dashboard.image_urls import preview_url, thumbnail_url
from dashboard.palette import class_colours
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.errors import UserError
from engine.explain import examples as nearest
from engine.explain.methods import DEFAULT, METHODS, Method
from engine.runs import Run

ANSWER, OTHER = -1, -2  # what is looked for, whichever image it is: the answer; the truth, or the second where they agree
_FILLS = {"blur": "blurred", "mean": "its mean colour"}
_KEPT = "explained-choices"
_VISIBLE = 0.02  # of the scale: a map below that is dark all over


@dataclass(frozen=True)
class Asked:
    """A picture and what is known of its answer. `square`: (size, size, 3) uint8; `other` is the truth, or the second class."""

    run: Run
    content: str
    square: np.ndarray
    answer: int
    other: int
    other_is_true: bool = True


def heatmap_pair(asked: Asked, key: str) -> Callable[[], None]:
    """Draw the picture and the places of its two maps, with what to look for above them; what is returned fills the maps in."""
    method, classes = st.columns(3, gap="small"), []
    with method[0]:
        by = METHODS[_kept(f"{key}-method", "Method", list(METHODS), DEFAULT, lambda name: METHODS[name].label)]
    for place, (column, default) in enumerate(zip(method[1:], (ANSWER, OTHER), strict=True)):
        with column:
            # A single map would stand there twice.
            label = f"Look for, {'left' if place == 0 else 'right'}"
            options = [ANSWER, OTHER, *range(len(asked.run.classes))]
            chosen = _kept(f"{key}-class-{place}", label, options, default, lambda one: _said(asked, one), not by.by_class)
            classes.append(_index(asked, chosen))
    pictures = st.columns(3, gap="small")
    pictures[0].image(asked.square, caption="What the network saw", width="stretch")
    captions = [f"What speaks for {words.literal(asked.run.classes[index])}" for index in classes]
    if not by.by_class:
        captions = ["Where it sees something, whatever the class", "The same: this method knows no classes"]
    places = [column.empty() for column in pictures[1:]]
    opacity = _legend(by, key)
    bar = st.empty()
    this, known = (asked.run.id, asked.content, by.name, tuple(classes)), st.session_state.setdefault(f"{key}-known", set())

    def told(done: int, total: int) -> None:
        if by.forwards:
            bar.progress(done / total, text=f"{by.label}: {done:,} of {total:,} passes of the network")

    def finish() -> None:
        try:
            maps = cached.heatmaps(asked.run, asked.content, asked.square, tuple(classes), by.name, told)
        except UserError as error:
            bar.caption(words.literal(str(error)))
            return
        bar.empty()
        overlay = cached.heavy("engine.explain.cam").overlay
        for place, heat, caption in zip(places, maps, captions, strict=True):
            said = caption if heat.max() > _VISIBLE else caption.replace("What speaks", "Next to nothing speaks")
            place.image(overlay(asked.square, heat, opacity), caption=said, width="stretch")
        known.add(this)

    if this in known:
        finish()  # at hand: the plain picture would flash
        return _nothing
    # The picture itself keeps the place until its map is there.
    for place, caption in zip(places, captions, strict=True):
        place.image(asked.square, caption=caption, width="stretch")
    wanted = not by.forwards or bar.button(
        f"Compute {by.label}", key=f"{key}-dear", icon=":material/hourglass_top:",
        help="It asks the network once for every channel of its features: some seconds to minutes.",
    )  # fmt: skip
    return finish if wanted else _nothing


def _nothing() -> None:
    """All is drawn."""


def _legend(by: Method, key: str) -> float:
    """What the colours mean, and how strongly they are laid on: 0 to 1."""
    text, slider = st.columns([3, 1], vertical_alignment="center", gap="medium")
    text.caption(f"**Dark to bright**: {by.scale} ({by.source})")
    st.session_state.setdefault(f"{key}-opacity", _choices().get(f"{key}-opacity", 0.6))
    _choices()[f"{key}-opacity"] = slider.slider("Opacity", 0.0, 1.0, step=0.1, key=f"{key}-opacity")
    return _choices()[f"{key}-opacity"]


def smallest_cover(asked: Asked, key: str) -> None:
    """Behind a button: the smallest square that, covered, changes the answer; what was tried."""
    done = st.session_state.setdefault(f"{key}-covered", set())
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-cover"):
        asked_for = st.button("Find the smallest cover that changes the answer", key=f"{key}-find", icon=":material/select:")
        fill = _kept(f"{key}-fill", "Covered by", list(_FILLS), "blur", _FILLS.__getitem__, width=170)
    this = (asked.run.id, asked.content, fill)
    if asked_for:
        done.add(this)
    if this not in done:
        return
    bar = st.empty()

    def tell(n: int, total: int) -> None:
        bar.progress(n / total, text=f"{n:,} of up to {total:,} covers tried")

    try:
        found = cached.occlusion(asked.run, asked.content, asked.square, fill, tell)
    except UserError as error:
        bar.caption(words.literal(str(error)))
        return
    bar.empty()
    sides, size = f"{found.sides[0]} to {max(found.sides)}", len(asked.square)
    if found.box is None:
        st.markdown(f"No square of {sides} of {size} pixels changes the answer: {found.tried:,} covers were tried.")
        return
    left, right = st.columns([1, 2], gap="medium", vertical_alignment="center")
    left.image(_framed(found.covered, found.box), caption="The smallest cover that was found", width="stretch")
    _, _, side = found.box
    right.markdown(
        f"Covered by {side} of {size} pixels a side, **{words.literal(asked.run.classes[found.answer])}** becomes "
        f"**{words.literal(asked.run.classes[found.becomes])}**, {found.probability:.1%} sure."
    )
    right.caption(
        f"{found.tried:,} covers of {min(found.sides)} to {max(found.sides)} pixels were tried, half a side apart. A smaller one between "
        "them may do as well. The cover itself is something that the network has not learnt from."
    )


def nearest_examples(run: Run, data: Dataset, row: Row, asked: Asked, true: int, key: str) -> None:
    """The training images nearest to the picture, with their labels, and by which embedding they are."""
    st.markdown("**Nearest training images**")
    try:
        found = cached.examples(run, data, row, asked.square)
    except UserError as error:
        st.caption(words.literal(str(error)))
        return
    if found is None:
        st.caption("They are known once the map of this dataset is drawn.")
        st.page_link("../pages/explore.py", label="Draw it on Explore, What is alike?", icon=":material/scatter_plot:")
        return
    colours, labels = class_colours(run.classes), found.nearest["label"].tolist()
    st.markdown(words.literal(nearest.verdict(run.classes[true], run.classes[asked.answer], labels)))
    gallery([_example(data, one, colours) for one in found.nearest.itertuples()], key=key, size="S", empty="There are none.")
    whose = (
        "this run's own network"
        if found.by == "run"
        else f"the dataset's index ({words.literal(found.model)} as pretrained, not as this run trained it)"
    )
    st.caption(f"Nearest by the cosine distance of embeddings: those of {whose}.")


def epochs_story(run: Run, content: str, key: str) -> bool:
    """What the image was taken for after each epoch; whether the run knows: it does of validation images, trained in epochs."""
    story = cached.dynamics(run)
    if story is None or content not in story.contents:
        return False
    at = story.contents.index(content)
    frame = pd.DataFrame({"probability": story.probability[:, at].astype(float), "predicted": story.predicted[:, at]})
    frame = frame.assign(epoch=np.arange(1, len(frame) + 1), right=frame["predicted"] == story.true[at])
    frame["taken_for"] = [run.classes[index] for index in frame["predicted"]]
    st.plotly_chart(story_curve(frame), config=CONFIG, key=key)
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


def _kept(
    key: str, label: str, options: Sequence, default: object, say: Callable, disabled: bool = False, width: int | str = "stretch"
) -> object:
    """A list whose choice stays from picture to picture, although what it says changes."""
    wanted = st.session_state.get(f"{key}-list", _choices().get(key, default))
    st.session_state[f"{key}-list"] = wanted if wanted in options else default
    chosen = st.selectbox(label, options, format_func=say, key=f"{key}-list", disabled=disabled, width=width)
    _choices()[key] = chosen
    return chosen


def _choices() -> dict:
    return st.session_state.setdefault(_KEPT, {})


def _said(asked: Asked, one: int) -> str:
    if one == ANSWER:
        return f"Its answer: {words.plain(asked.run.classes[asked.answer])}"
    if one == OTHER:
        return f"{'The truth' if asked.other_is_true else 'The second'}: {words.plain(asked.run.classes[asked.other])}"
    return words.plain(asked.run.classes[one])


def _index(asked: Asked, one: int) -> int:
    return {ANSWER: asked.answer, OTHER: asked.other}.get(one, one)
