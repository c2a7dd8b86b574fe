"""The work of a run, from its configuration to its scores."""

import dataclasses
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import torch

from engine import __version__
from engine.core.errors import UserError
from engine.core.files import read_json, write_json
from engine.core.paths import PROJECT
from engine.data import fingerprint
from engine.data.class_names import normalize_name
from engine.data.datasets import Dataset, load_dataset
from engine.data.predictions import write_predictions
from engine.evaluation import metrics, scoring
from engine.evaluation.scoring import LabelledImages
from engine.models import device, model
from engine.models.device import Compute
from engine.models.model import Model
from engine.runs import checkpoint, score_text
from engine.runs.data_changes import images_fingerprint
from engine.runs.events import Message, Score
from engine.runs.run import Run
from engine.training import distributed, unreadable
from engine.training.fit import fit
from engine.training.recorder import Recorder

_PACKAGES = ("torch", "torchvision", "timm", "numpy", "scikit-learn", "pillow", "streamlit")


def execute(run: Run, recorder: Recorder) -> None:
    """Prepare, train, evaluate; the state `finished` is written last. Raises Cancelled, UserError."""
    _evaluate(run, recorder, *train(run, recorder))


def train(run: Run, recorder: Recorder) -> tuple[Model, LabelledImages, LabelledImages]:
    """The trained model, and the validation and test images. Every process that torchrun started comes through here."""
    config = run.config
    recorder.state("preparing", "loading the model")
    if config.determinism == "enforced":
        device.enforce_determinism()
    if config.method == "finetune":
        distributed.join()
    try:
        compute = device.select_compute(config.device, config.precision)
        # The leader may still rewrite config.json: the others must read what it wrote.
        with compute.leader_first():
            data = _unchanged_dataset(run, recorder)
        if compute.rank == 0:
            recorder.retry_when_full(_write_environment, run, compute)
        training, validation, test = _load_splits(run, data, recorder)
        return fit(run, recorder, compute, training, validation), validation, test
    finally:
        distributed.leave()


def _load_splits(run: Run, data: Dataset, recorder: Recorder) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """The images of all splits at once: a scan while the run trains must not put another test set in the place of this one.

    They have one state of the labels, that of the run's fingerprint: a person may go on deciding meanwhile.
    """
    while True:
        train, validation, test = (scoring.split_images(data, split, run.classes) for split in ("train", "validation", "test"))
        # Checked after reading: three queries are no transaction, and an edit between two of them would mix two states.
        if _is_unchanged(run, data):
            return train, validation, test
        data = _unchanged_dataset(run, recorder)


def _evaluate(run: Run, recorder: Recorder, trained: Model, validation: LabelledImages, test: LabelledImages) -> None:
    """Fit the temperature on validation, then score validation and test; test is looked at here and nowhere else."""
    recorder.state("evaluating", "scoring validation and test")
    # A frozen backbone's features are in the cache from fitting the head; those of a fine-tuned one serve nobody else.
    cached = run.config.method == "linear"
    validated = scoring.compute_features(trained, validation, cached, recorder.report)
    if not len(validated.vectors):
        raise UserError("No validation image can be read any more.", "Put the files back, then resume the run.")
    temperature = model.fit_temperature(trained.logits_of(validated.vectors), validated.images.labels)
    calibrated = trained.with_temperature(temperature)
    step = checkpoint.load(run.path).step
    recorder.retry_when_full(checkpoint.save, run.path, "best", step, calibrated.meta, calibrated.classifier.state_dict())
    results: dict[str, dict[str, Any]] = {}
    for split, images in (("validation", validation), ("test", test)):
        if not len(images.labels):
            recorder.record(Message(f"There are no {split} images: the run has no {split} score.", "warning"))
            continue
        # The temperature changes no features: those of the validation images are computed once.
        features = validated if images is validation else scoring.compute_features(calibrated, images, cached, recorder.report)
        reasons = features.unreadable
        unreadable.record_unreadable(recorder, dict(enumerate(reasons.values())), list(reasons))
        predictions = features.predict(calibrated)
        if not len(predictions):
            recorder.record(Message(f"No {split} image can be read: the run has no {split} score.", "warning"))
            continue
        recorder.retry_when_full(write_predictions, run.path, split, predictions, run.classes)
        scores = metrics.score_predictions(predictions, run.classes)
        results[split] = {key: scores[key] for key in ("n", "accuracy", "macro_f1", "macro_f1_classes", "loss", "small")}
        recorder.record(Score(split=split, **results[split]))
    # Before the state: a run that is `finished` has results.
    document = {**results, "temperature": temperature}
    recorder.retry_when_full(write_json, run.path / "results.json", document, durable=True, make_folder=False)
    recorder.state("finished", _summarise(results))


