"""A dataset's audit on the disk: `data/<name>/audit/findings.json`, and the probabilities that label issues were judged by.

No torch here: the pages read. The document is replaced whole; readers hold it in memory until it changes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.core.file_cache import read_cached
from engine.core.files import read_json, remove, replace_file, write_json
from engine.core.jobs import Job
from engine.core.paths import data_dir
from engine.curation.findings import KINDS, Finding, findings_table, parse_finding
from engine.data.datasets import Dataset

_DOCUMENT, _FORMAT = "findings.json", 1


@dataclass(frozen=True)
class Audit:
    """What the last audit of a dataset found. `document`: dataset, made, seconds, fingerprint, labels, images, classes, model."""

    folder: Path
    document: dict[str, Any]
    all: tuple[Finding, ...]  # by kind in the order of KINDS, the worst first

    def findings(
        self, kind: str | None = None, class_name: str | None = None, split: str | None = None, image: int | None = None
    ) -> pd.DataFrame:
        """The findings that match, a row each, the worst of a kind first: the columns are `findings.FIELDS`.

        `class_name`, `split`, `image`: those that any of a finding's images has.
        """
        wanted = [
            found
            for found in self.all
            if (kind is None or found.kind == kind)
            and (class_name is None or class_name in found.classes)
            and (split is None or split in found.splits)
            and (image is None or image in found.images)
        ]
        return findings_table(wanted)

    def get(self, identity: str) -> Finding | None:
        """The finding of this id."""
        return self._by_id.get(identity)

    def counts(self) -> dict[str, int]:
        """How many findings there are of each kind, zeros included, in the order of KINDS."""
        result = Counter(each.kind for each in self.all)
        return {kind: result[kind] for kind in KINDS}

    def probabilities(self, image: int) -> dict[str, float]:
        """The class probabilities of an image by the model trained without it; empty where it was not judged."""
        ids, values = self._judged
        row = int(np.searchsorted(ids, image))
        if row == len(ids) or ids[row] != image:
            return {}
        return dict(zip(self.document["classes"], values[row].tolist(), strict=True))

    def stale(self, data: Dataset) -> bool:
        """Whether the dataset's images, classes or splits are others by now."""
        return self.document["fingerprint"] != data.catalog.fingerprint()

    @cached_property
    def _by_id(self) -> dict[str, Finding]:
        return {found.id: found for found in self.all}

    @cached_property
    def _judged(self) -> tuple[np.ndarray, np.ndarray]:
        try:
            with np.load(self.folder / f"{self.document['probabilities']}.npz") as kept:
                return kept["ids"], kept["values"]
        except (FileNotFoundError, KeyError):
            return np.empty(0, np.int64), np.empty((0, 0), np.float32)


def folder(name: str) -> Path:
    """Where the audit of the dataset `name` is kept."""
    return data_dir() / name / "audit"


def job(name: str) -> Job:
    """The process that audits the dataset `name` in the background."""
    return Job(folder(name), "engine.curation", name)


def load_audit(data: Dataset) -> Audit | None:
    """The dataset's last audit; None where there was none. It may be older than the catalog: see `Audit.stale`."""
    return read_cached(folder(data.name), _DOCUMENT, _read)


def save_audit(
    data: Dataset, findings: Sequence[Finding], document: dict[str, Any], ids: np.ndarray, probabilities: np.ndarray
) -> Audit:
    """Keep an audit in place of the one before. `probabilities`: (n, classes) of the images `ids` (n,), rising."""
    at = folder(data.name)
    order = {kind: i for i, kind in enumerate(KINDS)}
    ranked = sorted(findings, key=lambda found: (order[found.kind], -found.score, found.images))
    values = f"probabilities-{document['fingerprint'][:8]}-{int(document['made'] * 1000):x}"
    with replace_file(at / f"{values}.npz") as temporary, open(temporary, "wb") as file:
        np.savez(file, ids=np.asarray(ids, np.int64), values=np.asarray(probabilities, np.float32))
    said = {"format": _FORMAT, **document, "probabilities": values, "findings": [found.document() for found in ranked]}
    write_json(at / _DOCUMENT, said, durable=True)
    # Removed after the document that named them: a reader in between finds none, and no wrong one.
    for old in at.glob("probabilities-*.npz"):
        if old.stem != values:
            remove(old)
    return _read(at / _DOCUMENT)


def _read(file: Path) -> Audit | None:
    said = read_json(file)
    if not isinstance(said, dict) or said.get("format") != _FORMAT:
        return None
    return Audit(file.parent, said, tuple(map(parse_finding, said.pop("findings"))))
