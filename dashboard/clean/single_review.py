"""One finding at a time, by keyboard: the large image, the evidence for each label, and the decision.

The buttons have the finding's id in their keys, so that a late press meant for one finding cannot decide the next one, which nobody
has seen yet.
"""

from collections.abc import Sequence

import streamlit as st

from dashboard.app import formatting
from dashboard.app.page_part import page_part
from dashboard.app.parameters import FINDING, KIND
from dashboard.clean.decide import decide, keep_decision, label_decision, undo_buttons, with_log_length
from dashboard.clean.evidence import evidence, probabilities
from dashboard.clean.issue_kinds import choose_part, open_findings
from dashboard.clean.key_presses import allow_one_press
from dashboard.clean.large_image import large_image, preload
from dashboard.clean.review import Review
from dashboard.components.step_buttons import step_buttons
from engine.curation import Finding
from engine.curation.review_queue import finding_key
from engine.data.catalog import Row
from engine.data.labels.edits import Decision

_PLACE, _PUT_OFF = "clean-place", "clean-put-off-ids"
_KEYS = 9  # choices that have a digit key
_ROW, _SHOWN = 6, 12  # images of a set: per row, and at most


@page_part(KIND, FINDING)
def single_review(review: Review) -> None:
    """Draw the first finding of the queue, or the one in the address. A fragment: a decision redraws nothing else."""
    review = with_log_length(review)
    part = choose_part(review)
    waiting = open_findings(part)
    st.session_state[_PUT_OFF] = {finding.id for finding in waiting} - {finding.id for finding in part.open}
    if not waiting:
        undo_buttons(review.data)
        _finished(part.done)
        return
    place = _place(waiting)
    current = waiting[place]
    FINDING.write(current.id)
    rows = review.data.catalog.rows(current.images)
    # Excluded images are shown as well: another decision can bring them back.
    usable = [rows[image] for image in current.images if image in rows and rows[image].state in ("ok", "excluded")]
    left, right = st.columns([7, 3], vertical_alignment="center")
    with left:
        undo_buttons(review.data)
    with right:
        _steps(waiting, place)
    if not usable:
        st.warning("The images of this finding are no longer in the dataset.", icon=":material/hide_image:")
    elif len(usable) == 1:
        _single(review, current, usable[0])
    else:
        _set(review, current, usable)
    allow_one_press(min(_KEYS, len(review.classes) if len(usable) == 1 else len(usable)))
    upcoming = waiting[place + 1 : place + 2]
    preload(review.data, [row for finding in upcoming for row in review.data.catalog.rows(finding.images[:_SHOWN]).values()])


def _place(waiting: Sequence[Finding]) -> int:
    """The index of the finding to show: that of the address, or the one that took the place of the finding just decided."""
    ids = [finding.id for finding in waiting]
    linked = FINDING.read()
    place = ids.index(linked) if linked in ids else min(st.session_state.get(_PLACE, 0), len(ids) - 1)
    st.session_state[_PLACE] = place
    return place


def _steps(waiting: Sequence[Finding], place: int) -> None:
    """Draw the finding's place in the queue, and the buttons to its neighbours."""

    def move(to: int) -> None:
        FINDING.write(waiting[to].id)

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{place + 1:,} of {len(waiting):,}", width="content")
        step_buttons("clean-steps", place, len(waiting), move)


def _finished(done: int) -> None:
    if done:
        st.success(f"All {done:,} findings of this kind have been decided.", icon=":material/check_circle:")
    else:
        st.info("The audit found nothing of this kind.", icon=":material/check_circle:")


def _single(review: Review, finding: Finding, row: Row) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        large_image(review.data, row)
        _label_and_file(row)
    with right:
        st.markdown(formatting.literal(finding.detail))
        _test_label_note([row])
        _class_buttons(review, finding, [row])
        _common_buttons(review, finding, [row])
        evidence(review, row)


def _set(review: Review, finding: Finding, rows: Sequence[Row]) -> None:
    st.markdown(formatting.literal(finding.detail))
    _test_label_note(rows)
    shown = rows[:_SHOWN]
    across = min(max(len(shown), 2), _ROW)
    for first in range(0, len(shown), across):
        for place, column in enumerate(st.columns(across)[: len(shown) - first], first):
            with column:
                _set_member(review, finding, rows, place)
    if more := len(rows) - len(shown):
        st.caption(f"The set has {more:,} more; the decision applies to them too.")
    _common_buttons(review, finding, rows)
    if len({row.class_name for row in rows}) > 1:
        st.caption("Or choose one class for all of them")
        _class_buttons(review, finding, rows, keys=False)


