"""Scoring a model on labelled images: a split of its dataset, or any folder with class folders."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.files import content_hash
from engine.core.progress import ReportProgress, ignore_progress
from engine.data import layouts
from engine.data.class_names import index_by_normalized_name, normalize_name, sort_naturally, spelling_hint
from engine.data.datasets import Dataset, load_dataset
from engine.data.layouts import display_name
from engine.data.predictions import prediction_table, read_predictions, write_predictions
from engine.data.unused_files import Tally, UnusedDocument, UnusedReport
from engine.embeddings.extract import embed
from engine.evaluation import metrics
from engine.evaluation.metrics import Scores
from engine.models import model
from engine.runs.run import Run

SPLITS = ("test", "validation", "train")


@dataclass(frozen=True)
class LabelledImages:
    """Files with their class indices. `frame`: columns id, path, hash as in `Catalog.frame`.

    `scanned`: whether the hashes are those of the contents; otherwise they only stand in for them.
    """

    frame: pd.DataFrame
    files: list[Path]
    labels: np.ndarray
    scanned: bool = True

    def take(self, rows: np.ndarray) -> "LabelledImages":
        """The images at these row numbers, in their order."""
        return LabelledImages(self.frame.take(rows), [self.files[row] for row in rows], self.labels[rows], self.scanned)


def split_images(data: Dataset, split: str, classes: tuple[str, ...]) -> LabelledImages:
    """The readable images of a split whose class the model knows.

    They are sorted by content, so that a training depends on the data's fingerprint alone, not on when and under which names the
    files were scanned.
    """
    frame, class_by_name = data.catalog.frame(split), index_by_normalized_name(classes)
    names = pd.Series([class_by_name.get(normalize_name(name or "")) for name in frame["class"]], index=frame.index, dtype=object)
    frame = frame.assign(**{"class": names})
    frame = frame[frame["class"].notna()].sort_values(["hash", "class", "path"], ignore_index=True)
    index = {name: i for i, name in enumerate(classes)}
    return LabelledImages(frame, data.catalog.files(frame), frame["class"].map(index).to_numpy(dtype=np.int64))


@dataclass(frozen=True)
class LabelledFolder:
    """The images of a folder whose class the model knows, the names of its other class folders, and which files were not used."""

    images: LabelledImages
    unknown: list[str]
    unused: UnusedReport


def folder_images(folder: Path, classes: tuple[str, ...]) -> LabelledFolder:
    """The labelled images below `folder`. In a folder with splits, only the test images, or the validation images where there are none.

    Raises UserError where no image has a class that the model knows.
    """
    layout = layouts.detect(folder)
    tally = Tally(layout.root, layout.unused, layout.notes)
    images = [entry for entry in layout.entries() if tally.is_image_file(entry)]
    labelled = [(entry, entry.class_name) for entry in images if entry.class_name is not None]
    split = next((name for name in SPLITS if any(entry.split == name for entry, _ in labelled)), None)
    # The folder's names as the model spells them: the same letters may be encoded in two ways.
    class_by_name = index_by_normalized_name(classes)
    names = {folder_name: display_name(folder_name)[0] for folder_name in {folder_name for _, folder_name in labelled}}
    scored = [(entry, class_by_name.get(names[name], names[name])) for entry, name in labelled if entry.split == split]
    if len(scored) < len(images):
        tally.notes.append(f"Only the {len(scored):,} {split or 'labelled'} images of {len(images):,} are scored.")
    unknown = sort_naturally({name for _, name in scored if name not in classes})
    index = {name: i for i, name in enumerate(classes)}
    scored = [(entry, name) for entry, name in scored if name in index]
    if not scored:
        raise UserError(
            f"No image in {str(folder)!r} is in a folder with the name of one of this run's classes.",
            f"Its classes: {', '.join(classes)}. {spelling_hint(unknown, classes)}".strip(),
        )
    paths = [os.path.relpath(entry.path, layout.root) for entry, _ in scored]
    frame = pd.DataFrame({"id": range(len(scored)), "path": paths, "hash": paths})
    labels = np.array([index[name] for _, name in scored], dtype=np.int64)
    files = [Path(entry.path) for entry, _ in scored]
    return LabelledFolder(LabelledImages(frame, files, labels, scanned=False), unknown, tally.report())


@dataclass(frozen=True)
class ImageFeatures:
    """The features of `images`, those that could be read: (n, features). `unreadable`: by path, why the others could not."""

    images: LabelledImages
    vectors: np.ndarray
    unreadable: dict[str, str]

    def predict(self, predictor: model.Model) -> pd.DataFrame:
        """The prediction table by a model with the trunk that computed the features."""
        return prediction_table(self.images.frame, self.images.labels, predictor.probabilities_of(self.vectors))


def compute_features(
    predictor: model.Model, images: LabelledImages, frozen: bool = False, report: ReportProgress = ignore_progress
) -> ImageFeatures:
    """`frozen`: whether the trunk is the pretrained one, so that the embedding cache has the features of known contents."""
    features = embed(
        images.files,
        images.frame["hash"].tolist(),
        predictor.trunk,
        predictor.preprocessing,
        predictor.compute,
        report,
        cached=frozen,
        scanned=images.scanned,
    )
    readable = ~np.isnan(features.vectors).any(axis=1)
    paths = images.frame["path"].tolist()
    # The cache does not hold why an image with the same content could not be read.
    unreadable = {paths[i]: features.failures.get(i, "damaged image") for i in np.flatnonzero(~readable).tolist()}
    return ImageFeatures(images.take(np.flatnonzero(readable)), features.vectors[readable], unreadable)


class SplitScores(Scores):
    """`copies`: images whose content occurs earlier in the table."""

    copies: int


def score_split(run: Run, split: str, report: ReportProgress = ignore_progress) -> SplitScores:
    """The scores of a run on a split of its dataset; predicts first where the stored prediction table is missing or damaged."""
    if split not in SPLITS:
        raise UserError(f"There is no split {split!r} with labels.", f"Choose one of: {', '.join(SPLITS)}.")
    if not _has_predictions(run, split):
        if not (run.path / "checkpoints").is_dir():
            raise UserError(
                f"The run {run.id} has no model yet: it is {run.status.state}.", "Wait for it to finish, or resume it."
            )
        predictor = model.load_model(run.path)
        images = split_images(load_dataset(run.config.dataset), split, run.classes)
        predictions = compute_features(predictor, images, run.config.method == "linear", report).predict(predictor)
        write_predictions(run.path, split, predictions, run.classes)
    # Read back, so that the scores are those of the stored table: its probabilities are rounded to float32.
    predictions = read_predictions(run.path, split)
    return {
        **metrics.score_predictions(predictions, run.classes),
        "copies": len(predictions) - predictions["content"].nunique(dropna=False),
    }


def _has_predictions(run: Run, split: str) -> bool:
    """Whether the run has a complete prediction table of the split."""
    try:
        run.predictions(split)
    except UserError:
        return False
    return True


def count_repeated_files(files: Sequence[Path]) -> int:
    """How many files have the same content as an earlier one. Only files of equal size are read."""
    by_size: dict[int, list[Path]] = {}
    for file in files:
        by_size.setdefault(file.stat().st_size, []).append(file)
    return sum(len(same) - len({content_hash(file.read_bytes()) for file in same}) for same in by_size.values() if len(same) > 1)


class FolderScores(SplitScores):
    """`unknown_classes`: folders whose name is no class of the model; `hint`: what they may be misspellings of. `unreadable`: reasons by
    path. `unused`: the other files that were not used. `notes`: sentences on what was not scored."""

    unknown_classes: list[str]
    hint: str
    unreadable: dict[str, str]
    unused: UnusedDocument
    notes: list[str]


def score_folder(run: Run, folder: Path, report: ReportProgress = ignore_progress) -> FolderScores:
    """The scores of a run on a labelled folder, which need not be registered; names the files that were not used."""
    predictor = model.load_model(run.path)
    labelled = folder_images(folder, run.classes)
    features = compute_features(predictor, labelled.images, report=report)
    return {
        **metrics.score_predictions(features.predict(predictor), run.classes),
        "unknown_classes": labelled.unknown,
        "hint": spelling_hint(labelled.unknown, run.classes),
        "unreadable": features.unreadable,
        "copies": count_repeated_files(features.images.files),
        "unused": labelled.unused.document(),
        "notes": [*labelled.unused.notes, *predictor.notes],
    }
