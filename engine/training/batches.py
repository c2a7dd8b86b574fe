"""The batches of a training: prepared by the training process itself, or by worker processes ahead of it.

A batch is a function of the configuration and its step alone, so it is the same whoever prepares it, and a training
that was interrupted goes on with exactly the next one.
"""

import ctypes
import functools
import math
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import functional

from engine.core.errors import UserError
from engine.models.augment import augment, build_pipeline, draw_seeds, one_thread
from engine.models.network import to_uint8_batch
from engine.runs.config import Config
from engine.training.progressive import image_size
from engine.training.sampling import epoch_order

_PR_SET_PDEATHSIG = 1  # of Linux: send a signal to this process when its parent dies
Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Images:
    """`pixels`: (n, size, size, 3) uint8, possibly a memory map; `labels`: (n,) class indices; `contents`: their hashes."""

    pixels: np.ndarray
    labels: np.ndarray
    contents: tuple[str, ...] = ()

    def batch(self, indices: np.ndarray) -> Batch:
        """The images (len(indices), 3, size, size) uint8 and their labels, int64."""
        pixels = np.ascontiguousarray(self.pixels[indices])
        return to_uint8_batch(pixels), torch.from_numpy(self.labels[indices].astype(np.int64))

    def __getstate__(self) -> dict[str, Any]:
        """For a process that is not forked: it opens the memory map itself instead of being sent gigabytes."""
        if isinstance(self.pixels, np.memmap) and self.pixels.filename is not None:
            return vars(self) | {"pixels": os.fspath(self.pixels.filename)}
        return dict(vars(self))

    def __setstate__(self, state: dict[str, Any]) -> None:
        pixels = state["pixels"]
        # vars, as the dataclass is frozen.
        vars(self).update(state | {"pixels": np.load(pixels, mmap_mode="r") if isinstance(pixels, str) else pixels})


class Batches(Dataset[Batch]):
    """Item `step`: augmented images (n, 3, side, side) uint8 and their labels (n,), this process's share of the batch."""

    def __init__(self, images: Images, config: Config, rank: int = 0, world: int = 1) -> None:
        if world > 1 and config.batch_size < 2 * world:
            raise UserError(
                f"batch_size={config.batch_size} gives {world} processes less than two images each.",
                f"Set batch_size to {2 * world} or more.",
            )
        self.images, self.config, self.rank, self.world = images, config, rank, world
        self.transform = build_pipeline(config.augmentation, config.image_size)
        # A last batch with less than two images per process is added to the one before: BatchNorm has no variance of one.
        self.steps_per_epoch = max(1, math.ceil((len(images.labels) - (2 * world - 1)) / config.batch_size))
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))  # the epoch and the order of its images

    def places(self, step: int) -> np.ndarray:
        """Where in the epoch's order the step's batch stands, all processes together."""
        position, size = step % self.steps_per_epoch, self.config.batch_size
        last = position == self.steps_per_epoch - 1
        return np.arange(position * size, len(self.images.labels) if last else (position + 1) * size)

    def indices(self, step: int) -> np.ndarray:
        """The images of the step's batch, all processes together."""
        epoch = step // self.steps_per_epoch
        if self._order[0] != epoch:
            self._order = (epoch, epoch_order(self.images.labels, self.config, epoch))
        return self._order[1][self.places(step)]

    def __getitem__(self, index: int) -> Batch:
        epoch, share = index // self.steps_per_epoch, slice(self.rank, None, self.world)
        return self.augmented(self.indices(index)[share], epoch, self.places(index)[share])

    def augmented(self, indices: np.ndarray, epoch: int, places: np.ndarray | None = None) -> Batch:
        """The images after the epoch's draws of the augmentation.

        Where draws come back, the seed of a draw belongs to the image: it must be the same wherever the image stands in a later
        epoch. Otherwise it belongs to the place in the epoch, as an image that balancing repeats must look different each time.
        """
        images, labels = self.images.batch(indices)
        draws = self.config.draws
        seeds = draw_seeds(self.config.seed, epoch % draws if draws else epoch, indices if draws or places is None else places)
        with one_thread():
            images = augment(images, self.transform, seeds)
            side = image_size(self.config, epoch)
            if side != images.shape[-1]:
                images = functional.resize(images, [side, side])
            return images, labels

    def prefetch(self, first: int, end: int) -> Iterator[Batch]:
        """The batches of the steps `first` to `end` - 1. Raises UserError where a process that prepares them dies."""
        if not self.config.workers:
            yield from (self[step] for step in range(first, end))
            return
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=range(first, end),
            num_workers=self.config.workers,
            worker_init_fn=functools.partial(_as_worker, os.getpid()),
        )
        try:
            yield from loader
        except RuntimeError as error:
            # torch names no class for it: "DataLoader worker (pid 12) is killed by signal: Killed."
            if "DataLoader worker" not in str(error):
                raise
            raise UserError(
                "A process that prepares batches was killed, probably out of memory.", "Set workers=0, or a smaller batch_size."
            ) from error


def _as_worker(parent: int, number: int) -> None:
    """Make a worker die with the training process, however that ends, and ignore the signals that both get."""
    for ignored in (signal.SIGTERM, signal.SIGINT):
        # Ctrl+C reaches the whole group: the training process decides when its workers end.
        signal.signal(ignored, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # it died before the request was made
