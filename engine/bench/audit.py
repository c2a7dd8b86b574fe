"""What the audit finds of faults that were planted: flipped labels and edited copies; and how long it takes."""

import hashlib
import io
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from engine.curation import Audit, confident_learning, duplicates, near_duplicates, run_audit
from engine.curation.cross_validation import predict_out_of_fold
from engine.curation.images import has_label, image_file, load_image_table
from engine.curation.perceptual_hash import SignatureCache, compute_signature, stack_thumbnails
from engine.data.datasets import Dataset
from engine.data.decoding import open_image
from engine.embeddings import dataset_index, neighbours

FLIPPED, COPIES = 0.03, 200
_SLIGHT = 0.06  # of a side: the most that a crop takes from it


@dataclass(frozen=True)
class Ranking:
    """Average precision against the flips, of all images by their score and of the listed ones; recall of the listed."""

    all: float
    listed: float
    recall: float


@dataclass(frozen=True)
class Figures:
    """`seconds`: of an audit with cached embeddings, every image opened; `processor`: of all cores together. `identical`,
    `identical_found`: pairs of equal files. `recall`, `precision`: of the pairs between a planted copy and an image; a pair with
    a near-duplicate of the original that was there before counts as right. `there`: near pairs that the dataset has of its own.
    """

    images: int
    seconds: float
    processor: float
    identical: int
    identical_found: int
    flipped: int
    ours: Ranking
    cleanlab: Ranking | None
    copies: int
    recall: float
    precision: float
    there: int


def measure(data: Dataset, seed: int = 0) -> Figures:
    """Audit the dataset, then again with planted faults, which are never written to it."""
    index = dataset_index.embedded(data)
    with tempfile.TemporaryDirectory(prefix="scenescope-bench-") as folder:
        signatures, began, busy = SignatureCache(Path(folder)), time.monotonic(), time.process_time()
        audit = run_audit.audit_dataset(data, signatures=signatures)
        seconds, processor = time.monotonic() - began, time.process_time() - busy
        table = load_image_table(data)
        exact = _groups(table, audit, "exact_duplicate")
        recall, precision, there = _copies(data, table, exact, signatures, index, seed)
    ours, cleanlab, flipped = _flips(table, _groups(table, audit, "exact_duplicate", "near_duplicate"), index, seed)
    identical = list(_identical(data, table))
    result = sum(exact[a] == exact[b] for a, b in identical)
    return Figures(
        len(table), seconds, processor, len(identical), result, flipped, ours, cleanlab, COPIES, recall, precision, there
    )  # fmt: skip


def _groups(table: pd.DataFrame, audit: Audit, *kinds: str) -> np.ndarray:
    """The images' groups as the audit's findings of these kinds have them: (n,) int."""
    row = {image: i for i, image in enumerate(table["id"])}
    sets = [found.images for found in audit.all_findings if found.kind in kinds]
    pairs = [(row[of[0]], row[other]) for of in sets for other in of[1:]]
    return duplicates.merge_groups(np.arange(len(table)), np.array(pairs, int).reshape(-1, 2))


def _identical(data: Dataset, table: pd.DataFrame) -> Iterator[tuple[int, int]]:
    """The pairs of rows whose files hold the same bytes, counted without the catalog."""
    result: dict[str, list[int]] = {}
    for i, (raw, path) in enumerate(zip(table["raw"], table["path"], strict=True)):
        result.setdefault(hashlib.sha256(image_file(data.root, raw, path).read_bytes()).hexdigest(), []).append(i)
    for rows in result.values():
        yield from combinations(rows, 2)


def _flips(table: pd.DataFrame, groups: np.ndarray, index: neighbours.Index, seed: int) -> tuple[Ranking, Ranking | None, int]:
    """How the rankings of label issues find labels that were exchanged for another class at random."""
    rows = np.flatnonzero(has_label(table) & table["id"].isin(index.ids).to_numpy())
    labels, classes = pd.factorize(table["class"].iloc[rows], sort=True)
    rng = np.random.default_rng(seed)
    flipped = rng.choice(len(labels), round(FLIPPED * len(labels)), replace=False)
    labels[flipped] = (labels[flipped] + rng.integers(1, len(classes), len(flipped))) % len(classes)
    wrong = np.isin(np.arange(len(labels)), flipped)
    vectors = index.vectors(np.searchsorted(index.ids, table["id"].iloc[rows]))
    probabilities = predict_out_of_fold(vectors, labels, groups[rows], len(classes))
    ours = _ranking(
        wrong,
        confident_learning.label_issue_scores(labels, probabilities),
        confident_learning.find_label_issues(labels, probabilities),
    )
    return ours, _by_cleanlab(wrong, labels, probabilities), len(flipped)


