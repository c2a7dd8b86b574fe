"""The pictures of the Augment page: what is looked at, each step by itself, draws of the whole pipeline."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image, ImageColor

from dashboard import cache
from dashboard.app import formatting, url_state
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.decoding import ImageError
from engine.data.filters import Filter
from engine.models.registry import DEFAULT, backbone
from engine.runs.pipelines import Pipeline

SIZES = ["96", "128", "160", "192", "224", "256"]
_DRAWS = {"3 × 3": 3, "4 × 4": 4, "6 × 6": 6}
_GAP = 6
_THUMB = 122  # pixels on screen: six stand in a row
_POOL = 200  # images of a class to choose from
_SPAN = 2.7  # standard deviations that the normalised view shows: all of 0 to 255 for ImageNet's mean and std


@dataclass(frozen=True)
class SourceImages:
    """What is drawn on: `rows` and their `squares` (n, size, size, 3) uint8, one a draw."""

    rows: Sequence[Row]
    squares: np.ndarray
    columns: int

    @property
    def contents(self) -> tuple[str, ...]:
        return tuple(row.hash for row in self.rows)


def choose_images(data: Dataset) -> SourceImages | None:
    """A training image as often as there are draws, or as many images of its class. None, said, where none can be read."""
    # Begins with the class that Explore shows, and keeps its own: looking here filters nothing there.
    known = list(data.classes)
    first, second, third, fourth = st.columns([3, 2, 4, 4], vertical_alignment="bottom")
    name = url_state.choose(first.selectbox, "Class", known, "class_drawn", (url_state.recall("class") or "").split(",")[0])
    size = int(url_state.choose(second.selectbox, "Image size", SIZES, "px", "224", format_func=lambda px: f"{px} px"))
    kinds = {"one": "One image", "class": "Whole class"}
    of = url_state.choose(third.segmented_control, "Draws of", list(kinds), "draws_of", format_func=kinds.get)
    columns = _DRAWS[url_state.choose(fourth.segmented_control, "Grid", list(_DRAWS), "grid", "4 × 4")]
    pool = data.catalog.page(Filter(splits=("train",), classes=(name,)), size=_POOL)
    number = (url_state.recall_integer("image") or 0) % max(len(pool), 1)
    url_state.remember("image", str(number))
    count = columns * columns
    rows = [pool[number]] * count if of == "one" else [pool[(number + i) % len(pool)] for i in range(count)]
    readable = [(row, square) for row in rows if (square := load_network_input(data, row, size)) is not None]
    if not readable:
        return None
    return SourceImages([row for row, _ in readable], np.stack([square for _, square in readable]), columns)


def load_network_input(data: Dataset, row: Row, size: int) -> np.ndarray | None:
    """What the network sees of the picture: (size, size, 3) uint8. None, said, where it cannot be read."""
    try:
        return cache.square(str(row.file(data.root)), row.hash, size)
    except (ImageError, OSError) as error:
        st.error(
            f"{formatting.literal(row.path)} cannot be shown: {formatting.literal(str(error))}.", icon=":material/broken_image:"
        )
        return None


def draw_single_steps(chosen: SourceImages, pipeline: Pipeline, seed: int, normalised: bool) -> None:
    """The original, then each step by itself, done for certain."""
    row, square = chosen.rows[0], chosen.squares[0]
    on = Pipeline(tuple(step for step in pipeline.steps if step.probability))
    alone = cache.augment_by_step(row.hash, square, on.recipe, seed)
    shown = [(square, "Original"), *zip(alone, (step.kind.label for step in on.steps), strict=True)]
    with st.container(horizontal=True, gap="small"):
        for image, label in shown:
            st.image(encode_sheet([_seen(image, normalised)], 1), caption=label, width=_THUMB)
    st.caption(
        f"{formatting.literal(row.class_name)}, {formatting.pixels(row.width, row.height)}, {formatting.literal(row.path)}"
    )


def draw_samples(chosen: SourceImages, pipeline: Pipeline, seed: int, normalised: bool, title: str) -> None:
    drawn = cache.augment_images(chosen.contents, chosen.squares, pipeline.recipe, seed)
    st.image(encode_sheet([_seen(image, normalised) for image in drawn], chosen.columns), caption=title, width="stretch")


def normalisation_note(model: str = DEFAULT) -> str:
    """What the default model subtracts and divides by, and what that makes of black and white."""
    entry = backbone(model)
    low = ", ".join(f"{-mean / std:.2f}" for mean, std in zip(entry.mean, entry.std, strict=True))
    high = ", ".join(f"{(1 - mean) / std:.2f}" for mean, std in zip(entry.mean, entry.std, strict=True))
    numbers = [", ".join(f"{value:g}" for value in values) for values in (entry.mean, entry.std)]
    return (
        f"{formatting.literal(model)} subtracts {numbers[0]} from red, green and blue (of 0 to 1) and divides by {numbers[1]}: "
        f"black becomes {low}, white {high}. Shown here with {_SPAN:g} standard deviations on either side of grey."
    )


def _seen(image: np.ndarray, normalised: bool) -> np.ndarray:
    if not normalised:
        return image
    entry = backbone(DEFAULT)
    values = (image / 255.0 - np.array(entry.mean)) / np.array(entry.std)
    return (255 * (values / (2 * _SPAN) + 0.5).clip(0, 1)).round().astype(np.uint8)


def encode_sheet(images: Sequence[np.ndarray], columns: int) -> bytes:
    """Pictures of (size, size, 3) on one sheet, as a JPEG: five times as quick to make as a WebP, one download instead of n.

    The gaps are of the page's own colour, which a JPEG cannot leave out.
    """
    size = images[0].shape[0]
    rows, step = -(-len(images) // columns), size + _GAP
    page = ImageColor.getrgb(st.get_option(f"theme.{st.context.theme.type or 'light'}.backgroundColor"))
    sheet = np.full((rows * step - _GAP, columns * step - _GAP, 3), page, np.uint8)
    for place, image in enumerate(images):
        top, left = (place // columns) * step, (place % columns) * step
        sheet[top : top + size, left : left + size] = image
    content = io.BytesIO()
    Image.fromarray(sheet).save(content, "JPEG", quality=90, subsampling=0)
    return content.getvalue()
