"""Fine-tuning behind frozen layers: they run in inference arithmetic, and their output for a draw of an image is cached.

A frozen layer computes the same at each epoch from the same input. Where `draws` lets augmented versions of an image come back,
its activations are computed once per draw; what remains of an epoch is the trained back. The cache holds nothing that the
configuration and the images do not determine, so a resumed training computes it again instead of saving it.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from engine.core.errors import DiskError
from engine.core.files import create_folder, explain_disk_errors, reserve_open
from engine.core.paths import cache_dir
from engine.core.progress import Progress
from engine.models import fusing
from engine.models.device import Compute
from engine.models.network import Preprocessing
from engine.runs.config import Config
from engine.training.batches import Batch, Batches
from engine.training.progressive import full_size

_CHUNK = 64  # images
_MAX_BYTES = 16 * 2**30  # of activations on disk


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

    Where there is no place to cut, and with gradual unfreezing, the front is empty: the back still gains from folding BatchNorm.
    """
    if config.trainable == 1:
        return None
    traced = fusing.trace(module)
    side = full_size(config)
    example = compute.batch(torch.zeros(1, 3, side, side))
    was_training = module.training
    # With a frozen part BatchNorm keeps its statistics (`FineTuning._set_train_mode`): folding assumes just that.
    module.eval()
    try:
        if traced is None:
            return None
        folded = fusing.fold(traced)
        cut = None if config.unfreeze_epochs else fusing.split(folded, example)
        front, back = cut or (nn.Identity(), folded)
        # Tried on an example: a graph that was traced may still have missed what the module decides in Python.
        with torch.no_grad():
            activations, expected = front(example), module(example)
            agree = fusing.outputs_agree(back(activations), expected)
    finally:
        module.train(was_training)
    if not agree:
        return None
    # A copy for the front: it is cast to the device's arithmetic, and the trunk's own weights must stay float32.
    fast = compute.place(fusing.freeze(front, compute.dtype))
    return SplitTrunk(fast, back, tuple(activations.shape[1:]), compute.dtype)


class ActivationCache:
    """The activations of every draw of the training images, in a file that disappears with the process.

    A draw is computed in its first epoch, and read in the later ones.
    """

    def __init__(self, split: SplitTrunk, batches: Batches, preprocessing: Preprocessing, compute: Compute) -> None:
        self.split, self.batches, self.preprocessing, self.compute = split, batches, preprocessing, compute
        self.draws = batches.config.draws
        # As bare words of the same width: NumPy has no bfloat16.
        self._word_dtype = np.uint32 if split.dtype == torch.float32 else np.uint16
        # Channels last, as the network computes: what is read needs no transposing copy.
        rows = (*split.shape[1:], split.shape[0])
        self._file = _map_anonymous_file((self.draws, len(batches.images.labels), *rows), self._word_dtype)
        self._complete: set[int] = set()  # draws whose activations are all in the file

    def prepare(self, epoch: int) -> Iterator[Progress]:
        """Compute the epoch's draw where that was not done; a report after each chunk of images."""
        draw, total = epoch % self.draws, len(self.batches.images.labels)
        if draw in self._complete:
            return
        for start in range(0, total, _CHUNK):
            indices = np.arange(start, min(start + _CHUNK, total))
            images, _ = self.batches.augmented(indices, epoch)
            inputs = self.compute.batch(self.preprocessing(images.to(self.compute.device)))
            activations = self.split.activations(inputs).cpu().movedim(1, -1).contiguous()
            self._file[draw, indices] = activations.view(_torch_words(self._word_dtype)).numpy()
            yield Progress(f"frozen layers, draw {draw + 1} of {self.draws}", int(indices[-1]) + 1, total)
        # Last: a caller that stops half-way leaves a draw that is not complete.
        self._complete.add(draw)

    def prefetch(self, first: int, end: int) -> Iterator[Batch]:
        """The activations and labels of the steps `first` to `end` - 1, all of one epoch that is prepared."""
        draw = first // self.batches.steps_per_epoch % self.draws
        for step in range(first, end):
            indices = self.batches.indices(step)
            # An array of indices copies out of the map: training must not write into the cache.
            words = torch.from_numpy(self._file[draw, indices])
            labels = torch.from_numpy(self.batches.images.labels[indices].astype(np.int64))
            yield words.view(self.split.dtype).movedim(-1, 1), labels


def build_cache(
    split: SplitTrunk | None, batches: Batches, preprocessing: Preprocessing, compute: Compute
) -> ActivationCache | None:
    """A cache where activations come back: repeated draws of images that are neither mixed nor resized, in one process.

    None elsewhere, and where the file would be too large or the disk has no space for it.
    """
    if split is None or not any(True for _ in split.front.parameters()):
        return None
    config = batches.config
    # Mixed images are new at each step; growing images have other activations at each size.
    if not config.draws or config.mixing != "none" or config.initial_size or compute.world > 1:
        return None
    size = torch.empty(0, dtype=split.dtype).element_size() * int(np.prod(split.shape))
    if size * config.draws * len(batches.images.labels) > _MAX_BYTES:
        return None
    try:
        return ActivationCache(split, batches, preprocessing, compute)
    except DiskError:  # the front then computes at each step: slower, with the same result
        return None


def _map_anonymous_file(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Memory backed by a file without a name: the system may write it out, and it is gone when the process is."""
    folder, size = create_folder(cache_dir("activations")), int(np.prod(shape)) * np.dtype(dtype).itemsize
    with explain_disk_errors(folder, size), tempfile.TemporaryFile(dir=folder) as file:
        reserve_open(file.fileno(), size)  # a full disk is an error here, and would be a crash (SIGBUS) later
        # The map keeps the file alive after it is closed. "w+" where there is nothing to store: a file of no bytes cannot be mapped.
        return np.memmap(file, dtype=dtype, mode="r+" if size else "w+", shape=shape)


def _torch_words(words: type) -> torch.dtype:
    return torch.uint32 if words is np.uint32 else torch.uint16