def _by_cleanlab(wrong: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> Ranking | None:
    """cleanlab's own scores and list, as it comes; None where it is not installed."""
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        return None
    return _ranking(
        wrong, 1 - get_label_quality_scores(labels, probabilities), find_label_issues(labels, probabilities, n_jobs=1)
    )


def _ranking(wrong: np.ndarray, scores: np.ndarray, listed: np.ndarray) -> Ranking:
    from sklearn.metrics import average_precision_score

    by_list = average_precision_score(wrong, np.where(listed, 1 + scores, 0))
    return Ranking(float(average_precision_score(wrong, scores)), float(by_list), float(listed[wrong].mean()))


def _copies(
    data: Dataset, table: pd.DataFrame, exact: np.ndarray, signatures: SignatureCache, index: neighbours.Index, seed: int
) -> tuple[float, float, int]:
    """Recall and precision of pairs with planted copies, and how many near pairs there are without them."""
    firsts = np.unique(exact, return_index=True)[1]
    firsts = firsts[table["id"].iloc[firsts].isin(index.ids).to_numpy()]
    rng = np.random.default_rng(seed)
    of = np.sort(rng.choice(len(firsts), min(COPIES, len(firsts)), replace=False))
    rows = table.iloc[firsts]
    files = [image_file(data.root, raw, path) for raw, path in zip(rows["raw"].iloc[of], rows["path"].iloc[of], strict=True)]
    planted = [edit_copy(open_image(file), i, rng) for i, file in enumerate(files)]
    small = np.concatenate(
        [signatures.thumbnails(rows["hash"].tolist()), stack_thumbnails([compute_signature(open_image(copy)) for copy in planted])]
    )
    own = index.vectors(np.searchsorted(index.ids, rows["id"]))
    pairs, _ = near_duplicates.find_pairs(small, np.concatenate([own, _embedded(planted)]))
    count = len(firsts)
    native = pairs[(pairs < count).all(axis=1)]
    groups = duplicates.merge_groups(np.arange(count), native)
    original = np.concatenate([np.arange(count), of])
    with_copy = pairs[(pairs >= count).any(axis=1)]
    right = groups[original[with_copy[:, 0]]] == groups[original[with_copy[:, 1]]]
    hit = {tuple(pair) for pair in pairs.tolist()}
    recall = np.mean([(int(first), count + i) in hit for i, first in enumerate(of)])
    return float(recall), float(right.mean()), len(native)


def edit_copy(image: Image.Image, number: int, rng: np.random.Generator) -> bytes:
    """A copy of the picture as a file: compressed anew, resized, slightly cropped or all three, by its number in turn."""
    way, quality = number % 4, 95
    if way in (2, 3):
        left, top, right, bottom = rng.uniform(0, _SLIGHT, 4)
        box = left * image.width, top * image.height, (1 - right) * image.width, (1 - bottom) * image.height
        image = image.crop(tuple(map(round, box)))
    if way in (1, 3):
        scale = rng.uniform(0.5, 2)
        image = image.resize((max(8, round(scale * image.width)), max(8, round(scale * image.height))), Image.Resampling.BICUBIC)
    if way in (0, 3):
        quality = int(rng.integers(30, 90))
    kept = io.BytesIO()
    image.save(kept, "JPEG", quality=quality)
    return kept.getvalue()


def _embedded(files: list[bytes]) -> np.ndarray:
    """The files' embeddings by the model of the index: (n, features) of unit length."""
    from engine.embeddings.extract import forward
    from engine.models import network
    from engine.models.device import compute

    trunk = network.build(dataset_index.DEFAULT, "pretrained", dataset_index.IMAGE_SIZE)
    preprocessing = network.Preprocessing(dataset_index.IMAGE_SIZE, trunk.mean, trunk.std)
    result = [vectors for _, vectors, _ in forward(files, trunk, preprocessing, compute())]
    return neighbours.unit(np.concatenate(result).astype(np.float16))
