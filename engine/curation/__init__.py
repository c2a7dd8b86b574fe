"""The audit of a dataset: duplicates, leaks, suspected label errors, outliers, poor pictures; and which images to label next.

`found(dataset)` reads the last audit, `job(name)` is the process that makes one, `KINDS` has the words. None of it loads torch.
`engine.curation.run_audit` makes one in this process.
"""

from engine.curation.findings import KINDS, Finding, Kind
from engine.curation.store import Audit, found, job

__all__ = ["KINDS", "Audit", "Finding", "Kind", "found", "job"]
