"""MixUp and CutMix: what the network sees where two pictures are mixed, with the label that goes with it."""

import numpy as np
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.augment.sheets import SourceImages, encode_sheet, load_network_input
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.runs.pipelines import Pipeline

_HELP = {"mixup": "MixUp blends two images and their labels.", "cutmix": "CutMix pastes a part of one image into another."}
_COUNT = 8


def mixtures(data: Dataset, chosen: SourceImages, pipeline: Pipeline, seed: int) -> None:
    """Pictures of several classes after the pipeline, mixed as training mixes them, each with its shares."""
    if not st.toggle("Mixing: MixUp and CutMix", key="mixtures"):
        return
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    names = {"mixup": "MixUp", "cutmix": "CutMix"}
    kind = url_state.choose(left.segmented_control, "Kind", list(names), "mixing", format_func=names.get)
    alpha = right.slider(
        "alpha: near 0 one image dominates, at 1 every share is equally likely", 0.05, 2.0, 0.4, 0.05, key="mixing-alpha"
    )
    st.caption(f"{_HELP[kind]} Train sets it as `mixing` and `mixing_alpha`.")
    size = chosen.squares.shape[1]
    result = [(row, square) for row in _one_a_class(data) if (square := load_network_input(data, row, size)) is not None]
    if len(result) < 2:
        return
    rows, squares = [row for row, _ in result], np.stack([square for _, square in result])
    labels = tuple(data.classes.index(row.class_name) for row in rows)
    contents = tuple(row.hash for row in rows)
    images, shares = cache.mix_images(contents, squares, labels, len(data.classes), pipeline.recipe, kind, alpha, seed)
    _show(images, shares, data.classes)


def _one_a_class(data: Dataset) -> list[Row]:
    """A few training images, neighbours of different classes: each is mixed with the next."""
    names = data.classes[:_COUNT]
    each = -(-_COUNT // len(names))
    pages = [data.catalog.page(Filter(splits=("train",), classes=(name,)), size=each) for name in names]
    return [page[turn] for turn in range(each) for page in pages if turn < len(page)][:_COUNT]


def _show(images: np.ndarray, shares: np.ndarray, classes: tuple[str, ...]) -> None:
    for start in range(0, len(images), 4):
        for column, place in zip(st.columns(4), range(start, min(start + 4, len(images))), strict=False):
            column.image(encode_sheet([images[place]], 1), width="stretch")
            order = [i for i in np.argsort(-shares[place]) if shares[place][i] > 0.005]
            column.caption(" · ".join(f"{formatting.literal(classes[i])} {shares[place][i]:.0%}" for i in order))
