"""The map: embeddings laid out in the plane by t-SNE, so that images that are similar to the network lie together.

t-SNE (van der Maaten and Hinton, 2008) by openTSNE (Poličar, Stražar and Zupan, 2024), whose interpolated gradient (Linderman
et al., 2019) makes its time linear in the images. It keeps neighbourhoods; how far apart groups lie, and how large they are,
says little. This module does not import torch, and only the process that builds a map imports openTSNE: the pages read maps.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np

from engine.core.errors import UserError
from engine.core.files import read_json, remove, write_bytes, write_json
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.embeddings.neighbours import Index, median_distance, nearest, neighbour_graph

LIMIT = 30_000  # points that a browser draws and drags smoothly
FEWEST = 10
SPAN = 1000  # the longer side of the map
STEPS = 64  # per unit: coordinates are multiples of 1/64
NEAR = 10  # neighbours stored per point
_PERPLEXITY = 30
_PHASES = ((250, 12.0, 0.5), (500, 1.0, 0.8))  # iterations, exaggeration, momentum: the method's usual ones
_EVERY = 10
_DOCUMENT = "map.json"
_FORMAT = 1  # of the files; files of another format are ignored


class MapDocument(TypedDict):
    """`map.json`: `of`, how many images the points stand for; `kept`, the share of nearest neighbours that the map keeps; `apart`, the
    median distance of two images; `digest`, of what it was made from; `index`, the index's digest; `version`, of the coordinates."""

    format: int
    digest: str
    index: str
    version: str
    seed: int
    of: int
    kept: float
    apart: float


@dataclass(frozen=True)
class Map:
    """Points in the plane, one row per image.

    `ids`: (n,) int64 of the catalog, ascending; `marks`: (n,) uint64, their contents (see `engine.data.columns.content_mark`). `xy`:
    (n, 2) float32, from 0 to SPAN. `near`: (n, k) int32, the rows of each point's nearest by embedding (not on the map),
    nearest first.
    """

    ids: np.ndarray
    marks: np.ndarray
    xy: np.ndarray
    near: np.ndarray
    document: MapDocument

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def version(self) -> str:
        """Identifies these coordinates: an area that was drawn on them applies to no others."""
        return self.document["version"]


def sample_rows(marks: np.ndarray, limit: int = LIMIT) -> np.ndarray:
    """Rows of an even sample of at most `limit` images, ascending.

    Chosen by the hash of their content, so that the sample stays the same when other images are added or removed. marks: (n,) uint64.
    """
    if len(marks) <= limit:
        return np.arange(len(marks))
    return np.sort(np.argsort(marks, kind="stable")[:limit])


def project(vectors: np.ndarray, seed: int = 0, report: ReportProgress = ignore_progress) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (n, 2) float32 from 0 to SPAN, and the nearest rows of each (n, NEAR) int32.

    vectors: (n, features) float32 of unit length. The same vectors and seed give the same coordinates. Raises UserError
    for fewer than FEWEST images.
    """
    if len(vectors) < FEWEST:
        raise UserError(f"A map needs at least {FEWEST} images; there are {len(vectors)}.", "Add more images to the dataset.")
    perplexity = min(_PERPLEXITY, (len(vectors) - 1) // 3)
    rows, distances = neighbour_graph(vectors, 3 * perplexity, report)
    # Between unit vectors the squared Euclidean distance is twice the cosine distance.
    plane = _tsne(vectors, rows, np.sqrt(2 * distances), perplexity, seed, report)
    return _fitted(plane), rows[:, :NEAR]


def _tsne(
    vectors: np.ndarray, rows: np.ndarray, distances: np.ndarray, perplexity: int, seed: int, report: ReportProgress
) -> np.ndarray:
    from openTSNE import TSNEEmbedding, affinity, initialization
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    total, before = sum(iterations for iterations, _, _ in _PHASES), 0

    def report_iteration(iteration: int, error: float, embedding: np.ndarray) -> None:
        report(Progress("drawing the map", min(before + iteration, total), total))

    embedding: Any = TSNEEmbedding(
        initialization.pca(vectors, random_state=seed),
        affinity.PerplexityBasedNN(perplexity=perplexity, knn_index=PrecomputedNeighbors(rows, distances), n_jobs=1),
        # One thread, since the order of sums changes the result.
        n_jobs=1,
        random_state=seed,
    )
    for iterations, exaggeration, momentum in _PHASES:
        embedding = embedding.optimize(
            iterations, exaggeration=exaggeration, momentum=momentum, callbacks=report_iteration, callbacks_every_iters=_EVERY
        )
        before += iterations
    return np.asarray(embedding)


def _fitted(plane: np.ndarray) -> np.ndarray:
    """The coordinates from 0 to SPAN along the longer side, which lies across, as a screen does; the shorter one is centred."""
    plane = plane - plane.mean(axis=0)
    _, _, axes = np.linalg.svd(plane, full_matrices=False)
    plane = plane @ axes.T
    low, high = plane.min(axis=0), plane.max(axis=0)
    scale = SPAN / max(float((high - low).max()), 1e-9)
    fitted = ((plane - (low + high) / 2) * scale + SPAN / 2).clip(0, SPAN)
    # Steps that fit 16 bits: the browser has exactly the same numbers, and so agrees on which points lie in an area.
    return (np.round(fitted * STEPS) / STEPS).astype(np.float32)


def preserved_neighbours(xy: np.ndarray, near: np.ndarray) -> float:
    """The share of each point's nearest by embedding that are among as many nearest on the map, averaged: 0 to 1."""
    from scipy.spatial import KDTree

    k = near.shape[1]
    _, around = KDTree(xy).query(xy, k + 1)
    return float(
        np.mean([len(set(a) & set(b) - {i}) for i, (a, b) in enumerate(zip(around.tolist(), near.tolist(), strict=True))]) / k
    )


