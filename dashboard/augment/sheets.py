"""The images of the Augment page: the source images, each step by itself, and samples of the whole pipeline."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image, ImageColor

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.parameters import OLD_CLASS
from dashboard.app.url_state import Parameter
from engine.core.address import Choice, Integer, Text
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.decoding import ImageError
from engine.data.filters import Filter
from engine.models.registry import DEFAULT, find_backbone
from engine.runs.pipelines import Pipeline

_KINDS = {"one": "One image", "class": "Whole class"}
_GRIDS = {"3 × 3": 3, "4 × 4": 4, "6 × 6": 6}
IMAGE = Parameter("image", Integer(), 0)
CLASS = Parameter("class_drawn", Text(), "")
SIZE = Parameter("px", Choice((96, 128, 160, 192, 224, 256)), 224)
KIND = Parameter("draws_of", Choice(tuple(_KINDS)), "one")
GRID = Parameter("grid", Choice(tuple(_GRIDS)), "4 × 4")
_GAP = 6  # pixels between the images of a sheet
_THUMB = 122  # pixels on screen, so that six fit in a row
_POOL = 200  # images of a class to choose from
_SPAN = 2.7  # standard deviations that the normalised view shows: all of 0 to 255 for ImageNet's mean and std


@dataclass(frozen=True)
class SourceImages:
    """The images that are augmented: `rows` and their `squares` (n, size, size, 3) uint8, one per sample."""

    rows: Sequence[Row]
    squares: np.ndarray
    columns: int

    @property
    def contents(self) -> tuple[str, ...]:
        return tuple(row.hash or "" for row in self.rows)


def choose_images(data: Dataset) -> SourceImages | None:
    """Draw the choices; one training image repeated for each sample, or as many images of its class. None where none can be read."""
    # Starts with the class that Explore shows, but is kept apart from it: a choice here filters nothing there.
    classes = list(data.classes)
    first, second, third, fourth = st.columns([3, 2, 4, 4], vertical_alignment="bottom")
    name = url_state.choose(first.selectbox, "Class", CLASS, classes, OLD_CLASS.read().split(",")[0])
    size = url_state.choose(second.selectbox, "Image size", SIZE, format_func=lambda px: f"{px} px")
    kind = url_state.choose(third.segmented_control, "Samples of", KIND, format_func=_KINDS.__getitem__)
    columns = _GRIDS[url_state.choose(fourth.segmented_control, "Grid", GRID)]
    pool = data.catalog.page(Filter(splits=("train",), classes=(name,)), size=_POOL)
    # Modulo, so that every number means an image: Another image draws one at random, and classes differ in size.
    number = IMAGE.read() % max(len(pool), 1)
    IMAGE.write(number)
    count = columns * columns
    rows = [pool[number]] * count if kind == "one" else [pool[(number + i) % len(pool)] for i in range(count)]
    readable = [(row, square) for row in rows if (square := load_network_input(data, row, size)) is not None]
    if not readable:
        return None
    return SourceImages([row for row, _ in readable], np.stack([square for _, square in readable]), columns)


def load_network_input(data: Dataset, row: Row, size: int) -> np.ndarray | None:
    """What the network sees of the image: (size, size, 3) uint8. None, with a message, where it cannot be read."""
    try:
        return cache.square(str(row.file(data.root)), row.hash or "", size)
    except (ImageError, OSError) as error:
        st.error(
            f"{formatting.literal(row.path)} cannot be shown: {formatting.literal(str(error))}.", icon=":material/broken_image:"
        )
        return None


def draw_single_steps(source: SourceImages, pipeline: Pipeline, seed: int, normalised: bool) -> None:
    """Draw the original, then each step that is on by itself, applied whatever its probability."""
    row, square = source.rows[0], source.squares[0]
    enabled = Pipeline(tuple(step for step in pipeline.steps if step.probability))
    augmented = cache.augment_by_step(row.hash or "", square, enabled.recipe, seed)
    labelled = [(square, "Original"), *zip(augmented, (step.kind.label for step in enabled.steps), strict=True)]
    with st.container(horizontal=True, gap="small"):
        for image, label in labelled:
            st.image(encode_sheet([_view(image, normalised)], 1), caption=label, width=_THUMB)
    st.caption(
        f"{formatting.literal(row.class_name or 'unlabelled')}, {formatting.pixels(row.width, row.height)}, {formatting.literal(row.path)}"
    )


def draw_samples(source: SourceImages, pipeline: Pipeline, seed: int, normalised: bool, title: str) -> None:
    samples = cache.augment_images(source.contents, source.squares, pipeline.recipe, seed)
    st.image(encode_sheet([_view(image, normalised) for image in samples], source.columns), caption=title, width="stretch")


def normalisation_note(model: str = DEFAULT) -> str:
    """How the model normalises its input, and which values black and white get."""
    entry = find_backbone(model)
    low = ", ".join(f"{-mean / std:.2f}" for mean, std in zip(entry.mean, entry.std, strict=True))
    high = ", ".join(f"{(1 - mean) / std:.2f}" for mean, std in zip(entry.mean, entry.std, strict=True))
    numbers = [", ".join(f"{value:g}" for value in values) for values in (entry.mean, entry.std)]
    return (
        f"{formatting.literal(model)} subtracts {numbers[0]} from red, green and blue (0 to 1) and divides by {numbers[1]}: "
        f"black becomes {low}, white {high}. Shown here from {_SPAN:g} standard deviations below to {_SPAN:g} above the mean, which is grey."
    )


def _view(image: np.ndarray, normalised: bool) -> np.ndarray:
    """The image as it is shown, (size, size, 3) uint8: normalised by the default model, on a scale around grey, or unchanged."""
    if not normalised:
        return image
    entry = find_backbone(DEFAULT)
    values = (image / 255.0 - np.array(entry.mean)) / np.array(entry.std)
    return (255 * (values / (2 * _SPAN) + 0.5).clip(0, 1)).round().astype(np.uint8)


def encode_sheet(images: Sequence[np.ndarray], columns: int) -> bytes:
    """Images of (size, size, 3) on one sheet, as a JPEG: encoded five times as fast as a WebP, and one download instead of n.

    The gaps have the page's background colour, because a JPEG has no transparency.
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