def _unchanged_dataset(run: Run, recorder: Recorder) -> Dataset:
    """The run's dataset. Raises UserError where it has changed since the run began to train: the run must not go on with other images.

    A run that has not trained yet adopts the dataset as it is now, and says so.
    """
    data = load_dataset(run.config.dataset)
    if not data.root.is_dir():
        recorder.record(Message(f"The folder {str(data.root)!r} is not there: only what is cached can be used.", "warning"))
    if _is_unchanged(run, data):
        return data
    if set(map(normalize_name, data.classes)) != set(map(normalize_name, run.classes)):
        raise UserError(f"The classes of {data.name} have changed since this run was created.", "Start a new run.")
    if checkpoint.generations(run.path, "last"):
        raise UserError(
            f"The images of {data.name} have changed since this run started training on them{_label_change(run, data)}.",
            "Start a new run with the same configuration; this one can still be evaluated.",
        )
    recorder.retry_when_full(_adopt, run, data)
    recorder.record(Message("The dataset changed while the run was waiting; it is trained on the new state.", "warning"))
    return data


def _is_unchanged(run: Run, data: Dataset) -> bool:
    """Whether the images, labels and splits are those of when the run was made; accents in class names may be encoded differently."""
    if data.catalog.fingerprint() == run.fingerprint:
        return True
    if set(data.classes) == set(run.classes):
        return False
    # The same classes in another Unicode normalisation: a file system may have changed it when the folder was copied.
    with data.catalog.reading() as connection:
        return fingerprint.compute_fingerprint_as_spelled(connection, run.classes) == run.fingerprint


def _label_change(run: Run, data: Dataset) -> str:
    version = data.catalog.labels()
    return "" if version == run.labels else f" (label edits: version {version} instead of {run.labels})"


def _adopt(run: Run, data: Dataset) -> None:
    """Write the dataset's present state into config.json, which must say what reproduces the run."""
    state = {"fingerprint": data.catalog.fingerprint(), "labels": data.catalog.labels(), "images": images_fingerprint(data)}
    document = read_json(run.path / "config.json")
    write_json(run.path / "config.json", {**document, **state}, durable=True, make_folder=False)


def _summarise(results: Mapping[str, Any]) -> str:
    split = "test" if "test" in results else "validation"
    if split not in results:
        return "finished without labelled images to score"
    return f"macro F1 {score_text.macro_f1(results[split])} on {results[split]['n']:,} {split} images"


def _write_environment(run: Run, compute: Compute) -> None:
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=False)
    versions = {name: metadata.version(name) for name in _PACKAGES}
    write_json(
        run.path / "environment.json",
        {
            "scenescope": __version__,
            "git": git.stdout.strip() or None,
            "python": platform.python_version(),
            "packages": versions,
            "platform": platform.platform(),
            "compute": dataclasses.asdict(compute) | {"device": str(compute.device), "dtype": str(compute.dtype)},
            "threads": torch.get_num_threads(),
            "processes": compute.world,
            "fingerprint": run.fingerprint,
            "labels": run.labels,
        },
        make_folder=False,
    )
