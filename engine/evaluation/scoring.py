"""Scoring a model on labelled images: a split of its dataset, or any folder of class folders."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.files import content_hash
from engine.data import layouts
from engine.data.class_names import index_by_normalized_name, normalize_name, sort_naturally, spelling_hint
from engine.data.datasets import Dataset, load_dataset
from engine.data.layouts import display_name
from engine.data.predictions import prediction_table, write_predictions
from engine.data.unused_files import Tally, UnusedReport
from engine.embeddings.extract import embed
from engine.evaluation import metrics, tables
from engine.models import model
from engine.runs.events import Progress
from engine.runs.run import Run

Report = Callable[[Progress], bool]
SPLITS = ("test", "validation", "train")


@dataclass(frozen=True)
class LabelledImages:
    """Files with their class indices: `frame` has the columns id, path, hash of `Catalog.frame`.

    Of files that were never `scanned` the hash is a stand-in.
    """

    frame: pd.DataFrame
    files: list[Path]
    labels: np.ndarray
    scanned: bool = True


def split_images(data: Dataset, split: str, classes: tuple[str, ...]) -> LabelledImages:
    """The readable images of a split whose class the model knows.

    They are in the order of their contents: what a run learns is a function of the data's fingerprint, not of when and
    under which names the files were scanned.
    """
    frame, spelled = data.catalog.frame(split), index_by_normalized_name(classes)
    frame = frame.assign(**{"class": [spelled.get(normalize_name(name or "")) for name in frame["class"]]})
    frame = frame[frame["class"].notna()].sort_values(["hash", "class", "path"], ignore_index=True)
    index = {name: i for i, name in enumerate(classes)}
    return LabelledImages(frame, data.catalog.files(frame), frame["class"].map(index).to_numpy(dtype=np.int64))


@dataclass(frozen=True)
class LabelledFolder:
    """The images of a folder whose class the model knows, the names of its other class folders, and what else is not used."""

    images: LabelledImages
    unknown: list[str]
    unused: UnusedReport


def folder_images(folder: Path, classes: tuple[str, ...]) -> LabelledFolder:
    """The labelled images below `folder`. Of a folder with splits the test images alone, or the validation images where it has none.

    Raises UserError where no image is of a class that the model knows.
    """
    layout = layouts.detect(folder)
    tally = Tally(layout.root, layout.left_out, layout.notes)
    pictures = [item for item in layout.entries() if tally.is_picture(item)]
    labelled = [item for item in pictures if item.class_name is not None]
    split = next((name for name in SPLITS if any(item.split == name for item in labelled)), None)
    spelled = index_by_normalized_name(classes)
    names = {name: display_name(name)[0] for name in {item.class_name for item in labelled}}
    chosen = [(item, spelled.get(names[item.class_name], names[item.class_name])) for item in labelled if item.split == split]
    if len(chosen) < len(pictures):
        tally.notes.append(f"Of its {len(pictures):,} images the {len(chosen):,} of {split} are scored.")
    unknown = sort_naturally({name for _, name in chosen if name not in classes})
    index = {name: place for place, name in enumerate(classes)}
    chosen = [(item, name) for item, name in chosen if name in index]
    if not chosen:
        raise UserError(
            f"No image in {str(folder)!r} lies in a folder named like a class of this run.",
            f"Its classes: {', '.join(classes)}. {spelling_hint(unknown, classes)}".strip(),
        )
    paths = [os.path.relpath(item.path, layout.root) for item, _ in chosen]
    frame = pd.DataFrame({"id": range(len(chosen)), "path": paths, "hash": paths})
    labels = np.array([index[name] for _, name in chosen], dtype=np.int64)
    images = LabelledImages(frame, [Path(item.path) for item, _ in chosen], labels, scanned=False)
    return LabelledFolder(images, unknown, tally.report())


def predict_images(
    answering: model.Model, images: LabelledImages, frozen: bool = False, report: Report = lambda progress: True
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The prediction table of the images, and the reasons for those that could not be read, by path.

    With a `frozen` trunk the features come from the embedding cache, where their content is known.
    """
    contents = images.frame["hash"].tolist()
    how = (answering.trunk, answering.preprocessing, answering.compute)
    features = embed(images.files, contents, *how, report, cached=frozen, scanned=images.scanned)
    if features is None:
        raise InterruptedError
    read = ~np.isnan(features.vectors).any(axis=1)
    answers = answering.probabilities_of(features.vectors[read])
    paths = images.frame["path"].tolist()
    unread = {paths[i]: features.failures.get(i, "damaged picture") for i in np.flatnonzero(~read)}
    return prediction_table(images.frame[read], images.labels[read], answers), unread


def score_split(run: Run, split: str, report: Report = lambda progress: True) -> dict[str, Any]:
    """Scores of a run on a split of its dataset, from the stored prediction table, or made now where there is none or it is damaged."""
    if split not in SPLITS:
        raise UserError(f"There is no split {split!r} with labels.", f"Choose one of: {', '.join(SPLITS)}.")
    if not _intact(run, split):
        if not (run.path / "checkpoints").is_dir():
            raise UserError(
                f"The run {run.id} has no model yet: it is {run.status.state}.", "Wait for it to finish, or resume it."
            )
        answering = model.load(run.path)
        images = split_images(load_dataset(run.config.dataset), split, run.classes)
        matches, _ = predict_images(answering, images, run.config.method == "linear", report)
        write_predictions(run.path, split, matches, run.classes)
    result = run.predictions(split)
    return {**metrics.score_predictions(result, run.classes), "copies": int(result["content"].duplicated().sum())}


def _intact(run: Run, split: str) -> bool:
    """Whether the run has a whole table of the split; one that is damaged or cut short is made again."""
    try:
        tables.load_predictions(run, split)
    except UserError:
        return False
    return True


def count_repeated_files(files: Sequence[Path]) -> int:
    """How many of the files have the same content as one before them. Only files of the same size are read."""
    by_size: dict[int, list[Path]] = {}
    for file in files:
        by_size.setdefault(file.stat().st_size, []).append(file)
    return sum(len(same) - len({content_hash(file.read_bytes()) for file in same}) for same in by_size.values() if len(same) > 1)


def score_folder(run: Run, folder: Path, report: Report = lambda progress: True) -> dict[str, Any]:
    """Scores of a run on a labelled folder that need not be registered; files that were not used are named."""
    answering = model.load(run.path)
    labelled = folder_images(folder, run.classes)
    result, unread = predict_images(answering, labelled.images, report=report)
    paths = labelled.images.frame["path"]
    readable = [file for file, path in zip(labelled.images.files, paths, strict=True) if path not in unread]
    notes = {
        "unknown_classes": labelled.unknown,
        "hint": spelling_hint(labelled.unknown, run.classes),
        "unreadable": unread,
        "copies": count_repeated_files(readable),
        "unused": labelled.unused.document(),
        "notes": [*labelled.unused.notes, *answering.notes],
    }
    return {**metrics.score_predictions(result, run.classes), **notes}
