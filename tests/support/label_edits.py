"""Decisions about images in one call, as tests want them."""

from collections.abc import Iterable
from typing import Any

from engine.data.datasets import Dataset
from engine.data.labels.edits import Decision, DecisionGroup, decide
from engine.data.labels.label_edit import Entry


def relabel(data: Dataset, images: Iterable[int], new_class: str, **fields: Any) -> list[Entry]:
    return decide(data, DecisionGroup([Decision(image, "relabel", new_class) for image in images], **fields))


def exclude(data: Dataset, images: Iterable[int], **fields: Any) -> list[Entry]:
    return decide(data, DecisionGroup([Decision(image, "exclude") for image in images], **fields))


def keep(data: Dataset, images: Iterable[int], **fields: Any) -> list[Entry]:
    return decide(data, DecisionGroup([Decision(image, "keep") for image in images], **fields))
