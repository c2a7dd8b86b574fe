"""Embeddings: pooled features of images by a frozen backbone, computed once and cached by content.

One SQLite file per (backbone, weights, image size, precision), one row per image content. A bf16 feature fits float16
without loss in the range that networks use, so vectors are stored as float16.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from engine.core.content_cache import embedding_cache
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data.loading import Source, decode_batches
from engine.models.device import Compute
from engine.models.fusing import prepare_inference
from engine.models.network import Preprocessing, Trunk, to_uint8_batch

_COMMIT_EVERY = 512  # images whose embeddings a kill may cost


@dataclass(frozen=True)
class Embeddings:
    """`vectors`: (n, features) float32, one row per input; rows of images in `failures` (index -> reason) are NaN."""

    vectors: np.ndarray
    failures: dict[int, str]
    computed: int


class EmbeddingCache:
    """Vectors by image content, for one backbone with one set of weights."""

    def __init__(self, key: str) -> None:
        self._table = embedding_cache(key)

    def get(self, contents: Sequence[str]) -> dict[str, np.ndarray]:
        return {content: np.frombuffer(vector, np.float16) for content, vector in self._table.get(contents)}

    def put(self, vectors: dict[str, np.ndarray]) -> None:
        self._table.put((content, vector.tobytes()) for content, vector in vectors.items())


def cache_key(trunk: Trunk, preprocessing: Preprocessing, compute: Compute) -> str:
    """The name of the cache: everything that changes an embedding is part of it."""
    views = "" if preprocessing.views == "one" else f"-{preprocessing.views}"
    name = trunk.entry.name.replace("/", "_").replace(":", "_")
    return f"{name}-{trunk.identity()}-{preprocessing.size}-{compute.name}-folded{views}"


def embed(
    files: Sequence[Path],
    contents: Sequence[str],
    trunk: Trunk,
    preprocessing: Preprocessing,
    compute: Compute,
    report: ReportProgress = ignore_progress,
    cached: bool = True,
    scanned: bool = True,
) -> Embeddings:
    """Embeddings of the images; `cached`: read from the cache by content, and written to it.

    `scanned`: `contents` are the catalog's hashes; a file whose content has changed since is a failure.

    Where `report` raises, the computed embeddings stay in the cache.
    """
    cache = EmbeddingCache(cache_key(trunk, preprocessing, compute)) if cached else None
    known = cache.get(contents) if cache else {}
    missing = [i for i, content in enumerate(contents) if content not in known]
    missing = list({contents[i]: i for i in missing}.values())
    failures: dict[int, str] = {}
    fresh: dict[str, np.ndarray] = {}
    done = 0
    batches = forward(
        [files[i] for i in missing], trunk, preprocessing, compute, [contents[i] for i in missing] if scanned else None
    )
    report(Progress("computing embeddings", 0, len(missing)))
    try:
        for indices, vectors, unreadable in batches:
            # Rounded like the cached vectors even where they were just computed: a run gives the same numbers with and without a cache hit.
            stored = vectors.astype(np.float16) if cache else vectors
            fresh.update({contents[missing[i]]: vector for i, vector in zip(indices, stored, strict=True)})
            failures.update({missing[i]: reason for i, reason in unreadable.items()})
            done += len(indices) + len(unreadable)
            report(Progress("computing embeddings", done, len(missing)))
            if len(fresh) >= _COMMIT_EVERY:
                known.update(fresh)
                if cache:
                    cache.put(fresh)
                fresh = {}
    finally:
        # Also where `report` raises: what was computed stays in the cache, and the next call continues there.
        known.update(fresh)
        if cache:
            cache.put(fresh)
    nothing = np.full(trunk.features, np.nan, np.float32)
    vectors = np.stack([known.get(content, nothing) for content in contents]) if len(contents) else np.empty((0, trunk.features))
    return Embeddings(vectors.astype(np.float32), failures, len(missing))


def forward(
    files: Sequence[Source],
    trunk: Trunk,
    preprocessing: Preprocessing,
    compute: Compute,
    contents: Sequence[str] | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray, dict[int, str]]]:
    """Batches of (indices into `files`, features (n, features) float32, reasons for the unreadable), in order, uncached."""
    if not files:
        return
    module = prepare_inference(trunk.module, compute, preprocessing.size)
    for batch in decode_batches(files, preprocessing.size, contents=contents):
        with torch.no_grad(), compute.autocast():
            vectors = preprocessing.pooled(module, compute.batch(preprocessing(to_uint8_batch(batch.images))))
        yield batch.indices, vectors.cpu().numpy(), batch.failures
