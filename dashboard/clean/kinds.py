"""What is left of each kind of finding, and which kind is looked at."""

import streamlit as st

from dashboard.app import formatting, url_state
from dashboard.clean.review import Review
from engine.curation import KINDS, Finding, acquisition
from engine.curation.review_queue import TO_LABEL, Part, Queue, queue

_TITLES = {TO_LABEL: "Worth labelling"}
_UNSURE = "clean-put-off"


def findings(review: Review) -> list[Finding]:
    """What can be decided: the audit's findings, and the images that are worth a label."""
    return [*(review.audit.all if review.audit is not None else ()), *acquisition.chosen(review.data)]


def choose_part(review: Review) -> Part:
    """The findings of the kind that is chosen, with what is left of all kinds; kept in the URL as `kind`."""
    result = queue(review.data, findings(review))
    kinds = [kind for kind in (*KINDS, TO_LABEL) if kind in result.parts]
    if not kinds:
        return Part()
    first = next((kind for kind in kinds if result.parts[kind].open), kinds[0])
    kind = url_state.choose(
        st.segmented_control, "Kind of finding", kinds, "kind", first, label_visibility="collapsed",
        format_func=lambda one: f"{_title(one)} **{len(result.parts[one].open):,}**",
    )  # fmt: skip
    part = result.parts[kind]
    _progress(result, part, kind)
    return part


def open_findings(part: Part) -> list[Finding]:
    """What the queue shows: the open findings, or those that were put off."""
    if not part.open and part.unsure:
        st.caption("Only the findings you marked as unsure remain.")
        return list(part.unsure)
    # There from the start: a line that comes with the first one would move the picture away from under the eye.
    only = st.toggle(f"Only those marked unsure ({len(part.unsure):,})", key=_UNSURE, disabled=not part.unsure)
    return list(part.unsure if only and part.unsure else part.open)


def _title(kind: str) -> str:
    return _TITLES.get(kind) or KINDS[kind].title


def _progress(found: Queue, part: Part, kind: str) -> None:
    """How far the kind is, and the time for what is left, at the person's own pace."""
    help_text = KINDS[kind].help if kind in KINDS else "Unlabelled images whose labels would help training most"
    done = part.done + len(part.unsure)
    left = found.seconds_left(len(part.open))
    pace = f", about {formatting.duration(left)} left at your pace" if left and part.open else ""
    share = done / part.total if part.total else 1.0
    st.progress(share, text=f"{done:,} of {part.total:,} decided{pace}. :gray[{help_text}.]")
