"""Nearest neighbours by embedding: exact cosine distances, by matrix products over vectors that stay on the disk.

This module does not import torch, since the pages use it. A search reads the file one block at a time, so that its memory does not
grow with the catalog; its time does (see the README). Cosine distance is 1 minus the cosine of the angle: 0 for the
same direction, 1 for unrelated ones.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Required, TypedDict, cast

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.files import fsync_file, read_json, remove, replace_file, write_json
from engine.core.progress import Progress, ReportProgress, ignore_progress

_BLOCK = 4096  # rows per product: 20 MB at 1,280 features
_ATTEMPTS = 3
_DOCUMENT = "index.json"


class IndexDocument(TypedDict, total=False):
    """What an index is of. `digest` identifies its source; `images` and `features`: its size.

    Of a dataset's index only: the embedding (`model`, `image_size`, `key`), when it was `made`, and `asked`, how many images were to be
    embedded.
    """

    digest: Required[str]
    images: int
    features: int
    key: str
    model: str
    image_size: int
    made: float
    asked: int


Block = tuple[np.ndarray, np.ndarray, np.ndarray]  # ids (n,), marks (n,) uint64, vectors (n, features) of any length but zero


@dataclass(frozen=True)
class Index:
    """Embeddings on the disk, one float32 row of unit length per image.

    `file`: the vectors, (n, features) in C order, in the order of `ids`. `ids`: (n,) int64 of the catalog, ascending.
    `marks`: (n,) uint64, `engine.data.columns.content_mark` of each image when it was embedded.
    """

    file: Path
    ids: np.ndarray
    marks: np.ndarray
    features: int
    document: IndexDocument

    def __len__(self) -> int:
        return len(self.ids)

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """All vectors, as (first row, (rows, features) float32 of unit length)."""
        width = self.features * 4
        for start in range(0, len(self), _BLOCK):
            shape = (min(_BLOCK, len(self) - start), self.features)
            # Mapped one block at a time: mapped pages count as memory of the server.
            yield start, np.memmap(self.file, np.float32, "r", start * width, shape)

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """(len(rows), features) float32 of unit length."""
        return np.memmap(self.file, np.float32, "r", shape=(len(self), self.features))[rows]

    def row_of(self, image_id: int) -> int | None:
        """The row of an image; None where it has no embedding."""
        row = int(np.searchsorted(self.ids, image_id))
        return row if row < len(self) and self.ids[row] == image_id else None

    @property
    def digest(self) -> str:
        return self.document["digest"]


def nearest(index: Index, queries: np.ndarray, k: int, among: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The k images nearest to each query: ids (queries, k) int64 and cosine distances (queries, k) float32, ascending.

    `queries`: (queries, features), of any length but zero. `among`: ids to choose from, all where it is None. With
    fewer than k images there are fewer columns. Equal distances are ordered by id.
    """
    queries = normalise(np.atleast_2d(queries))
    allowed = None if among is None else np.isin(index.ids, among)
    ids, distances = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    for start, block in index.blocks():
        block_ids = index.ids[start : start + len(block)]
        if allowed is not None:
            keep = allowed[start : start + len(block)]
            block_ids, block = block_ids[keep], block[keep]
        ids = np.hstack([ids, np.broadcast_to(block_ids, (len(queries), len(block_ids)))])
        distances = np.hstack([distances, np.clip(1 - queries @ block.T, 0, 2)])
        order = np.lexsort((ids, distances))[:, :k]
        ids, distances = np.take_along_axis(ids, order, 1), np.take_along_axis(distances, order, 1)
    return ids, distances


def find_neighbours(index: Index, image_id: int, k: int, among: np.ndarray | None = None) -> pd.DataFrame:
    """The k images nearest to one of the index, without the image itself but with copies of its file: columns id, distance, copy.

    Raises UserError where the image has no embedding.
    """
    row = index.row_of(image_id)
    if row is None:
        raise UserError("This image has no embedding yet.", "It was added after the others were computed, or it cannot be read.")
    ids, distances = nearest(index, index.vectors(np.array([row])), k + 1, among)
    result = pd.DataFrame({"id": ids[0], "distance": distances[0]})
    result = result[result["id"] != image_id].head(k).reset_index(drop=True)
    rows = np.searchsorted(index.ids, result["id"])
    return result.assign(copy=index.marks[rows] == index.marks[row])


