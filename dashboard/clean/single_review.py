"""One finding at a time, by keyboard: the picture large, what speaks for which label, and the decision.

The buttons carry the finding's id in their keys: a press that was meant for a picture that is not asked about any more cannot
decide the next one, which nobody has seen.
"""

from collections.abc import Sequence

import streamlit as st

from dashboard.app import formatting, url_state
from dashboard.app.page_part import page_part
from dashboard.clean.decide import decide, keep_decision, label_decision, undo_buttons, with_log_length
from dashboard.clean.evidence import evidence, probabilities
from dashboard.clean.key_presses import allow_one_press
from dashboard.clean.kinds import choose_part, open_findings
from dashboard.clean.large_image import large_image, preload
from dashboard.clean.review import Review
from dashboard.components.step_buttons import step_buttons
from engine.curation import Finding
from engine.curation.review_queue import name
from engine.data.catalog import Row
from engine.data.labels.edits import Decision

_PLACE, _PUT_OFF = "clean-place", "clean-put-off-ids"
_KEYS = 9  # choices that a digit reaches
_ROW, _SHOWN = 6, 12  # images of a set: beside each other, and at most


@page_part("kind", "finding")
def single_review(review: Review) -> None:
    """The queue. A fragment: a decision draws nothing else anew."""
    review = with_log_length(review)
    part = choose_part(review)
    waiting = open_findings(part)
    st.session_state[_PUT_OFF] = {found.id for found in waiting} - {found.id for found in part.open}
    if not waiting:
        undo_buttons(review.data)
        _finished(part.done)
        return
    place = _place(waiting)
    current = waiting[place]
    url_state.remember("finding", current.id)
    rows = review.data.catalog.rows(current.images)
    there = [rows[image] for image in current.images if image in rows and rows[image].state in ("ok", "excluded")]
    left, right = st.columns([6, 4], vertical_alignment="center")
    with left:
        undo_buttons(review.data)
    with right:
        _steps(waiting, place)
    if not there:
        st.warning("The images of this finding are no longer in the dataset.", icon=":material/hide_image:")
    elif len(there) == 1:
        _single(review, current, there[0])
    else:
        _set(review, current, there)
    allow_one_press(min(_KEYS, len(review.classes) if len(there) == 1 else len(there)))
    ahead = waiting[place + 1 : place + 2]
    preload(review.data, [row for found in ahead for row in review.data.catalog.rows(found.images[:_SHOWN]).values()])


def _place(waiting: Sequence[Finding]) -> int:
    """Where the queue stands: at the finding of the address, or where the one that was just decided stood."""
    ids = [found.id for found in waiting]
    wanted = url_state.recall("finding")
    place = ids.index(wanted) if wanted in ids else min(st.session_state.get(_PLACE, 0), len(ids) - 1)
    st.session_state[_PLACE] = place
    return place


def _steps(waiting: Sequence[Finding], place: int) -> None:
    """Draw the finding's place in the queue, and the buttons to its neighbours."""

    def move(to: int) -> None:
        url_state.remember("finding", waiting[to].id)

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{place + 1:,} of {len(waiting):,}", width="content")
        step_buttons("clean-steps", place, len(waiting), move)


def _finished(done: int) -> None:
    if done:
        st.success(f"All {done:,} findings of this kind are decided.", icon=":material/check_circle:")
    else:
        st.info("The audit found nothing of this kind.", icon=":material/check_circle:")


def _single(review: Review, finding: Finding, row: Row) -> None:
    picture, words_column = st.columns(2, gap="large")
    with picture:
        large_image(review.data, row)
        _about(row)
    with words_column:
        st.markdown(formatting.literal(finding.detail))
        _honest([row])
        _classes(review, finding, [row])
        _common(review, finding, [row])
        evidence(review, row)


def _set(review: Review, finding: Finding, rows: Sequence[Row]) -> None:
    st.markdown(formatting.literal(finding.detail))
    _honest(rows)
    shown = rows[:_SHOWN]
    across = min(max(len(shown), 2), _ROW)
    for first in range(0, len(shown), across):
        for place, column in enumerate(st.columns(across)[: len(shown) - first], first):
            with column:
                _one_of(review, finding, rows, place)
    if more := len(rows) - len(shown):
        st.caption(f"The decision holds for the other {more:,} of them too.")
    _common(review, finding, rows)
    if len({row.class_name for row in rows}) > 1:
        st.caption("Or one class for all of them")
        _classes(review, finding, rows, keys=False)


