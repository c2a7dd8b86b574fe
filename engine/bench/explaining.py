"""How long a pair of heatmaps takes: Grad-CAM of two classes, next to the grad-cam package called as its documentation does."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from engine.bench.rounds import ROUNDS, Row, alternate
from engine.bench.sample import BenchImages

SIZE = 224
MODELS = ("efficientnet_lite0", "resnet50")
_CLASSES = (0, 1)


def measure_explaining(sample: BenchImages, name: str | None = None, rounds: int = ROUNDS) -> Iterator[Row]:
    """Milliseconds from the square to both maps for `name`, or MODELS; the reference runs in float32, once for each class.

    Ours is the network that answers, in its own arithmetic: one pass for both classes. Weights are random: as fast.
    """
    for one in [name] if name else MODELS:
        yield _pair(sample, one, rounds)


def _pair(sample: BenchImages, name: str, rounds: int) -> Row:
    from pathlib import Path

    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    from engine.data.decoding import load_square
    from engine.inference.explain import cam
    from engine.models import model, network
    from engine.models.device import compute

    trunk = network.build(name, image_size=SIZE)
    loaded = model.new(trunk, tuple(map(str, range(6))), SIZE, compute(), seed=0)
    squares = [load_square(Path(file), SIZE) for file in sample.files[: 2 * rounds + 2]]
    turn = iter(np.resize(np.arange(len(squares)), 4 * (rounds + 1)).tolist())
    layer = trunk.module.get_submodule(network.cam_layer(trunk))

    def reference() -> None:
        image = loaded.inputs(squares[next(turn)][None])
        with GradCAM(loaded.classifier.eval(), [layer], reshape_transform=cam.reshape(loaded)) as package:
            for index in _CLASSES:
                package(image, [ClassifierOutputTarget(index)])

    def ours() -> None:
        cam.heatmaps(loaded, squares[next(turn)], _CLASSES)

    reference(), ours()  # once for what is made at the first call
    row = f"{name}, Grad-CAM of two classes, {SIZE} pixels"
    return alternate(row, _milliseconds(reference), _milliseconds(ours), rounds, "ms", less_is_better=True)


def _milliseconds(action: Callable[[], None]) -> Callable[[], float]:
    def measured() -> float:
        began = time.perf_counter()
        action()
        return 1000 * (time.perf_counter() - began)

    return measured
