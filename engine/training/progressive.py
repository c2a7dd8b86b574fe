"""Settings that change from epoch to epoch: the size of the images and the share of the network that learns."""

from engine.runs.config import Config

_GRID = 32  # pixels: the product of the strides of common networks


def image_size(config: Config, epoch: int) -> int:
    """The side of the training images in `epoch` (from 0), in pixels: progressive resizing.

    It grows in equal steps from `initial_size` to `full_size` over the first half of the epochs, on multiples of 32.
    """
    share = min(1.0, 2 * epoch / config.epochs)
    if not config.initial_size or share == 1.0:
        return full_size(config)
    side = config.initial_size + share * (full_size(config) - config.initial_size)
    return max(config.initial_size, int(side) // _GRID * _GRID)


def full_size(config: Config) -> int:
    """The side of the training images at the end, in pixels.

    Crops show things larger than evaluation does; a larger image at evaluation corrects for that (Touvron et al. 2019).
    """
    return config.train_size or config.image_size


def trained_share(config: Config, epoch: int) -> float:
    """The share of the backbone's layers that learns in `epoch` (from 0): gradual unfreezing (Howard and Ruder 2018).

    Only the head at first, then more of the layers each epoch, from the output towards the input.
    """
    if epoch >= config.unfreeze_epochs:
        return config.trainable
    return config.trainable * epoch / config.unfreeze_epochs
