"""Fine-tuning by gradient descent: a loop that yields facts, and whose state can be saved after any of them."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax
from torch import nn

from engine.augment import augment, pipeline
from engine.config import Config
from engine.device import Compute
from engine.metrics import accuracy, confusion, macro_f1
from engine.network import Classifier, Preprocessing, freeze_below, to_uint8_batch
from engine.predictions import outcomes
from engine.training import optimisers, schedules
from engine.training.facts import Epoch, Step


@dataclass(frozen=True)
class Images:
    """`pixels`: (n, size, size, 3) uint8, possibly a memory map; `labels`: (n,) class indices."""

    pixels: np.ndarray
    labels: np.ndarray

    def batch(self, indices: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = np.ascontiguousarray(self.pixels[indices])
        return to_uint8_batch(pixels), torch.from_numpy(self.labels[indices].astype(np.int64))


class FineTuning:
    """Gradient descent with early stopping on validation macro F1.

    All randomness of a step is a function of the seed and the step's number, and every counter is advanced before its
    fact is yielded: `state()` after any fact is enough to go on as if nothing had happened.
    """

    def __init__(
        self,
        classifier: Classifier,
        train: Images,
        validation: Images,
        config: Config,
        preprocessing: Preprocessing,
        compute: Compute,
    ) -> None:
        self.config, self.compute, self.preprocessing = config, compute, preprocessing
        self.train, self.validation = train, validation
        freeze_below(classifier.trunk, config.trainable)
        self.network = compute.place(classifier)
        self.optimizer = optimisers.optimiser(self.network, config)
        self.plateau = schedules.Plateau()
        self.scaler = compute.scaler()
        self.criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
        self.transform = pipeline(config.augmentation, config.image_size)
        # A last batch of one image goes with the one before: BatchNorm has no variance of one.
        self.steps_per_epoch = max(1, math.ceil((len(train.labels) - 1) / config.batch_size))
        self.step = self.epoch = self.stale_epochs = 0
        self.best_macro_f1 = -1.0
        self._begin_epoch()

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.config.epochs

    def fit(self) -> Iterator[Step | Epoch]:
        """Train to the end of the schedule, or until validation has not improved for `patience` epochs."""
        while self.epoch < self.config.epochs and not self._out_of_patience():
            while self.step < (self.epoch + 1) * self.steps_per_epoch:
                yield self._train_step()
            yield self._end_epoch()

    def state(self) -> dict[str, Any]:
        """Everything but the network's weights that going on needs; loadable with `weights_only=True`."""
        names = ("step", "epoch", "stale_epochs", "best_macro_f1", "loss_sum", "seen", "seconds")
        return {
            **{name: getattr(self, name) for name in names},
            "matrix": torch.from_numpy(self.matrix),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "plateau": self.plateau.state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        state = dict(state)
        self.optimizer.load_state_dict(state.pop("optimizer"))
        self.scaler.load_state_dict(state.pop("scaler"))
        self.plateau = schedules.Plateau(**state.pop("plateau"))
        self.matrix = state.pop("matrix").numpy()
        for name, value in state.items():
            setattr(self, name, value)

    def learning_rate(self) -> float:
        """That of the head at the coming step."""
        return self.config.peak_lr * schedules.factor(self.config, self.step, self.steps_per_epoch) * self.plateau.factor

    def _train_step(self) -> Step:
        began = time.monotonic()
        rate = self.learning_rate()
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)
        images, labels = self.train.batch(self._indices())
        images = self.compute.batch(self.preprocessing(augment(images, self.transform).to(self.compute.device)))
        labels = labels.to(self.compute.device)
        self._train_mode()
        with self.compute.autocast():
            features = self.network.trunk(images)
        logits = self.network.logits(features)
        loss = self.criterion(logits, labels)
        optimisers.set_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
        seconds = time.monotonic() - began
        self._count(logits, labels, float(loss.detach()), seconds)
        return Step(self.step, self.epoch + 1, float(loss.detach()), rate, len(labels) / seconds)

    def _indices(self) -> np.ndarray:
        """The images of the coming step: the epoch's order is a function of the seed and the epoch."""
        generator = np.random.default_rng([self.config.seed, self.epoch])
        position = self.step - self.epoch * self.steps_per_epoch
        order = generator.permutation(len(self.train.labels))
        last = position == self.steps_per_epoch - 1
        return order[position * self.config.batch_size : None if last else (position + 1) * self.config.batch_size]

    def _train_mode(self) -> None:
        """Training mode; with a frozen part, BatchNorm keeps the statistics it came with."""
        self.network.train()
        if self.config.trainable < 1:
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def _count(self, logits: torch.Tensor, labels: torch.Tensor, loss: float, seconds: float) -> None:
        flat = labels * self.network.head.out_features + logits.detach().argmax(dim=1)
        self.matrix += torch.bincount(flat, minlength=self.matrix.size).cpu().numpy().reshape(self.matrix.shape)
        self.loss_sum += loss * len(labels)
        self.seen += len(labels)
        self.seconds += seconds

    def _end_epoch(self) -> Epoch:
        predictions = self._validate()
        matrix = confusion(predictions, self.network.head.out_features)
        score = macro_f1(matrix).value
        better = score > self.best_macro_f1
        self.best_macro_f1 = max(score, self.best_macro_f1)
        self.stale_epochs = 0 if better else self.stale_epochs + 1
        self.epoch += 1
        self.plateau.see(float(predictions["loss"].mean()), self.config)
        fact = Epoch(
            self.epoch, self.step, self.loss_sum / self.seen, macro_f1(self.matrix).value, float(predictions["loss"].mean()),
            accuracy(matrix).value, score, self.seen / self.seconds, self.seconds, better,
        )  # fmt: skip
        self._begin_epoch()
        return fact

    def _begin_epoch(self) -> None:
        classes = self.network.head.out_features
        self.loss_sum, self.seen, self.seconds = 0.0, 0, 0.0
        self.matrix = np.zeros((classes, classes), dtype=np.int64)

    def _validate(self) -> pd.DataFrame:
        self.network.eval()
        logits, labels = [], self.validation.labels
        for start in range(0, len(labels), 64):
            images, _ = self.validation.batch(np.arange(start, min(start + 64, len(labels))))
            images = self.compute.batch(self.preprocessing(images.to(self.compute.device)))
            with torch.inference_mode(), self.compute.autocast():
                features = self.network.trunk(images)
            with torch.inference_mode():
                logits.append(self.network.logits(features).cpu().numpy())
        return outcomes(labels, softmax(np.concatenate(logits), axis=1))

    def _out_of_patience(self) -> bool:
        return 0 < self.config.patience <= self.stale_epochs
