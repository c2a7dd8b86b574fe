"""What a person should notice in a training, and can act on: pure functions over its history.

Each rule looks for one thing and says what it saw, with the figures, and the way out. The thresholds are coarse on purpose:
a note that appears by chance teaches people to read none.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.runs import score_text
from engine.runs.config import Config
from engine.runs.history import History

_MOST = 4  # notes at a time
_JUMP = 2.0  # times the lowest loss so far: no noise of batches does that to a median of 20
_WINDOW = 20  # steps
_WAITING = 0.3  # share of the time
_FULL = 0.9  # share of the memory
_BROKEN = re.compile(
    r"(?:The loss is (?:nan|-?inf)|The gradient is not finite) at step (?P<step>\d+),"
)  # engine.training.divergence


@dataclass(frozen=True)
class Note:
    """`kind` names the rule, `level` is `info`, `advice` or `warning`; `observation` and `suggestion` are sentences. Untrusted class names in it."""

    kind: str
    level: str
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
    def over(self) -> bool:
        return self.state == "finished"


def diagnose(told: TrainingSnapshot) -> list[Note]:
    """The few notes that matter most, gravest first."""
    result = [note for rule in _RULES if (note := rule(told))]
    broken = next((note for note in result if note.kind in ("not finite", "diverged")), None)
    if broken:
        # Everything else that a broken training shows follows from that.
        return [broken]
    return result[:_MOST]


def summarise_result(results: Mapping[str, Any], history: History, pairs: pd.DataFrame) -> str:
    """What a finished run learnt, in a sentence or two. `pairs`: `engine.evaluation.metrics.confused_pairs` of its test images.

    Untrusted class names in it; empty where nothing was scored.
    """
    split = "test" if "test" in results else "validation"
    if split not in results:
        return ""
    chosen = f"; the model is that of epoch {history.best_epoch} of {len(history.epochs)}" if len(history.epochs) else ""
    said = f"It scores macro F1 {score_text.macro_f1(results[split])} on {results[split]['n']:,} {split} images{chosen}."
    if len(pairs):
        worst = pairs.iloc[0]
        said += f" Most often confused: {worst['a']} and {worst['b']}, {worst['errors']:,} of their {worst['support']:,} images."
    return said


def not_finite(told: TrainingSnapshot) -> Note | None:
    """The trainer ends a run before a step that would ruin its weights; the message about it names the step."""
    said = told.history.messages["text"].astype(str).str.extract(_BROKEN).dropna() if told.state == "failed" else []
    if not len(said):
        return None
    step, best, steps = int(said["step"].iloc[-1]), told.history.best_epoch, told.history.steps
    epoch = int(steps["epoch"].iloc[-1]) if len(steps) else 1
    kept = f" The model of epoch {best} is intact." if best else ""
    precision = ", or precision=float32" if told.config.precision != "float32" else ""
    clipping = "" if told.config.clip_norm else ", clip_norm=1"
    return Note(
        "not finite",
        "warning",
        f"The training diverged in epoch {epoch}, at step {step:,}: the learning rate was too high.{kept}",
        f"Duplicate the run with peak_lr={told.config.peak_lr / 5:.1g}{clipping}{precision}, or use the learning-rate finder.",
    )


def diverged(told: TrainingSnapshot) -> Note | None:
    """The loss of the steps jumped and stayed high: the steps are too long."""
    losses = told.history.steps["loss"].to_numpy(float) if len(told.history.steps) else np.array([])
    losses = losses[np.isfinite(losses)]
    if len(losses) < 3 * _WINDOW:
        return None
    smooth = pd.Series(losses).rolling(_WINDOW).median().to_numpy()[_WINDOW - 1 :]
    lowest = np.minimum.accumulate(smooth)
    # In the warm-up of a pretrained network the loss is small by chance at times; guessing is the yardstick there.
    if smooth[-1] < max(_JUMP * lowest[-1], lowest[-1] + 0.2 * math.log(max(len(told.classes), 2))):
        return None
    rows = told.history.steps[np.isfinite(told.history.steps["loss"])]
    at = int(rows["step"].iloc[int(smooth.argmin()) + _WINDOW - 1])
    return Note(
        "diverged",
        "warning",
        f"The learning rate is too high: the training loss rose from {lowest[-1]:,.2f} near step {at:,} to {smooth[-1]:,.2f}.",
        f"Stop, and duplicate with peak_lr={told.config.peak_lr / 5:.1g}; a longer warmup helps as well.",
    )


def learns_nothing(told: TrainingSnapshot) -> Note | None:
    """No better than guessing after two epochs: the learning rate is far off, or the labels mean nothing."""
    epochs, guessing = told.epochs, math.log(max(len(told.classes), 2))
    if len(epochs) < 2 or epochs["train_loss"].iloc[-1] < 0.95 * guessing or told.config.mixing != "none":
        return None
    return Note(
        "learns nothing",
        "warning",
        f"After {_epochs(len(epochs))} the training loss is {epochs['train_loss'].iloc[-1]:,.2f}; "
        f"guessing among {len(told.classes)} classes gives {guessing:.2f}.",
        "Find a learning rate with the finder, start from pretrained weights, or look at the labels.",
    )


def over_fitting(told: TrainingSnapshot) -> Note | None:
    """Validation loss has risen for two epochs or more while training loss fell."""
    if len(told.epochs) < 3:
        return None
    validation, train = (told.epochs[name].to_numpy(float) for name in ("validation_loss", "train_loss"))
    lowest = int(np.nanargmin(validation))
    after = len(validation) - 1 - lowest
    if after < 2 or validation[-1] < 1.05 * validation[lowest] or train[-1] >= train[lowest]:
        return None
    epoch = int(told.epochs["epoch"].iloc[lowest])
    score, best = told.epochs["validation_macro_f1"].to_numpy(float), told.history.best_epoch or 0
    still = (
        " Macro F1 still rose: the predictions improve while their probabilities get worse."
        if best == int(told.epochs["epoch"].iloc[-1])
        else ""
    )
    return Note(
        "over-fitting",
        "advice",
        f"Over-fitting since epoch {epoch}: validation loss rose from {validation[lowest]:,.3f} to {validation[-1]:,.3f} "
        f"while training loss fell from {train[lowest]:,.3f} to {train[-1]:,.3f}.{still}",
        ("" if still else f"The best epoch is {best} (macro F1 {np.nanmax(score):.3f}). ")
        + ("" if still or told.over else "Finish now scores it. ")
        + "Stronger augmentation or more label_smoothing; more images help most.",
    )


def class_not_learnt(told: TrainingSnapshot) -> Note | None:
    recalls = told.history.recalls(told.classes)
    if len(recalls) < 2:
        return None
    last = recalls.iloc[-1]
    weakest, others = last.idxmin(), last.drop(last.idxmin())
    if not last[weakest] < 0.5 * others.median():
        return None
    balanced = told.config.balance != "none"
    return Note(
        "class not learnt",
        "advice",
        f"The class {weakest} is barely recognised: its recall on validation is {last[weakest]:.0%}, "
        f"against a median of {others.median():.0%} for the other classes.",
        "Look at its images and labels on the Explore page" + ("." if balanced else "; where it is rare, set balance=sampling."),
    )


def still_improving(told: TrainingSnapshot) -> Note | None:
    """All epochs were used, and the last one was the best by a margin: it was ended too soon."""
    if not told.over or not 2 <= told.config.epochs == len(told.epochs) or told.history.best_epoch != told.config.epochs:
        return None
    score, loss = told.epochs["validation_macro_f1"].to_numpy(float), told.epochs["validation_loss"].to_numpy(float)
    if score[-1] - score[-2] < 0.003 or loss[-1] > loss[:-1].min():
        return None
    train = told.epochs["train_loss"].to_numpy(float)
    if len(train) >= 3 and train[-1] > 0.75 * train[0]:
        return Note(
            "learning rate too low",
            "advice",
            f"Slow progress: training loss fell from {train[0]:,.2f} to {train[-1]:,.2f} only in {_epochs(len(train))}.",
            f"Duplicate with peak_lr={told.config.peak_lr * 5:.1g}, or use the learning-rate finder.",
        )
    return Note(
        "still improving",
        "advice",
        f"It was still improving: macro F1 rose from {score[-2]:.3f} to {score[-1]:.3f} in the last epoch.",
        f"Duplicate with epochs={2 * told.config.epochs}.",
    )


def waits_for_images(told: TrainingSnapshot) -> Note | None:
    share = told.history.latest("waiting")
    if share is None or share < _WAITING:
        return None
    return Note(
        "loader-bound",
        "advice",
        f"Loader-bound: {share:.0%} of the time is spent waiting for data.",
        f"Set workers={told.config.workers + 2}, or a lighter augmentation.",
    )


def memory_is_short(told: TrainingSnapshot) -> Note | None:
    peak = told.history.latest("memory")
    if not told.memory_limit or peak is None or peak < _FULL * told.memory_limit:
        return None
    return Note(
        "memory",
        "warning",
        f"Memory is close to the limit: {peak / 1e9:.1f} of {told.memory_limit / 1e9:.1f} GB.",
        f"Set batch_size={max(1, told.config.batch_size // 2)} or a smaller image_size before it is killed.",
    )


def stopped_early(told: TrainingSnapshot) -> Note | None:
    ran, best = len(told.epochs), told.history.best_epoch
    if not told.over or not 0 < ran < told.config.epochs or best is None:
        return None
    in_vain = ran - best
    why = f": no better macro F1 for {_epochs(in_vain)}" if 0 < told.config.patience <= in_vain else ", at your request"
    return Note("stopped early", "info", f"Stopped early after epoch {ran} of {told.config.epochs}{why}; best epoch: {best}.")


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"


_RULES: Sequence[Callable[[TrainingSnapshot], Note | None]] = (
    not_finite, diverged, memory_is_short, learns_nothing, over_fitting, class_not_learnt, still_improving, waits_for_images,
    stopped_early,
)  # fmt: skip
