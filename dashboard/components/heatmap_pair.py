"""Heatmaps of two classes beside the image: which classes to look for, and the maps, which take a moment or are computed on request.

Images and captions are drawn at once; `heatmap_pair` returns what fills the maps in, so that all that is quick comes first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.waiting_clicks import let_clicks_through
from dashboard.components.explanations import ExplainedImage, choices, lasting_choice
from dashboard.components.inline_image import inline_image
from engine.core.errors import UserError
from engine.core.progress import Progress, ReportProgress
from engine.inference.explain.methods import DEFAULT, METHODS, Method

PREDICTED, OTHER = (
    -1,
    -2,
)  # choices that hold for any image: the predicted class; the true one, or the second where that is the same
_VISIBLE = 0.02  # of the scale: a map below that is dark all over


@dataclass(frozen=True)
class Pair:
    """The maps to draw: one per class, or a single one for a method that is not class-specific."""

    image: ExplainedImage
    method: Method
    classes: tuple[int, ...]
    key: str  # of the widgets

    @property
    def names(self) -> list[str]:
        return [formatting.plain(self.image.run.classes[index]) for index in self.classes]

    @property
    def placeholders(self) -> list[str]:
        """What the places are called until the maps are drawn."""
        return [f"{self.method.label} for {name}" for name in self.names] if self.method.by_class else [self.method.label]

    def captions(self, maps: np.ndarray) -> list[str]:
        if not self.method.by_class:
            return ["Where it sees something, whatever the class"]
        evidence = ["Evidence for" if heat.max() > _VISIBLE else "Almost no evidence for" for heat in maps]
        return [f"{text} {name}" for text, name in zip(evidence, self.names, strict=True)]

    @property
    def identity(self) -> tuple[str, str, str, tuple[int, ...]]:
        return self.image.run.id, self.image.content, self.method.name, self.classes

    @property
    def is_cached(self) -> bool:
        return cache.has_heatmaps(self.image.run, self.image.content, self.image.square, self.classes, self.method.name)

    def compute(self, report: ReportProgress) -> np.ndarray:
        """(maps, size, size) in 0..1. Raises UserError."""
        return cache.heatmaps(self.image.run, self.image.content, self.image.square, self.classes, self.method.name, report)


def heatmap_pair(image: ExplainedImage, key: str) -> Callable[[], None]:
    """Draw the image and places for its maps, below the choice of method and classes; the result fills the maps in."""
    pair = _choose_pair(image, key)
    columns = st.columns(3, gap="small")
    inline_image(image.square, "What the network saw", columns[0])
    places = [column.empty() for column in columns[1 : 1 + len(pair.classes)]]
    if not pair.method.by_class:
        columns[2].caption(f"{pair.method.label} has one map for all classes: there is no second one to compare it with.")
    is_wanted = pair.is_cached or not pair.method.forwards or _is_requested(pair)
    bar = st.columns([1, 2], gap="small")[1].empty()
    opacity = _legend(pair.method, key)
    if pair.is_cached:
        _fill(pair, places, bar, opacity)  # at once: a place without its map would flash
        return _do_nothing
    state = "computing" if is_wanted else "not computed yet"
    for place, caption in zip(places, pair.placeholders, strict=True):
        inline_image(image.square, f"{caption}: {state}", place, faint=True)
    if not is_wanted:
        bar.button(
            f"Compute {pair.method.label}", key=f"{key}-dear", icon=":material/hourglass_top:", on_click=_request, args=(pair,),
            help="The network runs once per feature channel: a few seconds to minutes.",
        )  # fmt: skip
        return _do_nothing
    return lambda: _fill(pair, places, bar, opacity)


def _choose_pair(image: ExplainedImage, key: str) -> Pair:
    columns = st.columns(3, gap="small")
    with columns[0]:
        name = lasting_choice(f"{key}-method", "Method", list(METHODS), DEFAULT, lambda name: METHODS[name].label)
    method = METHODS[name]
    reason = None if method.by_class else f"{method.label} has one map for all classes."
    options = [PREDICTED, OTHER, *range(len(image.run.classes))]
    classes = []
    for place, (column, default) in enumerate(zip(columns[1:], (PREDICTED, OTHER), strict=True)):
        with column:
            option = lasting_choice(
                f"{key}-class-{place}", f"Look for, {'right' if place else 'left'}", options, default,
                lambda one: _option_label(image, one), disabled_because=reason,
            )  # fmt: skip
            classes.append(_class_index(image, option))
    return Pair(image, method, tuple(classes) if method.by_class else (image.predicted,), key)


def _fill(pair: Pair, places: Sequence[DeltaGenerator], bar: DeltaGenerator, opacity: float) -> None:
    """Compute the maps and put them in their places; a slow method shows its progress and can be stopped."""
    progress = _stoppable_progress(pair, bar) if pair.method.forwards and not pair.is_cached else None

    def report(passes: Progress) -> None:
        let_clicks_through()
        if progress is not None:
            count = f"{passes.done:,} of {passes.total:,} {passes.phase}"
            progress.progress(passes.share, text=f"{pair.method.label}: {count}")

    try:
        maps = pair.compute(report)
    except UserError as error:
        bar.caption(formatting.literal(str(error)))
        return
    bar.empty()
    with cache.IMPORT_LOCK:
        from engine.inference.explain.cam import overlay
    for place, heat, caption in zip(places, maps, pair.captions(maps), strict=True):
        inline_image(overlay(pair.image.square, heat, opacity), caption, place)


def _stoppable_progress(pair: Pair, bar: DeltaGenerator) -> DeltaGenerator:
    """A progress bar with a button that stops the work, in place of the button that started it."""
    line, action = bar.container().columns([3, 1], vertical_alignment="center")
    progress = line.empty()
    progress.progress(0.0, text=pair.method.label)
    action.button("Stop", icon=":material/stop:", key=f"{pair.key}-stop", on_click=_withdraw, args=(pair,), width="stretch")
    return progress


def _request(pair: Pair) -> None:
    st.session_state[f"{pair.key}-request"] = pair.identity


def _withdraw(pair: Pair) -> None:
    st.session_state.pop(f"{pair.key}-request", None)


def _is_requested(pair: Pair) -> bool:
    """Whether these maps were requested; a request for others ends here, or coming back would compute them without a request."""
    if st.session_state.get(f"{pair.key}-request") == pair.identity:
        return True
    _withdraw(pair)
    return False


def _do_nothing() -> None:
    """Everything is drawn already, or waits for a click."""


def _legend(method: Method, key: str) -> float:
    """Draw what the colours mean and a slider; the opacity that it is set to, 0 to 1."""
    text, slider = st.columns([3, 1], vertical_alignment="center", gap="medium")
    text.caption(f"**Dark to bright**: {method.scale} ({method.source})")
    st.session_state.setdefault(f"{key}-opacity", choices().get(f"{key}-opacity", 0.6))
    choices()[f"{key}-opacity"] = slider.slider("Opacity", 0.0, 1.0, step=0.1, key=f"{key}-opacity")
    return choices()[f"{key}-opacity"]


def _option_label(image: ExplainedImage, option: int) -> str:
    name = formatting.plain(image.run.classes[_class_index(image, option)])
    if option == PREDICTED:
        return f"Predicted: {name}"
    if option == OTHER:
        return f"{'Actual' if image.other_is_true else 'Runner-up'}: {name}"
    return name


def _class_index(image: ExplainedImage, option: int) -> int:
    return {PREDICTED: image.predicted, OTHER: image.other}.get(option, option)
