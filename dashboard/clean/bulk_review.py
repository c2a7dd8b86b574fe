"""Many findings at once: a grid to select in, and one decision for all that is selected."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st

from dashboard.app import formatting, url_state
from dashboard.app.image_urls import preview_url, thumbnail_url
from dashboard.app.page_part import page_part
from dashboard.clean.decide import decide, keep_decision, undo_buttons, with_log_length
from dashboard.clean.kinds import choose_part, open_findings
from dashboard.clean.measures import measure_text
from dashboard.clean.review import Review
from dashboard.components.gallery import Tile, clear_selection, gallery, selection
from engine.curation import Finding
from engine.curation.review_queue import name
from engine.data.catalog import Row
from engine.data.labels.edits import Decision

_KEY, _TO, _PAGE = "clean-many", "clean-to", 60


@page_part("kind", "findings_page")
def bulk_review(review: Review) -> None:
    """The images of the open findings of one kind. A fragment: a decision draws nothing else anew."""
    review = with_log_length(review)
    waiting = open_findings(choose_part(review))
    numbers = {found.id: number for number, found in enumerate(waiting, start=1)}
    about = {image: found for found in reversed(waiting) for image in found.images}
    order = list(dict.fromkeys(image for found in waiting for image in found.images))
    undo_buttons(review.data)
    _actions(review, waiting, about)
    number = url_state.choose_page(
        max(1, -(-len(order) // _PAGE)), f"{review.data.name}-{waiting[0].kind if waiting else ''}", "findings_page"
    )
    shown = order[(number - 1) * _PAGE : number * _PAGE]
    rows = review.data.catalog.rows(shown)
    tiles = [_tile(review, rows[image], about[image], numbers[about[image].id]) for image in shown if image in rows]
    opened = gallery(tiles, key=_KEY, select="many", of=review.data.name, empty="No open findings of this kind.").opened
    if opened is not None:
        url_state.set_choice("clean", "one")
        url_state.remember("finding", about[opened].id)
        st.rerun()


def _actions(review: Review, waiting: Sequence[Finding], about: Mapping[int, Finding]) -> None:
    count = len(_chosen(about))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="clean-actions"):
        st.caption(f"{count:,} selected" if count else "Select pictures", width="content")
        _button(review, about, "Keep", "keep", _keep)
        for action, label in (("exclude", "Exclude"), ("unsure", "Not sure")):
            _button(review, about, label, action, partial(_act, action))
        if any(found.suggestion for found in waiting):
            any_suggested = any(about[image].suggestion for image in _chosen(about))
            _button(review, about, "Relabel as the model says", "suggested", _suggested, not any_suggested)
        to = st.selectbox(
            "Class", review.classes, index=None, key=_TO, format_func=formatting.plain, placeholder="Relabel as",
            label_visibility="collapsed", width=180,
        )  # fmt: skip
        _button(review, about, "Relabel", "relabel", _relabel, to is None)
        sets = [found for found in waiting if len(found.images) > 1]
        if sets:
            _keep_first(review, sets)


def _chosen(about: Mapping[int, Finding]) -> list[int]:
    return [image for image in selection(_KEY) if image in about]


def _button(
    review: Review,
    about: Mapping[int, Finding],
    label: str,
    key: str,
    make: Callable[..., list[Decision]],
    disabled: bool = False,
) -> None:
    def pressed() -> None:
        # As it is selected now: between the drawing and the press, the selection may have moved on.
        if decide(review, make(review, about, _chosen(about))):
            clear_selection(_KEY)

    st.button(label, key=f"clean-many-{key}", disabled=disabled or not _chosen(about), on_click=pressed)


def _keep(review: Review, about: Mapping[int, Finding], chosen: Sequence[int]) -> list[Decision]:
    rows = review.data.catalog.rows(chosen)
    return [keep_decision(rows[image], name(about[image])) for image in chosen if image in rows]


def _act(action: str, review: Review, about: Mapping[int, Finding], chosen: Sequence[int]) -> list[Decision]:
    return [Decision(image, action, None, name(about[image])) for image in chosen]


def _suggested(review: Review, about: Mapping[int, Finding], chosen: Sequence[int]) -> list[Decision]:
    return [
        Decision(image, "relabel", about[image].suggestion, name(about[image])) for image in chosen if about[image].suggestion
    ]


def _relabel(review: Review, about: Mapping[int, Finding], chosen: Sequence[int]) -> list[Decision]:
    to = st.session_state.get(_TO)
    return [Decision(image, "relabel", to, name(about[image])) for image in chosen] if to else []


def _keep_first(review: Review, sets: Sequence[Finding]) -> None:
    """Of each set, the image that the audit puts first: that of the test set, or else the largest."""
    usable = {
        i for i, row in review.data.catalog.rows([i for s in sets for i in s.images]).items() if row.state in ("ok", "excluded")
    }
    decisions = {}
    for result in sets:
        there = [image for image in result.images if image in usable and decisions.get(image, "keep") != "exclude"]
        decisions |= dict.fromkeys(there[1:], "exclude")
    answered = {image: found for found in reversed(sets) for image in found.images}
    made = [Decision(image, action, None, name(answered[image])) for image, action in decisions.items()]
    with st.popover("Keep one of each set", icon=":material/filter_1:"):
        st.markdown(
            f"In each of the {len(sets):,} sets the first image stays, that of the test set or else the largest; the others, {len(made):,} "
            "images, are excluded. One undo takes all of it back."
        )
        st.button("Keep the first of each", key="clean-keep-first", type="primary", on_click=decide, args=(review, made))


def _tile(review: Review, row: Row, finding: Finding, number: int) -> Tile:
    """`number`: of the finding among those that are shown. The images of a set are marked with it, and with their split."""
    label, is_set = row.class_name or "no label", len(finding.images) > 1
    badge = (row.split or "no split") if is_set else finding.suggestion
    where = f"set {number:,}, {finding.images.index(row.id) + 1:,} of {len(finding.images):,}" if is_set else row.split or ""
    return Tile(
        id=row.id, src=thumbnail_url(review.data.name, row.id, row.hash), preview=preview_url(review.data.name, row.id, row.hash),
        caption=label, notes=[where, measure_text(review, finding, row)], colour=review.colours.get(row.class_name),
        badge=badge, badge_colour=review.colours.get(finding.suggestion),
        alt=f"{label}, {f'{where}, ' if is_set else ''}{f'the model says {finding.suggestion}, ' if finding.suggestion else ''}{row.path}",
        facts={"Finding": finding.detail, "File": row.path, "Split": row.split or ""},
    )  # fmt: skip
