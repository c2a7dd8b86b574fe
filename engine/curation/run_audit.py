"""Making an audit: a job in the background, or the command line.

Embeddings and looks are cached by content as they are computed, so that an audit that was ended goes on where it was.
"""

import time
from collections.abc import Iterator

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.jobs import ReportProgress
from engine.core.number_text import probability
from engine.curation import confident_learning, duplicates, store
from engine.curation.cross_validation import predict_out_of_fold
from engine.curation.findings import Finding, make_finding
from engine.curation.images import has_label, image_file, load_image_table
from engine.curation.near_duplicates import find_pairs
from engine.curation.outliers import find_outliers
from engine.curation.perceptual_hash import SignatureCache
from engine.curation.quality import find_quality_issues
from engine.curation.store import Audit
from engine.data.datasets import Dataset
from engine.embeddings import dataset_index, neighbours


def audit_dataset(
    data: Dataset, report: ReportProgress = lambda phase, done, total: None, looks: SignatureCache | None = None
) -> Audit:
    """Audit the dataset and keep what is found. `looks`: where those are cached. Raises UserError, and what `report` raises."""
    if not data.has_images:
        raise UserError(f"The dataset {data.name} is a catalog without images, made for measuring.", "There is nothing to audit.")
    began, fingerprint = time.time(), data.catalog.fingerprint()
    table = load_image_table(data)
    index = dataset_index.embedded(data, report)
    report("looking at the images", 0, len(table))
    looks = looks or SignatureCache()
    files = [image_file(data.root, raw, path) for raw, path in zip(table["raw"], table["path"], strict=True)]
    looks.complete(files, table["hash"].tolist(), lambda done, total: report("looking at the images", done, total))
    exact = _exact(table, looks)
    near, likeness = _near(table, exact, looks, index, report)
    findings = [
        *duplicates.find_exact_duplicates(table, exact),
        *duplicates.find_near_duplicates(table, exact, near, likeness),
        *duplicates.find_leaks(table, exact, near, likeness),
        *duplicates.find_label_conflicts(table, exact, near, likeness),
    ]
    ids, classes, labels, probabilities = _judged(table, index, near, report)
    judged = table[table["id"].isin(ids)]
    findings += _label_issues(judged, classes, labels, probabilities)
    report("looking for outliers", 0, 1)
    findings += find_outliers(judged, index.vectors(np.searchsorted(index.ids, ids)))
    findings += find_quality_issues(table)
    document = {
        "dataset": data.name, "made": began, "seconds": round(time.time() - began, 2), "fingerprint": fingerprint,
        "images": len(table), "classes": classes, "model": index.document["model"],
    }  # fmt: skip
    return store.save_audit(data, findings, document, ids, probabilities)


def _exact(table: pd.DataFrame, looks: SignatureCache) -> np.ndarray:
    """The group of each image's pixels; an image that cannot be read any more is alone with the copies of its file."""
    pixels = looks.pixels(table["hash"].tolist())
    return duplicates.group_by_key([pixels.get(content, content) for content in table["hash"]])


def _near(
    table: pd.DataFrame, exact: np.ndarray, looks: SignatureCache, index: neighbours.Index, report: ReportProgress
) -> tuple[np.ndarray, np.ndarray]:
    """The group of each image's picture, and how alike it is to the one of its group that it is most alike: (n,) each."""
    firsts = np.unique(exact, return_index=True)[1]
    contents, read = table["hash"].iloc[firsts], looks.pixels(table["hash"].iloc[firsts].tolist())
    firsts = firsts[contents.isin(list(read)).to_numpy() & table["id"].iloc[firsts].isin(index.ids).to_numpy()]
    pictures = looks.pictures(table["hash"].iloc[firsts].tolist())
    vectors = index.vectors(np.searchsorted(index.ids, table["id"].iloc[firsts]))
    result, alike = find_pairs(pictures, vectors, lambda done, total: report("comparing pictures", done, total))
    likeness = np.zeros(len(table))
    np.maximum.at(likeness, firsts[result].ravel(), np.repeat(alike, 2))
    best = np.zeros(exact.max(initial=-1) + 1)
    np.maximum.at(best, exact, likeness)
    return duplicates.merge_groups(exact, firsts[result]), best[exact]


def _judged(
    table: pd.DataFrame, index: neighbours.Index, groups: np.ndarray, report: ReportProgress
) -> tuple[np.ndarray, list[str], np.ndarray, np.ndarray]:
    """The labelled images that can be judged: ids (n,), the class names, labels (n,) into them, probabilities (n, classes)."""
    judged = has_label(table) & np.isin(table["id"], index.ids)
    # A model that never saw another image of the class can say nothing about it.
    pictures = pd.Series(groups).where(judged).groupby(table["class"]).transform("nunique")
    judged &= (pictures > 1).to_numpy()
    ids = table["id"].to_numpy()[judged]
    classes = sorted(table["class"][judged].unique())
    labels = pd.Categorical(table["class"][judged], classes).codes.astype(int)
    vectors = index.vectors(np.searchsorted(index.ids, ids))
    probabilities = predict_out_of_fold(
        vectors, labels, groups[judged], len(classes), lambda done, total: report("judging the labels", done, total)
    )
    return ids, classes, labels, probabilities


def _label_issues(table: pd.DataFrame, classes: list[str], labels: np.ndarray, probabilities: np.ndarray) -> Iterator[Finding]:
    scores = confident_learning.label_issue_scores(labels, probabilities)
    for row in np.flatnonzero(confident_learning.find_label_issues(labels, probabilities)):
        best, of = int(probabilities[row].argmax()), table.iloc[[row]]
        given, other = probabilities[row, labels[row]], probabilities[row, best]
        detail = f"Labelled {classes[labels[row]]} ({probability(given)}); a model trained without it says "
        detail += f"{classes[best]} ({probability(other)})."
        yield make_finding("label_issue", scores[row], of, detail, suggestion=classes[best])
