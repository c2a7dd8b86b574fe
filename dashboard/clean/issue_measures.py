"""How strong a finding is, in a few words under a thumbnail: each kind by its own measure."""

from dashboard.clean.evidence import probabilities
from dashboard.clean.review import Review
from engine.core.number_text import probability
from engine.curation import Finding
from engine.data.catalog import Row


def measure_text(review: Review, finding: Finding, row: Row) -> str:
    """The strength of a finding, such as `blurred`, `glacier 97%, sea 1%`, `same pixels`; empty where it has no measure."""
    if finding.reason:
        return finding.reason.replace("_", " ")
    if finding.kind == "label_issue":
        return _probabilities(review, finding, row)
    if finding.kind == "outlier":
        return f"{1 / max(1 - finding.score, 1e-6):.1f} times the median distance"
    if len(finding.images) > 1:
        return "same pixels" if finding.score == 1 else f"structure correlates at {min(finding.score, 0.99):.2f}"
    return ""


def _probabilities(review: Review, finding: Finding, row: Row) -> str:
    """The probabilities of the class that the audit's model suggests and of the label."""
    by_class = probabilities(review, row)
    names = dict.fromkeys(name for name in (finding.suggestion, row.class_name) if name in by_class)
    return ", ".join(f"{name} {probability(by_class[name])}" for name in names)
