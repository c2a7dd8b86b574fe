"""Every cache of the dashboard: each key holds what the answer depends on, so that nothing stale is shown."""

import importlib
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.explore.counts import ClassCounts
from dashboard.explore.counts import class_counts as count_classes
from dashboard.lasting import spare_lasting_objects
from dashboard.map_points import Points, points
from dashboard.palette import class_colours
from dashboard.selecting import Pick, read
from engine import mapping
from engine.config import Config
from engine.data.datasets import Dataset, dataset
from engine.data.filters import Filter
from engine.data.images import load_square
from engine.estimates import Speeds, document, known_speeds
from engine.history import History, Reader
from engine.neighbours import Index
from engine.neighbours import neighbours as find_neighbours
from engine.pipelines import parse
from engine.runs import Run

_BREATH = 1.0  # seconds in which a page is painted before imports compete with it
_IMPORTING = threading.Lock()


def heavy(module: str) -> ModuleType:
    """A module that brings torch, imported when it is first needed and by one thread at a time.

    torchvision's modules import each other in a circle: two threads that come in at different places meet half-made ones.
    """
    with _IMPORTING:
        return importlib.import_module(module)


def predictions(run: Run, split: str) -> pd.DataFrame:
    """The prediction table of a split. Raises UserError."""
    file = run.path / f"predictions-{split}.parquet"
    return _predictions(run, split, file.stat().st_mtime_ns if file.exists() else 0)


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs={Run: lambda run: run.id})
def _predictions(run: Run, split: str, changed: int) -> pd.DataFrame:
    return run.predictions(split)


def scores(run: Run, split: str) -> dict:
    """`engine.metrics.evaluation` of a split. Raises UserError."""
    file = run.path / f"predictions-{split}.parquet"
    return _scores(run, split, file.stat().st_mtime_ns if file.exists() else 0)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Run: lambda run: run.id})
def _scores(run: Run, split: str, changed: int) -> dict:
    return heavy("engine.metrics").evaluation(_predictions(run, split, changed), run.classes)


def per_class(run: Run, split: str) -> pd.DataFrame:
    """Columns class, precision, recall, f1, support: the rates of `scores` as numbers, NaN where there is none."""
    frame = pd.DataFrame(scores(run, split)["per_class"])
    return frame.astype(dict.fromkeys(("precision", "recall", "f1"), float))


def estimate(config: Config) -> dict | None:
    """`engine.estimates.document` of a configuration; None where its speed on this machine has not been measured."""
    speeds = known_speeds(config)
    return _estimate(config, speeds) if speeds else None


# What is cached of the images changes meanwhile: the estimate is made anew now and then.
@st.cache_data(max_entries=64, ttl=20, show_spinner=False, hash_funcs={Config: repr, Speeds: repr})
def _estimate(config: Config, speeds: Speeds) -> dict:
    return document(config, speeds)


def history(run: Run) -> History:
    """What the events of the run say now: parsed once for all sessions, at each poll only what is new."""
    events = run.path / "events.jsonl"
    return _reader(run, events.stat().st_ino if events.exists() else 0).history()


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs={Run: lambda run: str(run.path)})
def _reader(run: Run, inode: int) -> Reader:
    return Reader(run)


def model(run: Run) -> "Model":  # noqa: F821
    """The run's model, loaded once for all sessions; the least recently used goes. Raises UserError."""
    return _model(run, _identity(run))


@st.cache_resource(max_entries=2, show_spinner="Loading the model", hash_funcs={Run: lambda run: run.id})
def _model(run: Run, identity: str) -> "Model":  # noqa: F821
    heavy("torchvision")  # which the model's builder imports in its own time
    return heavy("engine.model").load(run.path)


def _identity(run: Run) -> str:
    return heavy("engine.training.checkpoint").identity(run.path)


def heatmaps(run: Run, content: str, square: np.ndarray, classes: tuple[int, ...]) -> np.ndarray:
    """Grad-CAM of a picture for some classes: (len(classes), size, size) in 0..1. `content` names the picture."""
    return _heatmaps(run, _identity(run), content, square, classes)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs={Run: lambda run: run.id})
