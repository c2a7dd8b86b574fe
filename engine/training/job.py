"""What a run does, from its configuration to its scores."""

import dataclasses
import platform
import subprocess
import time
from collections.abc import Callable
from importlib import metadata

import numpy as np
import torch

from engine import __version__, metrics, model, network, scoring
from engine.data.datasets import Dataset, dataset
from engine.device import Compute, compute
from engine.embeddings import embed
from engine.errors import UserError
from engine.files import write_json
from engine.home import PROJECT
from engine.model import Model
from engine.pixels import decoded
from engine.predictions import write_predictions
from engine.runs import Run
from engine.scoring import LabelledImages
from engine.training import checkpoint
from engine.training.facts import Epoch, Message, Progress, Step
from engine.training.finetune import FineTuning, Images
from engine.training.linear import LinearProbe
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
    trained = (_train_linear if config.method == "linear" else _finetune)(run, recorder, where, train, validation)
    _evaluate(run, recorder, trained, data, validation)


def _train_linear(run: Run, recorder: Recorder, where: Compute, train: LabelledImages, validation: LabelledImages) -> Model:
    config = run.config
    fresh = _fresh_model(run, recorder, where)
    both = (train, validation)
    report = _reporter(recorder)
    files = [file for images in both for file in images.files]
    contents = [content for images in both for content in images.frame["hash"]]
    features = embed(files, contents, fresh.trunk, fresh.preprocessing, where, report)
    if features is None:
        raise Stopped
    _tell_failures(recorder, features.failures, [str(file) for file in files])
    recorder.state("training", "fitting the linear head")
    labels = np.concatenate([images.labels for images in both])
    read = ~np.isnan(features.vectors).any(axis=1)
    in_train = np.arange(len(labels)) < len(train.labels)
    first, second = read & in_train, read & ~in_train
    probe = LinearProbe(features.vectors[first], labels[first], features.vectors[second], labels[second], len(run.classes))
    for number, fact in enumerate(probe.fit(), start=1):
        recorder.record(fact)
        recorder.record(Progress("fitting the linear head", number, number + 1))
        if recorder.stop_requested():
            raise Stopped
    probe.head(fresh.classifier)
    checkpoint.save(run.path, "best", 1, fresh.meta, fresh.classifier.state_dict())
    recorder.record(Message(f"Chose C on {int(second.sum())} validation images; the backbone {config.model} stayed as it was."))
    return fresh


def _finetune(run: Run, recorder: Recorder, where: Compute, train: LabelledImages, validation: LabelledImages) -> Model:
    config = run.config
    resumed = checkpoint.load(run.path, "last") if checkpoint.generations(run.path, "last") else None
    current = model.from_checkpoint(resumed, where) if resumed else _fresh_model(run, recorder, where)
    images = [_images(split, config.image_size, recorder) for split in (train, validation)]
    trainer = FineTuning(current.classifier, *images, config, current.preprocessing, where)
    if resumed:
        trainer.load_state(resumed.training or {})
        recorder.event({"kind": "resumed", "step": trainer.step, "epoch": trainer.epoch})
        for note in (*resumed.notes, f"Resumed after step {trainer.step}, in epoch {trainer.epoch + 1}."):
            recorder.record(Message(note))
    recorder.state("training", "first steps")
    saved = time.monotonic()
    for fact in trainer.fit():
        recorder.record(fact)
        if isinstance(fact, Step):
            detail = f"epoch {fact.epoch} of {config.epochs}"
            recorder.record(Progress(detail, fact.step, trainer.total_steps, fact.rate))
            _check_finite(fact)
        if isinstance(fact, Epoch) and fact.best:
            checkpoint.save(run.path, "best", fact.step, current.meta, current.classifier.state_dict())
        stopping = recorder.stop_requested()
        if isinstance(fact, Epoch) or stopping or time.monotonic() - saved > _SAVE_SECONDS:
            checkpoint.save(run.path, "last", trainer.step, current.meta, current.classifier.state_dict(), trainer.state())
            saved = time.monotonic()
        if stopping:
            raise Stopped
    return model.load(run.path, "best", where)


def _evaluate(run: Run, recorder: Recorder, trained: Model, data: Dataset, validation: LabelledImages) -> None:
    """Fit the temperature on validation, then score validation and test; test is looked at here and nowhere else."""
    recorder.state("evaluating", "scoring validation and test")
    report, frozen = _reporter(recorder), run.config.method == "linear"
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


def _fresh_model(run: Run, recorder: Recorder, where: Compute) -> Model:
    config = run.config
    torch.manual_seed(config.seed)
    trunk = network.build(config.model, config.weights, config.image_size, notify=lambda text: recorder.record(Message(text)))
    return model.new(trunk, run.classes, config.image_size, where, config.seed)


def _images(images: LabelledImages, size: int, recorder: Recorder) -> Images:
    pixels = decoded(images.files, images.frame["hash"].tolist(), size, _reporter(recorder))
    if pixels is None:
        raise Stopped
    _tell_failures(recorder, pixels.failures, images.frame["path"].tolist())
    if not pixels.failures:
        return Images(pixels.images, images.labels)
    keep = np.array([i not in pixels.failures for i in range(len(images.labels))])
    return Images(pixels.images[keep], images.labels[keep])


def _reporter(recorder: Recorder) -> Callable[[Progress], bool]:
    def report(progress: Progress) -> bool:
        recorder.record(progress)
        return not recorder.stop_requested()

    return report


def _tell_failures(recorder: Recorder, failures: dict[int, str], names: list[str]) -> None:
    for index, reason in failures.items():
        recorder.record(Message(f"Left out: {names[index]} ({reason}).", "warning"))


def _unchanged_dataset(run: Run, recorder: Recorder) -> Dataset:
    data = dataset(run.config.dataset)
    if data.catalog.fingerprint() != run.fingerprint:
        recorder.record(Message("The dataset has changed since this run was created; its new state is used.", "warning"))
    if set(data.classes) != set(run.classes):
        raise UserError(f"The classes of {data.name} have changed since this run was created.", "Start a new run.")
    return data


def _check_finite(fact: Step) -> None:
    if not np.isfinite(fact.loss):
        raise UserError(
            f"The loss is {fact.loss} at step {fact.step}, with a learning rate of {fact.learning_rate:.2g}.",
            "Start again with a smaller peak_lr; the best checkpoint so far is intact.",
        )


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
