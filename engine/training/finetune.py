"""Fine-tuning by gradient descent: a loop that yields facts, and whose state can be saved after any of them."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax
from torch import nn

from engine.data.predictions import outcomes
from engine.evaluation.metrics import accuracy, confusion, macro_f1, per_class
from engine.models.device import Compute
from engine.models.network import Classifier, Preprocessing, feature_count, freeze_below
from engine.runs.config import Config
from engine.runs.events import Epoch, Progress, Step
from engine.training import activation_cache, divergence, ema, mixing, optimisers, schedules
from engine.training.batches import Batches, Images
from engine.training.progressive import trained_share
from engine.training.sampling import class_weights

_VALIDATION_BATCH = 64


class FineTuning:
    """Gradient descent with early stopping on validation macro F1.

    All randomness of a step is a function of the seed and the step's number, and every counter is advanced before its
    fact is yielded: `state()` after any fact is enough to go on as if nothing had happened. `answering` is the network that
    is validated and worth saving as the best: the moving average where there is one. `validated` is the prediction table
    of the last validation: columns true, predicted, probabilities, loss, ... of `engine.data.predictions.outcomes`.
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
        for size in {config.initial_size, config.train_size} - {0}:
            feature_count(classifier.trunk, config.model, size)
        self.config, self.compute, self.preprocessing = config, compute, preprocessing
        self.validation, self.batches = validation, Batches(train, config, compute.rank, compute.world)
        self.steps_per_epoch = self.batches.steps_per_epoch
        self.classes = classifier.head.out_features
        freeze_below(classifier.trunk, config.trainable)
        self.network = compute.place(classifier)
        self.parts = activation_cache.split_trunk(self.network.trunk, config, compute)
        self.kept = activation_cache.build_cache(self.parts, self.batches, preprocessing, compute)
        self.optimizer = optimisers.build_optimiser(self.network, config)
        self.average = ema.moving_average(self.network, config.ema)
        self.plateau = schedules.Plateau()
        self.scaler = compute.scaler()
        self.criterion = self._criterion(train.labels)
        self.mix = mixing.mixer(config, self.classes)
        self.step = self.epoch = self.stale_epochs = 0
        self.best_macro_f1 = -1.0
        self.validation_predictions = pd.DataFrame()
        self._begin_epoch()

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.config.epochs

    @property
    def evaluated_network(self) -> Classifier:
        return self.average.module if self.average else self.network

    def fit(self) -> Iterator[Progress | Step | Epoch]:
        """Train to the end of the schedule, or until validation has not improved for `patience` epochs."""
        while self.epoch < self.config.epochs and not self._out_of_patience():
            asked = time.monotonic()
            if self.kept:
                yield from self.kept.prepare(self.epoch)
            for inputs, labels in (self.kept or self.batches).ahead(self.step, (self.epoch + 1) * self.steps_per_epoch):
                yield self._train_step(inputs, labels, asked)
                asked = time.monotonic()
            yield self._end_epoch()

    def state(self) -> dict[str, Any]:
        """Everything but the network's weights that going on needs; loadable with `weights_only=True`."""
        return {
            **{name: getattr(self, name) for name in _COUNTERS},
            "matrix": torch.from_numpy(self.matrix),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "plateau": self.plateau.state(),
            "average": self.average.state_dict() if self.average else {},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        for name in _COUNTERS:
            setattr(self, name, state[name])
        self.matrix = state["matrix"].numpy()
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.plateau = schedules.Plateau(**state["plateau"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self._begin_stage()

    def learning_rate(self) -> float:
        """That of the head at the coming step."""
        return self.config.peak_lr * schedules.factor(self.config, self.step, self.steps_per_epoch) * self.plateau.factor

    def _train_step(self, inputs: torch.Tensor, labels: torch.Tensor, asked: float) -> Step:
        began, rate = time.monotonic(), self.learning_rate()
        # Dropout and mixing draw from here; the batch has draws of its own.
        torch.manual_seed(_seed_of(self.config.seed, self.step, self.compute.rank))
        inputs = inputs.to(self.compute.device)
        inputs = self.compute.batch(inputs if self.kept else self.preprocessing(inputs))
        inputs, targets = self.mix(inputs, labels.to(self.compute.device))
        size = len(self.batches.places(self.step))
        logits, loss = self._gradients(inputs, targets, size)
        self._descend(rate, loss)
        self.step += 1
        now = time.monotonic()
        self._count(logits, targets, loss * size)
        self.seconds, self.waited, self.seen = self.seconds + now - asked, self.waited + began - asked, self.seen + size
        return Step(self.step, self.epoch + 1, loss, rate, size / (now - asked))

    def _gradients(self, inputs: torch.Tensor, targets: torch.Tensor, size: int) -> tuple[torch.Tensor, float]:
        """Logits and mean loss of the batch, of `size` images in all processes, whose gradients are in the parameters."""
        self._train_mode()
        self.optimizer.zero_grad(set_to_none=True)
        # BatchNorm has no variance of one image.
        parts = max(1, min(self.config.accumulate, len(inputs) // 2))
        answers, losses = [], []
        for some, wanted in zip(inputs.tensor_split(parts), targets.tensor_split(parts), strict=True):
            with self.compute.autocast():
                features = self._features(some)
            logits = self.network.logits(features)
            loss = self.criterion(logits, wanted).sum() / size
            self.scaler.scale(loss).backward()
            answers.append(logits.detach())
            losses.append(loss.detach())
        total = torch.stack(losses).sum()
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        self.compute.sum_across([total, *gradients])
        return torch.cat(answers), float(total)

    def _features(self, inputs: torch.Tensor) -> torch.Tensor:
        """The trunk's features of normalised images, or of the activations that are kept of them."""
        if self.parts is None:
            return self.network.trunk(inputs)
        return self.parts.back(inputs if self.kept else self.parts.activations(inputs))

    def _descend(self, rate: float, loss: float) -> None:
        """One step of the optimiser, and of what follows the weights. Raises UserError before a weight could become NaN."""
        self.scaler.unscale_(self.optimizer)
        parameters = [p for p in self.network.parameters() if p.grad is not None]
        norm = float(nn.utils.clip_grad_norm_(parameters, self.config.clip_norm or float("inf")))
        divergence.check_finite(loss, norm, self.scaler, step=self.step + 1, epoch=self.epoch + 1, learning_rate=rate)
        optimisers.set_rate(self.optimizer, rate)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.compute.average_across(_statistics(self.network))
        if self.average:
            self.average.update_parameters(self.network)

    def _train_mode(self) -> None:
        """Training mode; with a frozen part, BatchNorm keeps the statistics it came with."""
        self.network.train()
        if trained_share(self.config, self.epoch) < 1:
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def _count(self, logits: torch.Tensor, targets: torch.Tensor, loss_sum: float) -> None:
        labels = targets.argmax(dim=1) if targets.ndim == 2 else targets
        flat = labels * self.classes + logits.argmax(dim=1)
        counts = torch.bincount(flat, minlength=self.matrix.size)
        self.compute.sum_across([counts])
        self.matrix += counts.cpu().numpy().reshape(self.matrix.shape)
        self.loss_sum += loss_sum

    def _end_epoch(self) -> Epoch:
        rate = self.optimizer.param_groups[-1]["lr"]
        self.validation_predictions = self._validate()
        matrix, loss = confusion(self.validation_predictions, self.classes), float(self.validation_predictions["loss"].mean())
        score = macro_f1(matrix).value
        better = score > self.best_macro_f1
        self.best_macro_f1 = max(score, self.best_macro_f1)
        self.stale_epochs = 0 if better else self.stale_epochs + 1
        self.plateau.see(loss, self.config)
        self.epoch += 1
        recall = per_class(matrix, range(self.classes))["recall"]
        fact = Epoch(
            self.epoch, self.step, self.loss_sum / self.seen, macro_f1(self.matrix).value, loss, accuracy(matrix).value,
            score, self.seen / self.seconds, self.seconds, better, rate, [None if np.isnan(r) else round(r, 4) for r in recall],
            self.waited / self.seconds, self.compute.memory(),
        )  # fmt: skip
        self._begin_epoch()
        return fact

    def _begin_epoch(self) -> None:
        self.loss_sum, self.seen, self.seconds, self.waited = 0.0, 0, 0.0, 0.0
        self.matrix = np.zeros((self.classes, self.classes), dtype=np.int64)
        self._begin_stage()

    def _begin_stage(self) -> None:
        """Let the epoch's share of the layers learn."""
        self.network.trunk.requires_grad_(True)
        freeze_below(self.network.trunk, trained_share(self.config, self.epoch))

    def _validate(self) -> pd.DataFrame:
        """The answering network on the validation images, each process on its share of them."""
        network, labels = self.evaluated_network.eval(), self.validation.labels
        logits = torch.zeros(len(labels), self.classes, device=self.compute.device)
        mine = np.arange(self.compute.rank, len(labels), self.compute.world)
        for some in np.array_split(mine, range(_VALIDATION_BATCH, len(mine), _VALIDATION_BATCH)):
            images, _ = self.validation.batch(some)
            inputs = self.compute.batch(self.preprocessing(images.to(self.compute.device)))
            with torch.inference_mode():
                with self.compute.autocast():
                    features = self.preprocessing.pooled(network.trunk, inputs)
                logits[some] = network.logits(features)
        self.compute.sum_across([logits])
        return outcomes(labels, softmax(logits.cpu().numpy(), axis=1))

    def _criterion(self, labels: np.ndarray) -> nn.CrossEntropyLoss:
        """The loss of each image: divided by the batch's size, it adds up over parts and processes."""
        weights = torch.from_numpy(class_weights(labels, self.classes)) if self.config.balance == "weights" else None
        made = nn.CrossEntropyLoss(weights, reduction="none", label_smoothing=self.config.label_smoothing)
        return made.to(self.compute.device)

    def _out_of_patience(self) -> bool:
        return 0 < self.config.patience <= self.stale_epochs


_COUNTERS = ("step", "epoch", "stale_epochs", "best_macro_f1", "loss_sum", "seen", "seconds", "waited")


def _seed_of(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> 1)


def _statistics(network: nn.Module) -> list[torch.Tensor]:
    """BatchNorm's running means and variances, which each process gathers from its own images."""
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]
