"""`bench predict`: milliseconds from one file to its prediction, and images per second for many, compared with the plain loop."""

import dataclasses
from collections.abc import Callable, Iterator

from engine.bench.contender import OURS, REFERENCE, Contender
from engine.bench.rounds import ROUNDS, Row, alternate
from engine.bench.speed import Plan
from engine.models.registry import find_backbone

SIZE = 224
MODELS = ("efficientnet_lite0", "resnet50")
_TOGETHER = 512  # files per call of ours, which decodes ahead of the network, as it does for a folder of thousands


def measure_predicting(plan: Plan, model: str | None = None) -> Iterator[Row]:
    """Yields three rows per backbone (`model`, or MODELS): one image from its file to the top 3 classes, the same with a Grad-CAM of the
    top class (both medians in ms), and many images in images/s.

    The reference takes one image after the other in float32. The weights are random, which is as fast.
    """
    for name in [model] if model else MODELS:
        yield _row(plan, name, "one image to top-3", Contender.wait, "ms", together=1)
        layer = find_backbone(name).cam_layer
        if layer:
            yield _row(plan, name, "one image to top-3 with Grad-CAM", Contender.wait, "ms", together=1, cam=layer)
        yield _row(plan, name, "many images to top-3", Contender.rate, "images/s", together=_TOGETHER)


def _row(plan: Plan, name: str, task: str, measure: Callable[[Contender, float], float], unit: str, **options: object) -> Row:
    job = dataclasses.replace(plan, batch=1).job("answer", name, SIZE, 1) | options
    with Contender(REFERENCE, job) as reference, Contender(OURS, job) as ours:
        reference.ready()
        ours.ready()
        length = plan.seconds / ROUNDS / 2
        return alternate(
            f"{name}, {task}, {SIZE} pixels",
            lambda: measure(reference, length),
            lambda: measure(ours, length),
            unit=unit,
            less_is_better=unit == "ms",
        )
