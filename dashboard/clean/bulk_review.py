"""Many findings at once: a grid to select in, and one decision for the whole selection."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st

from dashboard.app import formatting, url_state
from dashboard.app.image_urls import preview_url, thumbnail_url
from dashboard.app.page_part import page_part
from dashboard.app.parameters import FINDING, KIND, REVIEW
from dashboard.app.url_state import page_parameter
from dashboard.clean.decide import decide, keep_decision, undo_buttons, with_log_length
from dashboard.clean.issue_kinds import choose_part, open_findings
from dashboard.clean.issue_measures import measure_text
from dashboard.clean.review import Review
from dashboard.components.gallery import GridSelection, Tile, gallery
from engine.curation import Finding
from engine.curation.review_queue import finding_key
from engine.data.catalog import Row
from engine.data.labels.edits import Decision
from engine.data.labels.label_edit import Action

_KEY, _TO, _PAGE = "clean-many", "clean-to", 60
_FINDINGS_PAGE = page_parameter("findings_page")


@page_part(KIND, _FINDINGS_PAGE)
def bulk_review(review: Review) -> None:
    """Draw the images of the open findings of one kind. A fragment: a decision redraws nothing else."""
    review = with_log_length(review)
    waiting = open_findings(choose_part(review))
    numbers = {finding.id: number for number, finding in enumerate(waiting, start=1)}
    by_image = {image: finding for finding in reversed(waiting) for image in finding.images}  # its first finding
    order = list(dict.fromkeys(image for finding in waiting for image in finding.images))
    undo_buttons(review.data)
    _actions(review, waiting, by_image)
    number = url_state.choose_page(
        max(1, -(-len(order) // _PAGE)), f"{review.data.name}-{waiting[0].kind if waiting else ''}", _FINDINGS_PAGE
    )
    shown = order[(number - 1) * _PAGE : number * _PAGE]
    rows = review.data.catalog.rows(shown)
    tiles = [_tile(review, rows[image], by_image[image], numbers[by_image[image].id]) for image in shown if image in rows]
    opened = gallery(tiles, key=_KEY, select="many", scope=review.data.name, empty="No open findings of this kind.").opened
    if opened is not None:
        REVIEW.request("one")
        FINDING.write(by_image[opened].id)
        st.rerun()


def _actions(review: Review, waiting: Sequence[Finding], by_image: Mapping[int, Finding]) -> None:
    count = len(_selected(by_image))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="clean-actions"):
        st.caption(f"{count:,} selected" if count else "Select images", width="content")
        _button(review, by_image, "Keep", "keep", _keep)
        _button(review, by_image, "Exclude", "exclude", partial(_decide_all, "exclude"))
        _button(review, by_image, "Not sure", "unsure", partial(_decide_all, "unsure"))
        if any(finding.suggestion for finding in waiting):
            any_suggested = any(by_image[image].suggestion for image in _selected(by_image))
            _button(review, by_image, "Relabel as the model suggests", "suggested", _relabel_as_suggested, not any_suggested)
        to = st.selectbox(
            "Class", review.classes, index=None, key=_TO, format_func=formatting.plain, placeholder="Relabel as",
            label_visibility="collapsed", width=180,
        )  # fmt: skip
        _button(review, by_image, "Relabel", "relabel", _relabel, to is None)
        sets = [finding for finding in waiting if len(finding.images) > 1]
        if sets:
            _keep_first(review, sets)


def _selected(by_image: Mapping[int, Finding]) -> list[int]:
    return [image for image in GridSelection(_KEY).read() if image in by_image]


def _button(
    review: Review,
    by_image: Mapping[int, Finding],
    label: str,
    key: str,
    make_decisions: Callable[[Review, Mapping[int, Finding], Sequence[int]], list[Decision]],
    disabled: bool = False,
) -> None:
    def press() -> None:
        # The selection is read here: it may have changed between the drawing and the press.
        if decide(review, make_decisions(review, by_image, _selected(by_image))):
            GridSelection(_KEY).clear()

    st.button(label, key=f"clean-many-{key}", disabled=disabled or not _selected(by_image), on_click=press)


def _keep(review: Review, by_image: Mapping[int, Finding], images: Sequence[int]) -> list[Decision]:
    rows = review.data.catalog.rows(images)
    return [keep_decision(rows[image], finding_key(by_image[image])) for image in images if image in rows]


def _decide_all(action: Action, review: Review, by_image: Mapping[int, Finding], images: Sequence[int]) -> list[Decision]:
    return [Decision(image, action, None, finding_key(by_image[image])) for image in images]


def _relabel_as_suggested(review: Review, by_image: Mapping[int, Finding], images: Sequence[int]) -> list[Decision]:
    findings = [(image, by_image[image]) for image in images]
    return [
        Decision(image, "relabel", finding.suggestion, finding_key(finding)) for image, finding in findings if finding.suggestion
    ]


def _relabel(review: Review, by_image: Mapping[int, Finding], images: Sequence[int]) -> list[Decision]:
    to = st.session_state.get(_TO)
    return [Decision(image, "relabel", to, finding_key(by_image[image])) for image in images] if to else []


def _keep_first(review: Review, sets: Sequence[Finding]) -> None:
    """Draw the offer to keep, of each set, the image that the audit lists first: that of the test set, or else the largest."""
    rows = review.data.catalog.rows([image for finding in sets for image in finding.images])
    usable = {image for image, row in rows.items() if row.state in ("ok", "excluded")}
    excluded: dict[int, None] = {}
    for finding in sets:
        # An image that another set excludes cannot be the one that stays in this set.
        left = [image for image in finding.images if image in usable and image not in excluded]
        excluded |= dict.fromkeys(left[1:])
    by_image = {image: finding for finding in reversed(sets) for image in finding.images}
    decisions = [Decision(image, "exclude", None, finding_key(by_image[image])) for image in excluded]

    def press() -> None:
        decide(review, decisions)

    with st.popover("Keep one of each set", icon=":material/filter_1:"):
        st.markdown(
            f"In each of the {len(sets):,} sets the first image stays, that of the test set or else the largest. The other "
            f"{len(decisions):,} images are excluded. A single undo restores them all."
        )
        st.button("Keep the first of each", key="clean-keep-first", type="primary", on_click=press)


def _tile(review: Review, row: Row, finding: Finding, number: int) -> Tile:
    """The image of a finding, the `number`-th of those shown. An image of a set is marked with that number and with its split."""
    label, is_set = row.class_name or "no label", len(finding.images) > 1
    badge = (row.split or "no split") if is_set else finding.suggestion
    place = f"set {number:,}, {finding.images.index(row.id) + 1:,} of {len(finding.images):,}" if is_set else row.split or ""
    suggestion = f"the model suggests {finding.suggestion}" if finding.suggestion else ""
    return Tile(
        id=row.id, src=thumbnail_url(review.data.name, row.id, row.hash), preview=preview_url(review.data.name, row.id, row.hash),
        caption=label, notes=[place, measure_text(review, finding, row)], colour=review.colours.get(row.class_name or ""),
        badge=badge, badge_colour=review.colours.get(finding.suggestion or ""),
        alt=", ".join(filter(None, [label, place if is_set else "", suggestion, row.path])),
        facts={"Finding": finding.detail, "File": row.path, "Split": row.split or ""},
    )  # fmt: skip
