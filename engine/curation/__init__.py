"""The audit of a dataset: duplicates, leaks, suspected label errors, outliers, poor quality; and which images to label next.

`load_audit(dataset)` reads the last audit, `job(name)` is the process that runs one, `KINDS` has the words. None of this loads torch.
`engine.curation.run_audit` runs one in this process.
"""

from engine.curation.findings import KINDS, Finding, Kind
from engine.curation.store import Audit, job, load_audit

__all__ = ["KINDS", "Audit", "Finding", "Kind", "job", "load_audit"]
