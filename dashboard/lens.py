"""One image under the lens: what the model said, how sure it was, and where it looked."""

import pandas as pd
import streamlit as st

from dashboard import cached, charts, words
from dashboard.palette import class_colours
from engine.data.datasets import dataset
from engine.data.images import ImageError, load_square
from engine.errors import UserError
from engine.runs import Run

_PLACE = "lens-place"
_TOP = 6


def lens(run: Run, found: pd.DataFrame, place: int) -> None:
    """Open the dialog on row `place` of `found` (rows of a prediction table); the buttons walk through the rest."""
    st.session_state[_PLACE] = place
    _dialog(run, found)


@st.dialog("Under the lens", width="large")
def _dialog(run: Run, found: pd.DataFrame) -> None:
    place = min(st.session_state[_PLACE], len(found) - 1)
    row = found.iloc[place]
    true, predicted = run.classes[row["true"]], run.classes[row["predicted"]]
    verdict = "recognised" if true == predicted else f"taken for **{words.literal(predicted)}**"
    text, before, after = st.columns([6, 1.2, 1.2], vertical_alignment="center")
    text.markdown(f"**{words.literal(true)}** {verdict}, {row['confidence']:.1%} sure  \n:gray[{words.literal(row['path'])}]")
    before.button("Previous", on_click=_move, args=(-1,), disabled=place == 0, width="stretch", shortcut="Left")
    after.button("Next", on_click=_move, args=(1,), disabled=place == len(found) - 1, width="stretch", shortcut="Right")
    try:
        _pictures(run, row)
    except (UserError, ImageError) as error:
        st.error(f"The picture cannot be shown: {words.literal(str(error))}", icon=":material/error:")
    probabilities = pd.Series(row["probabilities"], index=run.classes).sort_values(ascending=False).head(_TOP)
    bars = charts.probability_bars(list(probabilities.index), list(probabilities), class_colours(run.classes))
    st.plotly_chart(bars, config=charts.CONFIG, key="lens-bars")
    st.caption(f"{place + 1:,} of {len(found):,}. Loss {row['loss']:.3f}, margin to the second class {row['margin']:.1%}.")


def _pictures(run: Run, row: pd.Series) -> None:
    """The square that the network saw, and Grad-CAM for its answer and for the truth (or the runner-up, where they agree)."""
    data = dataset(run.config.dataset)
    known = data.catalog.get(int(row["image_id"]))
    if known is None or known.hash != row["content"]:
        raise UserError("the file has changed or is gone since the run.")
    columns = st.columns(3)
    square = load_square(known.file(data.root), run.config.image_size)
    columns[0].image(square, caption="What the network saw", width="stretch")
    other = row["true"] if row["true"] != row["predicted"] else int(pd.Series(row["probabilities"]).nlargest(2).index[1])
    classes = (int(row["predicted"]), int(other))
    with columns[1], st.spinner("Looking where it looked"):
        maps = cached.heatmaps(run, row["content"], square, classes)
    for column, index, heatmap in zip(columns[1:], classes, maps, strict=True):
        column.image(
            cached.heavy("engine.explain.cam").overlay(square, heatmap, 0.6),
            caption=f"What speaks for {words.literal(run.classes[index])}",
            width="stretch",
        )


def _move(step: int) -> None:
    st.session_state[_PLACE] += step