def _heatmaps(run: Run, identity: str, content: str, _square: np.ndarray, classes: tuple[int, ...]) -> np.ndarray:
    heavy("pytorch_grad_cam")
    return heavy("engine.cam").heatmaps(model(run), _square, classes)


def answers(run: Run, contents: tuple[bytes, ...], top: int = 3) -> list:
    """`engine.predict.predict` of the contents of files. Raises UserError."""
    return _answers(run, _identity(run), contents, top)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Run: lambda run: run.id})
def _answers(run: Run, identity: str, contents: tuple[bytes, ...], top: int) -> list:
    return heavy("engine.predict").predict(model(run), contents, top)


@st.cache_data(max_entries=256, show_spinner=False)
def square(file: str, content: str, size: int) -> np.ndarray:
    """What the network sees of a picture: (size, size, 3) uint8. `content` names what is in the file. Raises ImageError."""
    return load_square(Path(file), size)


@st.cache_data(max_entries=128, show_spinner=False)
def drawn(contents: tuple[str, ...], _squares: np.ndarray, recipe: str, seed: int) -> np.ndarray:
    """One draw of a pipeline on each picture: (n, size, size, 3) uint8, for squares of the same shape."""
    torch, augment = heavy("torch"), heavy("engine.augment")
    images = torch.from_numpy(_squares).permute(0, 3, 1, 2).contiguous()
    drawn = augment.seeded(images, augment.pipeline(recipe, images.shape[-1]), seed)
    return drawn.permute(0, 2, 3, 1).numpy()


@st.cache_data(max_entries=64, show_spinner=False)
def each_alone(content: str, _square: np.ndarray, recipe: str, seed: int) -> np.ndarray:
    """One draw of each step of a pipeline by itself: (steps, size, size, 3) uint8."""
    torch, augment = heavy("torch"), heavy("engine.augment")
    image = torch.from_numpy(_square.copy()).permute(2, 0, 1).contiguous()
    return augment.alone(image, parse(recipe), seed).permute(0, 2, 3, 1).numpy()


@st.cache_data(max_entries=32, show_spinner=False)
def mixed(
    contents: tuple[str, ...],
    _squares: np.ndarray,
    labels: tuple[int, ...],
    classes: int,
    recipe: str,
    kind: str,
    alpha: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures after a pipeline and a mixing, (n, size, size, 3) uint8, and the shares of their classes, (n, classes)."""
    torch, mixing = heavy("torch"), heavy("engine.training.mixing")
    images = torch.from_numpy(drawn(contents, _squares, recipe, seed)).permute(0, 3, 1, 2).float()
    config = Config(method="finetune", mixing=kind, mixing_alpha=alpha)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        images, shares = mixing.mixer(config, classes)(images, torch.tensor(labels))
    return images.round().byte().permute(0, 2, 3, 1).numpy(), shares.numpy()


def withstood(run: Run, data: Dataset, recipe: str) -> pd.DataFrame:
    """`engine.withstand.withstood` of one step on validation images of the dataset. Raises UserError."""
    return _withstood(run, _identity(run), data.name, data.catalog.fingerprint(), recipe)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs={Run: lambda run: run.id})
def _withstood(run: Run, identity: str, dataset_name: str, fingerprint: str, recipe: str) -> pd.DataFrame:
    pictures = _validation_sample(run, identity, dataset_name, fingerprint)
    return pd.DataFrame(heavy("engine.withstand").withstood(model(run), pictures, parse(recipe).steps))


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={Run: lambda run: run.id})
def _validation_sample(run: Run, identity: str, dataset_name: str, fingerprint: str) -> "Sample":  # noqa: F821
    images = heavy("engine.scoring").of_split(dataset(dataset_name), "validation", run.classes)
    return heavy("engine.withstand").sample(images, model(run).meta.image_size)


def map_points(data: Dataset) -> Points | None:
    """The dataset's map against its catalog as they are now; None where no map has been drawn."""
    file = mapping.folder(data) / "map.json"
    if not file.exists():
        return None
    return _map_points(data, str(file), file.stat().st_mtime_ns, data.catalog.generation())


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={Dataset: lambda data: data.name})
def _map_points(data: Dataset, file: str, changed: int, generation: str) -> Points | None:
    found = mapping.drawn(data)
    return points(found, data.catalog.columns()) if found is not None else None


