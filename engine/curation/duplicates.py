"""Sets of images that show the same, and what is wrong with a set: it spans two splits, or has two classes."""

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from engine.curation.findings import Finding, make_finding

_SCORED_SPLITS = ("test", "validation", "train")  # the splits that must share no image; the first ones keep theirs


def group_by_key(keys: Sequence[Hashable]) -> np.ndarray:
    """A group number per image, the same for equal keys: (n,) int."""
    return pd.factorize(np.asarray(keys, dtype=object))[0]


def merge_groups(groups: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The groups (n,) after merging those of each pair of rows (m, 2): (n,) int."""
    count = int(groups.max(initial=-1)) + 1
    ends = groups[pairs.reshape(-1, 2)]
    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    return connected_components(links, directed=False)[1][groups]


def find_exact_duplicates(table: pd.DataFrame, groups: np.ndarray) -> Iterator[Finding]:
    """One finding per set of images with the same pixels."""
    for images in _sets(table, groups):
        same_files = images["hash"].nunique() == 1
        relation = "the same file" if same_files else "the same pixels in different files"
        yield make_finding("exact_duplicate", 1.0, images, f"{len(images)} images are {relation}.")


def find_near_duplicates(table: pd.DataFrame, exact: np.ndarray, near: np.ndarray, similarity: np.ndarray) -> Iterator[Finding]:
    """One finding per set of images that are nearly the same. `exact`, `near`: their groups (n,); `similarity`: (n,), of each
    image to the others of its near group."""
    for images in _sets(table, near):
        if len(np.unique(exact[images.index])) > 1:
            lowest = float(similarity[images.index].min())
            detail = f"{len(images)} images are near-duplicates; {_correlation_text(lowest)}."
            yield make_finding("near_duplicate", lowest, images, detail)


def find_leaks(table: pd.DataFrame, exact: np.ndarray, near: np.ndarray, similarity: np.ndarray) -> Iterator[Finding]:
    """One finding per set that spans two of train, validation and test. Arguments: as for `find_near_duplicates`."""
    inside = table[table["split"].isin(_SCORED_SPLITS)]
    for images in _sets(inside, near[inside.index]):
        splits = [split for split in _SCORED_SPLITS if (images["split"] == split).any()]
        if len(splits) > 1:
            lowest = _similarity_across("split", images, exact, similarity)
            yield make_finding("leak", lowest, images, _detail("is in", splits, lowest))


def find_label_conflicts(table: pd.DataFrame, exact: np.ndarray, near: np.ndarray, similarity: np.ndarray) -> Iterator[Finding]:
    """One finding per set whose images have different classes. Arguments: as for `find_near_duplicates`."""
    inside = table[table["class"].notna()]
    for images in _sets(inside, near[inside.index]):
        classes = sorted(images["class"].unique())
        if len(classes) > 1:
            lowest = _similarity_across("class", images, exact, similarity)
            yield make_finding("label_conflict", lowest, images, _detail("is labelled", classes, lowest))


def _detail(relation: str, names: Sequence[str], similarity: float) -> str:
    places = f"{relation} {', '.join(names[:-1])} and {names[-1]}"
    if similarity == 1:
        return f"The same image {places}."
    return f"Nearly the same image {places}; {_correlation_text(similarity)}."


def _correlation_text(similarity: float) -> str:
    """The measure (`engine.curation.alignment`) with its value. Only images with the same pixels are called identical."""
    return f"laid over each other, their fine structure correlates at {min(similarity, 0.99):.2f} (1: identical)"


def _similarity_across(column: str, images: pd.DataFrame, exact: np.ndarray, similarity: np.ndarray) -> float:
    """1 if images with equal pixels differ in `column`, else the lowest similarity in the set."""
    differ = images.groupby(exact[images.index])[column].nunique().max() > 1
    return 1.0 if differ else float(similarity[images.index].min())


def _sets(table: pd.DataFrame, groups: np.ndarray) -> Iterator[pd.DataFrame]:
    """The images of each group of two or more, the one to keep first: in the test set, then the largest, then the oldest id."""
    by_row = pd.Series(groups, table.index)
    several = table[by_row.duplicated(keep=False)]
    order = several.assign(
        group=by_row[several.index],
        rank=several["split"].map({split: i for i, split in enumerate(_SCORED_SPLITS)}).fillna(len(_SCORED_SPLITS)),
        area=-(several["width"] * several["height"]),
        size=-several["bytes"],
    ).sort_values(["group", "rank", "area", "size", "id"])
    for _, images in order.groupby("group", sort=False):
        yield images
