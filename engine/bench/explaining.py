"""`bench explain`: how long a pair of Grad-CAM heatmaps takes, compared with the grad-cam package, called as its documentation shows."""

import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from engine.bench.rounds import ROUNDS, Row, alternate
from engine.bench.sample import BenchImages

SIZE = 224
MODELS = ("efficientnet_lite0", "resnet50")
_CLASSES = (0, 1)


def measure_explaining(sample: BenchImages, model_name: str | None = None, rounds: int = ROUNDS) -> Iterator[Row]:
    """Yields milliseconds from the square to both maps for one backbone, or for MODELS.

    The reference runs in float32, once per class. Ours is the network that predicts, in its own precision: one pass for both classes.
    The weights are random, which is as fast.
    """
    for name in [model_name] if model_name else MODELS:
        yield _measure_pair(sample, name, rounds)


def _measure_pair(sample: BenchImages, name: str, rounds: int) -> Row:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    from engine.data.decoding import load_square
    from engine.inference.explain import cam
    from engine.models import model, network
    from engine.models.device import select_compute

    trunk = network.build_trunk(name, image_size=SIZE)
    loaded = model.create_model(trunk, tuple(map(str, range(6))), SIZE, select_compute(), seed=0)
    squares = [load_square(Path(file), SIZE) for file in sample.files[: 2 * rounds + 2]]
    order = iter(np.resize(np.arange(len(squares)), 4 * (rounds + 1)).tolist())
    layer = trunk.module.get_submodule(network.cam_layer_name(trunk))

    def reference() -> None:
        image = loaded.inputs(squares[next(order)][None])
        with GradCAM(loaded.classifier.eval(), [layer], reshape_transform=functools.partial(cam.to_grid, loaded)) as package:
            for index in _CLASSES:
                # The package declares modules as targets, and takes functions such as its own.
                package(image, [ClassifierOutputTarget(index)])  # pyrefly: ignore[bad-argument-type]

    def ours() -> None:
        cam.heatmaps(loaded, squares[next(order)], _CLASSES)

    # Once without measuring: the first call allocates and compiles.
    reference()
    ours()
    title = f"{name}, Grad-CAM of two classes, {SIZE} pixels"
    return alternate(title, _timed(reference), _timed(ours), rounds, "ms", less_is_better=True)


def _timed(action: Callable[[], None]) -> Callable[[], float]:
    """The action as a function that returns its milliseconds."""

    def measure() -> float:
        start = time.perf_counter()
        action()
        return 1000 * (time.perf_counter() - start)

    return measure
