"""The dialog of one scored image: prediction and confidence, heatmaps, nearest training images, smallest occluding patch."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import browser_history, formatting
from dashboard.app.open_image import close_image, is_new_opening
from dashboard.charts.bars import probability_bars
from dashboard.charts.figure import CONFIG
from dashboard.charts.palette import class_colours
from dashboard.components.explanations import ExplainedImage, epoch_history, nearest_examples, smallest_patch
from dashboard.components.heatmap_pair import heatmap_pair
from dashboard.components.step_buttons import step_buttons
from engine.core.errors import UserError
from engine.core.files import content_hash
from engine.data.catalog import Row
from engine.data.datasets import Dataset, load_dataset
from engine.data.decoding import ImageError, read_content
from engine.data.predictions import ImagePrediction
from engine.runs.run import Run

_PLACE = "lens-place"
_TOP = 6  # classes with a bar


def image_dialog(run: Run, rows: pd.DataFrame, place: int) -> None:
    """Open the dialog on row `place` of these rows of a prediction table; buttons and arrow keys lead to the others."""
    if is_new_opening("lens"):
        st.session_state[_PLACE] = place
    _dialog(run, rows)


@st.dialog("Image details", width="large", on_dismiss=close_image)
def _dialog(run: Run, rows: pd.DataFrame) -> None:
    browser_history.write_address("lens")
    _draw_image(run, rows)


def _draw_image(run: Run, rows: pd.DataFrame) -> None:
    # The rows are computed anew with each rerun and may be fewer than when the dialog was opened.
    place = min(st.session_state[_PLACE], len(rows) - 1)
    row = rows.iloc[place]
    _heading(run, rows, place)
    try:
        data, catalog_row, square = _load_image(run, row)
    except (UserError, ImageError) as error:
        st.error(f"The image cannot be shown: {formatting.literal(str(error))}", icon=":material/error:")
        _figures(run, row)
        return
    image = _explained_image(run, row, square)
    fill_in = heatmap_pair(image, "lens")
    _figures(run, row)
    # Slow parts come after everything that is drawn at once.
    fill_in()
    nearest_examples(data, catalog_row, image, int(row["true"]), "lens-examples")
    smallest_patch(image, "lens")


def _heading(run: Run, rows: pd.DataFrame, place: int) -> None:
    row, count = rows.iloc[place], len(rows)

    def move(target: int) -> None:
        st.session_state[_PLACE] = target

    true, predicted = (formatting.literal(run.classes[row[name]]) for name in ("true", "predicted"))
    verdict = "recognised" if true == predicted else f"taken for **{predicted}**"
    text, buttons = st.columns([6, 2.6], vertical_alignment="center")
    text.markdown(
        f"**{true}** {verdict}, {row['confidence']:.1%} sure :gray[{place + 1:,} of {count:,}]  \n:gray[{formatting.literal(row['path'])}]"
    )
    with buttons:
        step_buttons("image-steps", place, count, move)


def _load_image(run: Run, row: pd.Series) -> tuple[Dataset, Row, np.ndarray]:
    """The image's dataset, its row of the catalog and its square. Raises UserError or ImageError where it is not what was scored."""
    data = load_dataset(run.config.dataset)
    catalog_row = data.catalog.get(int(row["image_id"]))
    if catalog_row is None:
        raise UserError("it is no longer in the dataset.")
    try:
        content, _ = read_content(catalog_row.file(data.root))
    except FileNotFoundError:
        raise ImageError("the file is missing.") from None
    except OSError as error:
        raise ImageError(f"the file cannot be read ({error.strerror}).") from None
    if catalog_row.hash != row["content"] or content_hash(content) != row["content"]:
        raise UserError("the file has changed since the run was scored.")
    return data, catalog_row, cache.square(str(catalog_row.file(data.root)), row["content"], run.config.image_size)


def _explained_image(run: Run, row: pd.Series, square: np.ndarray) -> ExplainedImage:
    true, predicted = int(row["true"]), int(row["predicted"])
    runner_up = run.classes.index(ImagePrediction(run.classes, row["probabilities"]).top(2)[-1].name)
    return ExplainedImage(
        run=run, content=row["content"], square=square, predicted=predicted, other=true if true != predicted else runner_up,
        other_is_true=true != predicted,
    )  # fmt: skip


def _figures(run: Run, row: pd.Series) -> None:
    """Draw probabilities, loss and margin, and beside them the prediction per epoch where the run recorded it."""
    left, right = st.columns([1, 1], gap="large")
    bars = probability_bars(ImagePrediction(run.classes, row["probabilities"]).top(_TOP), class_colours(run.classes))
    with left:
        st.plotly_chart(bars, config=CONFIG, key="lens-bars")
        st.caption(f"Loss {row['loss']:.3f}, margin to the second class {row['margin']:.1%}.")
    with right:
        if not epoch_history(run, row["content"], "lens-story") and cache.dynamics(run) is not None:
            st.caption("Predictions per epoch are recorded for validation images only.")
