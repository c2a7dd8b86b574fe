"""What is left to decide: the findings of an audit against the decisions in the label log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from engine.curation.findings import Finding
from engine.data.datasets import Dataset
from engine.data.labels import edits
from engine.data.labels.label_edit import Entry
from engine.data.labels.label_state import effective_entries

TO_LABEL: Final = "unlabelled"  # the kind of a finding that asks for the class of an image that has none
_BREAK = 120.0  # seconds between two decisions after which the person was away
_RECENT, _MIN_GAPS = 60, 3  # decisions that the pace is computed from, and gaps between them that it needs
_ABOUT_LABELS = ("label_issue", "outlier", TO_LABEL)


@dataclass(frozen=True)
class Part:
    """The findings of one kind, in the audit's order: `open`, put off as `unsure`, and the number that are `done`."""

    open: Sequence[Finding] = field(default_factory=list)
    unsure: Sequence[Finding] = field(default_factory=list)
    done: int = 0

    @property
    def total(self) -> int:
        return len(self.open) + len(self.unsure) + self.done


@dataclass(frozen=True)
class ReviewQueue:
    """The parts by kind, in the order of the findings, and the person's own seconds per decision (None: not known yet)."""

    parts: Mapping[str, Part]
    pace: float | None

    def seconds_left(self, findings: int) -> float | None:
        """How long so many findings take at the person's pace."""
        return None if self.pace is None else self.pace * findings


@dataclass(frozen=True)
class _ImageState:
    """The present state of an image that was decided on or is gone. `edited`: the kind of edit, or "gone"."""

    edited: str
    class_name: str | None


def finding_key(finding: Finding) -> str:
    """How a decision names the finding that it answers."""
    return f"{finding.kind}:{finding.id}"


def build_queue(data: Dataset, findings: Iterable[Finding]) -> ReviewQueue:
    """The findings, sorted by what was decided so far."""
    decisions = [entry for entry in effective_entries(edits.open_log(data).entries) if entry.is_decision]
    actions: dict[str, set[str]] = {}
    for entry in decisions:
        if entry.finding:
            actions.setdefault(entry.finding, set()).add(entry.action)
    states = _image_states(data)
    by_kind: dict[str, list[Finding]] = {}
    for finding in findings:
        by_kind.setdefault(finding.kind, []).append(finding)
    parts = {kind: _sort_findings(same_kind, actions, states) for kind, same_kind in by_kind.items()}
    return ReviewQueue(parts, median_pace(decisions))


def median_pace(decisions: Sequence[Entry]) -> float | None:
    """Seconds per decision: the median of the recent ones without breaks; None until there are a few. One batch is one decision."""
    starts: dict[str, float] = {}
    for entry in decisions:
        starts.setdefault(entry.batch or entry.uid, entry.time)
    times = list(starts.values())[-_RECENT:]
    gaps = [end - start for start, end in zip(times, times[1:], strict=False) if 0 < end - start < _BREAK]
    return median(gaps) if len(gaps) >= _MIN_GAPS else None


def _sort_findings(findings: Iterable[Finding], actions: Mapping[str, set[str]], states: Mapping[int, _ImageState]) -> Part:
    still_open, unsure, done = [], [], 0
    for finding in findings:
        answers = actions.get(finding_key(finding), set())
        if answers - {"unsure"} or _is_settled(finding, states):
            done += 1
        elif answers:
            unsure.append(finding)
        else:
            still_open.append(finding)
    return Part(still_open, unsure, done)


def _is_settled(finding: Finding, states: Mapping[int, _ImageState]) -> bool:
    """Whether decisions on other findings have answered this one too."""

    def is_left(image: int) -> bool:
        return image not in states or states[image].edited not in ("excluded", "gone")

    left = [i for i, image in enumerate(finding.images) if is_left(image)]
    if finding.kind in _ABOUT_LABELS:
        decided = any(states[image].edited in ("relabelled", "kept") for image in finding.images if image in states)
        return not left or decided
    if len(finding.images) == 1:
        return not left
    if finding.kind == "leak":
        return len({finding.splits[i] for i in left}) < 2
    if finding.kind == "label_conflict":
        classes = [states[finding.images[i]].class_name if finding.images[i] in states else finding.classes[i] for i in left]
        return len(set(classes)) < 2
    return len(left) < 2


def _image_states(data: Dataset) -> dict[int, _ImageState]:
    query = (
        "SELECT id, iif(state IN ('ok', 'excluded'), edited, 'gone'), class FROM images "
        "WHERE edited IS NOT NULL OR state IN ('quarantined', 'missing')"
    )
    with data.catalog.reading() as connection:
        return {row[0]: _ImageState(*row[1:]) for row in connection.execute(query)}
