"""Fine-tuning behind frozen layers: they run in inference arithmetic, and their output for a draw of a picture is kept.

What is kept depends on the configuration alone, so that a training that goes on after an interruption computes it again.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from engine.core.errors import DiskError
from engine.core.files import create_folder, explain_disk_errors, reserve_open
from engine.core.paths import cache_dir
from engine.models import fusing
from engine.models.device import Compute
from engine.models.network import Preprocessing
from engine.runs.config import Config
from engine.runs.events import Progress
from engine.training.batches import Batch, Batches
from engine.training.progressive import full_size

_CHUNK = 64  # images
_MOST = 16 * 2**30  # bytes of activations on disk


@dataclass(frozen=True)
class SplitTrunk:
    """A trunk in two: `front` is frozen, a copy in the arithmetic of the device; `back` shares its parameters with the trunk.

    `shape` is that of the activations of one image between them, (channels, height, width) of a convolutional network.
    """

    front: nn.Module
    back: nn.Module
    shape: tuple[int, ...]
    dtype: torch.dtype

    def activations(self, inputs: torch.Tensor) -> torch.Tensor:
        """(n, 3, side, side) normalised images -> (n, *shape), without gradients."""
        with torch.no_grad():
            return self.front(inputs.to(self.dtype))


def split_trunk(module: nn.Module, config: Config, compute: Compute) -> SplitTrunk | None:
    """The two parts of a trunk whose frozen layers are marked; None where BatchNorm learns, or where it cannot be cut.

    Where nothing is frozen for the whole training up to some place, the front is empty: the back still gains by its folding.
    """
    if config.trainable == 1:
        return None
    traced = fusing.graph(module)
    side = full_size(config)
    example = compute.batch(torch.zeros(1, 3, side, side))
    was_training = module.training
    module.eval()
    try:
        if traced is None:
            return None
        folded = fusing.fold(traced)
        cut = None if config.unfreeze_epochs else fusing.split(folded, example)
        front, back = cut or (nn.Identity(), folded)
        with torch.no_grad():
            activations, expected = front(example), module(example)
            agree = fusing.same(back(activations), expected)
    finally:
        module.train(was_training)
    if not agree:
        return None
    fast = compute.place(fusing.fast(front, compute.dtype))
    return SplitTrunk(fast, back, tuple(activations.shape[1:]), compute.dtype)


class ActivationCache:
    """The activations of every draw of the training images, in a file that goes with the process.

    A draw is computed at its first epoch, and read in the later ones.
    """

    def __init__(self, parts: SplitTrunk, batches: Batches, preprocessing: Preprocessing, compute: Compute) -> None:
        self.parts, self.batches, self.preprocessing, self.compute = parts, batches, preprocessing, compute
        self.draws = batches.config.draws
        self._words = np.uint32 if parts.dtype == torch.float32 else np.uint16
        # Channels last, as the network computes.
        rows = (*parts.shape[1:], parts.shape[0])
        self._file = _anonymous_map((self.draws, len(batches.images.labels), *rows), self._words)
        self._known: set[int] = set()

    def prepare(self, epoch: int) -> Iterator[Progress]:
        """Compute the epoch's draw where that was not done; a fact after each chunk of images."""
        draw, total = epoch % self.draws, len(self.batches.images.labels)
        if draw in self._known:
            return
        began = time.monotonic()
        for start in range(0, total, _CHUNK):
            places = np.arange(start, min(start + _CHUNK, total))
            images, _ = self.batches.drawn(places, epoch)
            inputs = self.compute.batch(self.preprocessing(images.to(self.compute.device)))
            activations = self.parts.activations(inputs).cpu().movedim(1, -1).contiguous()
            self._file[draw, places] = activations.view(_word_type(self._words)).numpy()
            done = int(places[-1]) + 1
            yield Progress(f"frozen layers, draw {draw + 1} of {self.draws}", done, total, done / (time.monotonic() - began))
        self._known.add(draw)

    def ahead(self, first: int, end: int) -> Iterator[Batch]:
        """The activations and labels of the steps `first` to `end` - 1, all of one epoch that is prepared."""
        draw = first // self.batches.steps_per_epoch % self.draws
        for step in range(first, end):
            indices = self.batches.indices(step)
            words = torch.from_numpy(self._file[draw, indices])
            labels = torch.from_numpy(self.batches.images.labels[indices].astype(np.int64))
            yield words.view(self.parts.dtype).movedim(-1, 1), labels


def build_cache(
    parts: SplitTrunk | None, batches: Batches, preprocessing: Preprocessing, compute: Compute
) -> ActivationCache | None:
    """Where activations can be kept: draws that come back, of pictures that are neither mixed nor resized, in one process."""
    if parts is None or not any(True for _ in parts.front.parameters()):
        return None
    config = batches.config
    if not config.draws or config.mixing != "none" or config.initial_size or compute.world > 1:
        return None
    size = torch.empty(0, dtype=parts.dtype).element_size() * int(np.prod(parts.shape))
    if size * config.draws * len(batches.images.labels) > _MOST:
        return None
    try:
        return ActivationCache(parts, batches, preprocessing, compute)
    except DiskError:  # computed at each step again: slower, and the same
        return None


def _anonymous_map(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Memory backed by a file without a name: the system may write it out, and it is gone when the process is."""
    folder, size = create_folder(cache_dir("activations")), int(np.prod(shape)) * np.dtype(dtype).itemsize
    with explain_disk_errors(folder, size), tempfile.TemporaryFile(dir=folder) as file:
        reserve_open(file.fileno(), size)  # a full disk is an error here, and would be a crash later
        return np.memmap(file, dtype=dtype, mode="r+" if size else "w+", shape=shape)


def _word_type(words: type) -> torch.dtype:
    return torch.uint32 if words is np.uint32 else torch.uint16
