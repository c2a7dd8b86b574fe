"""`export`: a run's model as a file of one format, which is there only if it was found to answer as the model does."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from engine import __version__
from engine.core.errors import UserError
from engine.core.files import move, replace_file, temporary_folder
from engine.export import bundle, int8, onnx, parity_images, session
from engine.export.description import Described
from engine.export.formats import check
from engine.export.onnx import Portable
from engine.export.parity import TOLERANCE, Parity, accuracy_cost, compare
from engine.export.parity_images import Sample
from engine.models import model
from engine.models.model import Model
from engine.runs.run import Run

Report = Callable[[str, int, int], None]  # phase, done, total
_BATCH = 32
_ROUNDS = 5  # of a speed comparison
_MOST_LOST = 0.05  # accuracy that an int8 file may cost for certain: above, the backbone does not bear it


class Answering(Protocol):
    """What has an answer to pictures: a model, or a file."""

    def probabilities(self, squares: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Handed:
    """What was handed over and how it was checked.

    `parity`: against the model in float32. `as_shown`: against the answers on the pages, which are in the arithmetic that
    the device gains from (`shown_in`). `extra`: of int8 the accuracy cost and the speed ratio to the float32 file.
    """

    run: str
    format: str
    file: str
    bytes: int
    checked_on: str
    parity: Parity
    as_shown: Parity
    shown_in: str
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def export(run: Run, format: str, file: Path, report: Report = lambda phase, done, total: None) -> Handed:
    """Write the run's best model to `file` in one of `formats.FORMATS`.

    The file takes its place when its answers have been compared with the model's. Raises UserError where they differ, and
    where the backbone or the dataset does not allow the format.
    """
    check(format)
    report("loading the model", 0, 1)
    shown = model.load(run.path)
    exact = Portable(shown)
    said = described(run, shown)
    report("reading images", 0, 1)
    images = parity_images.for_checking(run, said.image_size)
    expected = _answers(exact, images.squares, report, "running the model")
    with temporary_folder(file.parent, ".handing-over-") as folder:
        made, extra = _WRITERS[format](run, exact, said, folder, report)
        result = _answers(_opened(made, format), images.squares, report, "testing the file")
        parity = compare(result, expected)
        if format != "int8" and not parity.same:
            raise UserError(
                f"The file does not give the same predictions as the model ({parity}; allowed: the same top class, and {TOLERANCE:g}).",
                "It was discarded. Another format may work for this backbone.",
            )
        if format == "bundle":
            made = bundle.pack(run, said, made, shown, {"parity": str(parity), "on": images.what}, folder)
        size = made.stat().st_size
        with replace_file(file, durable=True) as temporary:
            move(made, temporary)
    as_shown = compare(_answers(shown, images.squares, report, "running the model as the pages do"), expected)
    return Handed(run.id, format, str(file), size, images.what, parity, as_shown, shown.compute.name, extra)


def described(run: Run, shown: Model) -> Described:
    """What the file will say of itself."""
    meta = shown.meta
    return Described(
        meta.classes, meta.image_size, tuple(meta.mean), tuple(meta.std), float(meta.temperature), meta.views, meta.backbone,
        provenance={
            "run": run.id, "dataset": run.config.dataset, "fingerprint": run.fingerprint, "weights": run.config.weights,
            "made_with": f"Scenescope {__version__}", "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "licence": bundle.licence(meta.backbone),
        },
    )  # fmt: skip


def _onnx(run: Run, exact: Portable, said: Described, folder: Path, report: Report) -> tuple[Path, dict[str, Any]]:
    report("writing ONNX", 0, 1)
    onnx.write_onnx(exact, said, folder / session.MODEL)
    return folder / session.MODEL, {}


def _torchscript(run: Run, exact: Portable, said: Described, folder: Path, report: Report) -> tuple[Path, dict[str, Any]]:
    report("writing TorchScript", 0, 1)
    onnx.write_torchscript(exact, said, folder / "model.pt")
    return folder / "model.pt", {}


def _int8(run: Run, exact: Portable, said: Described, folder: Path, report: Report) -> tuple[Path, dict[str, Any]]:
    """The quantised file, measured next to the float32 one on labelled pictures. Raises UserError where it costs too much."""
    plain, _ = _onnx(run, exact, said, folder, report)
    report("reading images", 0, 1)
    calibration = parity_images.of_run(run, said.image_size, ("train",), int8.CALIBRATION)
    labelled = parity_images.of_run(run, said.image_size, ("validation", "test"), parity_images.MEASURED)
    report("quantising", 0, 1)
    file = folder / "model-int8.onnx"
    int8.write_int8(plain, dataclasses.replace(said, precision="int8"), calibration.squares, file)
    before, after = session.load(plain), session.load(file)
    result = _answers(after, labelled.squares, report, "testing the int8 file")
    expected = _answers(before, labelled.squares, report, "testing the float32 file")
    lost = accuracy_cost(result, expected, labelled.true)
    if lost.low > _MOST_LOST:
        raise UserError(
            f"In int8 {said.backbone} answers {lost.value:.1%} fewer of {len(labelled):,} images right ({lost.low:.1%} to {lost.high:.1%}).",
            "It was discarded. Export ONNX in float32, or train a convolutional backbone.",
        )
    report("comparing speed", 0, 1)
    return file, {
        "images": len(labelled), "on": labelled.what, "calibrated_on": f"{len(calibration)} {calibration.what}",
        "accuracy_float32": float((expected.argmax(1) == labelled.true).mean()),
        "accuracy_int8": float((result.argmax(1) == labelled.true).mean()), "accuracy_lost": lost.to_dict(),
        **_speeds(before, after, labelled), "bytes_float32": plain.stat().st_size,
    }  # fmt: skip


_WRITERS: dict[str, Callable[..., tuple[Path, dict[str, Any]]]] = {
    "onnx": _onnx,
    "int8": _int8,
    "torchscript": _torchscript,
    "bundle": _onnx,
}


def _opened(file: Path, format: str) -> Answering:
    return onnx.Scripted(file) if format == "torchscript" else session.load(file)


def _answers(model: Answering, squares: np.ndarray, report: Report, phase: str) -> np.ndarray:
    """(n, classes). The last batch is of another size than the first: a file that only takes one number is found out."""
    parts = []
    for start in range(0, len(squares), _BATCH):
        report(phase, start, len(squares))
        parts.append(model.probabilities(squares[start : start + _BATCH]))
    report(phase, len(squares), len(squares))
    return np.concatenate(parts)


def _speeds(before: Answering, after: Answering, images: Sample) -> dict[str, float]:
    """Milliseconds a picture alone, medians of alternating rounds, and their ratio."""
    taken: dict[str, list[float]] = {"float32": [], "int8": []}
    for number in range(3 * _ROUNDS):
        for name, answering in (("float32", before), ("int8", after)):
            square = images.squares[number % len(images)][None]
            began = time.perf_counter()
            answering.probabilities(square)
            taken[name].append((time.perf_counter() - began) * 1000)
    first, second = (float(np.median(taken[name][_ROUNDS:])) for name in ("float32", "int8"))
    return {"ms_float32": first, "ms_int8": second, "times_faster": first / second}
