"""Named configurations to start from."""

from collections.abc import Mapping
from typing import Any

# What each preset changes, and what it is for.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fast": {"method": "linear"},
    "balanced": {
        "method": "finetune", "image_size": 192, "trainable": 0.51, "draws": 4, "epochs": 8, "patience": 0, "schedule": "onecycle",
        "warmup": 0.2, "ema": 0.99, "views": "flip",
    },
    "best": {
        "method": "finetune", "image_size": 288, "train_size": 224, "trainable": 0.8, "epochs": 6, "patience": 0,
        "schedule": "onecycle", "warmup": 0.2, "layer_decay": 0.9, "ema": 0.995, "views": "flip",
    },
    "seed": {
        "method": "finetune", "model": "resnet50", "optimiser": "adam", "peak_lr": 1e-5, "weight_decay": 1e-4, "schedule": "constant",
        "warmup": 0.0, "epochs": 30, "patience": 5, "label_smoothing": 0.0, "augmentation": "seed",
    },
}  # fmt: skip
PRESET_HELP: Mapping[str, str] = {
    "fast": "Frozen backbone, one linear layer on its features. Minutes on a laptop.",
    "balanced": "Fine-tunes the second half of the network at 192 pixels; the frozen layers' output is cached. Minutes on a laptop.",
    "best": "Fine-tunes the last four fifths of the layers with averaged weights; evaluated at a larger size. Half an hour on a laptop.",
    "seed": "The recipe of the project that Scenescope replaces: ResNet-50, Adam at 1e-5, up to 30 epochs. A day on a laptop.",
}
