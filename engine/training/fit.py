"""The training part of a run: the method that its configuration names, recorded and saved on the way."""

import time

import numpy as np
import torch

from engine.core.progress import Cancelled, Progress
from engine.embeddings.extract import embed
from engine.evaluation import dynamics
from engine.evaluation.scoring import LabelledImages
from engine.models import hub_names, model, network
from engine.models.device import Compute
from engine.models.model import Model
from engine.models.pixels import load_pixels
from engine.models.transfer import TransferReport
from engine.runs import checkpoint
from engine.runs.checkpoint import Checkpoint
from engine.runs.events import Epoch, Message, Resumed, Step
from engine.runs.run import Run
from engine.training import unreadable
from engine.training.batches import Images
from engine.training.finetune import FineTuning
from engine.training.linear_probe import LinearProbe
from engine.training.recorder import Recorder

_SAVE_SECONDS = 60.0  # between two saves within an epoch: at most this much work is lost to a kill


def fit(run: Run, recorder: Recorder, compute: Compute, train: LabelledImages, validation: LabelledImages) -> Model:
    """The best model that the run's method trains, also saved as the checkpoint `best`. Raises Cancelled, UserError."""
    method = _fit_linear if run.config.method == "linear" else _finetune
    return method(run, recorder, compute, train, validation)


def _fit_linear(run: Run, recorder: Recorder, compute: Compute, train: LabelledImages, validation: LabelledImages) -> Model:
    config = run.config
    fresh = _fresh_model(run, recorder, compute)
    # Both splits in one pass: an image that is in both, or twice in one, is embedded once.
    splits = (train, validation)
    files = [file for images in splits for file in images.files]
    contents = [content for images in splits for content in images.frame["hash"]]
    features = embed(files, contents, fresh.trunk, fresh.preprocessing, compute, recorder.report)
    labels = np.concatenate([images.labels for images in splits])
    readable = ~np.isnan(features.vectors).any(axis=1)
    in_train = np.arange(len(labels)) < len(train.labels)
    train_rows, validation_rows = readable & in_train, readable & ~in_train
    paths = [path for images in splits for path in images.frame["path"]]
    reasons = {i: features.failures.get(i, "a copy of one that cannot be read") for i in np.flatnonzero(~readable).tolist()}
    unreadable.record_unreadable(recorder, reasons, paths)
    unreadable.check_enough(labels[train_rows], labels[validation_rows], run.classes)
    recorder.state("training", "fitting the linear head")
    probe = LinearProbe(
        features.vectors[train_rows],
        labels[train_rows],
        features.vectors[validation_rows],
        labels[validation_rows],
        len(run.classes),
        balanced=config.balance == "weights",
    )
    for number, candidate in enumerate(probe.fit(), start=1):
        recorder.record(candidate)
        # One more than are known: the probe decides after each whether to try another.
        recorder.report(Progress("fitting the linear head", number, number + 1))
    probe.write_head(fresh.classifier)
    recorder.retry_when_full(checkpoint.save, run.path, "best", 1, fresh.meta, fresh.classifier.state_dict())
    recorder.record(
        Message(f"Chose C on {int(validation_rows.sum())} validation images; the backbone {config.model} stays frozen.")
    )
    return fresh


