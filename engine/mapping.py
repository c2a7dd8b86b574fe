"""The map of a dataset: embeddings of its images, the index of neighbours, the projection, each kept until its images change.

Everything lies in `cache/maps/<dataset>/`. Reading it needs no torch; making it does. `engine.map_job` makes it in the background.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from engine import neighbours, projection
from engine.backbones import DEFAULT
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.errors import UserError
from engine.home import cache_dir
from engine.training.facts import Progress

IMAGE_SIZE = 224  # the one of the preset `fast`: a run and the map share their embeddings
_CHUNK = 2048  # images whose embeddings are in memory at once

Report = Callable[[str, int, int], bool]  # phase, done, total -> whether to go on


class Stopped(Exception):
    """The making was ended on request; what was computed is kept."""


def folder(data: Dataset) -> Path:
    """Where a dataset's index and map are kept."""
    return cache_dir("maps") / data.name


def index(data: Dataset) -> neighbours.Index | None:
    """The dataset's embeddings; None where they have not been computed. They may be older than the catalog: see `is_current`."""
    return neighbours.load(folder(data))


def drawn(data: Dataset) -> projection.Map | None:
    """The dataset's map; None where it has not been made."""
    return projection.load(folder(data))


def is_current(data: Dataset, found: neighbours.Index) -> bool:
    """Whether the index was made of the catalog as it is now."""
    return found.document["fingerprint"] == _fingerprint(data)


def make(data: Dataset, report: Report = lambda phase, done, total: True) -> projection.Map:
    """The dataset's index and map, from what is cached already. Raises UserError; Stopped where `report` says no."""

    def tell(phase: str, done: int, total: int) -> None:
        if not report(phase, done, total):
            raise Stopped

    tell("loading the model", 0, 1)
    found = _embedded(data, report)
    if not len(found):
        raise UserError(f"No image of {data.name} could be read.", "Scan the dataset again: python -m engine data add SOURCE")
    return projection.make(folder(data), found, report=tell)


def _fingerprint(data: Dataset) -> str:
    """What the ids and contents of the catalog follow from: a dataset that was registered anew counts its images anew."""
    return f"{data.catalog.fingerprint()}-{data.added}"


def _embedded(data: Dataset, report: Report) -> neighbours.Index:
    """The index of the catalog as it is now; at once where it is kept already."""
    from engine import network
    from engine.device import compute
    from engine.embeddings import Embeddings, cache_key, embed

    where = compute()
    trunk = network.build(DEFAULT, "pretrained", IMAGE_SIZE)
    key = cache_key(trunk, IMAGE_SIZE, where)
    fingerprint = _fingerprint(data)
    digest = hashlib.blake2b(f"{key} {fingerprint}".encode(), digest_size=8).hexdigest()
    known = index(data)
    if known is not None and known.document["digest"] == digest:
        return known
    preprocessing = network.Preprocessing(IMAGE_SIZE, trunk.mean, trunk.std)
    document = {
        "digest": digest, "model": DEFAULT, "image_size": IMAGE_SIZE, "key": key, "fingerprint": fingerprint, "made": time.time(),
    }  # fmt: skip

    def embedded(rows: list[Row], tell: Callable[[Progress], bool]) -> Embeddings | None:
        files, contents = [row.file(data.root) for row in rows], [row.hash for row in rows]
        return embed(files, contents, trunk, preprocessing, where, tell)

    return neighbours.write(folder(data), _blocks(data, embedded, report), document)


def _blocks(data: Dataset, embedded: Callable, report: Report) -> Iterator[neighbours.Block]:
    """The embeddings of every readable image, some at a time, by id; images that cannot be read any more are left out."""
    total, done, after = data.catalog.count(), 0, 0
    while rows := data.catalog.page(_CHUNK, after):

        def tell(progress: Progress, before: int = done + len(rows)) -> bool:
            # What the cache holds of these rows is done already.
            return report("computing embeddings", before - progress.total + progress.done, total)

        found = embedded(rows, tell)
        done, after = done + len(rows), rows[-1].id
        if found is None or not report("computing embeddings", done, total):
            raise Stopped
        read = ~np.isnan(found.vectors).any(axis=1)
        ids = np.array([row.id for row in rows], np.int64)
        marks = np.array([neighbours.mark(row.hash) for row in rows], np.uint64)
        yield ids[read], marks[read], found.vectors[read]
