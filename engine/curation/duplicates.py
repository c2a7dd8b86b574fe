"""Sets of images that show the same picture, and what is wrong with a set: it stands in two splits, or under two classes."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from engine.curation.findings import Finding, make_finding

_JUDGED = ("test", "validation", "train")  # the splits that must share no picture, the first to keep its own


def group_by_key(keys: Sequence[str]) -> np.ndarray:
    """A number for each image, the same for the same key: (n,) int."""
    return pd.factorize(np.asarray(keys, dtype=object))[0]


def merge_groups(groups: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The groups (n,) with those of each pair of rows (m, 2) made one: (n,) int."""
    count = int(groups.max(initial=-1)) + 1
    ends = groups[pairs.reshape(-1, 2)]
    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    return connected_components(links, directed=False)[1][groups]


def find_exact_duplicates(table: pd.DataFrame, groups: np.ndarray) -> Iterator[Finding]:
    """A finding for every set of images with the same pixels."""
    for of in _sets(table, groups):
        same_files = of["hash"].nunique() == 1
        said = "the same file" if same_files else "the same pixels in different files"
        yield make_finding("exact_duplicate", 1.0, of, f"{len(of)} images are {said}.")


def find_near_duplicates(table: pd.DataFrame, exact: np.ndarray, near: np.ndarray, likeness: np.ndarray) -> Iterator[Finding]:
    """A finding for every set of images that are alike without being the same. `likeness`: (n,) of each image to its set."""
    for of in _sets(table, near):
        if len(np.unique(exact[of.index])) > 1:
            alike = float(likeness[of.index].min())
            yield make_finding("near_duplicate", alike, of, f"{len(of)} images are near-duplicates; {_correlation(alike)}.")


def find_leaks(table: pd.DataFrame, exact: np.ndarray, near: np.ndarray, likeness: np.ndarray) -> Iterator[Finding]:
    """A finding for every set that stands in two of train, validation and test."""
    inside = table[table["split"].isin(_JUDGED)]
    for of in _sets(inside, near[inside.index]):
        places = [split for split in _JUDGED if (of["split"] == split).any()]
        if len(places) > 1:
            alike = _alike(of, "split", exact, likeness)
            detail = (
                f"The same image is in {_listed(places)}."
                if alike == 1
                else (f"Nearly the same image is in {_listed(places)}; {_correlation(alike)}.")
            )
            yield make_finding("leak", alike, of, detail)


def find_label_conflicts(table: pd.DataFrame, exact: np.ndarray, near: np.ndarray, likeness: np.ndarray) -> Iterator[Finding]:
    """A finding for every set whose images have different classes."""
    inside = table[table["class"].notna()]
    for of in _sets(inside, near[inside.index]):
        classes = sorted(of["class"].unique())
        if len(classes) > 1:
            alike = _alike(of, "class", exact, likeness)
            detail = (
                f"The same image is labelled {_listed(classes)}."
                if alike == 1
                else (f"Nearly the same image is labelled {_listed(classes)}; {_correlation(alike)}.")
            )
            yield make_finding("label_conflict", alike, of, detail)


def _correlation(alike: float) -> str:
    """By which measure pictures are alike (`engine.curation.alignment`). Only what has the same pixels is said to be identical."""
    return f"laid over each other, their fine structure correlates at {min(alike, 0.99):.2f} (1: identical)"


def _alike(of: pd.DataFrame, told_by: str, exact: np.ndarray, likeness: np.ndarray) -> float:
    """1 where images of the very same pixels differ in `told_by`, else how alike the set is."""
    same = of.groupby(exact[of.index])[told_by].nunique().max() > 1
    return 1.0 if same else float(likeness[of.index].min())


def _sets(table: pd.DataFrame, groups: np.ndarray) -> Iterator[pd.DataFrame]:
    """The images of every group of two or more, the one to keep first: of the test set, then the largest, then the first."""
    several = table[pd.Series(groups, table.index).duplicated(keep=False)]
    order = several.assign(
        group=pd.Series(groups, table.index)[several.index],
        rank=several["split"].map({split: i for i, split in enumerate(_JUDGED)}).fillna(len(_JUDGED)),
        area=-(several["width"] * several["height"]),
        size=-several["bytes"],
    ).sort_values(["group", "rank", "area", "size", "id"])
    for _, of in order.groupby("group", sort=False):
        yield of


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
