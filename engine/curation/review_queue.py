"""What is left to decide: the findings of an audit against the decisions in the log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from engine.curation.findings import Finding
from engine.data.datasets import Dataset
from engine.data.labels import edits
from engine.data.labels.label_edit import Entry
from engine.data.labels.label_state import effective_entries

TO_LABEL = "unlabelled"  # the kind of a finding that asks for the class of an image that has none
_BREAK = 120.0  # seconds after which a person was away
_RECENT, _FEW = 60, 3  # decisions from which the pace is told, and those that tell nothing yet
_ABOUT_LABELS = ("label_issue", "outlier", TO_LABEL)


@dataclass(frozen=True)
class Part:
    """The findings of one kind, in the audit's order: `open` ones, those put off as `unsure`, and the number that are `done`."""

    open: Sequence[Finding] = field(default_factory=list)
    unsure: Sequence[Finding] = field(default_factory=list)
    done: int = 0

    @property
    def total(self) -> int:
        return len(self.open) + len(self.unsure) + self.done


@dataclass(frozen=True)
class ReviewQueue:
    """The parts by kind, in the order of the findings, and the person's own seconds a decision (None: not known yet)."""

    parts: Mapping[str, Part]
    pace: float | None

    @property
    def left(self) -> int:
        return sum(len(part.open) for part in self.parts.values())

    @property
    def done(self) -> int:
        return sum(part.done for part in self.parts.values())

    def seconds_left(self, findings: int) -> float | None:
        return None if self.pace is None else self.pace * findings


@dataclass(frozen=True)
class _Now:
    """What holds for an image that was decided about, or that is not to be had any more."""

    edited: str
    class_name: str | None


def finding_key(finding: Finding) -> str:
    """How a decision names the finding that it answers."""
    return f"{finding.kind}:{finding.id}"


def build_queue(data: Dataset, findings: Iterable[Finding]) -> ReviewQueue:
    """The findings against what was decided by now."""
    decisions = [entry for entry in effective_entries(edits.open_log(data).entries) if entry.is_decision]
    answers: dict[str, set[str]] = {}
    for entry in decisions:
        if entry.finding:
            answers.setdefault(entry.finding, set()).add(entry.action)
    now, parts = _now(data), {}
    for finding in findings:
        part = parts.setdefault(finding.kind, ([], [], []))
        part[_place(finding, answers.get(finding_key(finding)), now)].append(finding)
    return ReviewQueue({kind: Part(*part[:2], len(part[2])) for kind, part in parts.items()}, median_pace(decisions))


def median_pace(decisions: Sequence[Entry]) -> float | None:
    """Seconds a decision: the median over the last ones, breaks left out; None before there are a few."""
    moments = list(dict.fromkeys((entry.batch or entry.uid) for entry in decisions))
    first = {}
    for entry in decisions:
        first.setdefault(entry.batch or entry.uid, entry.time)
    times = [first[batch] for batch in moments][-_RECENT:]
    gaps = [b - a for a, b in zip(times, times[1:], strict=False) if 0 < b - a < _BREAK]
    return median(gaps) if len(gaps) >= _FEW else None


def _place(finding: Finding, answers: set[str] | None, now: Mapping[int, _Now]) -> int:
    """Where a finding belongs: 0 open, 1 unsure, 2 done."""
    if answers and answers != {"unsure"}:
        return 2
    if _settled(finding, now):
        return 2
    return 1 if answers else 0


def _settled(finding: Finding, now: Mapping[int, _Now]) -> bool:
    """Whether decisions on other findings have answered this one too."""
    there = [i for i, image in enumerate(finding.images) if image not in now or now[image].edited not in ("excluded", "gone")]
    if finding.kind in _ABOUT_LABELS or len(finding.images) == 1:
        about_label = finding.kind in _ABOUT_LABELS
        return not there or (about_label and any(now[i].edited in ("relabelled", "kept") for i in finding.images if i in now))
    if finding.kind == "leak":
        return len({finding.splits[i] for i in there}) < 2
    if finding.kind == "label_conflict":
        classes = [now[finding.images[i]].class_name if finding.images[i] in now else finding.classes[i] for i in there]
        return len(set(classes)) < 2
    return len(there) < 2


def _now(data: Dataset) -> dict[int, _Now]:
    query = (
        "SELECT id, iif(state IN ('ok', 'excluded'), edited, 'gone'), class FROM images "
        "WHERE edited IS NOT NULL OR state IN ('quarantined', 'missing')"
    )
    with data.catalog.reading() as connection:
        return {row[0]: _Now(*row[1:]) for row in connection.execute(query)}