def build_map(folder: Path, index: Index, seed: int = 0, limit: int = LIMIT, report: ReportProgress = ignore_progress) -> Map:
    """The map of an index, computed and written to `folder` where it is not there yet."""
    rows = sample_rows(index.marks, limit)
    digest = hashlib.blake2b(f"{index.digest} {seed} {limit} {_PERPLEXITY} {_PHASES}".encode(), digest_size=8).hexdigest()
    known = load_map(folder)
    if known is not None and known.document["digest"] == digest:
        return known
    xy, near = project(index.vectors(rows), seed, report)
    version = hashlib.blake2b(xy.tobytes(), digest_size=4).hexdigest()
    document: MapDocument = {
        "format": _FORMAT,
        "digest": digest,
        "index": index.digest,
        "version": version,
        "seed": seed,
        "of": len(index),
        "kept": round(preserved_neighbours(xy, near), 3),
        "apart": round(median_distance(index), 3),
    }
    content = io.BytesIO()
    np.savez(content, ids=index.ids[rows], marks=index.marks[rows], xy=xy, near=near)
    write_bytes(folder / f"map-{version}.npz", content.getvalue())
    write_json(folder / _DOCUMENT, document, durable=True)
    for old in folder.glob("map-*.npz"):
        if old.name != f"map-{version}.npz":
            remove(old)
    return Map(index.ids[rows], index.marks[rows], xy, near, document)


def load_map(folder: Path) -> Map | None:
    """The map in `folder`; None where there is none, or it is damaged."""
    document = read_json(folder / _DOCUMENT)
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        return None
    try:
        with np.load(folder / f"map-{document['version']}.npz") as arrays:
            return Map(arrays["ids"], arrays["marks"], arrays["xy"], arrays["near"], cast(MapDocument, document))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def points_inside(xy: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Which points lie within a closed polygon, by the even-odd rule: (n,) bool.

    xy: (n, 2); polygon: (corners, 2), the last joined to the first; fewer than three corners hold nothing.
    """
    is_inside = np.zeros(len(xy), bool)
    if len(polygon) < 3:
        return is_inside
    x, y = xy[:, 0].astype(float), xy[:, 1].astype(float)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crosses = (ay > y) != (by > y)
        if ay != by:
            is_inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return is_inside


def majority_label(labels: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The commonest label among each point's nearest: (n,) of the labels' type; on a tie, that of the nearest.

    labels: (n,) small whole numbers, -1 for none, which do not count; -1 comes back where none of the nearest has one.
    """
    around = labels[near]
    result, most = np.full(len(labels), -1, labels.dtype), np.zeros(len(labels), int)
    for place in range(near.shape[1]):
        candidate = around[:, place]
        votes = (around == candidate[:, None]).sum(axis=1)
        better = (votes > most) & (candidate >= 0)
        result[better], most[better] = candidate[better], votes[better]
    return result


def place_images(drawn: Map, index: Index, vectors: np.ndarray) -> np.ndarray:
    """Where images that are not on the map would lie: (m, 2) float32, between their nearest drawn ones, weighted by closeness.

    vectors: (m, features). Cheap and good enough to show an upload; the map itself does not move.
    """
    ids, distances = nearest(index, vectors, NEAR, among=drawn.ids)
    points = drawn.xy[np.searchsorted(drawn.ids, ids)]
    weights = 1 / (distances + 1e-3)[:, :, None] ** 2
    return ((points * weights).sum(axis=1) / weights.sum(axis=1)).astype(np.float32)
