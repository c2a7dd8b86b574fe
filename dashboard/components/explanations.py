"""Parts that explain one prediction: the smallest occluding patch, the nearest training images, the predictions per epoch.

Each draws at once what is quick, and what takes longer on request; the image dialog places them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.image_urls import preview_url, thumbnail_url
from dashboard.app.waiting_clicks import let_clicks_through
from dashboard.app.widgets import bind_value
from dashboard.charts.dynamics import probability_curve
from dashboard.charts.figure import CONFIG
from dashboard.charts.palette import class_colours
from dashboard.components.gallery import Tile, gallery
from dashboard.components.inline_image import inline_image
from engine.core.errors import UserError
from engine.core.number_text import percent
from engine.core.progress import Progress
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.inference.explain import examples as nearest
from engine.runs.run import Run

if TYPE_CHECKING:
    from engine.inference.explain.occlusion import Occlusion  # loads torch

Option = TypeVar("Option")

_FILLS = {"blur": "blurred", "mean": "its mean colour"}
_CHOICES = "explained-choices"


@dataclass(frozen=True)
class ExplainedImage:
    """An image and its prediction, classes by index. `square`: (size, size, 3) uint8; `other`: the true class, or the second one."""

    run: Run
    content: str
    square: np.ndarray
    predicted: int
    other: int
    other_is_true: bool = True


def smallest_patch(image: ExplainedImage, key: str) -> None:
    """Draw a button that searches for the smallest patch that flips the prediction, and the result. A click elsewhere ends the search."""
    request = f"{key}-cover-request"
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-cover"):
        button = st.empty()
        fill = lasting_choice(f"{key}-fill", "Cover with", list(_FILLS), "blur", _FILLS.__getitem__, width=170)
    subject = (image.run.id, image.content, fill)

    def begin() -> None:
        st.session_state[request] = subject

    def end() -> None:
        st.session_state.pop(request, None)

    if st.session_state.get(request) != subject:
        end()  # a request for another image ends here
    is_known = cache.has_occlusion(image.run, image.content, image.square, fill)
    if not is_known and request in st.session_state:
        button.button("Stop", key=f"{key}-find-stop", icon=":material/stop:", on_click=end)
        is_known = _search(image, fill)
        end()
    label = "Find the smallest patch that flips the prediction"
    button.button(label, key=f"{key}-find", icon=":material/select:", on_click=begin)
    if is_known:
        _draw_patch(image, cache.occlusion(image.run, image.content, image.square, fill))


def _search(image: ExplainedImage, fill: str) -> bool:
    """Whether the patches could be tried on this run's model; a bar counts them."""
    bar = st.empty()

    def report(progress: Progress) -> None:
        let_clicks_through()
        bar.progress(progress.share, text=f"{progress.done:,} of up to {progress.total:,} patches tried")

    try:
        cache.occlusion(image.run, image.content, image.square, fill, report)
    except UserError as error:
        bar.caption(formatting.literal(str(error)))
        return False
    bar.empty()
    return True


def _draw_patch(image: ExplainedImage, occlusion: "Occlusion") -> None:
    classes, size = image.run.classes, len(image.square)
    if occlusion.box is None or occlusion.covered is None:
        sides = f"{occlusion.sides[0]} to {max(occlusion.sides)}"
        st.markdown(f"No patch of {sides} of {size} pixels flips the prediction: {occlusion.tried:,} were tried.")
        return
    left, right = st.columns([1, 2], gap="medium", vertical_alignment="center")
    inline_image(_frame_box(occlusion.covered, occlusion.box), "The smallest patch found", left)
    _, _, side = occlusion.box
    right.markdown(
        f"Covered by a patch of {side} of {size} pixels, **{formatting.literal(classes[occlusion.answer])}** becomes "
        f"**{formatting.literal(classes[occlusion.becomes])}**, {percent(occlusion.probability)} sure."
    )
    right.caption(
        f"{occlusion.tried:,} patches of {min(occlusion.sides)} to {max(occlusion.sides)} pixels were tried, with 50% overlap. A smaller patch at "
        "another place may work as well. The network was not trained on covered images."
    )


