"""`bench audit`: how much the audit finds of planted faults (flipped labels and edited copies), and how long it takes."""

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
_MOST_CROPPED = 0.06  # share of a side


@dataclass(frozen=True)
class Ranking:
    """Average precision at finding the flipped labels: of `all` images by score, and of the `listed` ones; the recall of the list."""

    all: float
    listed: float
    recall: float


@dataclass(frozen=True)
class Figures:
    """`seconds`: of an audit with cached embeddings that opens every image; `processor`: CPU seconds of all cores. `identical`,
    `identical_found`: pairs of equal files. `recall`, `precision`: of the pairs of a planted copy and an image; a pair with a
    near-duplicate of the original counts as right. `there`: near pairs that the dataset has without the planted ones. `ours`: label issues
    as the audit finds them; `cleanlab`: with the defaults of the library that it uses.
    """

    images: int
    seconds: float
    processor: float
    identical: int
    identical_found: int
    flipped: int
    ours: Ranking
    cleanlab: Ranking
    copies: int
    recall: float
    precision: float
    there: int


def measure(data: Dataset, seed: int = 0) -> Figures:
    """Audit the dataset, then look for planted faults, which are never written to it."""
    index = dataset_index.build_index(data)
    with tempfile.TemporaryDirectory(prefix="scenescope-bench-") as folder:
        # An empty cache of its own, so that the audit opens every image.
        signatures, start, cpu_start = SignatureCache(Path(folder)), time.monotonic(), time.process_time()
        audit = run_audit.audit_dataset(data, signatures=signatures)
        seconds, processor = time.monotonic() - start, time.process_time() - cpu_start
        table = load_image_table(data)
        exact = _groups(table, audit, "exact_duplicate")
        recall, precision, there = _measure_copies(data, table, exact, signatures, index, seed)
    ours, cleanlab, flipped = _measure_flips(table, _groups(table, audit, "exact_duplicate", "near_duplicate"), index, seed)
    identical = list(_identical_pairs(data, table))
    return Figures(
        images=len(table),
        seconds=seconds,
        processor=processor,
        identical=len(identical),
        identical_found=sum(exact[a] == exact[b] for a, b in identical),
        flipped=flipped,
        ours=ours,
        cleanlab=cleanlab,
        copies=COPIES,
        recall=recall,
        precision=precision,
        there=there,
    )


def _groups(table: pd.DataFrame, audit: Audit, *kinds: str) -> np.ndarray:
    """The group of each image by the audit's findings of these kinds: (n,) int."""
    row = {image_id: i for i, image_id in enumerate(table["id"])}
    duplicate_sets = [finding.images for finding in audit.all_findings if finding.kind in kinds]
    pairs = [(row[images[0]], row[other]) for images in duplicate_sets for other in images[1:]]
    return duplicates.merge_groups(np.arange(len(table)), np.array(pairs, int).reshape(-1, 2))


def _identical_pairs(data: Dataset, table: pd.DataFrame) -> Iterator[tuple[int, int]]:
    """The pairs of rows whose files have the same bytes, found without the catalog's hashes."""
    rows_by_hash: dict[str, list[int]] = {}
    for i, (raw, path) in enumerate(zip(table["raw"], table["path"], strict=True)):
        rows_by_hash.setdefault(hashlib.sha256(image_file(data.root, raw, path).read_bytes()).hexdigest(), []).append(i)
    for rows in rows_by_hash.values():
        yield from combinations(rows, 2)


def _measure_flips(table: pd.DataFrame, groups: np.ndarray, index: neighbours.Index, seed: int) -> tuple[Ranking, Ranking, int]:
    """How well labels that were changed to a random other class are found: by the audit, by cleanlab's defaults, and their number."""
    from cleanlab.filter import find_label_issues  # not at the top: it loads scikit-learn

    rows = np.flatnonzero(has_label(table) & table["id"].isin(index.ids).to_numpy())
    labels, classes = pd.factorize(table["class"].iloc[rows], sort=True)
    rng = np.random.default_rng(seed)
    flipped = rng.choice(len(labels), round(FLIPPED * len(labels)), replace=False)
    # A shift by 1 to classes - 1, so that no label stays as it was.
    labels[flipped] = (labels[flipped] + rng.integers(1, len(classes), len(flipped))) % len(classes)
    wrong = np.isin(np.arange(len(labels)), flipped)
    vectors = index.vectors(np.searchsorted(index.ids, table["id"].iloc[rows]))
    probabilities = predict_out_of_fold(vectors, labels, groups[rows], len(classes))
    scores = confident_learning.label_issue_scores(labels, probabilities)
    ours = _ranking(wrong, scores, confident_learning.find_label_issues(labels, probabilities))
    defaults = _ranking(wrong, scores, find_label_issues(labels, probabilities, n_jobs=1))
    return ours, defaults, len(flipped)


