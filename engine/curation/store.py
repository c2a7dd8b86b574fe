"""A dataset's audit on the disk: `data/<name>/audit/findings.json`, and the probabilities that label issues were judged by.

No torch here: the pages import this. The document is replaced as a whole; readers hold it in memory until it changes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
import pandas as pd

from engine.core.file_cache import read_cached
from engine.core.files import read_json, remove, replace_file, write_json
from engine.core.jobs import Job
from engine.core.paths import data_dir
from engine.curation.findings import KINDS, Finding, findings_table, parse_finding
from engine.data.datasets import Dataset

_DOCUMENT, _FORMAT = "findings.json", 1


class AuditFacts(TypedDict):
    """What an audit says about itself. `made`: when it began (seconds since 1970). `seconds`: how long it took. `fingerprint`: the
    catalog's at that time. `images`: how many. `classes`: the columns of the probabilities. `model`: of the embeddings."""

    dataset: str
    made: float
    seconds: float
    fingerprint: str
    images: int
    classes: list[str]
    model: str


class AuditDocument(AuditFacts):
    """`findings.json` without its findings. `probabilities`: the stem of the file that holds them."""

    format: int
    probabilities: str


@dataclass(frozen=True)
class Audit:
    """The last audit of a dataset. `all_findings`: by kind in the order of KINDS, the worst first."""

    folder: Path
    document: AuditDocument
    all_findings: tuple[Finding, ...]

    def findings(
        self, kind: str | None = None, class_name: str | None = None, split: str | None = None, image: int | None = None
    ) -> pd.DataFrame:
        """The matching findings, one row each, the worst of a kind first; columns `findings.FIELDS`.

        `class_name`, `split`, `image`: at least one image of the finding has this class, is in this split, is this image.
        """
        matches = [
            finding
            for finding in self.all_findings
            if (kind is None or finding.kind == kind)
            and (class_name is None or class_name in finding.classes)
            and (split is None or split in finding.splits)
            and (image is None or image in finding.images)
        ]
        return findings_table(matches)

    def get(self, finding_id: str) -> Finding | None:
        """The finding with this id."""
        return self._by_id.get(finding_id)

    def counts(self) -> dict[str, int]:
        """The number of findings of each kind, zeros included, in the order of KINDS."""
        counts: Counter[str] = Counter(finding.kind for finding in self.all_findings)
        return {kind: counts[kind] for kind in KINDS}

    def probabilities(self, image: int) -> dict[str, float]:
        """The class probabilities of an image by the model trained without it; empty if its label was not judged."""
        ids, values = self._judged
        row = int(np.searchsorted(ids, image))
        if row == len(ids) or ids[row] != image:
            return {}
        return dict(zip(self.document["classes"], values[row].tolist(), strict=True))

    def is_stale(self, data: Dataset) -> bool:
        """Whether the dataset's images, classes or splits have changed since."""
        return self.document["fingerprint"] != data.catalog.fingerprint()

    @cached_property
    def _by_id(self) -> dict[str, Finding]:
        return {finding.id: finding for finding in self.all_findings}

    @cached_property
    def _judged(self) -> tuple[np.ndarray, np.ndarray]:
        """Ids (n,), ascending, and probabilities (n, classes); empty if another audit has just replaced the file."""
        try:
            with np.load(self.folder / f"{self.document['probabilities']}.npz") as arrays:
                return arrays["ids"], arrays["values"]
        except (FileNotFoundError, KeyError):
            return np.empty(0, np.int64), np.empty((0, 0), np.float32)


def folder(name: str) -> Path:
    """The folder of the audit of the dataset `name`."""
    return data_dir() / name / "audit"


def job(name: str) -> Job:
    """The process that audits the dataset `name` in the background."""
    return Job("audit", folder(name), name, {"dataset": name})


def load_audit(data: Dataset) -> Audit | None:
    """The dataset's last audit; None if there was none. It may be older than the catalog: see `Audit.is_stale`."""
    return read_cached(folder(data.name), _DOCUMENT, _read)


def save_audit(
    data: Dataset, findings: Sequence[Finding], facts: AuditFacts, ids: np.ndarray, probabilities: np.ndarray
) -> Audit:
    """Save an audit in place of the one before, and return it. `probabilities`: (n, classes) of the images `ids` (n,), ascending."""
    audit_folder = folder(data.name)
    order = {kind: i for i, kind in enumerate(KINDS)}
    ranked = sorted(findings, key=lambda finding: (order[finding.kind], -finding.score, finding.images))
    # A new name for each audit: whoever still holds the old document finds the old values or none, but never another audit's.
    values = f"probabilities-{facts['fingerprint'][:8]}-{int(facts['made'] * 1000):x}"
    with replace_file(audit_folder / f"{values}.npz") as temporary, open(temporary, "wb") as file:
        np.savez(file, ids=np.asarray(ids, np.int64), values=np.asarray(probabilities, np.float32))
    document: AuditDocument = {"format": _FORMAT, **facts, "probabilities": values}
    write_json(audit_folder / _DOCUMENT, {**document, "findings": [finding.document() for finding in ranked]}, durable=True)
    # Only now that no document on the disk names them any more.
    for old in audit_folder.glob("probabilities-*.npz"):
        if old.stem != values:
            remove(old)
    return Audit(audit_folder, document, tuple(ranked))


def _read(file: Path) -> Audit | None:
    document = read_json(file)
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        return None
    findings = tuple(map(parse_finding, document.pop("findings")))
    return Audit(file.parent, cast(AuditDocument, document), findings)
