"""What a person should notice in a training, and can act on: pure functions over its history.

Each rule looks for one thing and reports what it saw, with the figures and a way out. The thresholds are coarse on purpose:
notes that appear by chance teach people to ignore them all.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from engine.runs import score_text
from engine.runs.config import Config
from engine.runs.history import History

_MOST_NOTES = 4
_JUMP = 2.0  # times the lowest loss so far: the noise of batches does not do that to a median of 20
_WINDOW = 20  # steps
_WAITING = 0.3  # share of the time
_FULL = 0.9  # share of the memory

Level = Literal["info", "advice", "warning"]


@dataclass(frozen=True)
class Note:
    """`kind` names the rule; `observation` and `suggestion` are sentences, which may hold class names (untrusted text)."""

    kind: str
    level: Level
    observation: str
    suggestion: str = ""


@dataclass(frozen=True)
class TrainingSnapshot:
    """What the rules look at. `memory_limit`: bytes of the machine, 0 where it is not known."""

    history: History
    config: Config
    classes: tuple[str, ...]
    state: str
    memory_limit: float = 0.0

    @property
    def epochs(self) -> pd.DataFrame:
        return self.history.epochs

    @property
    def finished(self) -> bool:
        return self.state == "finished"


def diagnose(training: TrainingSnapshot) -> list[Note]:
    """The few notes that matter most, gravest first."""
    notes = [note for rule in _RULES if (note := rule(training))]
    divergence = next((note for note in notes if note.kind in ("not finite", "diverged")), None)
    if divergence:
        # Everything else that a diverged training shows follows from that.
        return [divergence]
    return notes[:_MOST_NOTES]


def summarise_result(results: Mapping[str, Any], history: History, pairs: pd.DataFrame) -> str:
    """How good a finished run is, in a sentence or two; "" where nothing was scored. Class names in it are untrusted text.

    results: `Run.results`. pairs: `engine.evaluation.metrics.confused_pairs` of its test images.
    """
    split = "test" if "test" in results else "validation"
    if split not in results:
        return ""
    epoch = f"; the model is that of epoch {history.best_epoch} of {len(history.epochs)}" if len(history.epochs) else ""
    text = f"It scores macro F1 {score_text.macro_f1(results[split])} on {results[split]['n']:,} {split} images{epoch}."
    if len(pairs):
        worst = pairs.iloc[0]
        text += f" Most often confused: {worst['a']} and {worst['b']}, {worst['errors']:,} of their {worst['support']:,} images."
    return text


def not_finite(training: TrainingSnapshot) -> Note | None:
    """The trainer ended the run before a step that would have ruined its weights."""
    divergence, best = training.history.divergence, training.history.best_epoch
    if divergence is None or training.state != "failed":
        return None
    intact = f" The model of epoch {best} is intact." if best else ""
    precision = ", or precision=float32" if training.config.precision != "float32" else ""
    clipping = "" if training.config.clip_norm else ", clip_norm=1"
    return Note(
        "not finite",
        "warning",
        f"The training diverged in epoch {divergence.epoch}, at step {divergence.step:,}: the learning rate was too high.{intact}",
        f"Duplicate the run with peak_lr={training.config.peak_lr / 5:.1g}{clipping}{precision}, or use the learning-rate finder.",
    )


def diverged(training: TrainingSnapshot) -> Note | None:
    """The loss of the steps jumped and stayed high: the steps are too long."""
    losses = training.history.steps["loss"].to_numpy(float) if len(training.history.steps) else np.array([])
    losses = losses[np.isfinite(losses)]
    if len(losses) < 3 * _WINDOW:
        return None
    smooth = pd.Series(losses).rolling(_WINDOW).median().to_numpy()[_WINDOW - 1 :]
    lowest = np.minimum.accumulate(smooth)
    # In the warm-up of a pretrained network the loss is small by chance at times, and twice that is no divergence:
    # the rise must also be a fifth of the loss of guessing.
    if smooth[-1] < max(_JUMP * lowest[-1], lowest[-1] + 0.2 * math.log(max(len(training.classes), 2))):
        return None
    rows = training.history.steps[np.isfinite(training.history.steps["loss"])]
    step = int(rows["step"].iloc[int(smooth.argmin()) + _WINDOW - 1])
    return Note(
        "diverged",
        "warning",
        f"The learning rate is too high: the training loss rose from {lowest[-1]:,.2f} near step {step:,} to {smooth[-1]:,.2f}.",
        f"Stop, and duplicate with peak_lr={training.config.peak_lr / 5:.1g}; a longer warmup helps as well.",
    )


def learns_nothing(training: TrainingSnapshot) -> Note | None:
    """No better than guessing after two epochs: the learning rate is far off, or the labels are meaningless."""
    epochs, guessing = training.epochs, math.log(max(len(training.classes), 2))
    if len(epochs) < 2 or epochs["train_loss"].iloc[-1] < 0.95 * guessing or training.config.mixing != "none":
        return None
    return Note(
        "learns nothing",
        "warning",
        f"After {_epochs(len(epochs))} the training loss is {epochs['train_loss'].iloc[-1]:,.2f}; "
        f"guessing among {len(training.classes)} classes gives {guessing:.2f}.",
        "Find a learning rate with the finder, start from pretrained weights, or look at the labels.",
    )


def over_fitting(training: TrainingSnapshot) -> Note | None:
    """Validation loss has risen for two epochs or more while training loss fell."""
    if len(training.epochs) < 3:
        return None
    validation, train = (training.epochs[name].to_numpy(float) for name in ("validation_loss", "train_loss"))
    lowest = int(np.nanargmin(validation))
    after = len(validation) - 1 - lowest
    if after < 2 or validation[-1] < 1.05 * validation[lowest] or train[-1] >= train[lowest]:
        return None
    epochs, best = training.epochs["epoch"], training.history.best_epoch or 0
    observation = (
        f"Over-fitting since epoch {int(epochs.iloc[lowest])}: "
        f"validation loss rose from {validation[lowest]:,.3f} to {validation[-1]:,.3f} "
        f"while training loss fell from {train[lowest]:,.3f} to {train[-1]:,.3f}."
    )
    suggestion = "Stronger augmentation or more label_smoothing; more images help most."
    if best == int(epochs.iloc[-1]):
        observation += " Macro F1 still rose: the predictions improve while their probabilities get worse."
    else:
        score = np.nanmax(training.epochs["validation_macro_f1"].to_numpy(float))
        finish = "" if training.finished else "Finish now scores it. "
        suggestion = f"The best epoch is {best} (macro F1 {score:.3f}). {finish}{suggestion}"
    return Note("over-fitting", "advice", observation, suggestion)


def class_not_learnt(training: TrainingSnapshot) -> Note | None:
    recalls = training.history.recalls(training.classes)
    if len(recalls) < 2:
        return None
    last = recalls.iloc[-1]
    weakest, others = last.idxmin(), last.drop(last.idxmin())
    if not last[weakest] < 0.5 * others.median():
        return None
    balanced = training.config.balance != "none"
    return Note(
        "class not learnt",
        "advice",
        f"The class {weakest} is barely recognised: its recall on validation is {last[weakest]:.0%}, "
        f"against a median of {others.median():.0%} for the other classes.",
        "Look at its images and labels on the Explore page" + ("." if balanced else "; where it is rare, set balance=sampling."),
    )


def still_improving(training: TrainingSnapshot) -> Note | None:
    """All epochs were used, and the last one was the best by a margin: the training ended too soon."""
    if (
        not training.finished
        or not 2 <= training.config.epochs == len(training.epochs)
        or training.history.best_epoch != training.config.epochs
    ):
        return None
    score, loss = training.epochs["validation_macro_f1"].to_numpy(float), training.epochs["validation_loss"].to_numpy(float)
    if score[-1] - score[-2] < 0.003 or loss[-1] > loss[:-1].min():
        return None
    train = training.epochs["train_loss"].to_numpy(float)
    if len(train) >= 3 and train[-1] > 0.75 * train[0]:
        return Note(
            "learning rate too low",
            "advice",
            f"Slow progress: training loss only fell from {train[0]:,.2f} to {train[-1]:,.2f} in {_epochs(len(train))}.",
            f"Duplicate with peak_lr={training.config.peak_lr * 5:.1g}, or use the learning-rate finder.",
        )
    return Note(
        "still improving",
        "advice",
        f"It was still improving: macro F1 rose from {score[-2]:.3f} to {score[-1]:.3f} in the last epoch.",
        f"Duplicate with epochs={2 * training.config.epochs}.",
    )


def waits_for_images(training: TrainingSnapshot) -> Note | None:
    share = training.history.latest("waiting")
    if share is None or share < _WAITING:
        return None
    return Note(
        "loader-bound",
        "advice",
        f"Loader-bound: {share:.0%} of the time is spent waiting for data.",
        f"Set workers={training.config.workers + 2}, or a lighter augmentation.",
    )


def memory_is_short(training: TrainingSnapshot) -> Note | None:
    peak = training.history.latest("memory")
    if not training.memory_limit or peak is None or peak < _FULL * training.memory_limit:
        return None
    return Note(
        "memory",
        "warning",
        f"Memory is close to the limit: {peak / 1e9:.1f} of {training.memory_limit / 1e9:.1f} GB.",
        f"Set batch_size={max(1, training.config.batch_size // 2)} or a smaller image_size before it is killed.",
    )


def stopped_early(training: TrainingSnapshot) -> Note | None:
    ran, best = len(training.epochs), training.history.best_epoch
    if not training.finished or not 0 < ran < training.config.epochs or best is None:
        return None
    epochs_without_gain = ran - best
    why = (
        f": no better macro F1 for {_epochs(epochs_without_gain)}"
        if 0 < training.config.patience <= epochs_without_gain
        else ", at your request"
    )
    return Note("stopped early", "info", f"Stopped early after epoch {ran} of {training.config.epochs}{why}; best epoch: {best}.")


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"


# Gravest first: `diagnose` keeps the first few.
_RULES: Sequence[Callable[[TrainingSnapshot], Note | None]] = (
    not_finite, diverged, memory_is_short, learns_nothing, over_fitting, class_not_learnt, still_improving, waits_for_images,
    stopped_early,
)  # fmt: skip
