"""The map of a dataset: embeddings of its images, the index of neighbours, the projection, each stored until the images change.

Everything lies in `cache/maps/<dataset>/`. Reading it needs no torch; building it does, in a job in the background. Embeddings
are cached by content as they are computed, so that a job that was stopped continues where it was.
"""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.core.errors import UserError
from engine.core.jobs import Job
from engine.core.paths import cache_dir
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data.catalog import Row
from engine.data.columns import content_mark, find_unchanged
from engine.data.datasets import Dataset, load_dataset
from engine.embeddings import neighbours, projection
from engine.models.registry import DEFAULT

if TYPE_CHECKING:
    from engine.embeddings.extract import Embeddings

IMAGE_SIZE = 224  # that of the preset `fast`, so that a run and the map share their embeddings
_CHUNK = 2048  # images whose embeddings are in memory at once

_EmbedRows = Callable[[list[Row], ReportProgress], "Embeddings"]


def index_folder(data: Dataset) -> Path:
    """The folder of a dataset's index and map."""
    return cache_dir("maps") / data.name


def job(name: str) -> Job:
    """The process that builds a dataset's map in the background."""
    return Job("map", cache_dir("maps") / name, name, {"dataset": name})


def load_index(data: Dataset) -> neighbours.Index | None:
    """The dataset's embeddings; None where they have not been computed. They may be older than the catalog: see `count_new_images`."""
    return neighbours.load_index(index_folder(data))


def load_map(data: Dataset) -> projection.Map | None:
    """The dataset's map; None where it has not been built."""
    return projection.load_map(index_folder(data))


def map_time(data: Dataset) -> float:
    """When the map was drawn, in seconds since the epoch; 0 where it has not been."""
    file = index_folder(data) / "map.json"
    return file.stat().st_mtime if file.exists() else 0.0


def count_new_images(data: Dataset, index: neighbours.Index) -> int:
    """How many readable images were added to the catalog, or rewritten, since the index was built."""
    view = data.catalog.view()
    missing = len(view) - int((find_unchanged(view.ids(), view.marks(), index.ids, index.marks.__getitem__) >= 0).sum())
    # Images that could not be read when the index was built are missing from it, but not new.
    return max(0, missing - (index.document["asked"] - len(index)))


def build_map(data: Dataset, report: ReportProgress = ignore_progress) -> projection.Map:
    """Build the dataset's index and map, using cached embeddings. Raises UserError, and what `report` raises."""
    if not data.has_images:
        raise UserError(f"The dataset {data.name} is a catalog without images, made for measuring.", "It can have no map.")
    index = build_index(data, report)
    if not len(index):
        raise UserError(f"No image of {data.name} could be read.", "Scan the dataset again: python -m engine data add SOURCE")
    return projection.build_map(index_folder(data), index, report=report)


def build_index(data: Dataset, report: ReportProgress = ignore_progress) -> neighbours.Index:
    """The index of the current catalog, built where it is not stored yet. Raises what `report` raises."""
    report(Progress("loading the model"))
    from engine.embeddings.extract import cache_key, embed
    from engine.models import network
    from engine.models.device import select_compute

    compute = select_compute()
    trunk = network.build_trunk(DEFAULT, "pretrained", IMAGE_SIZE)
    preprocessing = network.Preprocessing(IMAGE_SIZE, trunk.mean, trunk.std)
    key = cache_key(trunk, preprocessing, compute)
    view = data.catalog.view()
    digest = hashlib.blake2b(key.encode() + view.ids().tobytes() + view.marks().tobytes(), digest_size=8).hexdigest()
    known = load_index(data)
    if known is not None and known.document["digest"] == digest:
        return known
    document: neighbours.IndexDocument = {
        "digest": digest, "model": DEFAULT, "image_size": IMAGE_SIZE, "key": key, "made": time.time(), "asked": len(view)
    }  # fmt: skip

    def embed_rows(rows: list[Row], report_chunk: ReportProgress) -> "Embeddings":
        files, contents = [row.file(data.root) for row in rows], [row.hash or "" for row in rows]
        return embed(files, contents, trunk, preprocessing, compute, report_chunk)

    return neighbours.write_index(index_folder(data), _blocks(data, view.ids(), embed_rows, report), document)


def _blocks(data: Dataset, ids: np.ndarray, embed_rows: _EmbedRows, report: ReportProgress) -> Iterator[neighbours.Block]:
    """The embeddings of these images in chunks, by id, without the images that can no longer be read."""
    for start in range(0, len(ids), _CHUNK):
        rows = [row for row in data.catalog.rows(ids[start : start + _CHUNK]).values() if row.hash]
        end = min(start + _CHUNK, len(ids))

        def report_chunk(progress: Progress, end: int = end) -> None:
            # `progress` counts only images that are not cached: the cached ones of this chunk are done already.
            report(Progress("computing embeddings", end - progress.total + progress.done, len(ids)))

        embeddings = embed_rows(rows, report_chunk)
        report(Progress("computing embeddings", end, len(ids)))
        read = ~np.isnan(embeddings.vectors).any(axis=1)
        marks = np.array([content_mark(row.hash or "") for row in rows], np.uint64)
        yield np.array([row.id for row in rows], np.int64)[read], marks[read], embeddings.vectors[read]


if __name__ == "__main__":
    dataset = load_dataset(sys.argv[1])
    sys.exit(job(dataset.name).run(lambda report: build_map(dataset, report)))
