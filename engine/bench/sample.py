"""The images that a measurement runs on: a few hundred from a registered dataset, or from a folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.core.errors import UserError
from engine.data import datasets, layouts
from engine.data.class_names import sort_naturally
from engine.data.decoding import ImageError, open_image
from engine.data.file_kinds import is_image


@dataclass(frozen=True)
class BenchImages:
    """Readable files and their class indices. `name`: where they come from, for messages."""

    name: str
    files: list[str]
    labels: list[int]


def sample_dataset(name: str, count: int) -> BenchImages:
    """Up to `count` training images of a registered dataset, spread evenly; the demo dataset is created where it is missing."""
    if name == datasets.DEMO and name not in [data.name for data in datasets.list_datasets()]:
        datasets.add_dataset(datasets.DEMO)
    data = datasets.load_dataset(name)
    frame = data.catalog.frame("train")
    frame = frame.iloc[_spread(len(frame), count)]
    labels = frame["class"].map({class_name: i for i, class_name in enumerate(data.classes)})
    return BenchImages(name, [str(file) for file in data.catalog.files(frame)], labels.tolist())


def sample_folder(folder: Path, count: int) -> BenchImages:
    """Up to `count` images of a folder, which need not be registered, spread evenly. Raises UserError where there are none."""
    layout = layouts.detect(folder.expanduser().resolve())
    labelled = [
        (entry.path, entry.class_name) for entry in layout.files() if entry.class_name is not None and is_image(entry.path)
    ]
    sample = [labelled[i] for i in _spread(len(labelled), count)]
    readable = [(path, class_name) for path, class_name in sample if _opens(Path(path))]
    classes = sort_naturally({class_name for _, class_name in readable})
    if not readable:
        raise UserError(f"There are no images in {str(folder)!r}.", layouts.HELP)
    files, class_names = zip(*readable, strict=True)
    return BenchImages(str(folder), list(files), [classes.index(name) for name in class_names])


def _spread(total: int, count: int) -> np.ndarray:
    """Up to `count` evenly spaced indices below `total`."""
    return np.linspace(0, total - 1, min(count, total)).round().astype(int) if total else np.array([], dtype=int)


def _opens(file: Path) -> bool:
    try:
        open_image(file, min_size=32)
    except ImageError:
        return False
    return True