def neighbour_graph(vectors: np.ndarray, k: int, report: ReportProgress = ignore_progress) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest other rows of each row: rows (n, k) int32 and cosine distances (n, k) float32, ascending.

    vectors: (n, features) float32 of unit length, n above k.
    """
    n, block = len(vectors), 1024
    rows, distances = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    for start in range(0, n, block):
        apart = 1 - vectors[start : start + block] @ vectors.T
        apart[np.arange(len(apart)), np.arange(start, start + len(apart))] = np.inf
        near = np.argpartition(apart, k - 1, axis=1)[:, :k]
        near.sort(axis=1)  # equal distances are ordered by row; the partition leaves any order
        near_distances = np.take_along_axis(apart, near, 1)
        order = np.argsort(near_distances, axis=1, kind="stable")
        rows[start : start + block] = np.take_along_axis(near, order, 1)
        distances[start : start + block] = np.clip(np.take_along_axis(near_distances, order, 1), 0, 2)
        report(Progress("finding neighbours", min(start + block, n), n))
    return rows, distances


def median_distance(index: Index, pairs: int = 4000) -> float:
    """The median cosine distance of two random images, as a reference for other distances."""
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(len(index), min(len(index), pairs // 8), replace=False))
    vectors = index.vectors(rows)
    a, b = rng.integers(0, len(rows), (2, pairs))
    different = a != b
    return float(np.median(1 - (vectors[a] * vectors[b]).sum(axis=1)[different])) if different.any() else 0.0


def normalise(vectors: np.ndarray) -> np.ndarray:
    """The rows scaled to length 1, float32; a row of zeros stays a row of zeros."""
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)), 1e-12)[:, None]


def write_index(folder: Path, blocks: Iterable[Block], document: IndexDocument) -> Index:
    """Write an index to `folder`, in place of an earlier one.

    `blocks`: the images in blocks, by ascending id. `document["digest"]` identifies the source of the index.
    """
    digest, features, ids, marks = document["digest"], 0, [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    with replace_file(folder / f"{digest}.f32") as temporary, open(temporary, "wb") as file:
        for block_ids, block_marks, vectors in blocks:
            features = vectors.shape[1]
            normalise(vectors).tofile(file)
            ids.append(block_ids)
            marks.append(block_marks)
        file.flush()
        fsync_file(temporary)
    ids_and_marks = np.stack([np.concatenate(ids).astype(np.uint64), np.concatenate(marks)])
    with replace_file(folder / f"{digest}.ids.npy") as temporary, open(temporary, "wb") as file:
        np.save(file, ids_and_marks)
    # Written last, so that the files that it names are complete.
    write_json(folder / _DOCUMENT, {**document, "images": ids_and_marks.shape[1], "features": features}, durable=True)
    for old in (file for file in folder.glob("*.f32") if file.stem != digest):
        remove(old)
        remove(old.with_suffix(".ids.npy"))
    return _opened(folder, read_json(folder / _DOCUMENT))


def load_index(folder: Path) -> Index | None:
    """The index in `folder`; None where there is none, or where a file is missing or truncated."""
    for _ in range(_ATTEMPTS):
        document = read_json(folder / _DOCUMENT)
        if not isinstance(document, dict):
            return None
        try:
            return _opened(folder, cast(IndexDocument, document))
        except (FileNotFoundError, ValueError, KeyError, EOFError):
            continue  # another process may be putting a newer one in its place
    return None


def _opened(folder: Path, document: IndexDocument) -> Index:
    ids, marks = np.load(folder / f"{document['digest']}.ids.npy")
    file = folder / f"{document['digest']}.f32"
    if file.stat().st_size != len(ids) * document["features"] * 4 or len(ids) != document["images"]:
        raise ValueError(f"{file} is truncated")
    return Index(file, ids.astype(np.int64), marks, document["features"], document)
