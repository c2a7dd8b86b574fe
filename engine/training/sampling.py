"""The order of the training images, and the treatment of rare classes."""

import numpy as np

from engine.runs.config import Config


def epoch_order(labels: np.ndarray, config: Config, epoch: int) -> np.ndarray:
    """The images of an epoch, (n,) indices into `labels`, a function of the seed and the epoch.

    Each image once; with `balance=sampling`, every class that occurs equally often, its images in turn.
    """
    generator = np.random.default_rng([config.seed, epoch])
    if config.balance != "sampling":
        return generator.permutation(len(labels))
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    quota = -(-len(labels) // len(members))  # rounded up
    balanced = np.concatenate([_take_turns(images, quota, generator) for images in members])
    # Cut to the length of a plain epoch, so that balancing changes neither the steps nor the schedule.
    return generator.permutation(balanced)[: len(labels)]


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """(classes,) float32: the weight of a class's errors, inversely proportional to its count; 1 on average over the images."""
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))).astype(np.float32)


def _take_turns(images: np.ndarray, quota: int, generator: np.random.Generator) -> np.ndarray:
    """`quota` of the images, none repeated before all others have had their turn."""
    rounds = -(-quota // len(images))
    return np.concatenate([generator.permutation(images) for _ in range(rounds)])[:quota]
