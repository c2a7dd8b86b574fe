"""What a training shows is noticed, with its figures and a way out; an ordinary training is left in peace."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from engine.runs import diagnostics
from engine.runs.config import configure
from engine.runs.events import Divergence
from engine.runs.history import build_history
from engine.training import divergence

CLASSES = ("forest", "glacier", "mountain", "sea")


def snapshot(
    train, validation=None, scores=None, *, steps=None, state="training", memory_limit=0.0, extra=None, events=(), **changes
):
    """A fine-tuning with these losses per epoch (or step losses), as the rules see it; `events` come after them."""
    validation = validation or train
    scores = scores or [0.5 + 0.4 * number / len(train) for number in range(len(train))]
    record = [
        {"kind": "step", "step": number, "epoch": 1 + number // 50, "loss": loss, "learning_rate": 5e-4, "rate": 40.0}
        for number, loss in enumerate(steps if steps is not None else [], start=1)
    ]
    for number, (a, b, score) in enumerate(zip(train, validation, scores, strict=True), start=1):
        best = score > max(scores[: number - 1], default=0.0)
        losses = {"train_loss": a, "validation_loss": b, "validation_macro_f1": score, "best": best}
        record.append({"kind": "epoch", "epoch": number, "step": 50 * number, **losses, **(extra or {})})
    config = configure("scenes", "balanced", **{"epochs": max(len(train), 1)} | changes)
    return diagnostics.TrainingSnapshot(build_history([*record, *events]), config, CLASSES, state, memory_limit)


def kinds(training):
    return [note.kind for note in diagnostics.diagnose(training)]


def test_an_ordinary_training_is_left_in_peace():
    noise = np.random.default_rng(0).normal(0, 0.25, 400)
    steps = np.maximum(0.02, 1.4 / np.arange(1, 401) ** 0.3 + noise)
    assert kinds(snapshot([0.9, 0.5, 0.35, 0.3], [0.6, 0.45, 0.41, 0.42], [0.8, 0.88, 0.9, 0.9], steps=steps)) == []
    assert kinds(snapshot([])) == []


def test_over_fitting_names_the_epoch_since_when_and_both_losses():
    training = snapshot([0.9, 0.5, 0.3, 0.2, 0.1], [0.6, 0.4, 0.38, 0.45, 0.5], [0.7, 0.8, 0.85, 0.84, 0.84])
    (note,) = diagnostics.diagnose(training)
    assert note.kind == "over-fitting"
    assert note.observation == (
        "Over-fitting since epoch 3: validation loss rose from 0.380 to 0.500 while training loss fell from 0.300 to 0.100."
    )
    assert note.suggestion.startswith("The best epoch is 3 (macro F1 0.850). Finish now scores it. Stronger")


def test_over_fitting_that_still_helps_the_answers_says_so():
    training = snapshot([0.9, 0.5, 0.3, 0.2, 0.1], [0.6, 0.4, 0.38, 0.45, 0.5], [0.7, 0.8, 0.85, 0.86, 0.87])
    assert "Macro F1 still rose" in diagnostics.diagnose(training)[0].observation


@pytest.mark.parametrize("validation", [[0.6, 0.4, 0.38, 0.385, 0.39], [0.6, 0.4, 0.39, 0.38, 0.5]])
def test_one_worse_epoch_or_a_trifle_is_no_over_fitting(validation):
    assert kinds(snapshot([0.9, 0.5, 0.3, 0.2, 0.1], validation, [0.7, 0.8, 0.85, 0.84, 0.84])) == []


def test_a_diverged_training_names_the_step_and_the_way_out_and_nothing_else():
    with pytest.raises(divergence.DivergenceError) as error:
        divergence.check_finite(float("nan"), 1.0, torch.amp.GradScaler(enabled=False), step=61, epoch=2, learning_rate=5e-4)
    assert str(error.value).startswith("The loss is nan at step 61, with a learning rate of 0.0005.")
    steps, failed = [1.0] * 60, {"state": "failed", "peak_lr": 0.5}
    training = snapshot([1.5, 1.5], steps=steps, events=[error.value.event.to_event()], **failed)
    (note,) = diagnostics.diagnose(training)
    assert (note.kind, note.level) == ("not finite", "warning")
    assert (
        note.observation
        == "The training diverged in epoch 2, at step 61: the learning rate was too high. The model of epoch 2 is intact."
    )
    assert note.suggestion.startswith("Duplicate the run with peak_lr=0.1, clip_norm=1, or precision=float32, or")
    other = [{"kind": "message", "text": "The disk is full.", "level": "error"}]
    assert "not finite" not in kinds(snapshot([1.5, 1.5], steps=steps, events=other, **failed))


@pytest.mark.parametrize(
    ("text", "quantity", "rate"),
    [
        ("The loss is nan at step 61, with a learning rate of 0.0005. Start again with a smaller peak_lr.", "loss", 5e-4),
        ("The loss is -inf at step 61, with a learning rate of 1. Start again.", "loss", 1.0),
        ("The gradient is not finite at step 61, with a learning rate of 2.5e-05. Start again.", "gradient", 2.5e-5),
    ],
)
def test_the_message_of_an_older_run_is_read_as_its_divergence(text, quantity, rate):
    message = {"kind": "message", "text": text, "level": "error"}
    training = snapshot([1.5, 1.5], steps=[1.0] * 60, events=[message], state="failed")
    assert training.history.divergence == Divergence(step=61, epoch=2, quantity=quantity, learning_rate=rate)
    assert kinds(training) == ["not finite"]
    quoted = {"kind": "message", "text": text, "level": "info"}
    assert snapshot([1.5], events=[quoted]).history.divergence is None


def test_a_run_that_is_resumed_has_not_diverged():
    diverged = Divergence(step=3, epoch=1, quantity="loss", learning_rate=1.0).to_event()
    resumed = {"kind": "state", "state": "preparing", "time": 1.0}
    assert build_history([diverged]).divergence is not None
    assert build_history([diverged, resumed]).divergence is None


def test_a_jump_of_the_loss_that_stays_is_a_learning_rate_too_high():
    rng = np.random.default_rng(1)
    steps = np.concatenate([np.linspace(1.3, 0.3, 100), np.full(60, 2.5)]) + rng.normal(0, 0.05, 160)
    (note,) = diagnostics.diagnose(snapshot([0.7, 1.9], steps=steps, peak_lr=0.01))
    assert note.kind == "diverged"
    assert "peak_lr=0.002" in note.suggestion
    spike = np.concatenate([np.linspace(1.3, 0.3, 100), np.full(5, 2.5), np.full(60, 0.3)])
    assert kinds(snapshot([0.7, 0.4], steps=spike)) == []


def test_no_better_than_guessing_is_told():
    (note,) = diagnostics.diagnose(snapshot([1.39, 1.38], [1.4, 1.39], [0.1, 0.1]))
    assert note.kind == "learns nothing"
    assert "After 2 epochs the training loss is 1.38; guessing among 4 classes gives 1.39." in note.observation
    assert kinds(snapshot([1.39, 1.38], [1.4, 1.39], [0.1, 0.1], mixing="mixup")) == []
    (large,) = diagnostics.diagnose(snapshot([15_800.2, 15_731.54], [18.0, 18.1], [0.1, 0.1]))
    assert "the training loss is 15,731.54; guessing" in large.observation


def test_a_class_that_is_not_found_is_named():
    training = snapshot([0.9, 0.5], extra={"validation_recall": [0.95, 0.2, 0.9, 0.85]})
    (note,) = diagnostics.diagnose(training)
    assert (
        note.observation
        == "The class glacier is barely recognised: its recall on validation is 20%, against a median of 90% for the other classes."
    )
    assert "balance=sampling" in note.suggestion
    assert kinds(snapshot([0.9, 0.5], extra={"validation_recall": [0.95, 0.7, 0.9, 0.85]})) == []


def test_a_training_that_ended_while_it_improved_should_be_longer():
    improving = {"train": [0.9, 0.5, 0.3], "validation": [0.8, 0.5, 0.4], "scores": [0.7, 0.8, 0.85], "state": "finished"}
    (note,) = diagnostics.diagnose(snapshot(**improving))
    assert (note.kind, note.suggestion) == ("still improving", "Duplicate with epochs=6.")
    assert kinds(snapshot(**improving | {"state": "training"})) == []
    assert kinds(snapshot(**improving | {"scores": [0.7, 0.85, 0.851]})) == []


def test_a_slow_fall_is_a_learning_rate_too_low():
    slow = snapshot([1.2, 1.1, 1.0], [1.2, 1.1, 1.0], [0.5, 0.6, 0.65], state="finished", peak_lr=1e-5)
    assert diagnostics.diagnose(slow)[0].kind == "learning rate too low"
    assert "peak_lr=5e-05" in diagnostics.diagnose(slow)[0].suggestion


def test_waiting_for_images_and_short_memory_are_told():
    training = snapshot([0.9], extra={"waiting": 0.45, "memory": 15.5e9}, memory_limit=16e9, batch_size=64)
    short, waiting = diagnostics.diagnose(training)
    assert (waiting.kind, waiting.suggestion) == ("loader-bound", "Set workers=2, or a lighter augmentation.")
    assert short.observation == "Memory is close to the limit: 15.5 of 16.0 GB."
    assert "batch_size=32" in short.suggestion
    assert kinds(snapshot([0.9], extra={"waiting": 0.1, "memory": 8e9}, memory_limit=16e9)) == []


def test_early_stopping_says_which_epoch_is_kept():
    training = snapshot(
        [0.9, 0.5, 0.4, 0.35, 0.3], [0.9, 0.5] + [0.51] * 3, [0.7, 0.9, 0.8, 0.8, 0.8], state="finished", epochs=30, patience=3
    )
    (note,) = diagnostics.diagnose(training)
    assert note.observation == "Stopped early after epoch 5 of 30: no better macro F1 for 3 epochs; best epoch: 2."
    for patience in (0, 4):
        (note,) = diagnostics.diagnose(
            dataclasses.replace(training, config=dataclasses.replace(training.config, patience=patience))
        )
        assert note.observation == "Stopped early after epoch 5 of 30, at your request; best epoch: 2."
    assert kinds(snapshot([0.9, 0.5], state="stopped", epochs=30)) == []


def test_a_finished_run_says_what_it_learnt_in_a_sentence():
    results = {"test": {"n": 1294, "macro_f1": {"value": 0.9274, "low": 0.912, "high": 0.9401}}}
    pairs = pd.DataFrame([{"a": "glacier", "b": "mountain", "errors": 41, "support": 437}])
    learnt = snapshot([0.9, 0.5, 0.4], scores=[0.7, 0.9, 0.8]).history
    assert diagnostics.summarise_result(results, learnt, pairs) == (
        "It scores macro F1 0.927 (0.912 to 0.940) on 1,294 test images; the model is that of epoch 2 of 3. "
        "Most often confused: glacier and mountain, 41 of their 437 images."
    )
    assert diagnostics.summarise_result({}, learnt, pairs) == ""
    assert diagnostics.summarise_result({"validation": results["test"]}, snapshot([]).history, pairs[:0]) == (
        "It scores macro F1 0.927 (0.912 to 0.940) on 1,294 validation images."
    )
