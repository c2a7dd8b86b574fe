"""Registered datasets: `data/<name>/` holds the description, the catalog and, for datasets that we made or fetched, the images."""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.core.errors import UserError
from engine.core.files import create_folder, read_json, remove, remove_folder, write_json
from engine.core.lease import is_held
from engine.core.paths import data_dir
from engine.data import layouts
from engine.data.catalog import Catalog
from engine.data.dataset_names import is_name, name_of_folder
from engine.data.layouts import Layout, label_table_hint
from engine.data.scan import Progress, ScanResult, scan
from engine.data.unused_files import unused_report

DEMO = "demo"
SPLIT_SEED = 0
KAGGLE = "kaggle:"
CATALOG_ONLY = "synthesize-catalog"  # the source of a dataset that has rows and no pictures
INTEL = "kaggle:puneet6060/intel-image-classification"


@dataclass(frozen=True)
class Dataset:
    """A registered dataset. `root` is the folder that the catalog's paths are relative to."""

    name: str
    root: Path
    source: str
    added: float
    synthetic: bool = False
    seed: int = SPLIT_SEED
    catalog: Catalog = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "catalog", Catalog(data_dir() / self.name / "catalog.sqlite", self.root))

    @property
    def place(self) -> str:
        """The root as text that can be shown, whatever bytes its name has."""
        return layouts.display_name(os.fspath(self.root))[0]

    @property
    def has_pictures(self) -> bool:
        """Whether there are files behind the rows: a catalog made for measuring has none."""
        return self.source != CATALOG_ONLY

    @property
    def origin(self) -> str:
        """What a person must know of images that are no photographs."""
        return "synthetic: painted by a program" if self.has_pictures else "synthetic: a catalog without images, for measuring"

    @property
    def classes(self) -> tuple[str, ...]:
        return self.catalog.classes()


def list_datasets() -> list[Dataset]:
    """The registered datasets, by name; those whose description is damaged are left out: see `list_damaged`."""
    return [found for _, found in _found() if isinstance(found, Dataset)]


def list_damaged() -> dict[str, UserError]:
    """The datasets whose description cannot be read, by name, with what is wrong and the way out."""
    return {name: found for name, found in _found() if isinstance(found, UserError)}


def is_registered(name: str) -> bool:
    """Whether there is a dataset of this name, be its description damaged or not."""
    return is_name(name) and (data_dir() / name / "dataset.json").is_file()


def register_dataset(dataset: Dataset) -> None:
    write_json(data_dir() / dataset.name / "dataset.json", _document(dataset), durable=True)


def is_being_added(name: str) -> bool:
    return is_held(lease_file(name))


def lease_file(name: str) -> Path:
    """The lock of the process that adds this dataset."""
    return data_dir() / ".adding" / f"{name}.lease"


def _found() -> Iterator[tuple[str, Dataset | UserError]]:
    if not data_dir().is_dir():
        return
    for folder in sorted(data_dir().iterdir()):
        if not is_registered(folder.name):
            continue
        try:
            yield folder.name, _load(folder)
        except UserError as error:
            yield folder.name, error


def load_dataset(name: str) -> Dataset:
    if is_registered(name):
        return _load(data_dir() / name)
    known = ", ".join(d.name for d in list_datasets()) or "none yet"
    raise UserError(f"There is no dataset {name!r}.", f"Registered: {known}. Add one with: python -m engine data add SOURCE")


def check_source(source: str, name: str | None = None) -> str:
    """The name under which `source` would be registered. Raises UserError for what can be told without reading an image."""
    name = _name_for(source, name)
    if source != DEMO and not source.startswith(KAGGLE):
        layout = layouts.detect(Path(source).expanduser().resolve())
        _check_trainable(layout)
        if any(known.name == name and known.root != layout.root for known in list_datasets()):
            raise UserError(f"There is a dataset {name!r} already.", "Give the new one a name of its own.")
    return name


def add_dataset(
    source: str, name: str | None = None, progress: Progress = lambda done, total: None
) -> tuple[Dataset, ScanResult]:
    """Register the dataset at `source` (`demo`, `kaggle:OWNER/NAME` or a folder) and fill its catalog.

    A dataset that is registered already is scanned again. Raises UserError, and then nothing is left behind. What was read is
    kept if the process is killed: added again, the dataset goes on from there.
    """
    name = _name_for(source, name)
    home = data_dir() / name
    known = next((d for d in list_datasets() if d.name == name), None)
    was_there = is_registered(name)
    layout = _layout(source, home, progress)
    if known and known.root != layout.root:
        raise UserError(f"The name {name!r} is taken by {known.source}.", "Give the new dataset a name of its own with --name.")
    _check_trainable(layout)
    described = known or Dataset(name, layout.root, source, time.time(), synthetic=source == DEMO)
    _start_anew_for_another_folder(described)
    create_folder(home)
    try:
        result = scan(described.catalog, layout, described.seed, progress)
        _check_usable(described, result, layout)
        register_dataset(described)
    except UserError:
        if not was_there:
            remove_folder(home)
        raise
    return described, result


