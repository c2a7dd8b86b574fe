"""What an audit finds, one dataclass, and the words for its kinds."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Kind:
    """A question that the audit answers. `of_sets`: its findings are several images that belong together."""

    name: str
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
KINDS = {kind.name: kind for kind in _ALL}  # the worst for a result first
FIELDS = ("id", "kind", "score", "images", "paths", "classes", "splits", "detail", "suggestion", "reason")


@dataclass(frozen=True)
class Finding:
    """One finding. `images`, `paths`, `classes` and `splits` go together, an entry an image.

    `score`: 0 to 1, the worst 1; compared within a kind. In a set the first image is the one to keep where one is kept: that of
    the test set, else the largest. `suggestion`: the class that the audit would give (label issues). `reason`: dark, bright,
    blurred, flat, odd_size or odd_shape (quality). `id` is the same in another audit while kind, files, labels and, for a leak,
    splits are: what a person decided on it stays decided.
    """

    id: str
    kind: str
    score: float
    images: tuple[int, ...]
    paths: tuple[str, ...]
    classes: tuple[str | None, ...]
    splits: tuple[str, ...]
    detail: str
    suggestion: str | None = None
    reason: str = ""

    def document(self) -> dict[str, Any]:
        """For JSON: `images` is a list of {id, path}."""
        images = [{"id": image, "path": path} for image, path in zip(self.images, self.paths, strict=True)]
        said = {key: value for key, value in asdict(self).items() if key != "paths"}
        return {**said, "images": images}


def parse_finding(said: dict[str, Any]) -> Finding:
    images = said["images"]
    listed = {key: tuple(said[key]) for key in ("classes", "splits")}
    return Finding(**{**said, **listed, "images": tuple(i["id"] for i in images), "paths": tuple(i["path"] for i in images)})


def make_finding(
    kind: str, score: float, of: pd.DataFrame, detail: str, suggestion: str | None = None, reason: str = ""
) -> Finding:
    """The finding on the images `of` (columns id, path, class, split, hash), in their order."""
    classes = tuple(None if pd.isna(name) else str(name) for name in of["class"])
    splits = tuple(map(str, of["split"]))
    key = [kind, reason, *sorted(map(repr, zip(of["path"], of["hash"], _told_by(kind, classes, splits), strict=True)))]
    identity = hashlib.blake2b("\n".join(key).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
    ids = tuple(map(int, of["id"]))
    score = round(min(max(float(score), 0.0), 1.0), 6)
    return Finding(identity, kind, score, ids, tuple(of["path"]), classes, splits, detail, suggestion, reason)


def findings_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """A row a finding, columns FIELDS, in the order given."""
    return pd.DataFrame({name: pd.Series([getattr(f, name) for f in findings], dtype=object) for name in FIELDS}).astype(
        {"score": float}
    )


def _told_by(kind: str, classes: Sequence[str | None], splits: Sequence[str]) -> Sequence[str | None]:
    """What besides the file makes it another finding: its label, or where it stands."""
    if kind in ("label_issue", "label_conflict", "outlier"):
        return classes
    return splits if kind == "leak" else [None] * len(splits)
