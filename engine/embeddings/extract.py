"""Embeddings: pooled features of images by a frozen backbone, computed once and cached by content.

One SQLite file a (backbone, weights, image size, arithmetic); one row an image content. A bf16 feature fits float16
without loss in the range that networks use, so vectors are kept as float16.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from engine.core.content_cache import embedding_cache
from engine.data.loading import Source, decode_batches
from engine.models.device import Compute
from engine.models.fusing import prepare_inference
from engine.models.network import Preprocessing, Trunk, to_uint8_batch
from engine.runs.events import Progress

_COMMIT_EVERY = 512  # images; what a kill may cost


@dataclass(frozen=True)
class Embeddings:
    """`vectors`: (n, features) float32, a row an input; rows of images in `failures` (index -> reason) are NaN."""

    vectors: np.ndarray
    failures: dict[int, str]
    computed: int


class EmbeddingCache:
    """Vectors by image content, for one backbone with one set of weights."""

    def __init__(self, key: str) -> None:
        self._kept = embedding_cache(key)

    def get(self, wanted: Sequence[str]) -> dict[str, np.ndarray]:
        return {content: np.frombuffer(vector, np.float16) for content, vector in self._kept.get(wanted)}

    def put(self, vectors: dict[str, np.ndarray]) -> None:
        self._kept.put((content, vector.tobytes()) for content, vector in vectors.items())


def cache_key(trunk: Trunk, preprocessing: Preprocessing, compute: Compute) -> str:
    views = "" if preprocessing.views == "one" else f"-{preprocessing.views}"
    name = trunk.entry.name.replace("/", "_").replace(":", "_")
    return f"{name}-{trunk.identity()}-{preprocessing.size}-{compute.name}-folded{views}"


def embed(
    files: Sequence[Path],
    contents: Sequence[str],
    trunk: Trunk,
    preprocessing: Preprocessing,
    compute: Compute,
    report: Callable[[Progress], bool] = lambda progress: True,
    cached: bool = True,
    scanned: bool = True,
) -> Embeddings | None:
    """Embeddings of the images; `cached`: from the cache where their content is known, and kept there.

    `scanned`: `contents` are the catalog's hashes; a file that holds something else by now is a failure.

    `report` hears of the progress and says whether to go on; None is returned where it says no (what was computed stays
    in the cache).
    """
    cache = EmbeddingCache(cache_key(trunk, preprocessing, compute)) if cached else None
    known = cache.get(contents) if cache else {}
    missing = [i for i, content in enumerate(contents) if content not in known]
    missing = list({contents[i]: i for i in missing}.values())
    failures, fresh, began, done = {}, {}, time.monotonic(), 0
    for indices, vectors, unread in forward(
        [files[i] for i in missing], trunk, preprocessing, compute, [contents[i] for i in missing] if scanned else None
    ):
        # What goes into the cache is also what is answered now: a run on cached embeddings gives the same numbers.
        kept = vectors.astype(np.float16) if cache else vectors
        fresh.update({contents[missing[i]]: vector for i, vector in zip(indices, kept, strict=True)})
        failures.update({missing[i]: reason for i, reason in unread.items()})
        done += len(indices) + len(unread)
        going_on = report(Progress("computing embeddings", done, len(missing), done / (time.monotonic() - began)))
        if len(fresh) >= _COMMIT_EVERY or done == len(missing) or not going_on:
            if cache:
                cache.put(fresh)
            known.update(fresh)
            fresh = {}
        if not going_on:
            return None
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
