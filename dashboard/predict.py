"""The pieces of the Predict page."""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard import cached, charts, url, words
from dashboard.palette import class_colours
from engine.data.datasets import Dataset
from engine.data.images import EXTENSIONS
from engine.runs import Run

LIMIT = 200  # uploads at once
PAGE = 12
_COLUMNS = 4
_EXAMPLES = 6
_PREDICTED = ""


@dataclass(frozen=True)
class Picture:
    """A file to look at: its name, what is in it, and the right answer where it is known."""

    name: str
    content: bytes
    true: str = ""


@dataclass(frozen=True)
class CamView:
    """How Grad-CAM is shown: not at all where `opacity` is 0; `target` "" is each picture's own answer."""

    opacity: float
    target: str


def pictures(data: Dataset, run: Run) -> list[Picture]:
    """What was uploaded; without any, examples of the dataset on request."""
    # Extensions and not MIME types: Streamlit skips its own check where any MIME type is named.
    files = st.file_uploader(
        "Pictures", sorted(EXTENSIONS), accept_multiple_files=True, key="uploads", label_visibility="collapsed"
    )
    if files:
        if len(files) > LIMIT:
            st.warning(
                f"Only the first {LIMIT} of {len(files):,} pictures are looked at here. `python -m engine predict` takes any number."
            )
        return [Picture(file.name, file.getvalue()) for file in files[:LIMIT]]
    if st.button("Try test images of the dataset", icon=":material/casino:"):
        url.remember("examples", str(random.randrange(10_000)))
    seed = url.whole("examples")
    return [] if seed is None else _examples(data, run, seed)


def _examples(data: Dataset, run: Run, seed: int) -> list[Picture]:
    frame = data.catalog.frame("test")
    frame = frame if len(frame) else data.catalog.frame("validation")
    frame = frame.sample(min(_EXAMPLES, len(frame)), random_state=seed)
    files = data.catalog.files(frame)
    found = [
        Picture(file.name, file.read_bytes(), name) for file, name in zip(files, frame["class"], strict=True) if file.is_file()
    ]
    if not found:
        st.info(f"The images of {words.literal(data.name)} are not where they were.", icon=":material/folder_off:")
    return found


def cam_controls(run: Run) -> CamView:
    switch, target, opacity = st.columns([2, 3, 4], vertical_alignment="bottom")
    shown = switch.toggle("Grad-CAM", key="cam", value=True, help="Colours what speaks for the class: bright is strong.")
    options = [_PREDICTED, *run.classes]
    name = url.choose(
        target.selectbox, "For the class", options, "cam_class", format_func=lambda c: c or "its own answer", disabled=not shown
    )
    strength = opacity.slider("Opacity", 0, 100, 60, 5, format="%d%%", key="opacity", disabled=not shown)
    return CamView(strength / 100 if shown else 0.0, name)


def answer_cards(run: Run, chosen: Sequence[Picture], answers: Sequence, view: CamView) -> None:
    """A card a picture, a few in a row; files that are no pictures are named first."""
    good = []
    for picture, answer in zip(chosen, answers, strict=True):
        if answer.error:
            st.error(f"**{words.literal(picture.name)}**: {words.literal(answer.error)}.", icon=":material/broken_image:")
        else:
            good.append((picture, answer))
    pages = -(-len(good) // PAGE)
    number = st.pagination(pages, key=f"predict-page-{len(good)}") if pages > 1 else 1
    good = good[(number - 1) * PAGE : number * PAGE]
    waiting = []
    for start in range(0, len(good), _COLUMNS):
        row = enumerate(good[start : start + _COLUMNS], start)
        for column, (place, (picture, answer)) in zip(st.columns(_COLUMNS, gap="medium"), row, strict=False):
            with column, st.container(border=True):
                # By place: pictures of different folders may bear the same name.
                waiting.append(_card(run, picture, answer, view, key=f"answer-{(number - 1) * PAGE + place}"))
    for finish in waiting:
        finish()


def _card(run: Run, picture: Picture, answer: "Answer", view: CamView, key: str) -> Callable[[], None]:  # noqa: F821
    """Draw the card; what is returned puts the heatmap on its picture, which takes a while the first time."""
    names, values = zip(*answer.top, strict=True)
    target = view.target or names[0]
    known = st.session_state.setdefault("heatmaps-seen", set())
    seen = (run.id, hashlib.blake2b(picture.content, digest_size=16).hexdigest(), target)
    place = st.empty()

    def finish() -> None:
        if view.opacity:
            heatmap = cached.heatmaps(run, seen[1], answer.square, (run.classes.index(target),))[0]
            place.image(cached.heavy("engine.explain.cam").overlay(answer.square, heatmap, view.opacity), width="stretch")
            known.add(seen)

    if view.opacity and seen in known:
        finish()  # at hand: the plain picture would flash
    else:
        place.image(answer.square, width="stretch")
    verdict = f" :gray[(filed under {words.literal(picture.true)})]" if picture.true else ""
    st.markdown(f"**{words.literal(names[0])}** {values[0]:.1%}{verdict}")
    st.plotly_chart(charts.probability_bars(names, values, class_colours(run.classes)), config=charts.CONFIG, key=key)
    st.caption(words.literal(picture.name))
    return (lambda: None) if seen in known else finish
