"""The pieces of the Augment page."""

import random

import numpy as np
import streamlit as st

from dashboard import url
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.filters import Filter

SIZES = ["96", "128", "160", "192", "224", "256"]
_GAP = 6


def pick_image(data: Dataset) -> Row:
    """A training image of a chosen class; the button takes another one."""
    # Begins with the class that Explore shows, and keeps its own: looking here filters nothing there.
    name = url.choose(st.selectbox, "Class", list(data.classes), "kind", url.recall("class"))
    rows = data.catalog.page(Filter(splits=("train",), classes=(name,)), size=200)
    number = url.whole("image") or 0
    if st.button("Another image", icon=":material/shuffle:", width="stretch"):
        number = random.randrange(len(rows))
    url.remember("image", str(number))
    return rows[number % len(rows)]


def contact_sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """(n, size, size, 3) -> one picture with transparent gaps (height, width, 4), uint8: one download instead of n."""
    n, size = images.shape[:2]
    rows = -(-n // columns)
    step = size + _GAP
    sheet = np.zeros((rows * step - _GAP, columns * step - _GAP, 4), np.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * step, (i % columns) * step
        sheet[top : top + size, left : left + size, :3] = image
        sheet[top : top + size, left : left + size, 3] = 255
    return sheet
