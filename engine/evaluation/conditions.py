"""The conditions that define slices. Each is a filter of the catalog, so that a slice can be opened in Explore and shared by its URL."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.data import selections
from engine.data.catalog_view import build_view
from engine.data.columns import Columns
from engine.data.filters import Filter, Range
from engine.data.properties import PROPERTIES, Property

QUARTERS = (0.25, 0.5, 0.75)
_TENTHS = (0.1, 0.9)
_MOST_FOLDERS = 40
_FINEST = 6  # decimals that a URL holds


def property_filters(values: np.ndarray, quantity: Property, quantiles: Sequence[float] | np.ndarray = QUARTERS) -> list[Filter]:
    """Ranges that divide the known values of a property at these quantiles, the lowest first; none where all values are equal.

    The limits are rounded to the digits that are shown on screen, or as few more as it takes to keep them apart.
    """
    known = np.unique(values[~np.isnan(values)].astype(np.float64))
    if len(known) < 2:
        return []
    exact = np.quantile(values[~np.isnan(values)].astype(np.float64), quantiles)
    count = len(np.unique(exact))
    candidates = (np.unique(np.round(exact, digits)) for digits in range(quantity.digits, _FINEST + 1))
    edges = next((limits for limits in candidates if len(limits) == count), np.unique(np.round(exact, _FINEST)))
    edges = [float(edge) for edge in edges if known[0] <= edge < known[-1]]
    lows, highs = [None, *(_just_above(edge, known) for edge in edges)], [*edges, None]
    return [
        Filter(ranges=(Range(quantity.name, low, high),))
        for low, high in zip(lows, highs, strict=True)
        if (low, high) != (None, None)
    ]


def _just_above(edge: float, known: np.ndarray) -> float:
    """A lower limit that excludes values equal to the edge: a range includes both of its limits."""
    # In float32, as the catalog stores the values: rounded to it, the edge may be equal to one of them.
    place = np.searchsorted(known, np.float32(edge))
    if known[place] > np.float32(edge):
        return edge
    return float(np.floor(known[place + 1] * 10**_FINEST) / 10**_FINEST)


def folder_filters(paths: Iterable[str]) -> list[Filter]:
    """One filter per folder of the paths, on every level, those with the most images first."""
    counts: dict[str, int] = {}
    for path in paths:
        parts = path.split("/")[:-1]
        for folder in itertools.accumulate(parts, lambda above, name: f"{above}/{name}"):
            counts[f"{folder}/"] = counts.get(f"{folder}/", 0) + 1
    return [Filter(text=folder) for folder in sorted(counts, key=lambda folder: -counts[folder])[:_MOST_FOLDERS]]


def class_filters(classes: Sequence[str]) -> list[Filter]:
    return [Filter(classes=(name,)) for name in classes]


def single_conditions(columns: Columns, rows: np.ndarray, paths: Iterable[str], classes: Sequence[str]) -> list[Filter]:
    """Every condition that is tried: quarters and outer tenths of each property, classes, folders.

    rows: positions of the images in the columns. Classes come before folders, because of conditions with the same images only the first
    is kept, and only a class may be paired with a property that explains all of its errors.
    """
    result = []
    for name, quantity in PROPERTIES.items():
        values = columns.values(name)[rows]
        tenths = property_filters(values, quantity, _TENTHS)
        outer = [tenths[0], tenths[-1]] if len(tenths) == 3 else []  # not the 80% between them
        result += property_filters(values, quantity) + outer
    return [*result, *class_filters(classes), *folder_filters(paths)]


def intersect(a: Filter, b: Filter) -> Filter | None:
    """The filter for images that match both; None where both restrict the same quantity."""
    same = {r.name for r in a.ranges} & {r.name for r in b.ranges}
    if same or (a.classes and b.classes) or (a.text and b.text):
        return None
    ranges = tuple(sorted(a.ranges + b.ranges, key=lambda r: r.name))
    return replace(a, classes=a.classes or b.classes, text=a.text or b.text, ranges=ranges)


def match_filters(columns: Columns, rows: np.ndarray, filters: Sequence[Filter], catalog: Path | None = None) -> np.ndarray:
    """(filters, n) bool: which of the images at `rows` match each filter, exactly as on the Explore page.

    catalog: its file, beside which selections are stored; without it a selection contains no image.
    """
    result, matches = np.zeros((len(filters), len(rows)), bool), np.zeros(len(columns), bool)
    for place, condition in enumerate(filters):
        matches[:] = False
        selected = (
            selections.load_selection(catalog, condition.selection) if catalog is not None and condition.selection else None
        )
        matches[build_view(columns, condition, selected=selected).positions] = True
        result[place] = matches[rows]
    return result
