"""Registered datasets: `data/<name>/` holds the description, the catalog and, for demo and synthetic datasets, the images."""

import os
import re
import time
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from engine.core.errors import UserError
from engine.core.files import create_folder, read_json, remove, remove_folder, write_json
from engine.core.lease import is_held
from engine.core.paths import data_dir
from engine.core.progress import ReportProgress, ignore_progress
from engine.data import layouts
from engine.data.catalog import Catalog
from engine.data.dataset_names import is_name, name_of_folder
from engine.data.layouts import Layout, label_table_hint
from engine.data.scan import ScanResult, scan
from engine.data.unused_files import UnusedDocument, unused_report

DEMO = "demo"
SPLIT_SEED = 0
KAGGLE = "kaggle:"
CATALOG_ONLY = "synthesize-catalog"  # the source of a dataset that has rows but no image files
INTEL = "kaggle:puneet6060/intel-image-classification"


class DatasetDocument(TypedDict):
    """`dataset.json`."""

    name: str
    root: str
    source: str
    added: float  # seconds since 1970
    synthetic: bool
    seed: int


class DatasetSummary(DatasetDocument):
    """A dataset as JSON on the command line."""

    images: int
    classes: list[str]
    splits: dict[str, int]
    counts: list[dict[Hashable, Any]]
    sizes: list[dict[Hashable, Any]]
    fingerprint: str
    labels: str
    unused: UnusedDocument
    problems: list[dict[Hashable, Any]]


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
        """The root as text that can be displayed, whatever bytes its name contains."""
        return layouts.display_name(os.fspath(self.root))[0]

    @property
    def has_images(self) -> bool:
        """Whether the rows have image files: a catalog made for measuring has none."""
        return self.source != CATALOG_ONLY

    @property
    def origin(self) -> str:
        """A note for datasets whose images are not photographs."""
        return "synthetic: painted by a program" if self.has_images else "synthetic: a catalog without images, for measuring"

    @property
    def classes(self) -> tuple[str, ...]:
        return self.catalog.classes()


def list_datasets() -> list[Dataset]:
    """The registered datasets, by name; for those whose description is damaged see `list_damaged`."""
    return [entry for _, entry in _load_all() if isinstance(entry, Dataset)]


def list_damaged() -> dict[str, UserError]:
    """The errors of datasets whose description cannot be read, by name."""
    return {name: entry for name, entry in _load_all() if isinstance(entry, UserError)}


def is_registered(name: str) -> bool:
    """Whether a dataset has this name, even if its description is damaged."""
    return is_name(name) and (data_dir() / name / "dataset.json").is_file()


def register_dataset(dataset: Dataset) -> None:
    """Write the dataset's description, which makes it one of `list_datasets`."""
    write_json(data_dir() / dataset.name / "dataset.json", _document(dataset), durable=True)


def is_being_added(name: str) -> bool:
    """Whether a live process is adding this dataset."""
    return is_held(adding_folder(name) / "lease")


def adding_folder(name: str) -> Path:
    """The folder of the job that adds this dataset."""
    return data_dir() / ".adding" / name


def _load_all() -> Iterator[tuple[str, Dataset | UserError]]:
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
    """The registered dataset of this name. Raises UserError where there is none."""
    if is_registered(name):
        return _load(data_dir() / name)
    names = ", ".join(data.name for data in list_datasets()) or "none yet"
    raise UserError(f"There is no dataset {name!r}.", f"Registered: {names}. Add one with: python -m engine data add SOURCE")


def check_source(source: str, name: str | None = None) -> str:
    """The name under which `source` would be registered. Raises UserError for problems that show without reading an image."""
    name = _name_for(source, name)
    if source != DEMO and not source.startswith(KAGGLE):
        layout = layouts.detect(Path(source).expanduser().resolve())
        _check_trainable(layout)
        if any(known.name == name and known.root != layout.root for known in list_datasets()):
            raise UserError(f"A dataset named {name!r} already exists.", "Choose another name for the new one.")
    return name


def add_dataset(source: str, name: str | None = None, report: ReportProgress = ignore_progress) -> tuple[Dataset, ScanResult]:
    """Register the dataset at `source` (`demo`, `kaggle:OWNER/NAME` or a folder) and fill its catalog.

    A dataset that is already registered is scanned again. After a UserError nothing is left behind. If the process is killed,
    the files that it has read are kept, and adding the dataset again continues from there.
    """
    name = _name_for(source, name)
    folder = data_dir() / name
    known = next((data for data in list_datasets() if data.name == name), None)
    was_registered = is_registered(name)
    layout = _detect_layout(source, folder, report)
    if known and known.root != layout.root:
        raise UserError(f"The name {name!r} belongs to the dataset of {known.source}.", "Choose another name with --name.")
    _check_trainable(layout)
    data = known or Dataset(name, layout.root, source, time.time(), synthetic=source == DEMO)
    _remove_catalog_of_another_folder(data)
    create_folder(folder)
    try:
        result = scan(data.catalog, layout, data.seed, report)
        _check_usable(data, result, layout)
        # Last: a dataset that is listed has a complete catalog.
        register_dataset(data)
    except UserError:
        if not was_registered:
            remove_folder(folder)
        raise
    return data, result


def _remove_catalog_of_another_folder(data: Dataset) -> None:
    """Remove a catalog that a killed process has begun under this name for another folder."""
    file = data.catalog.file
    if file.is_file() and data.catalog.meta("root") not in (None, data.place):
        for part in file.parent.glob("catalog.*"):
            remove(part)


def summarize(dataset: Dataset) -> DatasetSummary:
    """The dataset as a JSON document: its description, counts by class and split, image sizes, files that are not used."""
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
            f"The dataset's description {folder / 'dataset.json'} is damaged.",
            f"Add its images again with --name {folder.name}, or remove it: python -m engine data remove {folder.name}",
        ) from error


def _document(dataset: Dataset) -> DatasetDocument:
    return {
        "name": dataset.name, "source": dataset.source, "added": dataset.added, "synthetic": dataset.synthetic, "seed": dataset.seed,
        "root": str(dataset.root),
    }  # fmt: skip


def _detect_layout(source: str, folder: Path, report: ReportProgress) -> Layout:
    if source == DEMO:
        return layouts.detect(_paint_demo(folder / "images", report))
    if source.startswith(KAGGLE):
        return layouts.detect(_download_kaggle(source.removeprefix(KAGGLE)))
    return layouts.detect(Path(source).expanduser().resolve())


def _paint_demo(folder: Path, report: ReportProgress) -> Path:
    if not folder.is_dir():
        from engine.data.demo import write_demo

        write_demo(folder, report=report)
    return folder.resolve()


def _download_kaggle(handle: str) -> Path:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", handle):
        raise UserError(f"{handle!r} is not the name of a Kaggle dataset.", f"Write it as {INTEL}.")
    import kagglehub

    try:
        folder = Path(kagglehub.dataset_download(handle))
    except Exception as error:  # kagglehub passes on any error of requests, urllib3 and Kaggle
        raise UserError(
            f"Kaggle's dataset {handle} could not be downloaded ({type(error).__name__}).",
            "Check the name and the network, or download it in a browser, unpack it and add the folder.",
        ) from error
    return folder


def _check_trainable(layout: Layout) -> None:
    """Raise UserError for a layout that has split folders but no training split."""
    named = {split for _, split, _ in layout.folders if split}
    if named and "train" not in named:
        splits = " and ".join(split for split in layouts.SPLITS if split in named)
        raise UserError(
            f"{str(layout.root)!r} has folders for {splits}, but none for training.",
            "Name the folder with the training images train, beside the others.",
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