def nearest_examples(data: Dataset, row: Row, image: ExplainedImage, true: int, key: str) -> None:
    """Draw the nearest training images with their labels, and say by which embedding they are."""
    run = image.run
    st.markdown("**Nearest training images**")
    try:
        examples = cache.examples(run, data, row, image.square)
    except UserError as error:
        st.caption(formatting.literal(str(error)))
        return
    if examples is None:
        st.caption("They are available once the map of this dataset has been computed.")
        st.page_link("../../pages/explore.py", label="Compute the map: Similarity map", icon=":material/scatter_plot:")
        return
    labels = examples.nearest["label"].tolist()
    st.markdown(formatting.literal(nearest.describe_labels(run.classes[true], run.classes[image.predicted], labels)))
    gallery(_example_tiles(data, run, examples.nearest), key=key, size="S", empty="There are none.")
    network = (
        "this run's own network"
        if examples.embedding == "run"
        else f"the dataset's index ({formatting.literal(examples.model)} as pretrained, not as this run trained it)"
    )
    st.caption(f"By cosine distance in the embedding of {network}.")


def epoch_history(run: Run, content: str, key: str) -> bool:
    """Draw the image's prediction after each epoch; False where the run has none: it does of validation images, trained in epochs."""
    dynamics = cache.dynamics(run)
    if dynamics is None or content not in dynamics.contents:
        return False
    place = dynamics.contents.index(content)
    frame = pd.DataFrame({
        "probability": dynamics.probability[:, place].astype(float), "predicted": dynamics.predicted[:, place]
    })  # fmt: skip
    frame = frame.assign(epoch=np.arange(1, len(frame) + 1), right=frame["predicted"] == dynamics.true[place])
    frame["taken_for"] = [run.classes[index] for index in frame["predicted"]]
    st.plotly_chart(probability_curve(frame), config=CONFIG, key=key)
    return True


def _example_tiles(data: Dataset, run: Run, nearest: pd.DataFrame) -> list[Tile]:
    colours = class_colours(run.classes)
    tiles = []
    for record in nearest.to_dict("records"):
        image, content, label = int(record["id"]), str(record["content"]), str(record["label"])
        distance = "the same file" if record["copy"] else f"distance {record['distance']:.3f}"
        tiles.append(Tile(
            id=image, src=thumbnail_url(data.name, image, content), preview=preview_url(data.name, image, content),
            caption=label, notes=[distance], colour=colours.get(label), alt=f"{label}, {distance}, {record['path']}",
            facts={"class": label, "distance": f"{record['distance']:.4f}", "file": str(record["path"])},
        ))  # fmt: skip
    return tiles


def _frame_box(square: np.ndarray, box: Sequence[int]) -> np.ndarray:
    """A copy of the image with a white and a dark line around the box: one of them is visible on any background."""
    left, top, side = box
    image = square.copy()
    for inset, colour in ((0, 255), (1, 20)):
        first_row, last_row = top + inset, top + side - 1 - inset
        first_column, last_column = left + inset, left + side - 1 - inset
        if last_row > first_row and last_column > first_column:
            image[[first_row, last_row], first_column : last_column + 1] = colour
            image[first_row : last_row + 1, [first_column, last_column]] = colour
    return image


def lasting_choice(
    key: str,
    label: str,
    options: Sequence[Option],
    default: Option,
    format_func: Callable[[Option], str],
    disabled_because: str | None = None,
    width: int | Literal["stretch"] = "stretch",
) -> Option:
    """What is chosen from a list, which stays from image to image although the labels change. `disabled_because`: why it is disabled."""
    choice = choices().get(key, default)
    choice = choices()[key] = choice if choice in options else default
    binding = bind_value(f"{key}-list", choice, list(map(format_func, options)))

    def store_choice(option: Option) -> None:
        choices()[key] = option

    st.selectbox(
        label, options, list(options).index(binding.initial), format_func=format_func, key=binding.key, on_change=binding.on_change(store_choice),
        disabled=disabled_because is not None, help=disabled_because, width=width,
    )  # fmt: skip
    return choice


def choices() -> dict[str, Any]:
    """What was chosen in the image dialog in this session, by key: Streamlit forgets a widget's value when the dialog closes."""
    return st.session_state.setdefault(_CHOICES, {})
