"""One image under the lens: what the model said, how sure it was, where it looked, what it has learnt that is like it."""

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
from engine.data.decoding import ImageError, load_square, read_content
from engine.runs.run import Run

_PLACE = "lens-place"
_TOP = 6


def image_dialog(run: Run, found: pd.DataFrame, place: int) -> None:
    """Open the dialog on row `place` of `found` (rows of a prediction table); the buttons and arrow keys walk through the rest."""
    if is_new_opening("lens"):
        st.session_state[_PLACE] = place
    _dialog(run, found)


@st.dialog("Image details", width="large", on_dismiss=close_image)
def _dialog(run: Run, found: pd.DataFrame) -> None:
    browser_history.write_address("lens")
    _image(run, found)


def _image(run: Run, found: pd.DataFrame) -> None:
    place = min(st.session_state[_PLACE], len(found) - 1)
    row = found.iloc[place]
    _heading(run, found, place)
    try:
        picture = _picture(run, row)
    except (UserError, ImageError) as error:
        st.error(f"The picture cannot be shown: {formatting.literal(str(error))}", icon=":material/error:")
        _figures(run, row)
        return
    data, known, square = picture
    asked = _asked(run, row, square)
    fill_in = heatmap_pair(asked, "lens")
    _figures(run, row)
    # What takes a moment comes after all that is at hand.
    fill_in()
    nearest_examples(data, known, asked, int(row["true"]), "lens-examples")
    smallest_patch(asked, "lens")


def _heading(run: Run, found: pd.DataFrame, place: int) -> None:
    row, count = found.iloc[place], len(found)

    def move(to: int) -> None:
        st.session_state[_PLACE] = to

    true, predicted = (formatting.literal(run.classes[row[name]]) for name in ("true", "predicted"))
    verdict = "recognised" if true == predicted else f"taken for **{predicted}**"
    text, ways = st.columns([6, 2.6], vertical_alignment="center")
    text.markdown(
        f"**{true}** {verdict}, {row['confidence']:.1%} sure :gray[{place + 1:,} of {count:,}]  \n:gray[{formatting.literal(row['path'])}]"
    )
    with ways:
        step_buttons("image-steps", place, count, move)


def _picture(run: Run, row: pd.Series) -> tuple[Dataset, Row, np.ndarray]:
    """The image's dataset, its row of the catalog and its square. Raises UserError or ImageError where it is not what was scored."""
    data = load_dataset(run.config.dataset)
    known = data.catalog.get(int(row["image_id"]))
    if known is None:
        raise UserError("it is not in the dataset any more.")
    try:
        content, _ = read_content(known.file(data.root))
    except FileNotFoundError:
        raise ImageError("the file is gone.") from None
    except OSError as error:
        raise ImageError(f"the file cannot be read ({error.strerror}).") from None
    if known.hash != row["content"] or content_hash(content) != row["content"]:
        raise UserError("the file has changed since the run was scored.")
    return data, known, load_square(content, run.config.image_size)


def _asked(run: Run, row: pd.Series, square: np.ndarray) -> ExplainedImage:
    true, answer = int(row["true"]), int(row["predicted"])
    order = np.argsort(-np.asarray(row["probabilities"]), kind="stable")
    other = true if true != answer else int(order[min(1, len(order) - 1)])
    return ExplainedImage(run, row["content"], square, answer, other, other_is_true=true != answer)


def _figures(run: Run, row: pd.Series) -> None:
    """Probabilities, loss and margin; beside them the story over the epochs, where the run knows one."""
    left, right = st.columns([1, 1], gap="large")
    probabilities = pd.Series(row["probabilities"], index=run.classes).sort_values(ascending=False).head(_TOP)
    bars = probability_bars(list(probabilities.index), list(probabilities), class_colours(run.classes))
    with left:
        st.plotly_chart(bars, config=CONFIG, key="lens-bars")
        st.caption(f"Loss {row['loss']:.3f}, margin to the second class {row['margin']:.1%}.")
    with right:
        if not epoch_history(run, row["content"], "lens-story") and cache.dynamics(run) is not None:
            st.caption("What it was taken for in each epoch is kept of validation images only.")
