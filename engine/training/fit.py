"""The training part of a run: the method that its configuration names, with what it tells and saves on the way."""

import time
from collections.abc import Callable

import numpy as np
import torch

from engine.embeddings.extract import embed
from engine.evaluation import dynamics
from engine.evaluation.scoring import LabelledImages
from engine.models import hub_names, model, network
from engine.models.device import Compute
from engine.models.model import Model
from engine.models.pixels import decoded
from engine.models.transfer import Fit
from engine.runs import checkpoint
from engine.runs.events import Epoch, Message, Progress, Step
from engine.runs.run import Run
from engine.training import unreadable
from engine.training.batches import Images
from engine.training.finetune import FineTuning
from engine.training.linear_probe import LinearProbe
from engine.training.recorder import Recorder, Stopped

_SAVE_SECONDS = 60.0  # at most this much work is lost to a kill


def fit(run: Run, recorder: Recorder, where: Compute, train: LabelledImages, validation: LabelledImages) -> Model:
    """Train by the run's method: the best model, also saved as its checkpoint `best`. Raises Stopped, UserError."""
    method = _train_linear if run.config.method == "linear" else _finetune
    return method(run, recorder, where, train, validation)


def _train_linear(run: Run, recorder: Recorder, where: Compute, train: LabelledImages, validation: LabelledImages) -> Model:
    config = run.config
    fresh = _fresh_model(run, recorder, where)
    both = (train, validation)
    report = reporter(recorder)
    files = [file for images in both for file in images.files]
    contents = [content for images in both for content in images.frame["hash"]]
    features = embed(files, contents, fresh.trunk, fresh.preprocessing, where, report)
    if features is None:
        raise Stopped
    labels = np.concatenate([images.labels for images in both])
    read = ~np.isnan(features.vectors).any(axis=1)
    in_train = np.arange(len(labels)) < len(train.labels)
    first, second = read & in_train, read & ~in_train
    paths = [path for images in both for path in images.frame["path"]]
    unread = {i: features.failures.get(i, "a copy of one that cannot be read") for i in np.flatnonzero(~read)}
    unreadable.record_unreadable(recorder, unread, paths)
    unreadable.check_enough(labels[first], labels[second], run.classes)
    recorder.state("training", "fitting the linear head")
    parts = (features.vectors[first], labels[first], features.vectors[second], labels[second])
    probe = LinearProbe(*parts, len(run.classes), balanced=config.balance == "weights")
    for number, fact in enumerate(probe.fit(), start=1):
        recorder.record(fact)
        recorder.record(Progress("fitting the linear head", number, number + 1))
        if recorder.stop_requested():
            raise Stopped
    probe.head(fresh.classifier)
    recorder.retry_when_full(checkpoint.save, run.path, "best", 1, fresh.meta, fresh.classifier.state_dict())
    recorder.record(Message(f"Chose C on {int(second.sum())} validation images; the backbone {config.model} stays frozen."))
    return fresh


def _finetune(run: Run, recorder: Recorder, where: Compute, train: LabelledImages, validation: LabelledImages) -> Model:
    config = run.config
    resumed = checkpoint.load(run.path, "last") if checkpoint.generations(run.path, "last") else None
    current = model.from_checkpoint(resumed, where) if resumed else _fresh_model(run, recorder, where)
    with where.leader_first():  # it decodes, the others read what it decoded
        images = [_images(split, config.image_size, recorder) for split in (train, validation)]
    unreadable.check_enough(images[0].labels, images[1].labels, run.classes)
    learnt_from = unreadable.images_key(images)
    trainer = FineTuning(current.classifier, *images, config, current.preprocessing, where)
    if resumed:
        state = dict(resumed.training or {})
        unreadable.check_same(state.pop("images", learnt_from), learnt_from)
        trainer.load_state(state)
        recorder.event({"kind": "resumed", "step": trainer.step, "epoch": trainer.epoch})
        for note in (*resumed.notes, f"Resumed after step {trainer.step}, in epoch {trainer.epoch + 1}."):
            recorder.record(Message(note))
    elif any(event.get("kind") == "step" for event in run.events()[0]):
        # Killed before its first save: what it told of the steps that it takes again does not count.
        recorder.event({"kind": "resumed", "step": 0, "epoch": 0})
    lead, saved = where.rank == 0, time.monotonic()
    if lead:
        recorder.retry_when_full(dynamics.write_images, run.path, images[1].contents, images[1].labels)
    recorder.state("training", "first steps")
    for fact in trainer.fit():
        recorder.record(fact)
        if isinstance(fact, Epoch) and lead:
            recorder.retry_when_full(dynamics.write_epoch, run.path, fact.epoch, trainer.validation_predictions)
        if isinstance(fact, Step):
            detail = f"epoch {fact.epoch} of {config.epochs}"
            recorder.record(Progress(detail, fact.step, trainer.total_steps, fact.rate))
        if isinstance(fact, Epoch) and fact.best and lead:
            recorder.retry_when_full(
                checkpoint.save, run.path, "best", fact.step, current.meta, trainer.evaluated_network.state_dict()
            )
        stopping = where.any_of(recorder.stop_requested())
        if lead and (isinstance(fact, Epoch) or stopping or time.monotonic() - saved > _SAVE_SECONDS):
            state = {**trainer.state(), "images": learnt_from}
            weights = current.classifier.state_dict()
            recorder.retry_when_full(checkpoint.save, run.path, "last", trainer.step, current.meta, weights, state)
            saved = time.monotonic()
        if stopping:
            raise Stopped
        if where.any_of(recorder.finish_requested() and bool(run.checkpoint)):
            recorder.record(
                Message(f"Ended on request after step {trainer.step} of {trainer.total_steps}: the best epoch counts.")
            )
            break
    return model.load(run.path, "best", where) if lead else current


def _fresh_model(run: Run, recorder: Recorder, where: Compute) -> Model:
    config = run.config
    hub_names.check(config.model)
    torch.manual_seed(config.seed)
    trunk = network.build(config.model, config.weights, config.image_size, notify=lambda text: recorder.record(Message(text)))
    fresh = model.new(trunk, run.classes, config.image_size, where, config.seed, config.views)
    if trunk.fit and config.method == "finetune":
        recorder.record(Message(_take_head(fresh, trunk.fit)))
    return fresh


def _take_head(fresh: Model, fit: Fit) -> str:
    """Begin with the classification layer that came with the weights, where it is one for these classes; what was done."""
    head = fit.head_for(fresh.meta.classes)
    if head is None or head["weight"].shape != fresh.classifier.head.weight.shape:
        return "The classification layer is new: the file has none for these classes."
    fresh.classifier.head.load_state_dict(head)
    order = "" if fit.classes else ", whose classes are taken to be in the same order"
    return f"The classification layer was loaded as well{order}."


def _images(images: LabelledImages, size: int, recorder: Recorder) -> Images:
    pixels = recorder.retry_when_full(decoded, images.files, images.frame["hash"].tolist(), size, reporter(recorder))
    if pixels is None:
        raise Stopped
    unreadable.record_unreadable(recorder, pixels.failures, images.frame["path"].tolist())
    contents = tuple(images.frame["hash"])
    if not pixels.failures:
        return Images(pixels.images, images.labels, contents)
    keep = [i for i in range(len(images.labels)) if i not in pixels.failures]
    return Images(pixels.images[keep], images.labels[keep], tuple(contents[i] for i in keep))


def reporter(recorder: Recorder) -> Callable[[Progress], bool]:
    def report(progress: Progress) -> bool:
        recorder.record(progress)
        return not recorder.stop_requested()

    return report
