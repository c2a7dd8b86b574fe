"""An image in words: its tile in a grid, its values, and where they lie among the images of its class."""

from collections.abc import Mapping, Sequence

import numpy as np

from dashboard.app import formatting
from dashboard.app.image_urls import preview_url, thumbnail_url
from dashboard.components.gallery import Tile
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.properties import PROPERTIES

LINES = {"file": "File name", "split": "Split"} | {name: of.label.capitalize() for name, of in PROPERTIES.items()}
_MOST = 0.5  # of the images differ from one: it has a place among them
_LOWER_HIGHER = {
    "width": ("narrower", "wider"), "height": ("lower", "higher"), "longest": ("smaller", "larger"), "aspect": ("taller", "wider"),
    "bytes": ("smaller", "larger"), "brightness": ("darker", "brighter"), "contrast": ("lower contrast", "higher contrast"),
    "sharpness": ("softer", "sharper"), "colourfulness": ("greyer", "more colourful"),
}  # fmt: skip


def tile(data: Dataset, row: Row, colours: Mapping[str, str], lines: Sequence[str] = ()) -> Tile:
    """The image in a grid, with these of LINES under its class."""
    name = row.class_name or "unlabelled"
    return Tile(
        id=row.id,
        src=thumbnail_url(data.name, row.id, row.hash),
        preview=preview_url(data.name, row.id, row.hash),
        caption=name,
        notes=[line(row, of) for of in lines],
        facts=card(row),
        colour=colours.get(row.class_name),
        alt=f"{name}, {row.path}" + (f", {row.reason}" if row.reason else ""),
    )


def line(row: Row, of: str) -> str:
    """One of LINES for an image."""
    if of == "file":
        return row.path.rpartition("/")[2]
    if of == "split":
        return row.split or "no split"
    value = value_of(row, of)
    return "not measured" if value is None else f"{PROPERTIES[of].label} {PROPERTIES[of].say(value)}"


def card(row: Row) -> dict[str, str]:
    """What the hover card says."""
    said = {
        "Split": row.split or "none",
        "Size": formatting.pixels(row.width, row.height),
        "File": PROPERTIES["bytes"].say(row.bytes),
    }
    measured = ("brightness", "contrast", "sharpness", "colourfulness")
    said |= {
        PROPERTIES[name].label.capitalize(): PROPERTIES[name].say(value) for name in measured if (value := value_of(row, name))
    }
    note = "Note" if row.state == "ok" else "Not used"
    return {name: value for name, value in said.items() if value} | ({note: row.reason} if row.reason else {})


def value_of(row: Row, name: str) -> float | None:
    """A property of one image; None where it is not known."""
    if name in ("longest", "aspect"):
        if not row.width or not row.height:
            return None
        return max(row.width, row.height) if name == "longest" else row.width / row.height
    value = getattr(row, name)
    return None if value is None else float(value)


def standing(values: np.ndarray, name: str, value: float) -> str:
    """Where a value lies among `values` ((n,) floats, NaN is none): "brighter than 83%"; empty where most are the same."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return ""
    below, above = float((known < np.float32(value)).mean()), float((known > np.float32(value)).mean())
    lower, higher = _LOWER_HIGHER[name]
    if below + above < _MOST:
        return ""
    return f"{higher} than {below:.0%}" if below >= above else f"{lower} than {above:.0%}"
