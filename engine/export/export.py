"""`export`: a run's model as a file of one format, which is written only if its predictions match the model's."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypedDict

import numpy as np

from engine import __version__
from engine.core.errors import UserError
from engine.core.estimate import EstimateDocument
from engine.core.files import move, replace_file, temporary_folder
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.export import bundle, int8, onnx, parity_images, session, torchscript
from engine.export.description import Description
from engine.export.formats import check_format
from engine.export.parity import TOLERANCE, Parity, ParityDocument, accuracy_cost, compare
from engine.export.parity_images import ParityImages
from engine.export.portable import PortableModel
from engine.models import model
from engine.models.model import Model
from engine.runs.run import Run

_BATCH = 32
_ROUNDS = 5  # of a speed comparison
_MOST_LOST = 0.05  # accuracy that an int8 file may lose for certain: beyond that, the backbone does not survive quantisation


class ProbabilityModel(Protocol):
    """Whatever predicts: a model, or an exported file."""

    def probabilities(self, squares: np.ndarray) -> np.ndarray: ...


class Int8Figures(TypedDict, total=False):
    """What an int8 file costs against the float32 file, in accuracy on `images` labelled images, and what it gains in milliseconds per
    image and in bytes."""

    images: int
    on: str
    calibrated_on: str
    accuracy_float32: float
    accuracy_int8: float
    accuracy_lost: EstimateDocument
    ms_float32: float
    ms_int8: float
    times_faster: float
    bytes_float32: int


@dataclass(frozen=True)
class ExportResult:
    """The exported file and how it was checked.

    `parity`: against the model in float32. `as_shown`: against the predictions on the pages, which are computed in the precision
    that is fastest on the device (`shown_in`). `extra`: the figures of an int8 file; empty for other formats.
    """

    run: str
    format: str
    file: str
    bytes: int
    checked_on: str
    parity: Parity
    as_shown: Parity
    shown_in: str
    extra: Int8Figures = dataclasses.field(default_factory=Int8Figures)

    def to_dict(self) -> "ExportDocument":
        """The result as a JSON object."""
        return {
            "run": self.run, "format": self.format, "file": self.file, "bytes": self.bytes, "checked_on": self.checked_on,
            "parity": self.parity.to_dict(), "as_shown": self.as_shown.to_dict(), "shown_in": self.shown_in, "extra": self.extra,
        }  # fmt: skip


class ExportDocument(TypedDict):
    """An `ExportResult` for programs."""

    run: str
    format: str
    file: str
    bytes: int
    checked_on: str
    parity: ParityDocument
    as_shown: ParityDocument
    shown_in: str
    extra: Int8Figures


def export(run: Run, format: str, file: Path, report: ReportProgress = ignore_progress) -> ExportResult:
    """Write the run's best model to `file` in one of `formats.FORMATS`.

    The file appears only after its predictions were compared with the model's. Raises UserError where they differ, and where the backbone
    or the dataset does not allow the format.
    """
    check_format(format)
    report(Progress("loading the model"))
    shown = model.load_model(run.path)
    # The reference is float32 on the CPU, as the file computes; the pages' own precision is compared afterwards, for information.
    exact = PortableModel(shown)
    description = describe_model(run, shown)
    report(Progress("reading images"))
    images = parity_images.load_parity_images(run, description.image_size)
    expected = _predict(exact, images.squares, report, "running the model")
    with temporary_folder(file.parent, ".handing-over-") as folder:
        output, extra = _WRITERS[format](run, exact, description, folder, report)
        predictions = _predict(_load(output, format), images.squares, report, "testing the file")
        parity = compare(predictions, expected)
        # An int8 file differs by design: what it may lose was checked where it was written.
        if format != "int8" and not parity.same:
            raise UserError(
                f"The file does not give the same predictions as the model ({parity}; allowed: the same top class on every image, "
                f"probabilities within {TOLERANCE:g}).",
                "It was discarded. Another format may work for this backbone.",
            )
        if format == "bundle":
            output = bundle.pack(run, description, output, shown, {"parity": str(parity), "on": images.origin}, folder)
        size = output.stat().st_size
        with replace_file(file, durable=True) as temporary:
            move(output, temporary)
    as_shown = compare(_predict(shown, images.squares, report, "running the model as the pages do"), expected)
    return ExportResult(
        run=run.id,
        format=format,
        file=str(file),
        bytes=size,
        checked_on=images.origin,
        parity=parity,
        as_shown=as_shown,
        shown_in=shown.compute.name,
        extra=extra,
    )


def describe_model(run: Run, shown: Model) -> Description:
    """The description that is written into the file."""
    meta = shown.meta
    return Description(
        classes=meta.classes,
        image_size=meta.image_size,
        mean=tuple(meta.mean),
        std=tuple(meta.std),
        temperature=float(meta.temperature),
        views=meta.views,
        backbone=meta.backbone,
        provenance={
            "run": run.id,
            "dataset": run.config.dataset,
            "fingerprint": run.fingerprint,
            "weights": run.config.weights,
            "made_with": f"Scenescope {__version__}",
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "licence": bundle.licence(meta.backbone),
        },
    )


def _write_onnx(
    run: Run, exact: PortableModel, description: Description, folder: Path, report: ReportProgress
) -> tuple[Path, Int8Figures]:
    report(Progress("writing ONNX"))
    onnx.write_onnx(exact, description, folder / session.MODEL)
    return folder / session.MODEL, {}


def _write_torchscript(
    run: Run, exact: PortableModel, description: Description, folder: Path, report: ReportProgress
) -> tuple[Path, Int8Figures]:
    report(Progress("writing TorchScript"))
    torchscript.write_torchscript(exact, description, folder / "model.pt")
    return folder / "model.pt", {}


def _write_int8(
    run: Run, exact: PortableModel, description: Description, folder: Path, report: ReportProgress
) -> tuple[Path, Int8Figures]:
    """The quantised file, compared with the float32 one on labelled images. Raises UserError where it loses too much accuracy."""
    plain, _ = _write_onnx(run, exact, description, folder, report)
    report(Progress("reading images"))
    # Ranges from training images alone: those that the accuracy is measured on must not have set them.
    calibration = parity_images.load_images(run, description.image_size, ("train",), int8.CALIBRATION)
    labelled = parity_images.load_images(run, description.image_size, ("validation", "test"), parity_images.MEASURED)
    report(Progress("quantising"))
    file = folder / "model-int8.onnx"
    int8.write_int8(plain, dataclasses.replace(description, precision="int8"), calibration.squares, file)
    before, after = session.load(plain), session.load(file)
    predictions = _predict(after, labelled.squares, report, "testing the int8 file")
    expected = _predict(before, labelled.squares, report, "testing the float32 file")
    lost = accuracy_cost(predictions, expected, labelled.true)
    if lost.low > _MOST_LOST:
        raise UserError(
            f"In int8, {description.backbone} loses {lost.text('points', named=True)} of accuracy on {len(labelled):,} images.",
            "It was discarded. Export ONNX in float32, or train a convolutional backbone.",
        )
    report(Progress("comparing speed"))
    ms_float32, ms_int8 = _measure_latency(before, after, labelled)
    return file, {
        "images": len(labelled),
        "on": labelled.origin,
        "calibrated_on": f"{len(calibration)} {calibration.origin}",
        "accuracy_float32": float((expected.argmax(1) == labelled.true).mean()),
        "accuracy_int8": float((predictions.argmax(1) == labelled.true).mean()),
        "accuracy_lost": lost.to_dict(),
        "ms_float32": ms_float32,
        "ms_int8": ms_int8,
        "times_faster": ms_float32 / ms_int8,
        "bytes_float32": plain.stat().st_size,
    }


_Writer = Callable[[Run, PortableModel, Description, Path, ReportProgress], tuple[Path, Int8Figures]]
_WRITERS: dict[str, _Writer] = {
    "onnx": _write_onnx,
    "int8": _write_int8,
    "torchscript": _write_torchscript,
    "bundle": _write_onnx,
}


def _load(file: Path, format: str) -> ProbabilityModel:
    return torchscript.TorchScriptModel(file) if format == "torchscript" else session.load(file)


def _predict(candidate: ProbabilityModel, squares: np.ndarray, report: ReportProgress, phase: str) -> np.ndarray:
    """(n, classes). The last batch is smaller than the others, so that a file that takes only one batch size fails here."""
    batches = []
    for start in range(0, len(squares), _BATCH):
        report(Progress(phase, start, len(squares)))
        batches.append(candidate.probabilities(squares[start : start + _BATCH]))
    report(Progress(phase, len(squares), len(squares)))
    return np.concatenate(batches)


def _measure_latency(float32: ProbabilityModel, int8: ProbabilityModel, images: ParityImages) -> tuple[float, float]:
    """Milliseconds per single image of either file: medians over alternating rounds, the first third of which only warms up."""
    elapsed: tuple[list[float], list[float]] = ([], [])
    for number in range(3 * _ROUNDS):
        for candidate, times in zip((float32, int8), elapsed, strict=True):
            square = images.squares[number % len(images)][None]
            start = time.perf_counter()
            candidate.probabilities(square)
            times.append((time.perf_counter() - start) * 1000)
    return float(np.median(elapsed[0][_ROUNDS:])), float(np.median(elapsed[1][_ROUNDS:]))