def picked(data: Dataset, of: Points, pick: Pick) -> np.ndarray:
    """The ids of the images that a pick on the map holds, rising."""
    return _picked(data, of.drawn.version, of.columns.generation, of, pick.to_text())


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Dataset: lambda data: data.name})
def _picked(data: Dataset, version: str, generation: str, _of: Points, pick: str) -> np.ndarray:
    return _of.drawn.ids[_of.picked(read(pick))]


def index(data: Dataset) -> Index | None:
    """The dataset's embeddings, to search in; None where they have not been computed."""
    file = mapping.folder(data) / "index.json"
    return _index(data, str(file), file.stat().st_mtime_ns) if file.exists() else None


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={Dataset: lambda data: data.name})
def _index(data: Dataset, file: str, changed: int) -> Index | None:
    return mapping.index(data)


def newer(data: Dataset, of: Index) -> int:
    """How many images of the catalog the index does not know, or knows with another content."""
    return _newer(data, str(of.file), data.catalog.generation(), of)


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs={Dataset: lambda data: data.name})
def _newer(data: Dataset, file: str, generation: str, _of: Index) -> int:
    return mapping.newer(data, _of)


def neighbours(data: Dataset, of: Index, image_id: int, k: int, among: Filter | None = None) -> pd.DataFrame:
    """`engine.neighbours.neighbours` among the images that match a filter. Raises UserError."""
    return _neighbours(data, str(of.file), data.catalog.generation(), of, image_id, k, among)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs={Dataset: lambda data: data.name})
def _neighbours(
    data: Dataset, file: str, generation: str, _of: Index, image_id: int, k: int, among: Filter | None
) -> pd.DataFrame:
    return find_neighbours(_of, image_id, k, data.catalog.view(among).ids() if among is not None else None)


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Load torch and Grad-CAM's package in the background, once, while the person looks at a page that will need them."""

    def load() -> None:
        time.sleep(_BREATH)
        heavy("engine.model")
        heavy("pytorch_grad_cam")
        spare_lasting_objects()

    thread = threading.Thread(target=load, name="warm-up", daemon=True)
    thread.start()
    return thread


def drift(data: Dataset, a: str, b: str, by_class: bool, wanted: Filter) -> pd.DataFrame:
    """`engine.data.drift.drift` of two splits. What depends on a run's answers is compared anew: they may be written again."""
    if wanted.asks_run:
        return _drift.__wrapped__(data, "", a, b, by_class, wanted)
    return _drift(data, data.catalog.generation(), a, b, by_class, wanted)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Dataset: lambda data: str(data.catalog.file)})
def _drift(data: Dataset, generation: str, a: str, b: str, by_class: bool, wanted: Filter) -> pd.DataFrame:
    from engine.data.drift import drift

    return drift(data.catalog, a, b, by_class, wanted=wanted)


def class_counts(data: Dataset, wanted: Filter) -> ClassCounts:
    """`dashboard.explore.counts.class_counts`; anew where it depends on a run's answers."""
    if wanted.asks_run:
        return count_classes(data.catalog, wanted)
    return _class_counts(data, data.catalog.generation(), wanted)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs={Dataset: lambda data: str(data.catalog.file)})
def _class_counts(data: Dataset, generation: str, wanted: Filter) -> ClassCounts:
    return count_classes(data.catalog, wanted)


def classes(data: Dataset) -> tuple[str, ...]:
    """The dataset's classes. Shared by all sessions, as `colours` is: neither is to be changed."""
    return _classes(data, data.catalog.generation())


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Dataset: lambda data: str(data.catalog.file)})
def _classes(data: Dataset, generation: str) -> tuple[str, ...]:
    return data.classes


def colours(data: Dataset) -> Mapping[str, str]:
    """The colour of each of the dataset's classes."""
    return _colours(data, data.catalog.generation())


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Dataset: lambda data: str(data.catalog.file)})
def _colours(data: Dataset, generation: str) -> Mapping[str, str]:
    return class_colours(data.classes)
