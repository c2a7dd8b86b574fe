"""What an audit finds: one dataclass, and the words for its kinds."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

import pandas as pd

# "unlabelled" is not found by an audit: it asks for the class of an image that has none (`engine.curation.acquisition`).
FindingKind = Literal[
    "leak", "label_conflict", "label_issue", "exact_duplicate", "near_duplicate", "outlier", "quality", "unlabelled"
]


@dataclass(frozen=True)
class Kind:
    """A question that the audit answers. `of_sets`: a finding is several images that belong together."""

    name: FindingKind
    title: str
    help: str
    of_sets: bool = False


_ALL = (
    Kind("leak", "Across the splits", "The same image, or nearly the same, in two splits: scores on them are too high", True),
    Kind("label_conflict", "Conflicting labels", "Copies of one image under several classes", True),
    Kind("label_issue", "Suspected label errors", "Images that a model trained without them assigns to another class"),
    Kind("exact_duplicate", "Same pixels", "Images with identical pixels in different files", True),
    Kind("near_duplicate", "Nearly the same", "Copies that were resized, recompressed or slightly cropped", True),
    Kind("outlier", "Outliers", "Images far from the others of their class"),
    Kind("quality", "Poor quality", "Dark, blurred, low-information and odd-sized images"),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}  # first what distorts a score most
FIELDS = ("id", "kind", "score", "images", "paths", "classes", "splits", "detail", "suggestion", "reason")


class ImageReference(TypedDict):
    id: int
    path: str


class FindingDocument(TypedDict):
    """A finding as a JSON object."""

    id: str
    kind: FindingKind
    score: float
    images: list[ImageReference]
    classes: list[str | None]
    splits: list[str]
    detail: str
    suggestion: str | None
    reason: str


@dataclass(frozen=True)
class Finding:
    """One finding. `images`, `paths`, `classes` and `splits` have one entry per image, in the same order.

    `score`: 0 to 1, 1 is worst; comparable within a kind. In a set, the first image is the one to keep if one is kept: that of
    the test set, else the largest. `suggestion`: the class that the audit would give (label issues). `reason`: dark, bright,
    blurred, flat or odd_size (quality). `id` is the same in the next audit as long as the kind, the files, their labels (for
    kinds about labels) and their splits (for a leak) are the same, so that what a person decided on it stays decided.
    """

    id: str
    kind: FindingKind
    score: float
    images: tuple[int, ...]
    paths: tuple[str, ...]
    classes: tuple[str | None, ...]
    splits: tuple[str, ...]
    detail: str
    suggestion: str | None = None
    reason: str = ""

    def document(self) -> FindingDocument:
        """The finding as a JSON object."""
        return {
            "id": self.id,
            "kind": self.kind,
            "score": self.score,
            "images": [{"id": image, "path": path} for image, path in zip(self.images, self.paths, strict=True)],
            "classes": list(self.classes),
            "splits": list(self.splits),
            "detail": self.detail,
            "suggestion": self.suggestion,
            "reason": self.reason,
        }


def parse_finding(document: FindingDocument) -> Finding:
    """The finding that a JSON object describes."""
    return Finding(
        id=document["id"],
        kind=document["kind"],
        score=document["score"],
        images=tuple(image["id"] for image in document["images"]),
        paths=tuple(image["path"] for image in document["images"]),
        classes=tuple(document["classes"]),
        splits=tuple(document["splits"]),
        detail=document["detail"],
        suggestion=document["suggestion"],
        reason=document["reason"],
    )


def make_finding(
    kind: FindingKind, score: float, images: pd.DataFrame, detail: str, suggestion: str | None = None, reason: str = ""
) -> Finding:
    """The finding about `images` (columns id, path, class, split, hash), in their order."""
    classes = tuple(None if pd.isna(name) else str(name) for name in images["class"])
    splits = tuple(map(str, images["split"]))
    files = zip(images["path"], images["hash"], _identity_values(kind, classes, splits), strict=True)
    key = "\n".join([kind, reason, *sorted(map(repr, files))])
    return Finding(
        id=hashlib.blake2b(key.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest(),
        kind=kind,
        score=round(min(max(float(score), 0.0), 1.0), 6),
        images=tuple(map(int, images["id"])),
        paths=tuple(images["path"]),
        classes=classes,
        splits=splits,
        detail=detail,
        suggestion=suggestion,
        reason=reason,
    )


def findings_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """One row per finding, columns FIELDS, in the given order."""
    columns = {name: pd.Series([getattr(finding, name) for finding in findings], dtype=object) for name in FIELDS}
    return pd.DataFrame(columns).astype({"score": float})


def _identity_values(kind: FindingKind, classes: Sequence[str | None], splits: Sequence[str]) -> Sequence[str | None]:
    """Per image, what besides its file makes this a different finding: its label or its split."""
    if kind in ("label_issue", "label_conflict", "outlier"):
        return classes
    return splits if kind == "leak" else [None] * len(splits)
