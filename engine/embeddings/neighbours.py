"""Nearest neighbours by embedding: exact cosine distances, by matrix products over vectors that stay on the disk.

No torch here: the pages ask. A search reads the file in blocks and keeps one of them, so that the memory it takes does not
grow with the catalog; its time does (the README has the figures). Cosine distance is 1 minus the cosine of the angle: 0 for the
same direction, 1 for unrelated ones.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.files import fsync_file, read_json, remove, replace_file, write_json

_BLOCK = 4096  # rows a product: 20 MB at 1,280 features
_ATTEMPTS = 3
_DOCUMENT = "index.json"

Block = tuple[np.ndarray, np.ndarray, np.ndarray]  # ids (n,), marks (n,) uint64, vectors (n, features) of any length but zero


@dataclass(frozen=True)
class Index:
    """Embeddings on the disk, one float32 row of unit length an image.

    `file`: the vectors, (n, features) in C order, in the order of `ids`. `ids`: (n,) int64 of the catalog, ascending.
    `marks`: (n,) uint64, each image's content (see `mark`) when it was embedded: an image that was rewritten since is told by it.
    `document`: what the embedding is (model, image_size, key), when it was made, and `fingerprint`, the catalog's of then.
    """

    file: Path
    ids: np.ndarray
    marks: np.ndarray
    features: int
    document: dict[str, Any]

    def __len__(self) -> int:
        return len(self.ids)

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """All vectors, as (first row, (rows, features) float32 of unit length)."""
        width = self.features * 4
        for start in range(0, len(self), _BLOCK):
            shape = (min(_BLOCK, len(self) - start), self.features)
            # Mapped one at a time: pages of the file that stay mapped would count as the server's memory.
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


def content_mark(content: str) -> int:
    """A content's hash as a number of 64 bits, for `Index.marks`."""
    return int(content[:16], 16)


def nearest(index: Index, queries: np.ndarray, k: int, among: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The k images nearest to each query: ids (queries, k) int64 and cosine distances (queries, k) float32, ascending.

    `queries`: (queries, features), of any length but zero. `among`: ids to choose from, all where it is None. There are
    fewer than k columns where there are fewer images. Equal distances stand by id.
    """
    queries = normalise(np.atleast_2d(queries))
    allowed = None if among is None else np.isin(index.ids, among)
    ids, distances = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    for start, block in index.blocks():
        of = index.ids[start : start + len(block)]
        if allowed is not None:
            keep = allowed[start : start + len(block)]
            of, block = of[keep], block[keep]
        ids = np.hstack([ids, np.broadcast_to(of, (len(queries), len(of)))])
        distances = np.hstack([distances, np.clip(1 - queries @ block.T, 0, 2)])
        order = np.lexsort((ids, distances))[:, :k]
        ids, distances = np.take_along_axis(ids, order, 1), np.take_along_axis(distances, order, 1)
    return ids, distances


def find_neighbours(index: Index, image_id: int, k: int, among: np.ndarray | None = None) -> pd.DataFrame:
    """The k images nearest to one of the index, itself left out, copies of its file included: columns id, distance, copy.

    Raises UserError where the image has no embedding.
    """
    row = index.row_of(image_id)
    if row is None:
        raise UserError("This image has no embedding yet.", "It came after the others were computed, or it cannot be read.")
    ids, distances = nearest(index, index.vectors(np.array([row])), k + 1, among)
    result = pd.DataFrame({"id": ids[0], "distance": distances[0]})
    result = result[result["id"] != image_id].head(k).reset_index(drop=True)
    rows = np.searchsorted(index.ids, result["id"])
    return result.assign(copy=index.marks[rows] == index.marks[row])


def neighbour_graph(
    vectors: np.ndarray, k: int, report: Callable[[int, int], None] = lambda done, total: None
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows of each row but itself: rows (n, k) int32 and cosine distances (n, k) float32, ascending.

    vectors: (n, features) float32 of unit length, n above k.
    """
    n, block = len(vectors), 1024
    rows, distances = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    for start in range(0, n, block):
        apart = 1 - vectors[start : start + block] @ vectors.T
        apart[np.arange(len(apart)), np.arange(start, start + len(apart))] = np.inf
        near = np.argpartition(apart, k - 1, axis=1)[:, :k]
        near.sort(axis=1)  # equal distances stand by row, whatever the partition left
        of = np.take_along_axis(apart, near, 1)
        order = np.argsort(of, axis=1, kind="stable")
        rows[start : start + block] = np.take_along_axis(near, order, 1)
        distances[start : start + block] = np.clip(np.take_along_axis(of, order, 1), 0, 2)
        report(min(start + block, n), n)
    return rows, distances


def median_distance(index: Index, pairs: int = 4000) -> float:
    """The median cosine distance of two images picked at random: what a distance is to be compared with."""
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(len(index), min(len(index), pairs // 8), replace=False))
    vectors = index.vectors(rows)
    a, b = rng.integers(0, len(rows), (2, pairs))
    different = a != b
    return float(np.median(1 - (vectors[a] * vectors[b]).sum(axis=1)[different])) if different.any() else 0.0


def normalise(vectors: np.ndarray) -> np.ndarray:
    """The rows at length 1, float32; a row of zeros stays one."""
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)), 1e-12)[:, None]


def write_index(folder: Path, blocks: Iterable[Block], document: dict[str, Any]) -> Index:
    """Keep an index in `folder`, in place of the one that was there.

    `blocks`: some of the images at a time, by ascending id. `document["digest"]` names what the index is made of.
    """
    digest, features, ids, marks = document["digest"], 0, [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    with replace_file(folder / f"{digest}.f32") as temporary, open(temporary, "wb") as file:
        for of, contents, vectors in blocks:
            features = vectors.shape[1]
            normalise(vectors).tofile(file)
            ids.append(of)
            marks.append(contents)
        file.flush()
        fsync_file(temporary)
    kept = np.stack([np.concatenate(ids).astype(np.uint64), np.concatenate(marks)])
    with replace_file(folder / f"{digest}.ids.npy") as temporary, open(temporary, "wb") as file:
        np.save(file, kept)
    # Written last: what it names is whole.
    write_json(folder / _DOCUMENT, {**document, "images": kept.shape[1], "features": features}, durable=True)
    for old in (file for file in folder.glob("*.f32") if file.stem != digest):
        remove(old)
        remove(old.with_suffix(".ids.npy"))
    return _opened(folder, read_json(folder / _DOCUMENT))


def load_index(folder: Path) -> Index | None:
    """The index kept in `folder`; None where there is none, or a part of it is gone or cut short."""
    for _ in range(_ATTEMPTS):
        document = read_json(folder / _DOCUMENT)
        if not isinstance(document, dict):
            return None
        try:
            return _opened(folder, document)
        except (FileNotFoundError, ValueError, KeyError, EOFError):
            continue  # another process may be putting a newer one in its place
    return None


def _opened(folder: Path, document: dict[str, Any]) -> Index:
    ids, marks = np.load(folder / f"{document['digest']}.ids.npy")
    file = folder / f"{document['digest']}.f32"
    if file.stat().st_size != len(ids) * document["features"] * 4 or len(ids) != document["images"]:
        raise ValueError(f"{file} is cut short")
    return Index(file, ids.astype(np.int64), marks, document["features"], document)
