"""One picture in full: the answer, the training images nearest to it, and a way to tell the right class."""

import pandas as pd
import streamlit as st

from dashboard import cached, words
from dashboard.gallery import Tile, gallery
from dashboard.palette import class_colours
from dashboard.predict.answer import Said, badge, bars, picture_pane, sentence, verdict_of
from dashboard.predict.controls import View
from dashboard.server import preview_url, thumbnail_url
from engine import collection
from engine.batch.store import Batch
from engine.collection import OfDataset
from engine.data.datasets import Dataset, dataset
from engine.data.images import ImageError
from engine.errors import UserError
from engine.judgement import UNKNOWN
from engine.labels import edits

_NEAREST = 8
_OPEN = "detail-open"


def open_detail(of: Batch, said: Said, view: View) -> None:
    """The dialog on one picture."""
    st.session_state[_OPEN] = True
    _dialog(of, said, view)


def detail_is_open() -> bool:
    return _OPEN in st.session_state


def forget_detail() -> None:
    """For the start of a whole run of the page, which closes the dialog."""
    st.session_state.pop(_OPEN, None)


@st.dialog("This picture", width="large", on_dismiss=forget_detail)
def _dialog(of: Batch, said: Said, view: View) -> None:
    detail(of, said, view)


def detail(of: Batch, said: Said, view: View) -> None:
    """Draw one picture and all that is said of it."""
    probabilities, verdict = verdict_of(said, view)
    picture, key = said.picture, f"detail-{of.id}-{said.picture.number}"
    left, right = st.columns([5, 6], gap="large")
    with left:
        picture_pane(of, picture, view, verdict.classes[0], f"pane-{key}")
        st.caption(f"{words.literal(picture.name)}. The square that the network saw; drag the line, or use the arrow keys.")
    with right:
        strange = verdict.kind == UNKNOWN
        st.subheader(
            "None of these scenes?" if strange else f"{words.literal(verdict.classes[0])} {probabilities.max():.1%}", anchor=False
        )
        st.markdown(f"{'' if strange else badge(verdict)} {sentence(verdict, said.judge)}")
        bars(said, view, probabilities, key)
        _right_class(said, view, key)
        # Last: where these come later, nothing that a person is about to press moves.
        _novelty(said, view)
        _nearest(of, said, view)


def _novelty(said: Said, view: View) -> None:
    judge, far = cached.judge((view.run,)), float(said.rows[view.run.id]["novelty"])
    if judge.unknown is None or pd.isna(far):
        return
    share = judge.unknown.stranger_than(far)
    than = "any" if share >= 1 else f"{share:.0%}"
    st.caption(f"Stranger to the network than {than} of its validation images.")


def _nearest(of: Batch, said: Said, view: View) -> None:
    judge = cached.judge((view.run,))
    if judge.unknown is None:
        return
    try:
        data = dataset(view.run.config.dataset)
        ids, distances = cached.alike(view.run, judge, of, said.picture.number, _NEAREST)
    except (UserError, ImageError) as error:
        st.caption(words.literal(str(error)))
        return
    st.markdown("The training images nearest to it, as the network sees them")
    rows, colours = data.catalog.rows(ids.tolist()), class_colours(view.run.classes)
    tiles = [
        Tile(
            id=row.id, src=thumbnail_url(data.name, row.id, row.hash), preview=preview_url(data.name, row.id, row.hash),
            caption=row.class_name or "", notes=[f"distance {distance:.3f}"], colour=colours.get(row.class_name),
            facts={"class": row.class_name or "", "file": row.path, "distance": f"{distance:.4f}"},
            alt=f"{row.class_name}, distance {distance:.3f}, {row.path}",
        )
        for image, distance in zip(ids.tolist(), distances, strict=True) if (row := rows.get(image)) is not None
    ]  # fmt: skip
    gallery(tiles, key=f"nearest-{of.id}-{said.picture.number}", size="S", of=data.name, label="The nearest training images")


def _right_class(said: Said, view: View, key: str) -> None:
    """Where the answer is wrong: the right class, kept for retraining."""
    try:
        data = dataset(view.run.config.dataset)
    except UserError:
        return
    known = _known(data, said)
    st.markdown("Wrong? Say what it is")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = list(data.classes)
        start = known or said.picture.class_name
        name = st.selectbox(
            "Right class", names, names.index(start) if start in names else None, key=f"right-{key}", label_visibility="collapsed",
            placeholder="The right class", width=220,
        )  # fmt: skip
        st.button(
            "Keep it", icon=":material/add_task:", key=f"tell-{key}", disabled=name is None or name == known,
            on_click=_tell, args=(data, said, name, key),
        )  # fmt: skip
    if reason := st.session_state.pop(f"untold-{key}", None):
        st.warning(words.literal(reason), icon=":material/info:")
    if told := st.session_state.pop(f"told-{key}", None):
        st.caption(f":material/check: {told}")
    elif known:
        st.caption(f":material/check: Kept as {words.literal(known)}. The list of all corrections is at the end of the page.")


def _known(data: Dataset, said: Said) -> str:
    """The class that the picture was told before; "" where it was not."""
    content = said.picture.content
    return next((one.class_name for one in collection.told(data) if content and one.content == content), "")


def _tell(data: Dataset, said: Said, name: str, key: str) -> None:
    """Keep the picture under its right class; an image of the dataset itself gets the label there."""
    try:
        collection.tell(data, said.picture.file, name)
    except OfDataset as found:
        _relabel(data, found, name, key)
    except UserError as error:
        st.session_state[f"untold-{key}"] = str(error)


def _relabel(data: Dataset, found: OfDataset, name: str, key: str) -> None:
    try:
        edits.relabel(data, [found.image_id], name, why="told on the Predict page")
    except UserError as error:
        st.session_state[f"untold-{key}"] = str(error)
    else:
        st.session_state[f"told-{key}"] = (
            f"This is an image of the dataset itself: its label there is {words.literal(name)} now. The Clean page lists it, and undoes it."
        )
