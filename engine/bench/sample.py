"""The pictures that a measurement runs on: a few hundred of a registered dataset, or of a folder."""

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
    """Readable files and the number of each one's class."""

    name: str
    files: list[str]
    labels: list[int]


def sample_dataset(name: str, count: int) -> BenchImages:
    """Up to `count` training images of a registered dataset, spread evenly over it; the demo is made where it is missing."""
    if name == datasets.DEMO and name not in [known.name for known in datasets.list_datasets()]:
        datasets.add_dataset(datasets.DEMO)
    data = datasets.load_dataset(name)
    frame = data.catalog.frame("train")
    frame = frame.iloc[_spread(len(frame), count)]
    labels = frame["class"].map({name: number for number, name in enumerate(data.classes)})
    return BenchImages(name, [str(file) for file in data.catalog.files(frame)], labels.tolist())


def sample_folder(folder: Path, count: int) -> BenchImages:
    """Up to `count` pictures of a folder that need not be registered, spread evenly over it."""
    layout = layouts.detect(folder.expanduser().resolve())
    result = [item for item in layout.files() if item.class_name is not None and is_image(item.path)]
    result = [item for item in (result[i] for i in _spread(len(result), count)) if _opens(Path(item.path))]
    names = sort_naturally({item.class_name for item in result})
    if not result:
        raise UserError(f"There are no images in {str(folder)!r}.", layouts.HELP)
    return BenchImages(str(folder), [item.path for item in result], [names.index(item.class_name) for item in result])


def _spread(total: int, count: int) -> np.ndarray:
    return np.linspace(0, total - 1, min(count, total)).round().astype(int) if total else np.array([], dtype=int)


def _opens(file: Path) -> bool:
    try:
        open_image(file, min_size=32)
    except ImageError:
        return False
    return True
