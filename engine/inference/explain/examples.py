"""Explanation by examples: the training images nearest to an image, with their labels.

torch is imported lazily, since the pages use this module. Distances are cosine distances of embeddings: those of the run's own network
where they are cached (a run of method linear uses the pretrained network), else those of the dataset's index, which come from another
network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.embeddings import dataset_index, neighbours

if TYPE_CHECKING:
    from engine.models.model import Model

SHOWN = 8
_ENOUGH = 0.99  # share of the training images that must have an embedding of the run's own network
_TRAIN = Filter(splits=("train",))


@dataclass(frozen=True)
class RunEmbeddings:
    """Embeddings of training images by the run's own network: `ids` (n,), `vectors` (n, features) of unit length."""

    ids: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class Examples:
    """`nearest`: columns id, distance, label, path, content, copy (the same file), nearest first. `embedding`: of the run's own network, or of the
    dataset's index; `model`: its backbone."""

    nearest: pd.DataFrame
    embedding: Literal["run", "dataset"]
    model: str


def load_run_embeddings(model: "Model", data: Dataset) -> RunEmbeddings | None:
    """The cached embeddings of the training images by the run's own network; None where not nearly all are cached."""
    from engine.embeddings.extract import EmbeddingCache, cache_key

    frame = data.catalog.frame("train")
    known = EmbeddingCache(cache_key(model.trunk, model.preprocessing, model.compute)).get(frame["hash"].tolist())
    cached = frame[frame["hash"].isin(known)].sort_values("id")
    if not len(cached) or len(cached) < _ENOUGH * len(frame):
        return None
    return RunEmbeddings(
        cached["id"].to_numpy(np.int64), neighbours.normalise(np.stack([known[content] for content in cached["hash"]]))
    )


def nearest_by_run(
    model: "Model", data: Dataset, known: RunEmbeddings, square: np.ndarray, content: str | None, k: int = SHOWN
) -> Examples:
    """The training images nearest to an image (size, size, 3) uint8, by the run's own network."""
    vector = neighbours.normalise(model.features(square[None]))[0]
    distances = np.clip(1 - known.vectors @ vector, 0, 2)
    order = np.lexsort((known.ids, distances))[: 2 * k]
    result = pd.DataFrame({"id": known.ids[order], "distance": distances[order]})
    return Examples(_described(data, result, content, k), "run", model.meta.backbone)


def nearest_by_dataset(data: Dataset, index: neighbours.Index, image_id: int, content: str | None, k: int = SHOWN) -> Examples:
    """The training images nearest to an image of the dataset by its index. Raises UserError where it is not in the index."""
    result = neighbours.find_neighbours(index, image_id, 2 * k, data.catalog.view(_TRAIN).ids())
    return Examples(_described(data, result, content, k), "dataset", index.document["model"])


def find_examples(
    model: "Model",
    data: Dataset,
    row: Row,
    square: np.ndarray,
    k: int = SHOWN,
) -> Examples:
    """The training images nearest to an image of the dataset, by the run's own network where its embeddings are cached, else by the index.

    Raises UserError where neither exists.
    """
    known = load_run_embeddings(model, data)
    if known is not None:
        return nearest_by_run(model, data, known, square, row.hash, k)
    index = dataset_index.load_index(data)
    if index is None:
        raise UserError(
            f"The embeddings of {data.name} have not been computed.",
            f"Draw its map on the page Explore, or: python -m engine map {data.name}",
        )
    return nearest_by_dataset(data, index, row.id, row.hash, k)


def describe_labels(true: str, answer: str, labels: Sequence[str]) -> str:
    """How many of the nearest labels agree with the true and the predicted class, in one sentence; empty without neighbours."""
    if not labels:
        return ""
    own, taken = labels.count(true), labels.count(answer)
    if true == answer:
        return f"{own} of the {len(labels)} nearest training images are {true}."
    return f"Of the {len(labels)} nearest training images, {answer}: {taken}, {true}: {own}."


def _described(data: Dataset, nearest: pd.DataFrame, content: str | None, k: int) -> pd.DataFrame:
    """The first k rows that are still in the catalog, with their labels, paths and contents."""
    rows = data.catalog.rows(nearest["id"].tolist())
    nearest = nearest[nearest["id"].isin(rows)].head(k).reset_index(drop=True)
    matches = [rows[image] for image in nearest["id"]]
    return nearest.assign(
        label=[row.class_name or "" for row in matches],
        path=[row.path for row in matches],
        content=[row.hash or "" for row in matches],
        copy=[row.hash == content for row in matches],
    )