def _ranking(wrong: np.ndarray, scores: np.ndarray, listed: np.ndarray) -> Ranking:
    from sklearn.metrics import average_precision_score

    return Ranking(
        all=float(average_precision_score(wrong, scores)),
        listed=float(average_precision_score(wrong, np.where(listed, 1 + scores, 0))),
        recall=float(listed[wrong].mean()),
    )


def _measure_copies(
    data: Dataset, table: pd.DataFrame, exact: np.ndarray, signatures: SignatureCache, index: neighbours.Index, seed: int
) -> tuple[float, float, int]:
    """Recall and precision of the pairs with planted copies, and how many near pairs there are without them."""
    # One image per group of exact duplicates: pairs of these would count as near pairs too.
    firsts = np.unique(exact, return_index=True)[1]
    firsts = firsts[table["id"].iloc[firsts].isin(index.ids).to_numpy()]
    rng = np.random.default_rng(seed)
    copied = np.sort(rng.choice(len(firsts), min(COPIES, len(firsts)), replace=False))
    rows = table.iloc[firsts]
    originals = zip(rows["raw"].iloc[copied], rows["path"].iloc[copied], strict=True)
    files = [image_file(data.root, raw, path) for raw, path in originals]
    planted = [edit_copy(open_image(file), i, rng) for i, file in enumerate(files)]
    planted_thumbnails = stack_thumbnails([compute_signature(open_image(copy)) for copy in planted])
    thumbnails = np.concatenate([signatures.thumbnails(rows["hash"].tolist()), planted_thumbnails])
    vectors = np.concatenate([index.vectors(np.searchsorted(index.ids, rows["id"])), _embed(planted)])
    pairs, _ = near_duplicates.find_pairs(thumbnails, vectors)
    count = len(firsts)
    native = pairs[(pairs < count).all(axis=1)]
    groups = duplicates.merge_groups(np.arange(count), native)
    original = np.concatenate([np.arange(count), copied])
    with_copy = pairs[(pairs >= count).any(axis=1)]
    right = groups[original[with_copy[:, 0]]] == groups[original[with_copy[:, 1]]]
    found_pairs = {tuple(pair) for pair in pairs.tolist()}
    recall = np.mean([(int(original_row), count + i) in found_pairs for i, original_row in enumerate(copied)])
    return float(recall), float(right.mean()), len(native)


def edit_copy(image: Image.Image, number: int, rng: np.random.Generator) -> bytes:
    """A copy of the image as a JPEG file: recompressed, resized, slightly cropped, or all three, in turn by number."""
    edit, quality = number % 4, 95
    if edit in (2, 3):
        left, top, right, bottom = rng.uniform(0, _MOST_CROPPED, 4)
        box = left * image.width, top * image.height, (1 - right) * image.width, (1 - bottom) * image.height
        image = image.crop(tuple(map(round, box)))
    if edit in (1, 3):
        scale = rng.uniform(0.5, 2)
        image = image.resize((max(8, round(scale * image.width)), max(8, round(scale * image.height))), Image.Resampling.BICUBIC)
    if edit in (0, 3):
        quality = int(rng.integers(30, 90))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _embed(files: list[bytes]) -> np.ndarray:
    """The files' embeddings by the model of the dataset index: (n, features), unit length."""
    from engine.embeddings.extract import forward
    from engine.models import network
    from engine.models.device import select_compute

    trunk = network.build_trunk(dataset_index.DEFAULT, "pretrained", dataset_index.IMAGE_SIZE)
    preprocessing = network.Preprocessing(dataset_index.IMAGE_SIZE, trunk.mean, trunk.std)
    batches = [vectors for _, vectors, _ in forward(files, trunk, preprocessing, select_compute())]
    return neighbours.normalise(np.concatenate(batches).astype(np.float16))