def _one_of(review: Review, finding: Finding, rows: Sequence[Row], place: int) -> None:
    row = rows[place]
    large_image(review.data, row, height="30vh")
    _about(row)
    st.button(
        "Keep only this", key=f"clean-only-{place}-{finding.id}", shortcut=str(place + 1) if place < _KEYS else None, width="stretch",
        on_click=_answer, args=(review, finding, [keep_decision(other) if other is row else Decision(other.id, "exclude") for other in rows]),
    )  # fmt: skip


def _classes(review: Review, finding: Finding, rows: Sequence[Row], keys: bool = True) -> None:
    """A button a class, the most probable ones first where there are many, each with a digit."""
    offered = list(review.classes)
    if len(offered) > _KEYS:
        result = probabilities(review, rows[0])
        offered = sorted(offered, key=lambda one: -result.get(one, 0.0))[:_KEYS]
    now = rows[0].class_name if len(rows) == 1 else None
    with st.container(horizontal=True, gap="small", key="clean-classes"):
        for place, one in enumerate(offered):
            st.button(
                formatting.literal(formatting.plain(one)), key=f"clean-class-{place}-{finding.id}", shortcut=str(place + 1) if keys else None,
                type="primary" if one == finding.suggestion else "secondary",
                help="Its label now: it is kept" if one == now else None, icon=":material/label:" if one == now else None,
                on_click=_answer, args=(review, finding, [label_decision(row, one) for row in rows]),
            )  # fmt: skip
    if len(review.classes) > _KEYS:
        _any_class(review, finding, rows)


def _any_class(review: Review, finding: Finding, rows: Sequence[Row]) -> None:
    key = f"clean-any-{finding.id}"

    def changed() -> None:
        if chosen := st.session_state[key]:
            _answer(review, finding, [label_decision(row, chosen) for row in rows])

    st.selectbox(
        "Another class", review.classes, index=None, key=key, format_func=formatting.plain, placeholder="Another class",
        label_visibility="collapsed", on_change=changed,
    )  # fmt: skip


def _common(review: Review, finding: Finding, rows: Sequence[Row]) -> None:
    """Keep, exclude, not sure: for whatever was found."""
    many = len(rows) > 1
    offered = {
        "keep": ("Keep all" if many else "Keep", "K", [keep_decision(row) for row in rows]),
        "exclude": ("Exclude all" if many else "Exclude", "X", [Decision(row.id, "exclude") for row in rows]),
        "unsure": ("Not sure", "U", [Decision(row.id, "unsure") for row in rows]),
    }
    if all(row.class_name is None for row in rows):
        del offered["keep"]
    with st.container(horizontal=True, gap="small", key="clean-common"):
        for action, (label, key, decisions) in offered.items():
            st.button(
                label, key=f"clean-{action}-{finding.id}", shortcut=key, on_click=_answer, args=(review, finding, decisions)
            )


def _answer(review: Review, finding: Finding, decisions: Sequence[Decision]) -> None:
    """Decide; the queue goes on with what then stands in the finding's place, or, where it stays in the queue, with the next."""
    if decide(review, decisions, name(finding)) and url_state.recall("finding") == finding.id:
        stays = finding.id in st.session_state.get(_PUT_OFF, ()) and decisions[0].action == "unsure"
        st.session_state[_PLACE] = st.session_state.get(_PLACE, 0) + stays
        url_state.forget("finding")


def _about(row: Row) -> None:
    label = formatting.literal(formatting.plain(row.class_name or "no label"))
    filed = (
        ""
        if row.original == row.class_name
        else f", filed under {formatting.literal(formatting.plain(row.original or 'no label'))}"
    )
    excluded = " :red-badge[excluded]" if row.state == "excluded" else ""
    size = formatting.pixels(row.width, row.height)
    st.markdown(f"**{label}** in {row.split}{filed}{excluded}  \n:gray[{formatting.literal(formatting.plain(row.path))}, {size}]")


def _honest(rows: Sequence[Row]) -> None:
    if any(row.split == "test" for row in rows):
        st.caption(f":material/balance: A test image. {formatting.TEST_LABELS}")
