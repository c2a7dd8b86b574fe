"""An image in words: its tile in a grid, its property values, and how they compare with the images of its class."""

from collections.abc import Mapping, Sequence

import numpy as np

from dashboard.app import formatting
from dashboard.app.image_urls import preview_url, thumbnail_url
from dashboard.components.gallery import Tile
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.properties import MEASURED, PROPERTIES

CAPTIONS = {"file": "File name", "split": "Split"} | {name: prop.label.capitalize() for name, prop in PROPERTIES.items()}
_MOST = 0.5  # share of the images that must differ from one before its percentile says anything
_LOWER_HIGHER = {
    "width": ("narrower", "wider"), "height": ("lower", "higher"), "longest": ("smaller", "larger"), "aspect": ("taller", "wider"),
    "bytes": ("smaller", "larger"), "brightness": ("darker", "brighter"), "contrast": ("lower contrast", "higher contrast"),
    "sharpness": ("softer", "sharper"), "colourfulness": ("greyer", "more colourful"),
}  # fmt: skip


def image_tile(data: Dataset, row: Row, colours: Mapping[str, str], captions: Sequence[str] = ()) -> Tile:
    """The image in a grid, with `captions`, names of CAPTIONS, under its class."""
    class_name = row.class_name or "unlabelled"
    return Tile(
        id=row.id,
        src=thumbnail_url(data.name, row.id, row.hash),
        preview=preview_url(data.name, row.id, row.hash),
        caption=class_name,
        notes=[caption_line(row, name) for name in captions],
        facts=card_facts(row),
        colour=colours.get(row.class_name or ""),
        alt=f"{class_name}, {row.path}" + (f", {row.reason}" if row.reason else ""),
    )


def caption_line(row: Row, name: str) -> str:
    """The caption `name`, one of CAPTIONS, of an image."""
    if name == "file":
        return row.path.rpartition("/")[2]
    if name == "split":
        return row.split or "no split"
    value = property_value(row, name)
    return "not measured" if value is None else f"{PROPERTIES[name].label} {PROPERTIES[name].format(value)}"


def card_facts(row: Row) -> dict[str, str]:
    """What the hover card says: name -> value."""
    facts = {
        "Split": row.split or "none",
        "Size": formatting.pixels(row.width, row.height),
        "File": PROPERTIES["bytes"].format(row.bytes),
    }
    facts |= {
        PROPERTIES[name].label.capitalize(): PROPERTIES[name].format(value)
        for name in MEASURED
        if (value := property_value(row, name))
    }
    if row.reason:
        facts["Note" if row.state == "ok" else "Not used"] = row.reason
    return {name: value for name, value in facts.items() if value}


def property_value(row: Row, name: str) -> float | None:
    """The value of a property of one image; None where it is not known."""
    if name in ("longest", "aspect"):
        if not row.width or not row.height:
            return None
        return max(row.width, row.height) if name == "longest" else row.width / row.height
    value = getattr(row, name)
    return None if value is None else float(value)


def percentile_text(values: np.ndarray, name: str, value: float) -> str:
    """How a value compares with `values` ((n,) floats, NaN where unknown): "brighter than 83%"; empty where most are equal."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return ""
    below, above = float((known < np.float32(value)).mean()), float((known > np.float32(value)).mean())
    lower, higher = _LOWER_HIGHER[name]
    if below + above < _MOST:
        return ""
    return f"{higher} than {below:.0%}" if below >= above else f"{lower} than {above:.0%}"
