"""A trained model that is ready to predict: loaded from a run's checkpoint, without the dataset."""

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax

from engine.core.errors import UserError
from engine.models import network
from engine.models.device import Compute, select_compute
from engine.models.fusing import InferenceModule, prepare_inference
from engine.models.network import Classifier, Preprocessing, Trunk, to_uint8_batch
from engine.models.registry import backbone_from_file
from engine.models.transfer import check_finite
from engine.runs import checkpoint
from engine.runs.checkpoint import Meta

_PRIOR_WIDTH = 0.5  # standard deviation of the prior on the logarithm of a temperature


@dataclass(frozen=True)
class Model:
    """A classifier with its metadata and device. `notes`: sentences on what was skipped when it was loaded."""

    meta: Meta
    classifier: Classifier
    trunk: Trunk
    compute: Compute
    notes: tuple[str, ...] = ()

    @property
    def preprocessing(self) -> Preprocessing:
        return Preprocessing(self.meta.image_size, self.meta.mean, self.meta.std, self.meta.views)

    def inputs(self, squares: np.ndarray) -> torch.Tensor:
        """(n, size, size, 3) uint8 -> the network's normalised input (n, 3, size, size), on its device."""
        return self.compute.batch(self.preprocessing(to_uint8_batch(squares).to(self.compute.device)))

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, classes) float32, rows sum to 1, calibrated by the temperature."""
        return self.probabilities_of(self.features(squares))

    def features(self, squares: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, features) float32: the pooled features, equal to the embeddings."""
        # Not `inference_mode`: tensors that a network caches in its first pass take part in later passes, of which Grad-CAM needs gradients.
        with torch.no_grad(), self.compute.autocast():
            return self.preprocessing.pooled(self.answering, self.inputs(squares)).cpu().numpy()

    def probabilities_of(self, features: np.ndarray) -> np.ndarray:
        """(n, features) float32 pooled features -> (n, classes) float32."""
        return softmax(self.logits_of(features) / self.meta.temperature, axis=1).astype(np.float32)

    def energy_of(self, features: np.ndarray) -> np.ndarray:
        """(n, features) float32 -> (n,) free energy, low where the head is confident (Liu et al. 2020, "Energy-based
        out-of-distribution detection")."""
        return -logsumexp(self.logits_of(features), axis=1)

    def logits_of(self, features: np.ndarray) -> np.ndarray:
        """(n, features) float32 -> (n, classes) float32, before the temperature."""
        with torch.inference_mode():
            return self.classifier.logits(torch.from_numpy(features).to(self.compute.device)).cpu().numpy()

    @functools.cached_property
    def answering(self) -> InferenceModule:
        """The trunk as embeddings run it, so that a single prediction and a prediction table agree."""
        return prepare_inference(self.classifier.trunk, self.compute, self.meta.image_size)

    def with_temperature(self, temperature: float) -> "Model":
        return replace(self, meta=replace(self.meta, temperature=temperature))


def create_model(trunk: Trunk, classes: tuple[str, ...], image_size: int, where: Compute, seed: int, views: str = "one") -> Model:
    """A model on `trunk` with a fresh head, seeded."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = Classifier(trunk.module, trunk.features, len(classes))
    where.place(classifier)
    return Model(Meta(trunk.architecture, classes, image_size, trunk.mean, trunk.std, views=views), classifier, trunk, where)


def load_model(run_path: Path, kind: str = "best", where: Compute | None = None) -> Model:
    """The model of a run's newest intact checkpoint of `kind`. Raises UserError where there is none."""
    return from_checkpoint(checkpoint.load(run_path, kind), where or select_compute())


def from_checkpoint(saved: checkpoint.Checkpoint, where: Compute) -> Model:
    """The model of a checkpoint, whose run may have been copied here from elsewhere. Raises UserError for one that does not fit."""
    entry = backbone_from_file(saved.meta.backbone)
    check_finite(saved.model, "the checkpoint")
    if entry.builder == "timm":
        _check_room(saved)
    trunk = network.build_trunk(saved.meta.backbone, image_size=saved.meta.image_size)
    classifier = Classifier(trunk.module, trunk.features, len(saved.meta.classes))
    try:
        classifier.load_state_dict(saved.model)
    except RuntimeError:
        raise UserError(f"The checkpoint's weights do not fit {saved.meta.backbone}.", "Copy the whole run again.") from None
    where.place(classifier).eval()
    return Model(saved.meta, classifier, trunk, where, saved.notes)


def _check_room(saved: checkpoint.Checkpoint) -> None:
    """Raises UserError for a network of another size than the weights: timm has some that take gigabytes to build."""
    values = sum(tensor.numel() for tensor in saved.model.values())
    outline = network.outline_trunk(saved.meta.backbone, saved.meta.image_size, values)
    if any(name.startswith("trunk.") and name.removeprefix("trunk.") not in outline.shapes for name in saved.model):
        raise UserError(f"The checkpoint's weights do not fit {saved.meta.backbone}.", "Copy the whole run again.")


def fit_temperature(logits: np.ndarray, true: np.ndarray) -> float:
    """The temperature with the least cross-entropy on held-out logits (n, classes) (Guo et al. 2017).

    A normal prior on its logarithm, which a hundred images outweigh, keeps the temperature from falling to 0 where all of a few images
    are classified correctly.
    """

    def loss(log_temperature: float) -> float:
        log_probabilities = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(log_probabilities[np.arange(len(true)), true].sum()) + 0.5 * (log_temperature / _PRIOR_WIDTH) ** 2

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))