def _start_anew_for_another_folder(described: Dataset) -> None:
    """Remove the catalog that an addition which was killed has begun, where it is of another folder."""
    file = described.catalog.file
    if file.is_file() and described.catalog.meta("root") not in (None, described.place):
        for part in file.parent.glob("catalog.*"):
            remove(part)


def summarize(dataset: Dataset) -> dict[str, Any]:
    """The dataset as one JSON document: its description, counts by class and split, sizes, files that were put aside."""
    catalog = dataset.catalog
    counts = catalog.counts()
    splits = {split: int(counts.loc[counts["split"] == split, "n"].sum()) for split in layouts.SPLITS}
    return {
        **_document(dataset),
        "images": int(counts["n"].sum()),
        "classes": list(dataset.classes),
        "splits": splits,
        "counts": counts.to_dict("records"),
        "sizes": catalog.sizes().head(20).to_dict("records"),
        "fingerprint": catalog.fingerprint(),
        "labels": catalog.labels(),
        "unused": unused_report(catalog).document(),
        "problems": catalog.problems().drop(columns="id").to_dict("records"),
    }


def _load(folder: Path) -> Dataset:
    document = read_json(folder / "dataset.json")
    try:
        fields: dict[str, Any] = {**document, "name": folder.name, "root": Path(document["root"])}
        return Dataset(**fields)
    except (TypeError, KeyError) as error:
        raise UserError(
            f"The description {folder / 'dataset.json'} is damaged.",
            f"Add its images again with --name {folder.name}, or remove it: python -m engine data remove {folder.name}",
        ) from error


def _document(dataset: Dataset) -> dict[str, Any]:
    fields = {key: getattr(dataset, key) for key in ("name", "source", "added", "synthetic", "seed")}
    return {**fields, "root": str(dataset.root)}


def _layout(source: str, home: Path, progress: Progress) -> Layout:
    if source == DEMO:
        return layouts.detect(_demo(home / "images", progress))
    if source.startswith(KAGGLE):
        return layouts.detect(_kaggle(source.removeprefix(KAGGLE)))
    return layouts.detect(Path(source).expanduser().resolve())


def _demo(folder: Path, progress: Progress) -> Path:
    if not folder.is_dir():
        from engine.data.demo import write_demo

        write_demo(folder, progress=progress)
    return folder.resolve()


def _kaggle(handle: str) -> Path:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", handle):
        raise UserError(f"{handle!r} is not the name of a Kaggle dataset.", f"Write it as {INTEL}.")
    import kagglehub

    try:
        folder = Path(kagglehub.dataset_download(handle))
    except Exception as error:  # kagglehub passes on whatever requests, urllib3 and Kaggle raise: each means "not to be had"
        raise UserError(
            f"Kaggle's dataset {handle} could not be downloaded ({type(error).__name__}).",
            "Check the name and the network, or download it in a browser, unpack it and add the folder.",
        ) from error
    return folder


def _check_trainable(layout: Layout) -> None:
    """Raises UserError for a folder that names its splits and has none to learn from."""
    named = {split for _, split, _ in layout.folders if split}
    if named and "train" not in named:
        result = " and ".join(split for split in layouts.SPLITS if split in named)
        raise UserError(
            f"{str(layout.root)!r} has folders for {result}, and none for training.",
            "Name the folder that holds the training images train, beside the others.",
        )


def _check_usable(dataset: Dataset, result: ScanResult, layout: Layout) -> None:
    if not result.ok:
        groups = [group for group in unused_report(dataset.catalog).groups if group.loud]
        reasons = "".join(f" {group.sentence}." for group in groups)
        hint = next((group.hint for group in groups if group.hint), layouts.HELP)
        raise UserError(f"There are no images in {str(dataset.root)!r}.{reasons}", hint)
    classes = dataset.classes
    if len(classes) < 2:
        only = f"only the class {classes[0]!r}" if classes else "no class"
        hint = label_table_hint(layout.label_tables) or layouts.HELP
        raise UserError(f"{str(dataset.root)!r} holds {only}; a classifier needs at least two.", hint)


def _name_for(source: str, name: str | None) -> str:
    if name is None:
        name = name_of_folder(source, {known.name: known.root for known in list_datasets()})
    if not is_name(name):
        raise UserError(f"{name!r} cannot be a dataset's name.", "Use up to 64 of a-z, 0-9, dot, dash and underscore.")
    if name == DEMO and source != DEMO:
        raise UserError("The name 'demo' belongs to the demo dataset.", "Choose another with --name.")
    return name
