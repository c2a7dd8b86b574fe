"""The kinds of findings: how many of each are left, and which kind is shown."""

import streamlit as st

from dashboard.app import url_state
from dashboard.app.parameters import KIND
from dashboard.clean.review import Review
from engine.core.number_text import duration
from engine.curation import KINDS, Finding, acquisition
from engine.curation.review_queue import TO_LABEL, Part, ReviewQueue, build_queue

_TITLES = {TO_LABEL: "Worth labelling"}
_UNSURE = "clean-put-off"


def findings(review: Review) -> list[Finding]:
    """What can be decided: the audit's findings, and the unlabelled images that acquisition chose."""
    return [*(review.audit.all_findings if review.audit is not None else ()), *acquisition.load_selection(review.data)]


def choose_part(review: Review) -> Part:
    """Draw how many findings of each kind are open; those of the kind that is chosen, which the URL keeps as `kind`."""
    review_queue = build_queue(review.data, findings(review))
    kinds = [kind for kind in (*KINDS, TO_LABEL) if kind in review_queue.parts]
    if not kinds:
        return Part()
    first = next((kind for kind in kinds if review_queue.parts[kind].open), kinds[0])
    kind = url_state.choose(
        st.segmented_control, "Kind of finding", KIND, kinds, first, label_visibility="collapsed",
        format_func=lambda option: f"{_title(option)} **{len(review_queue.parts[option].open):,}**",
    )  # fmt: skip
    part = review_queue.parts[kind]
    _progress(review_queue, part, kind)
    return part


def open_findings(part: Part) -> list[Finding]:
    """The findings to show: the open ones, or those marked unsure if the person wants these or no others are left."""
    if not part.open and part.unsure:
        st.caption("Only the findings you marked as unsure remain.")
        return list(part.unsure)
    # Drawn even while none is unsure: appearing with the first one, it would move the image that the person looks at.
    only_unsure = st.toggle(f"Only those marked unsure ({len(part.unsure):,})", key=_UNSURE, disabled=not part.unsure)
    return list(part.unsure if only_unsure and part.unsure else part.open)


def _title(kind: str) -> str:
    return _TITLES.get(kind) or KINDS[kind].title


def _progress(review_queue: ReviewQueue, part: Part, kind: str) -> None:
    """Draw how many findings of the kind are decided, and the time left at the person's own pace."""
    help_text = KINDS[kind].help if kind in KINDS else "Unlabelled images whose labels would help training most"
    done = part.done + len(part.unsure)
    left = review_queue.seconds_left(len(part.open))
    pace = f", about {duration(left)} left at your pace" if left and part.open else ""
    share = done / part.total if part.total else 1.0
    st.progress(share, text=f"{done:,} of {part.total:,} decided{pace}. :gray[{help_text}.]")
