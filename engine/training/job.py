"""What a run does, from its configuration to its scores."""

import dataclasses
import platform
import subprocess
from importlib import metadata

import numpy as np
import torch

from engine import __version__, metrics, model, scoring
from engine.data.datasets import Dataset, dataset
from engine.device import Compute, compute
from engine.embeddings import embed
from engine.errors import UserError
from engine.files import write_json
from engine.home import PROJECT
from engine.model import Model
from engine.predictions import write_predictions
from engine.runs import Run
from engine.scoring import LabelledImages
from engine.training import checkpoint
from engine.training.facts import Message
from engine.training.fitting import fit, reporter
from engine.training.record import Recorder, Stopped

_SAVE_SECONDS = 60.0  # at most this much work is lost to a kill
_PACKAGES = ("torch", "torchvision", "timm", "numpy", "scikit-learn", "pillow", "streamlit")


def execute(run: Run, recorder: Recorder) -> None:
    """Prepare, train, evaluate; the state `finished` is written last. Raises Stopped, UserError."""
    config = run.config
    recorder.state("preparing", "loading the model")
    where = compute(config.device, config.precision)
    _write_environment(run, where)
    data = _unchanged_dataset(run, recorder)
    train, validation = (scoring.of_split(data, split, run.classes) for split in ("train", "validation"))
    trained = fit(run, recorder, where, train, validation)
    _evaluate(run, recorder, trained, data, validation)


def _evaluate(run: Run, recorder: Recorder, trained: Model, data: Dataset, validation: LabelledImages) -> None:
    """Fit the temperature on validation, then score validation and test; test is looked at here and nowhere else."""
    recorder.state("evaluating", "scoring validation and test")
    report, frozen = reporter(recorder), run.config.method == "linear"
    features = embed(
        validation.files,
        validation.frame["hash"].tolist(),
        trained.trunk,
        trained.preprocessing,
        trained.compute,
        report,
        cached=frozen,
    )
    if features is None:
        raise Stopped
    read = ~np.isnan(features.vectors).any(axis=1)
    temperature = model.fit_temperature(trained.logits_of(features.vectors[read]), validation.labels[read])
    calibrated = trained.with_temperature(temperature)
    checkpoint.save(run.path, "best", checkpoint.load(run.path).step, calibrated.meta, calibrated.classifier.state_dict())
    results = {}
    for split in ("validation", "test"):
        images = validation if split == "validation" else scoring.of_split(data, split, run.classes)
        if not len(images.labels):
            recorder.record(Message(f"There are no {split} images: the run has no {split} score.", "warning"))
            continue
        try:
            found, unread = scoring.predictions(calibrated, images, frozen, report)
        except InterruptedError:
            raise Stopped from None
        for path, reason in unread.items():
            recorder.record(Message(f"Left out of {split}: {path} ({reason}).", "warning"))
        write_predictions(run.path, split, found, run.classes)
        scores = metrics.evaluation(found, run.classes)
        results[split] = {key: scores[key] for key in ("n", "accuracy", "macro_f1", "loss", "small")}
        recorder.event({"kind": "score", "split": split, **results[split]})
    write_json(run.path / "results.json", {**results, "temperature": temperature}, durable=True)
    recorder.state("finished", _sentence(results))


def _unchanged_dataset(run: Run, recorder: Recorder) -> Dataset:
    data = dataset(run.config.dataset)
    if data.catalog.fingerprint() != run.fingerprint:
        recorder.record(Message("The dataset has changed since this run was created; its new state is used.", "warning"))
    if set(data.classes) != set(run.classes):
        raise UserError(f"The classes of {data.name} have changed since this run was created.", "Start a new run.")
    return data


def _sentence(results: dict) -> str:
    split = "test" if "test" in results else "validation"
    if split not in results:
        return "finished without labelled images to score"
    score = metrics.Estimate(**results[split]["macro_f1"])
    return f"macro F1 {score} on {results[split]['n']:,} {split} images"


def _write_environment(run: Run, where: Compute) -> None:
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
            "compute": dataclasses.asdict(where) | {"device": str(where.device), "dtype": str(where.dtype)},
            "threads": torch.get_num_threads(),
            "fingerprint": run.fingerprint,
        },
    )
