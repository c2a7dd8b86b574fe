"""MixUp and CutMix: what the network sees where two images are mixed, with the mixed label."""

import numpy as np
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.url_state import Parameter
from dashboard.augment.sheets import SourceImages, encode_sheet, load_network_input
from engine.core.address import Choice
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.runs.pipelines import Pipeline

_HELP = {"mixup": "MixUp blends two images and their labels.", "cutmix": "CutMix pastes a part of one image into another."}
_NAMES = {"mixup": "MixUp", "cutmix": "CutMix"}
MIXING = Parameter("mixing", Choice(tuple(_NAMES)), "mixup")
_COUNT, _COLUMNS = 8, 4


def mixtures(data: Dataset, source: SourceImages, pipeline: Pipeline, seed: int) -> None:
    """Draw images of several classes after the pipeline, mixed as in training, each with the shares of the classes."""
    if not st.toggle("Mixing: MixUp and CutMix", key="mixtures"):
        return
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    kind = url_state.choose(left.segmented_control, "Kind", MIXING, format_func=_NAMES.__getitem__)
    alpha = right.slider(
        "alpha: near 0 one image dominates; at 1 all shares are equally likely", 0.05, 2.0, 0.4, 0.05, key="mixing-alpha"
    )
    st.caption(f"{_HELP[kind]} On the Train page these are the options `mixing` and `mixing_alpha`.")
    size = source.squares.shape[1]
    readable = [(row, square) for row in _rows_of_each_class(data) if (square := load_network_input(data, row, size)) is not None]
    if len(readable) < 2:
        return
    squares = np.stack([square for _, square in readable])
    labels = tuple(data.classes.index(row.class_name or "") for row, _ in readable)
    contents = tuple(row.hash or "" for row, _ in readable)
    images, shares = cache.mix_images(contents, squares, labels, len(data.classes), pipeline.recipe, kind, alpha, seed)
    _draw_mixed(images, shares, data.classes)


def _rows_of_each_class(data: Dataset) -> list[Row]:
    """A few training images, the classes in turn: each image is mixed with the next, which is then of another class."""
    names = data.classes[:_COUNT]
    per_class = -(-_COUNT // len(names))
    pages = [data.catalog.page(Filter(splits=("train",), classes=(name,)), size=per_class) for name in names]
    return [page[turn] for turn in range(per_class) for page in pages if turn < len(page)][:_COUNT]


def _draw_mixed(images: np.ndarray, shares: np.ndarray, classes: tuple[str, ...]) -> None:
    for start in range(0, len(images), _COLUMNS):
        places = range(start, min(start + _COLUMNS, len(images)))
        for column, place in zip(st.columns(_COLUMNS), places, strict=False):
            column.image(encode_sheet([images[place]], 1), width="stretch")
            order = [i for i in np.argsort(-shares[place]) if shares[place][i] > 0.005]  # without those that would read 0%
            column.caption(" · ".join(f"{formatting.literal(classes[i])} {shares[place][i]:.0%}" for i in order))
