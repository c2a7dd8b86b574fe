"""Running an audit, in a background job or for the command line.

Embeddings and signatures are cached by content as they are computed, so that an audit that was stopped continues where it was.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.number_text import probability
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.curation import confident_learning, duplicates, store
from engine.curation.cross_validation import predict_out_of_fold
from engine.curation.findings import Finding, make_finding
from engine.curation.images import has_label, image_file, load_image_table
from engine.curation.near_duplicates import find_pairs
from engine.curation.outliers import find_outliers
from engine.curation.perceptual_hash import SignatureCache
from engine.curation.quality import find_quality_issues
from engine.curation.store import Audit, AuditFacts
from engine.data.datasets import Dataset
from engine.embeddings import dataset_index, neighbours


@dataclass(frozen=True)
class _JudgedLabels:
    """The labels that were judged. `ids`: (n,), ascending; `labels`: (n,) int into `classes`; `probabilities`: (n, classes)."""

    ids: np.ndarray
    classes: list[str]
    labels: np.ndarray
    probabilities: np.ndarray


def audit_dataset(data: Dataset, report: ReportProgress = ignore_progress, signatures: SignatureCache | None = None) -> Audit:
    """Audit the dataset, save the audit and return it. Raises UserError, and what `report` raises."""
    if not data.has_images:
        raise UserError(f"The dataset {data.name} is a catalog without images, made for measuring.", "There is nothing to audit.")
    # The fingerprint of before: what changes meanwhile makes this audit a stale one.
    began, fingerprint = time.time(), data.catalog.fingerprint()
    table = load_image_table(data)
    index = dataset_index.build_index(data, report)
    signatures = signatures or SignatureCache()
    files = [image_file(data.root, raw, path) for raw, path in zip(table["raw"], table["path"], strict=True)]
    signatures.complete(files, table["hash"].tolist(), report)
    exact = _group_exact(table, signatures)
    near, similarity = _group_near(table, exact, signatures, index, report)
    findings = [
        *duplicates.find_exact_duplicates(table, exact),
        *duplicates.find_near_duplicates(table, exact, near, similarity),
        *duplicates.find_leaks(table, exact, near, similarity),
        *duplicates.find_label_conflicts(table, exact, near, similarity),
    ]
    judged = _judge_labels(table, index, near, report)
    judged_table = table[table["id"].isin(judged.ids)]
    findings += _find_label_issues(judged_table, judged)
    report(Progress("looking for outliers"))
    findings += find_outliers(judged_table, index.vectors(np.searchsorted(index.ids, judged.ids)))
    findings += find_quality_issues(table)
    facts: AuditFacts = {
        "dataset": data.name, "made": began, "seconds": round(time.time() - began, 2), "fingerprint": fingerprint,
        "images": len(table), "classes": judged.classes, "model": index.document["model"],
    }  # fmt: skip
    return store.save_audit(data, findings, facts, judged.ids, judged.probabilities)


def _group_exact(table: pd.DataFrame, signatures: SignatureCache) -> np.ndarray:
    """The group of equal pixels of each image (n,); copies of a file that can no longer be read are a group of their own."""
    pixels = signatures.pixels(table["hash"].tolist())
    return duplicates.group_by_key([pixels.get(content, content) for content in table["hash"]])


def _group_near(
    table: pd.DataFrame, exact: np.ndarray, signatures: SignatureCache, index: neighbours.Index, report: ReportProgress
) -> tuple[np.ndarray, np.ndarray]:
    """The group of near-duplicates of each image, and its highest similarity to an image with other pixels: (n,) each."""
    firsts = np.unique(exact, return_index=True)[1]  # one image per group of equal pixels stands for all of it
    contents = table["hash"].iloc[firsts]
    readable = contents.isin(list(signatures.pixels(contents.tolist()))).to_numpy()
    firsts = firsts[readable & table["id"].iloc[firsts].isin(index.ids).to_numpy()]
    thumbnails = signatures.thumbnails(table["hash"].iloc[firsts].tolist())
    vectors = index.vectors(np.searchsorted(index.ids, table["id"].iloc[firsts]))
    pairs, similarities = find_pairs(thumbnails, vectors, report)
    similarity = np.zeros(len(table))
    np.maximum.at(similarity, firsts[pairs].ravel(), np.repeat(similarities, 2))
    by_group = np.zeros(exact.max(initial=-1) + 1)
    np.maximum.at(by_group, exact, similarity)
    return duplicates.merge_groups(exact, firsts[pairs]), by_group[exact]


def _judge_labels(table: pd.DataFrame, index: neighbours.Index, groups: np.ndarray, report: ReportProgress) -> _JudgedLabels:
    """The labels that can be judged, with the probabilities of a model trained without the image."""
    is_judged = has_label(table) & np.isin(table["id"], index.ids)
    # A model that never saw another image of the class can say nothing about it, and a copy is not another image.
    distinct = pd.Series(groups).where(is_judged).groupby(table["class"]).transform("nunique")
    is_judged &= (distinct > 1).to_numpy()
    ids = table["id"].to_numpy()[is_judged]
    classes = sorted(table["class"][is_judged].unique())
    labels = pd.Categorical(table["class"][is_judged], classes).codes.astype(int)
    vectors = index.vectors(np.searchsorted(index.ids, ids))
    probabilities = predict_out_of_fold(vectors, labels, groups[is_judged], len(classes), report)
    return _JudgedLabels(ids=ids, classes=classes, labels=labels, probabilities=probabilities)


def _find_label_issues(table: pd.DataFrame, judged: _JudgedLabels) -> Iterator[Finding]:
    """One finding per suspect label. `table`: the judged images."""
    scores = confident_learning.label_issue_scores(judged.labels, judged.probabilities)
    suspect = confident_learning.find_label_issues(judged.labels, judged.probabilities)
    for row in np.flatnonzero(suspect).tolist():
        given, best = int(judged.labels[row]), int(judged.probabilities[row].argmax())
        confidence = judged.probabilities[row]
        detail = (
            f"Labelled {judged.classes[given]} ({probability(confidence[given])}); a model trained without it says "
            f"{judged.classes[best]} ({probability(confidence[best])})."
        )
        yield make_finding("label_issue", scores[row], table.iloc[[row]], detail, suggestion=judged.classes[best])
