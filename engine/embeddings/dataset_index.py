"""The map of a dataset: embeddings of its images, the index of neighbours, the projection, each kept until its images change.

Everything lies in `cache/maps/<dataset>/`. Reading it needs no torch; making it does, in a job in the background. Embeddings
are cached by content as they are computed, so that a job that was ended goes on where it was.
"""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from engine.core.errors import UserError
from engine.core.jobs import Job, JobStopped, ReportProgress
from engine.core.paths import cache_dir
from engine.data.catalog import Row
from engine.data.datasets import Dataset, load_dataset
from engine.embeddings import neighbours, projection
from engine.models.registry import DEFAULT
from engine.runs.events import Progress

IMAGE_SIZE = 224  # the one of the preset `fast`: a run and the map share their embeddings
_CHUNK = 2048  # images whose embeddings are in memory at once


def index_folder(data: Dataset) -> Path:
    """Where a dataset's index and map are kept."""
    return cache_dir("maps") / data.name


def job(name: str) -> Job:
    """The process that makes a dataset's map in the background."""
    return Job(cache_dir("maps") / name, "engine.embeddings.dataset_index", name)


def load_index(data: Dataset) -> neighbours.Index | None:
    """The dataset's embeddings; None where they have not been computed. They may be older than the catalog: see `newer`."""
    return neighbours.load_index(index_folder(data))


def load_map(data: Dataset) -> projection.Map | None:
    """The dataset's map; None where it has not been made."""
    return projection.load_map(index_folder(data))


def map_time(data: Dataset) -> float:
    """When the map was drawn, in seconds since the epoch; 0 where it has not been."""
    file = index_folder(data) / "map.json"
    return file.stat().st_mtime if file.exists() else 0.0


def count_new_images(data: Dataset, found: neighbours.Index) -> int:
    """How many readable images of the catalog came, or were rewritten, since the index was made."""
    now = data.catalog.view()
    missing = len(now) - int(match_content(now.ids(), now.marks(), found.ids, found.marks).sum())
    # Those that could not be read then are no news.
    return max(0, missing - (found.document["asked"] - len(found)))


def match_content(ids: np.ndarray, marks: np.ndarray, known: np.ndarray, contents: np.ndarray) -> np.ndarray:
    """Which of `ids`, with their `marks`, are among the `known` (rising) with the same `contents`: (n,) bool."""
    if not len(known):
        return np.zeros(len(ids), bool)
    places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return (known[places] == ids) & (contents[places] == marks)


def build_map(data: Dataset, report: ReportProgress = lambda phase, done, total: None) -> projection.Map:
    """The dataset's index and map, from what is cached already. Raises UserError, and what `report` raises."""
    if not data.has_images:
        raise UserError(f"The dataset {data.name} is a catalog without images, made for measuring.", "It can have no map.")
    result = build_index(data, report)
    if not len(result):
        raise UserError(f"No image of {data.name} could be read.", "Scan the dataset again: python -m engine data add SOURCE")
    return projection.build_map(index_folder(data), result, report=report)


def build_index(data: Dataset, report: ReportProgress = lambda phase, done, total: None) -> neighbours.Index:
    """The index of the catalog as it is now; at once where it is kept already. Raises what `report` raises."""
    report("loading the model", 0, 1)
    from engine.embeddings.extract import Embeddings, cache_key, embed
    from engine.models import network
    from engine.models.device import select_compute

    where = select_compute()
    trunk = network.build_trunk(DEFAULT, "pretrained", IMAGE_SIZE)
    preprocessing = network.Preprocessing(IMAGE_SIZE, trunk.mean, trunk.std)
    key = cache_key(trunk, preprocessing, where)
    now = data.catalog.view()
    digest = hashlib.blake2b(key.encode() + now.ids().tobytes() + now.marks().tobytes(), digest_size=8).hexdigest()
    known = load_index(data)
    if known is not None and known.document["digest"] == digest:
        return known
    document = {"digest": digest, "model": DEFAULT, "image_size": IMAGE_SIZE, "key": key, "made": time.time(), "asked": len(now)}

    def of_rows(rows: list[Row], tell: Callable[[Progress], bool]) -> Embeddings | None:
        files, contents = [row.file(data.root) for row in rows], [row.hash or "" for row in rows]
        return embed(files, contents, trunk, preprocessing, where, tell)

    return neighbours.write_index(index_folder(data), _blocks(data, now.ids(), of_rows, report), document)


def _blocks(data: Dataset, ids: np.ndarray, embedded: Callable, report: ReportProgress) -> Iterator[neighbours.Block]:
    """The embeddings of these images, some at a time, by id; those that cannot be read any more are left out."""
    for start in range(0, len(ids), _CHUNK):
        rows = [row for row in data.catalog.rows(ids[start : start + _CHUNK]).values() if row.hash]
        end = min(start + _CHUNK, len(ids))

        stopped = []

        def tell(progress: Progress, end: int = end, stopped: list = stopped) -> bool:
            try:
                # What the cache holds of these rows is done already.
                report("computing embeddings", end - progress.total + progress.done, len(ids))
            except JobStopped as error:
                stopped.append(error)
            # Told to end, `embed` puts into the cache what it has.
            return not stopped

        result = embedded(rows, tell)
        if stopped:
            raise stopped[0]
        report("computing embeddings", end, len(ids))
        read = ~np.isnan(result.vectors).any(axis=1)
        marks = np.array([neighbours.content_mark(row.hash or "") for row in rows], np.uint64)
        yield np.array([row.id for row in rows], np.int64)[read], marks[read], result.vectors[read]


if __name__ == "__main__":
    of = load_dataset(sys.argv[1])
    sys.exit(job(of.name).run(lambda report: build_map(of, report)))
