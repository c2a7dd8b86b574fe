"""Fine-tuning by gradient descent: a loop that yields events, and whose state can be saved after any of them.

It reads from top to bottom in the order of a training: what is built, the loop over epochs, one step, the end of an epoch.
Where each field of the configuration acts: here epochs, patience, peak_lr, accumulate, clip_norm, label_smoothing; in `batches`
batch_size, augmentation and workers; in `optimisers` optimiser, momentum, weight_decay and layer_decay; in `schedules` schedule,
warmup, lr_factor and lr_epochs; in `progressive` trainable, unfreeze_epochs, train_size and initial_size; in `mixing` mixing and
mixing_alpha; in `sampling` balance; in `ema` ema; in `activation_cache` (and `batches`) draws.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax
from torch import nn

from engine.core.progress import Progress
from engine.data.predictions import outcomes
from engine.evaluation.metrics import accuracy, confusion, macro_f1, per_class
from engine.models.device import Compute
from engine.models.network import Classifier, Preprocessing, count_features, freeze_below
from engine.runs.config import Config
from engine.runs.events import Epoch, Step
from engine.training import activation_cache, divergence, ema, mixing, optimisers, schedules
from engine.training.batches import Batches, Images
from engine.training.progressive import trained_share
from engine.training.sampling import class_weights

_VALIDATION_BATCH = 64  # images
# Attributes that a checkpoint holds by these names: renaming one would leave older runs unable to resume.
_COUNTERS = ("step", "epoch", "stale_epochs", "best_macro_f1", "loss_sum", "seen", "seconds", "waited")


class FineTuning:
    """Gradient descent with early stopping on validation macro F1.

    All randomness of a step is a function of the seed and the step's number, and every counter is advanced before its event
    is yielded: `state()` after any event is enough to go on as if nothing had happened. `validation_predictions` is the
    prediction table of the last validation: the columns of `engine.data.predictions.outcomes`.
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
        # A backbone that cannot take the smaller images of an early epoch says so now, not hours later.
        for size in {config.initial_size, config.train_size} - {0}:
            count_features(classifier.trunk, config.model, size)
        self.config, self.compute, self.preprocessing = config, compute, preprocessing
        self.validation, self.batches = validation, Batches(train, config, compute.rank, compute.world)
        self.steps_per_epoch = self.batches.steps_per_epoch
        self.classes = classifier.head.out_features
        # The order matters: the trunk is cut where its frozen layers end, and the optimiser takes the parameters that learn,
        # on their device. The average copies the network as it is then.
        freeze_below(classifier.trunk, config.trainable)
        compute.place(classifier)  # in place
        self.network = classifier
        self.split = activation_cache.split_trunk(self.network.trunk, config, compute)
        self.cache = activation_cache.build_cache(self.split, self.batches, preprocessing, compute)
        self.optimizer = optimisers.build_optimiser(self.network, config)
        self.average = ema.moving_average(self.network, config.ema)
        self.plateau = schedules.Plateau()
        self.scaler = compute.scaler()
        self.criterion = _criterion(train.labels, self.classes, config).to(compute.device)
        self.mix = mixing.mixer(config, self.classes)
        self.step = self.epoch = self.stale_epochs = 0
        self.best_macro_f1 = -1.0  # below any score: the first epoch is the best so far
        self.validation_predictions = pd.DataFrame()
        self._begin_epoch()

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.config.epochs

    @property
    def evaluated_network(self) -> Classifier:
        """The network that is validated and worth saving as the best: the moving average where there is one."""
        return self.average.network if self.average else self.network

    def fit(self) -> Iterator[Progress | Step | Epoch]:
        """Train to the end of the schedule, or until validation has not improved for `patience` epochs."""
        while self.epoch < self.config.epochs and not self._out_of_patience():
            requested = time.monotonic()
            if self.cache:
                yield from self.cache.prepare(self.epoch)
            # From `step`, not from the epoch's first step: a resumed run goes on in the middle of an epoch.
            for inputs, labels in (self.cache or self.batches).prefetch(self.step, (self.epoch + 1) * self.steps_per_epoch):
                yield self._train_step(inputs, labels, requested)
                requested = time.monotonic()
            yield self._end_epoch()

    def _out_of_patience(self) -> bool:
        return 0 < self.config.patience <= self.stale_epochs

    def _begin_epoch(self) -> None:
        self.loss_sum, self.seen, self.seconds, self.waited = 0.0, 0, 0.0, 0.0
        self.matrix = np.zeros((self.classes, self.classes), dtype=np.int64)
        self._freeze_layers()

    def _freeze_layers(self) -> None:
        """Freeze all layers but the share that learns in this epoch."""
        # First everything back: gradual unfreezing only ever adds layers, and freeze_below only takes them away.
        self.network.trunk.requires_grad_(True)
        freeze_below(self.network.trunk, trained_share(self.config, self.epoch))

    def learning_rate(self) -> float:
        """That of the head at the coming step."""
        return self.config.peak_lr * schedules.factor(self.config, self.step, self.steps_per_epoch) * self.plateau.factor

    def _train_step(self, inputs: torch.Tensor, labels: torch.Tensor, requested: float) -> Step:
        """One step on a batch that was requested at that time: images uint8, or activations from the cache."""
        began, rate = time.monotonic(), self.learning_rate()
        # Dropout and mixing draw from here; the batch has draws of its own.
        torch.manual_seed(_seed_of(self.config.seed, self.step, self.compute.rank))
        inputs = inputs.to(self.compute.device)
        inputs = self.compute.batch(inputs if self.cache else self.preprocessing(inputs))
        inputs, targets = self.mix(inputs, labels.to(self.compute.device))
        size = len(self.batches.places(self.step))
        logits, loss = self._compute_gradients(inputs, targets, size)
        self._descend(rate, loss)
        self.step += 1
        now = time.monotonic()
        self._count(logits, targets, loss * size)
        self.seconds, self.waited, self.seen = self.seconds + now - requested, self.waited + began - requested, self.seen + size
        return Step(step=self.step, epoch=self.epoch + 1, loss=loss, learning_rate=rate, rate=size / (now - requested))

    def _compute_gradients(self, inputs: torch.Tensor, targets: torch.Tensor, size: int) -> tuple[torch.Tensor, float]:
        """Logits of this process's share of the batch, and the mean loss of the batch of `size` images in all processes.

        The gradients of that loss are left in the parameters, summed over the processes.
        """
        self._set_train_mode()
        self.optimizer.zero_grad(set_to_none=True)
        # At least two images per part: BatchNorm has no variance of one.
        parts = max(1, min(self.config.accumulate, len(inputs) // 2))
        logits, losses = [], []
        for part, part_targets in zip(inputs.tensor_split(parts), targets.tensor_split(parts), strict=True):
            with self.compute.autocast():
                features = self._features(part)
            part_logits = self.network.logits(features)
            # Divided by the size of the whole batch: gradients add up over parts and processes to those of its mean loss.
            loss = self.criterion(part_logits, part_targets).sum() / size
            self.scaler.scale(loss).backward()
            logits.append(part_logits.detach())
            losses.append(loss.detach())
        total = torch.stack(losses).sum()
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        # The loss travels with the gradients: one message instead of two.
        self.compute.sum_across([total, *gradients])
        return torch.cat(logits), float(total)

    def _set_train_mode(self) -> None:
        """Training mode; with a frozen part, BatchNorm keeps the statistics it came with."""
        self.network.train()
        if trained_share(self.config, self.epoch) < 1:
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def _features(self, inputs: torch.Tensor) -> torch.Tensor:
        """The trunk's features of normalised images, or of their activations from the cache."""
        if self.split is None:
            return self.network.trunk(inputs)
        return self.split.back(inputs if self.cache else self.split.activations(inputs))

    def _descend(self, rate: float, loss: float) -> None:
        """One step of the optimiser and of the moving average. Raises DivergenceError before a weight could become NaN."""
        # Before the norm is taken: float16 gradients carry the scaler's factor until here.
        self.scaler.unscale_(self.optimizer)
        parameters = [p for p in self.network.parameters() if p.grad is not None]
        # With an infinite limit nothing is clipped, and the norm is there for the check.
        norm = float(nn.utils.clip_grad_norm_(parameters, self.config.clip_norm or float("inf")))
        divergence.check_finite(loss, norm, self.scaler, step=self.step + 1, epoch=self.epoch + 1, learning_rate=rate)
        optimisers.set_rate(self.optimizer, rate)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        # The gradients are the same in all processes and so are the weights; BatchNorm's statistics are not.
        self.compute.average_across(_statistics(self.network))
        if self.average:
            self.average.update_parameters(self.network)

    def _count(self, logits: torch.Tensor, targets: torch.Tensor, loss_sum: float) -> None:
        """Add the batch to the epoch's confusion matrix and loss; of a mixture, the class with the larger share counts."""
        labels = targets.argmax(dim=1) if targets.ndim == 2 else targets
        flat = labels * self.classes + logits.argmax(dim=1)
        counts = torch.bincount(flat, minlength=self.matrix.size)
        self.compute.sum_across([counts])
        self.matrix += counts.cpu().numpy().reshape(self.matrix.shape)
        self.loss_sum += loss_sum

    def _end_epoch(self) -> Epoch:
        rate = self.optimizer.param_groups[-1]["lr"]  # the last group is the head's
        self.validation_predictions = self._validate()
        matrix, loss = confusion(self.validation_predictions, self.classes), float(self.validation_predictions["loss"].mean())
        score = macro_f1(matrix).value
        best = score > self.best_macro_f1
        self.best_macro_f1 = max(score, self.best_macro_f1)
        self.stale_epochs = 0 if best else self.stale_epochs + 1
        self.plateau.update(loss, self.config)
        self.epoch += 1
        recalls = per_class(matrix, list(map(str, range(self.classes))))["recall"]
        event = Epoch(
            epoch=self.epoch,
            step=self.step,
            train_loss=self.loss_sum / self.seen,
            train_macro_f1=macro_f1(self.matrix).value,
            validation_loss=loss,
            validation_accuracy=accuracy(matrix).value,
            validation_macro_f1=score,
            rate=self.seen / self.seconds,
            seconds=self.seconds,
            best=best,
            learning_rate=rate,
            validation_recall=[None if np.isnan(recall) else round(recall, 4) for recall in recalls],
            waiting=self.waited / self.seconds,
            memory=self.compute.memory(),
        )
        # Before the event is yielded: a checkpoint saved on it starts with the next epoch.
        self._begin_epoch()
        return event

    def _validate(self) -> pd.DataFrame:
        """Predictions of the evaluated network on the validation images; each process computes its share of them."""
        network, labels = self.evaluated_network.eval(), self.validation.labels
        # Zeros for the other processes' images: the sum over the processes puts the shares together.
        logits = torch.zeros(len(labels), self.classes, device=self.compute.device)
        share = np.arange(self.compute.rank, len(labels), self.compute.world)
        for indices in np.array_split(share, range(_VALIDATION_BATCH, len(share), _VALIDATION_BATCH)):
            images, _ = self.validation.batch(indices)
            inputs = self.compute.batch(self.preprocessing(images.to(self.compute.device)))
            with torch.inference_mode():
                with self.compute.autocast():
                    features = self.preprocessing.pooled(network.trunk, inputs)
                logits[indices] = network.logits(features)
        self.compute.sum_across([logits])
        return outcomes(labels, softmax(logits.cpu().numpy(), axis=1))

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
        # Not _begin_epoch: the sums of an epoch that was interrupted go on.
        self._freeze_layers()


def _criterion(labels: np.ndarray, classes: int, config: Config) -> nn.CrossEntropyLoss:
    """The loss of each image, not yet averaged (see `_compute_gradients`)."""
    weights = torch.from_numpy(class_weights(labels, classes)) if config.balance == "weights" else None
    return nn.CrossEntropyLoss(weights, reduction="none", label_smoothing=config.label_smoothing)


def _seed_of(seed: int, step: int, rank: int) -> int:
    """A seed for one step of one process, hashed: those of neighbouring steps must not resemble each other."""
    # Shifted: torch takes 63 bits.
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> 1)


def _statistics(network: nn.Module) -> list[torch.Tensor]:
    """BatchNorm's running means and variances, which each process gathers from its own images."""
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]
