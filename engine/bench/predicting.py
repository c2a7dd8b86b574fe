"""From files to answers: how long one picture takes, and how many pictures a second, next to the plain loop."""

import dataclasses
from collections.abc import Callable, Iterator

from engine.bench.contender import OURS, REFERENCE, Contender
from engine.bench.rounds import ROUNDS, Row, alternate
from engine.bench.speed import Plan
from engine.models.registry import backbone

SIZE = 224
MODELS = ("efficientnet_lite0", "resnet50")
_TOGETHER = 512  # files of one call of ours, which decodes ahead of the network, as for a folder of thousands


def measure_predicting(plan: Plan, model: str | None = None) -> Iterator[Row]:
    """Three rows a backbone (`model`, or MODELS): one picture from its file to the three best classes, the same with a Grad-CAM of
    the best (both medians in ms), and many pictures in images/s.

    The reference takes one picture after the other in float32. Weights are random: as fast.
    """
    for name in [model] if model else MODELS:
        yield _row(plan, name, "one picture to top-3", Contender.wait, "ms", together=1)
        if layer := backbone(name).cam_layer:
            yield _row(plan, name, "one picture to top-3 with Grad-CAM", Contender.wait, "ms", together=1, cam=layer)
        yield _row(plan, name, "many pictures to top-3", Contender.rate, "images/s", together=_TOGETHER)


def _row(plan: Plan, name: str, what: str, figure: Callable[[Contender, float], float], unit: str, **more: object) -> Row:
    job = dataclasses.replace(plan, batch=1).job("answer", name, SIZE, 1) | more
    with Contender(REFERENCE, job) as reference, Contender(OURS, job) as ours:
        reference.ready(), ours.ready()
        length = plan.seconds / ROUNDS / 2
        return alternate(
            f"{name}, {what}, {SIZE} pixels", lambda: figure(reference, length), lambda: figure(ours, length), unit=unit,
            less_is_better=unit == "ms",
        )  # fmt: skip
