"""Heatmaps of two classes beside the picture: what to look for, and the maps, which take a moment or are asked for.

Pictures and captions are drawn at once; `heatmap_pair` returns what fills the maps in, so that all that is quick comes first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.interrupt import let_clicks_through
from dashboard.components.explanations import ExplainedImage, choices, lasting_choice
from dashboard.components.inline_image import inline_image
from engine.core.errors import UserError
from engine.inference.explain.methods import DEFAULT, METHODS, Method

ANSWER, OTHER = -1, -2  # what is looked for, whichever image it is: the answer; the truth, or the second where they agree
_VISIBLE = 0.02  # of the scale: a map below that is dark all over


@dataclass(frozen=True)
class Pair:
    """The maps that are asked for: a map per class, or a single one for a method that knows no classes."""

    asked: ExplainedImage
    method: Method
    classes: tuple[int, ...]
    key: str  # of the widgets

    @property
    def names(self) -> list[str]:
        return [formatting.plain(self.asked.run.classes[index]) for index in self.classes]

    @property
    def waiting(self) -> list[str]:
        """What the places are called before the maps are there."""
        return [f"{self.method.label} for {name}" for name in self.names] if self.method.by_class else [self.method.label]

    def captions(self, maps: np.ndarray) -> list[str]:
        if not self.method.by_class:
            return ["Where it sees something, whatever the class"]
        said = {True: "Evidence for", False: "Almost no evidence for"}
        return [f"{said[bool(one.max() > _VISIBLE)]} {name}" for one, name in zip(maps, self.names, strict=True)]

    @property
    def identity(self) -> tuple:
        return self.asked.run.id, self.asked.content, self.method.name, self.classes

    @property
    def known(self) -> bool:
        return cache.has_heatmaps(self.asked.run, self.asked.content, self.asked.square, self.classes, self.method.name)

    def compute(self, report: Callable[[int, int], None]) -> np.ndarray:
        """(maps, size, size) in 0..1. Raises UserError."""
        return cache.heatmaps(self.asked.run, self.asked.content, self.asked.square, self.classes, self.method.name, report)


def heatmap_pair(asked: ExplainedImage, key: str) -> Callable[[], None]:
    """Draw the picture and the places of its maps, with what to look for above them; what is returned fills the maps in."""
    pair = _choose(asked, key)
    columns = st.columns(3, gap="small")
    inline_image(asked.square, "What the network saw", columns[0])
    places = [column.empty() for column in columns[1 : 1 + len(pair.classes)]]
    if not pair.method.by_class:
        columns[2].caption(f"{pair.method.label} has one map for all classes: there is no second one to compare it with.")
    wanted = pair.known or not pair.method.forwards or _requested(pair)
    bar = st.columns([1, 2], gap="small")[1].empty()
    opacity = _legend(pair.method, key)
    if pair.known:
        _fill(pair, places, bar, opacity)  # at hand: a place without its map would flash
        return _nothing
    state = "computing" if wanted else "not computed yet"
    for place, caption in zip(places, pair.waiting, strict=True):
        inline_image(asked.square, f"{caption}: {state}", place, faint=True)
    if not wanted:
        bar.button(
            f"Compute {pair.method.label}", key=f"{key}-dear", icon=":material/hourglass_top:", on_click=_request, args=(pair,),
            help="The network runs once per feature channel: a few seconds to minutes.",
        )  # fmt: skip
        return _nothing
    return lambda: _fill(pair, places, bar, opacity)


def _choose(asked: ExplainedImage, key: str) -> Pair:
    columns = st.columns(3, gap="small")
    with columns[0]:
        name = lasting_choice(f"{key}-method", "Method", list(METHODS), DEFAULT, lambda name: METHODS[name].label)
    method, classes = METHODS[name], []
    reason = None if method.by_class else f"{method.label} has one map for all classes."
    options = [ANSWER, OTHER, *range(len(asked.run.classes))]
    for place, (column, default) in enumerate(zip(columns[1:], (ANSWER, OTHER), strict=True)):
        with column:
            chosen = lasting_choice(
                f"{key}-class-{place}", f"Look for, {'right' if place else 'left'}", options, default,
                lambda one: _option(asked, one), disabled_because=reason,
            )  # fmt: skip
            classes.append(_index(asked, chosen))
    return Pair(asked, method, tuple(classes) if method.by_class else (asked.answer,), key)


def _fill(pair: Pair, places: Sequence[DeltaGenerator], bar: DeltaGenerator, opacity: float) -> None:
    """Compute the maps and put them in their places; a method that takes long says how far it is and can be stopped."""
    progress = _stoppable(pair, bar) if pair.method.forwards and not pair.known else None

    def report(done: int, total: int) -> None:
        let_clicks_through()
        if progress is not None:
            progress.progress(done / total, text=f"{pair.method.label}: {done:,} of {total:,} passes of the network")

    try:
        maps = pair.compute(report)
    except UserError as error:
        bar.caption(formatting.literal(str(error)))
        return
    bar.empty()
    overlay = cache.import_late("engine.inference.explain.cam").overlay
    for place, heat, caption in zip(places, maps, pair.captions(maps), strict=True):
        inline_image(overlay(pair.asked.square, heat, opacity), caption, place)


def _stoppable(pair: Pair, bar: DeltaGenerator) -> DeltaGenerator:
    """A line for the progress with a button that ends it, in place of the button that began it."""
    line, action = bar.container().columns([3, 1], vertical_alignment="center")
    progress = line.empty()
    progress.progress(0.0, text=pair.method.label)
    action.button("Stop", icon=":material/stop:", key=f"{pair.key}-stop", on_click=_withdraw, args=(pair,), width="stretch")
    return progress


def _request(pair: Pair) -> None:
    st.session_state[f"{pair.key}-request"] = pair.identity


def _withdraw(pair: Pair) -> None:
    st.session_state.pop(f"{pair.key}-request", None)


def _requested(pair: Pair) -> bool:
    """Whether these maps were asked for; a request for others ends here, or coming back would compute them unasked."""
    if st.session_state.get(f"{pair.key}-request") == pair.identity:
        return True
    _withdraw(pair)
    return False


def _nothing() -> None:
    """All is drawn."""


def _legend(method: Method, key: str) -> float:
    """What the colours mean, and how strongly they are laid on: 0 to 1."""
    text, slider = st.columns([3, 1], vertical_alignment="center", gap="medium")
    text.caption(f"**Dark to bright**: {method.scale} ({method.source})")
    st.session_state.setdefault(f"{key}-opacity", choices().get(f"{key}-opacity", 0.6))
    choices()[f"{key}-opacity"] = slider.slider("Opacity", 0.0, 1.0, step=0.1, key=f"{key}-opacity")
    return choices()[f"{key}-opacity"]


def _option(asked: ExplainedImage, one: int) -> str:
    if one == ANSWER:
        return f"Predicted: {formatting.plain(asked.run.classes[asked.answer])}"
    if one == OTHER:
        return f"{'Actual' if asked.other_is_true else 'Runner-up'}: {formatting.plain(asked.run.classes[asked.other])}"
    return formatting.plain(asked.run.classes[one])


def _index(asked: ExplainedImage, one: int) -> int:
    return {ANSWER: asked.answer, OTHER: asked.other}.get(one, one)
