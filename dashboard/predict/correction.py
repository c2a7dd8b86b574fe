"""Corrections of wrong predictions, saved for retraining. The label of an image of the dataset itself is changed only if confirmed."""

from dataclasses import dataclass

import streamlit as st

from dashboard.app import formatting
from dashboard.app.parameters import REVIEW
from dashboard.predict.prediction import ImagePredictions
from engine.core.errors import UserError
from engine.data.datasets import Dataset, load_dataset
from engine.data.labels import edits, undo
from engine.data.labels.edits import Decision, DecisionGroup
from engine.inference import corrections
from engine.inference.corrections import DatasetImageError
from engine.runs.run import Run


@dataclass(frozen=True)
class _Question:
    """Whether an image of the dataset, in `split` with the label `before`, is to be labelled `after`.

    `log_length`: how many entries the label log had when the question was asked.
    """

    image: int
    path: str
    split: str
    before: str
    after: str
    log_length: int


@dataclass(frozen=True)
class _Change:
    """A label that was changed: `uids` of the entries of the label log."""

    question: _Question
    uids: frozenset[str]


def correction_form(predictions: ImagePredictions, run: Run, key: str) -> None:
    """Draw the list of classes, and what came of the last choice."""
    try:
        data = load_dataset(run.config.dataset)
    except UserError:
        return
    corrected = _corrected_class(data, predictions)
    st.markdown("Wrong? Correct it")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = list(data.classes)
        start = corrected or predictions.image.class_name
        name = st.selectbox(
            "Right class", names, names.index(start) if start in names else None, key=_list_key(key), label_visibility="collapsed",
            placeholder="The right class", width=220,
        )  # fmt: skip
        st.button(
            "Save correction", icon=":material/add_task:", key=f"tell-{key}", disabled=name is None or name == corrected,
            on_click=_correct, args=(data, predictions, name, key),
        )  # fmt: skip
    if reason := st.session_state.pop(f"untold-{key}", None):
        st.warning(formatting.literal(reason), icon=":material/info:")
    state = st.session_state.get(_state(key))
    if isinstance(state, _Question):
        _confirm(data, state, key)
    elif isinstance(state, _Change):
        _changed(data, state, key)
    elif isinstance(state, str):
        st.caption(f":material/check: {state}")
    elif corrected:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(
                f":material/check: Corrected to {formatting.literal(corrected)}. All corrections are listed at the end of the page.",
                width="content",
            )
            st.button(
                "Undo", key=f"untell-{key}", icon=":material/undo:", type="tertiary", on_click=_remove_correction, args=(data, predictions, key),
                help="Removes this correction.",
            )  # fmt: skip


def _corrected_class(data: Dataset, predictions: ImagePredictions) -> str:
    """The class to which the image was corrected before; "" where it was not."""
    content = predictions.image.content
    return next((item.class_name for item in corrections.list_corrections(data) if content and item.content == content), "")


def _list_key(key: str) -> str:
    """The key of the list of classes: a new one once a correction was removed, so that the browser does not show the old choice."""
    removed = st.session_state.get(f"removed-{key}", 0)
    return f"right-{key}-{removed}" if removed else f"right-{key}"


def _state(key: str) -> str:
    return f"right-class-{key}"


def _correct(data: Dataset, predictions: ImagePredictions, name: str, key: str) -> None:
    """Save the image under its right class; for an image of the dataset itself, ask first."""
    st.session_state.pop(_state(key), None)
    try:
        corrections.add_correction(data, predictions.image.file, name)
    except DatasetImageError as own:
        if own.class_name == name:
            st.session_state[_state(key)] = (
                f"This is an image of the dataset itself, and its label already is {formatting.literal(name)}."
            )
            return
        st.session_state[_state(key)] = _Question(
            image=own.image_id,
            path=own.path,
            split=own.split,
            before=own.class_name,
            after=name,
            log_length=len(edits.open_log(data).entries),
        )
    except UserError as error:
        st.session_state[f"untold-{key}"] = str(error)


def _remove_correction(data: Dataset, predictions: ImagePredictions, key: str) -> None:
    """Remove the correction of this image."""
    try:
        corrections.remove_correction(data, predictions.image.content)
    except UserError as error:
        st.session_state[f"untold-{key}"] = str(error)
    st.session_state[f"removed-{key}"] = st.session_state.get(f"removed-{key}", 0) + 1


def _confirm(data: Dataset, question: _Question, key: str) -> None:
    path, before, after = (
        formatting.literal(formatting.plain(text)) for text in (question.path, question.before, question.after)
    )
    kind = f"{question.split} image" if question.split else "image"
    caution = f" {formatting.TEST_LABELS}" if question.split == "test" else ""
    st.warning(
        f"This image is in the dataset {formatting.literal(data.name)} itself: {path}, {kind} labelled {before}. Its label would be changed "
        f"there.{caution}",
        icon=":material/balance:",
    )
    with st.container(horizontal=True, gap="small"):
        st.button(
            f"Change its label to {after}",
            key=f"change-{key}",
            icon=":material/edit:",
            on_click=_change,
            args=(data, question, key),
        )
        st.button(f"Keep {before}", key=f"leave-{key}", type="tertiary", on_click=_forget, args=(key,))


def _change(data: Dataset, question: _Question, key: str) -> None:
    decision = Decision(question.image, "relabel", question.after)
    try:
        entries = edits.decide(
            data, DecisionGroup([decision], reason="corrected on the Predict page", known_entries=question.log_length)
        )
    except UserError as error:
        st.session_state[f"untold-{key}"] = str(error)
        _forget(key)
    else:
        st.session_state[_state(key)] = _Change(question, frozenset(entry.uid for entry in entries))


def _changed(data: Dataset, change: _Change, key: str) -> None:
    question = change.question
    name, after = (formatting.literal(formatting.plain(text)) for text in (question.path.rpartition("/")[2], question.after))
    st.caption(f":material/check: The label of {name} in {formatting.literal(data.name)} is now {after}.")
    with st.container(horizontal=True, gap="small"):
        st.button("Undo", key=f"undo-{key}", icon=":material/undo:", on_click=_undo, args=(data, change, key))
        if st.button("Show on Clean", key=f"clean-{key}", icon=":material/cleaning_services:", type="tertiary"):
            REVIEW.request("decided")
            st.switch_page("../../pages/clean.py")


def _undo(data: Dataset, change: _Change, key: str) -> None:
    before = formatting.literal(formatting.plain(change.question.before))
    try:
        undone = undo.revert_entries(data, change.uids, "undone on the Predict page")
    except UserError as error:
        st.session_state[f"untold-{key}"] = str(error)
        return
    st.session_state[_state(key)] = f"Its label is {before} again." if undone else "It has already been undone."


def _forget(key: str) -> None:
    st.session_state.pop(_state(key), None)