def _finetune(run: Run, recorder: Recorder, compute: Compute, train: LabelledImages, validation: LabelledImages) -> Model:
    config = run.config
    resumed = checkpoint.load(run.path, "last") if checkpoint.generations(run.path, "last") else None
    current = model.from_checkpoint(resumed, compute) if resumed else _fresh_model(run, recorder, compute)
    with compute.leader_first():  # it decodes into the cache, the other processes read from there
        train_images = _decode(train, config.image_size, recorder)
        validation_images = _decode(validation, config.image_size, recorder)
    unreadable.check_enough(train_images.labels, validation_images.labels, run.classes)
    images_key = unreadable.images_key((train_images, validation_images))
    trainer = FineTuning(current.classifier, train_images, validation_images, config, current.preprocessing, compute)
    if resumed:
        _restore(trainer, resumed, images_key, recorder)
    elif any(event.get("kind") == "step" for event in run.events()[0]):
        # Killed before its first save: the steps in the events file will be taken again.
        recorder.record(Resumed(step=0, epoch=0))
    # One process writes; all of them must agree on when to stop, or the others would wait for its gradients for ever.
    lead, last_save = compute.rank == 0, time.monotonic()
    if lead:
        recorder.retry_when_full(dynamics.write_images, run.path, validation_images.contents, validation_images.labels)
    recorder.state("training", "first steps")
    for event in trainer.fit():
        if isinstance(event, Progress):
            recorder.show_progress(event)
        else:
            recorder.record(event)
        if isinstance(event, Step):
            recorder.show_progress(Progress(f"epoch {event.epoch} of {config.epochs}", event.step, trainer.total_steps))
        if isinstance(event, Epoch) and lead:
            recorder.retry_when_full(dynamics.write_epoch, run.path, event.epoch, trainer.validation_predictions)
            if event.best:
                weights = trainer.evaluated_network.state_dict()
                recorder.retry_when_full(checkpoint.save, run.path, "best", event.step, current.meta, weights)
        stopping = compute.any_process(recorder.stop_requested())
        if lead and (isinstance(event, Epoch) or stopping or time.monotonic() - last_save > _SAVE_SECONDS):
            state = {**trainer.state(), "images": images_key}
            # The trained weights, not their moving average, which is part of the state.
            weights = current.classifier.state_dict()
            recorder.retry_when_full(checkpoint.save, run.path, "last", trainer.step, current.meta, weights, state)
            last_save = time.monotonic()
        if stopping:
            raise Cancelled
        if compute.any_process(recorder.finish_requested() and bool(run.checkpoint)):
            recorder.record(
                Message(f"Ended on request after step {trainer.step} of {trainer.total_steps}: the best epoch counts.")
            )
            break
    return model.load_model(run.path, "best", compute) if lead else current


def _restore(trainer: FineTuning, saved: Checkpoint, images_key: str, recorder: Recorder) -> None:
    """Put the trainer where the checkpoint was saved. Raises UserError where it was trained on other images."""
    state = dict(saved.training or {})
    # A checkpoint of an earlier version does not name its images.
    unreadable.check_same(state.pop("images", images_key), images_key)
    trainer.load_state(state)
    recorder.record(Resumed(step=trainer.step, epoch=trainer.epoch))
    for text in (*saved.notes, f"Resumed after step {trainer.step}, in epoch {trainer.epoch + 1}."):
        recorder.record(Message(text))


def _fresh_model(run: Run, recorder: Recorder, compute: Compute) -> Model:
    config = run.config
    hub_names.check(config.model)
    torch.manual_seed(config.seed)
    trunk = network.build_trunk(
        config.model, config.weights, config.image_size, notify=lambda text: recorder.record(Message(text))
    )
    fresh = model.create_model(trunk, run.classes, config.image_size, compute, config.seed, config.views)
    if trunk.fit and config.method == "finetune":
        recorder.record(Message(_load_head(fresh, trunk.fit)))
    return fresh


def _load_head(fresh: Model, fit: TransferReport) -> str:
    """Start from the classification layer that came with the weights, where it is one for these classes; a sentence about it."""
    head = fit.head_for(fresh.meta.classes)
    if head is None or head["weight"].shape != fresh.classifier.head.weight.shape:
        return "The classification layer is new: the file has none for these classes."
    fresh.classifier.head.load_state_dict(head)
    order = "" if fit.classes else ", whose classes are taken to be in the same order"
    return f"The classification layer was loaded as well{order}."


def _decode(images: LabelledImages, size: int, recorder: Recorder) -> Images:
    pixels = recorder.retry_when_full(load_pixels, images.files, images.frame["hash"].tolist(), size, recorder.report)
    unreadable.record_unreadable(recorder, pixels.failures, images.frame["path"].tolist())
    contents = tuple(images.frame["hash"])
    if not pixels.failures:
        return Images(pixels.images, images.labels, contents)
    keep = [i for i in range(len(images.labels)) if i not in pixels.failures]
    return Images(pixels.images[keep], images.labels[keep], tuple(contents[i] for i in keep))