def _set_member(review: Review, finding: Finding, rows: Sequence[Row], place: int) -> None:
    row = rows[place]
    large_image(review.data, row, height="30vh")
    _label_and_file(row)
    st.button(
        "Keep only this", key=f"clean-only-{place}-{finding.id}", shortcut=str(place + 1) if place < _KEYS else None, width="stretch",
        on_click=_answer, args=(review, finding, [keep_decision(other) if other is row else Decision(other.id, "exclude") for other in rows]),
    )  # fmt: skip


def _class_buttons(review: Review, finding: Finding, rows: Sequence[Row], keys: bool = True) -> None:
    """Draw one button per class, each with a digit key; of more than nine classes, the most probable ones."""
    names = list(review.classes)
    if len(names) > _KEYS:
        by_class = probabilities(review, rows[0])
        names = sorted(names, key=lambda name: -by_class.get(name, 0.0))[:_KEYS]
    label = rows[0].class_name if len(rows) == 1 else None
    with st.container(horizontal=True, gap="small", key="clean-classes"):
        for place, name in enumerate(names):
            st.button(
                formatting.literal(formatting.plain(name)), key=f"clean-class-{place}-{finding.id}", shortcut=str(place + 1) if keys else None,
                type="primary" if name == finding.suggestion else "secondary",
                help="Keep its present label" if name == label else None, icon=":material/label:" if name == label else None,
                on_click=_answer, args=(review, finding, [label_decision(row, name) for row in rows]),
            )  # fmt: skip
    if len(review.classes) > _KEYS:
        _any_class(review, finding, rows)


def _any_class(review: Review, finding: Finding, rows: Sequence[Row]) -> None:
    key = f"clean-any-{finding.id}"

    def changed() -> None:
        if name := st.session_state[key]:
            _answer(review, finding, [label_decision(row, name) for row in rows])

    st.selectbox(
        "Another class", review.classes, index=None, key=key, format_func=formatting.plain, placeholder="Another class",
        label_visibility="collapsed", on_change=changed,
    )  # fmt: skip


def _common_buttons(review: Review, finding: Finding, rows: Sequence[Row]) -> None:
    """Draw Keep, Exclude and Not sure, which every kind of finding has."""
    many = len(rows) > 1
    choices = {
        "keep": ("Keep all" if many else "Keep", "K", [keep_decision(row) for row in rows]),
        "exclude": ("Exclude all" if many else "Exclude", "X", [Decision(row.id, "exclude") for row in rows]),
        "unsure": ("Not sure", "U", [Decision(row.id, "unsure") for row in rows]),
    }
    if all(row.class_name is None for row in rows):
        del choices["keep"]
    with st.container(horizontal=True, gap="small", key="clean-common"):
        for action, (label, key, decisions) in choices.items():
            st.button(
                label, key=f"clean-{action}-{finding.id}", shortcut=key, on_click=_answer, args=(review, finding, decisions)
            )


def _answer(review: Review, finding: Finding, decisions: Sequence[Decision]) -> None:
    """Decide; the next finding to show is the one that moves into this one's place or, if this one stays in the queue, the one after."""
    if decide(review, decisions, finding_key(finding)) and FINDING.read() == finding.id:
        # A finding that was put off before and is put off again stays in the list, so that the next one is one place further.
        stays = finding.id in st.session_state.get(_PUT_OFF, ()) and decisions[0].action == "unsure"
        st.session_state[_PLACE] = st.session_state.get(_PLACE, 0) + stays
        FINDING.clear()


def _label_and_file(row: Row) -> None:
    label, original = (formatting.literal(formatting.plain(name or "no label")) for name in (row.class_name, row.original))
    folder = "" if original == label else f", filed under {original}"
    excluded = " :red-badge[excluded]" if row.state == "excluded" else ""
    size = formatting.pixels(row.width, row.height)
    st.markdown(
        f"**{label}** in {row.split or 'no split'}{folder}{excluded}  \n:gray[{formatting.literal(formatting.plain(row.path))}, {size}]"
    )


def _test_label_note(rows: Sequence[Row]) -> None:
    if any(row.split == "test" for row in rows):
        st.caption(f":material/balance: A test image. {formatting.TEST_LABELS}")
