"""`explain`: class activation maps of images; `robustness`: a run's accuracy on corrupted images."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.cli.output import json_flag, print_json, print_table, print_unused, progress_line
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.core.files import create_folder, file_name, replace_file
from engine.core.progress import Progress, ReportProgress
from engine.core.text_output import one_line
from engine.evaluation.robustness import measurement, store, summary
from engine.evaluation.robustness.corruptions import CORRUPTIONS
from engine.inference.explain.methods import DEFAULT, METHODS, find_method
from engine.runs.run import Run, load_run

if TYPE_CHECKING:
    from engine.models.model import Model

_SPLITS = ("test", "validation")


def register(commands: argparse._SubParsersAction) -> None:
    explain = commands.add_parser(
        "explain", help="write class activation maps (Grad-CAM and others) of images, for two classes on one scale"
    )
    explain.add_argument("id", help="id of a run")
    explain.add_argument("images", nargs="+", metavar="IMAGE", help="image files, or folders of them")
    explain.add_argument("--method", default=DEFAULT, help=f"one of {', '.join(METHODS)} (default {DEFAULT})")
    explain.add_argument("--out", required=True, metavar="FOLDER", help="folder to write the overlays to")
    explain.add_argument("--classes", nargs="+", metavar="CLASS", help="classes to explain (default: the two most probable)")
    explain.add_argument(
        "--occlusion",
        choices=("blur", "mean"),
        help="also find the smallest square whose occlusion changes the prediction",
    )
    explain.set_defaults(command=_explain)
    robustness = commands.add_parser(
        "robustness", help="measure a run's accuracy on corrupted images, by corruption and severity"
    )
    robustness.add_argument("id", help="id of a run")
    robustness.add_argument("--split", choices=_SPLITS, default=_SPLITS[0])
    robustness.add_argument(
        "--images",
        default=str(measurement.SAMPLE),
        help=f"number of images, or all (default {measurement.SAMPLE}, a sample with the split's class proportions)",
    )
    robustness.set_defaults(command=_robustness)
    for parser in (explain, robustness):
        json_flag(parser)


def _explain(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    find_method(args.method)  # refuses an unknown name before anything is loaded
    classes = [_class_index(run, name) for name in args.classes or ()]
    from engine.data.decoding import ImageError
    from engine.inference.predict import expand_paths_with_report
    from engine.models import model

    (files, unused), folder = expand_paths_with_report(args.images), Path(args.out)
    loaded = model.load_model(run.path)
    create_folder(folder)
    show = progress_line()
    images: list[dict[str, Any]] = []
    for number, file in enumerate(files):
        try:
            result = _explain_image(loaded, file, classes, args.method, args.occlusion)
        except ImageError as error:
            images.append({"path": str(file), "error": str(error)})
            continue
        overlays = result.pop("overlays")
        # The number distinguishes images of the same name from several folders.
        names = {name: file_name(f"{number:04d}-", file.stem, f"-{name}.png") for name in overlays}
        result["files"] = {name: _save(folder / names[name], overlay) for name, overlay in overlays.items()}
        images.append({"path": str(file), **result})
        show(Progress("explaining", number + 1, len(files)))
    if args.json:
        print_json(
            {
                "run": run.id,
                "method": args.method,
                "scale": METHODS[args.method].scale,
                "images": images,
                "unused": unused.document(),
            }
        )
    else:
        _print_explained(args.method, images)
        print_unused(unused)
    return 2 if any("error" in item for item in images) else 0


def _explain_image(model: "Model", file: Path, requested: list[int], method: str, fill: str | None) -> dict[str, Any]:
    """The JSON document of one image, and its `overlays`: name -> (size, size, 3) uint8. `requested`: class indices; empty for the top two."""
    from engine.data.decoding import load_square
    from engine.inference.explain import cam, occlusion

    names, square = model.meta.classes, load_square(file, model.meta.image_size)
    probabilities = model.probabilities(square[None])[0]
    ranked = [int(index) for index in (-probabilities).argsort(kind="stable")]
    classes = requested or ranked[:2]
    maps = cam.heatmaps(model, square, classes, method)
    result: dict[str, Any] = {
        "answer": names[ranked[0]], "probability": float(probabilities[ranked[0]]),
        "classes": [{"class": names[index], "probability": float(probabilities[index]), "strongest": float(heat.max())}
                    for index, heat in zip(classes, maps, strict=True)],
    }  # fmt: skip
    overlays = {f"{method}-{index}": cam.overlay(square, heat, 0.6) for index, heat in zip(classes, maps, strict=True)}
    if fill:
        hidden = occlusion.smallest_occlusion(model, square, fill)
        result["occlusion"] = {
            "fill": fill, "tried": hidden.tried, "sides": list(hidden.sides), "box": hidden.box,
            "becomes": names[hidden.becomes] if hidden.box else None, "probability": hidden.probability if hidden.box else None,
        }  # fmt: skip
        if hidden.covered is not None:
            overlays["occlusion"] = hidden.covered
    return {**result, "overlays": overlays}


def _save(file: Path, image: np.ndarray) -> str:
    from PIL import Image

    with replace_file(file) as temporary:
        Image.fromarray(image).save(temporary, "PNG")
    return str(file)


def _print_explained(method: str, images: list[dict[str, Any]]) -> None:
    for item in images:
        if "error" in item:
            print(one_line(f"{item['path']}: {item['error']}"))
            continue
        print(one_line(f"{item['path']}: {item['answer']} {item['probability']:.1%}"))
        for entry in item["classes"]:
            print(
                f"  {one_line(entry['class'])} {entry['probability']:.1%}: maximum of the map {entry['strongest']:.2f} of the scale"
            )
        if "occlusion" in item:
            print(f"  {_occlusion_text(item['occlusion'])}")
        print("  " + one_line(", ".join(item["files"].values())))
    print(f"\n{METHODS[method].label}: {METHODS[method].scale}")


def _occlusion_text(hidden: dict[str, Any]) -> str:
    if hidden["box"] is None:
        return f"No square of {hidden['sides'][0]} to {hidden['sides'][-1]} pixels changes the prediction ({hidden['tried']:,} tried)."
    left, top, side = hidden["box"]
    return (
        f"With the square of {side} pixels at {left}, {top} covered, the prediction becomes {hidden['becomes']} "
        f"{hidden['probability']:.1%} ({hidden['tried']:,} squares tried)."
    )


def _class_index(run: Run, name: str) -> int:
    if name not in run.classes:
        raise UserError(f"The run {run.id} has no class {name!r}.", f"It has: {', '.join(run.classes)}.")
    return run.classes.index(name)


def _robustness(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    count = _parse_count(args.images)
    if count is None:
        count = len(run.predictions(args.split))
    job, show = measurement.job(run, args.split, count), progress_line()
    if job.running:
        raise UserError(
            f"The robustness of {run.id} is already being measured.", "Watch or stop the measurement on the Evaluate page."
        )

    def body(report: ReportProgress) -> None:
        def report_and_show(progress: Progress) -> None:
            report(progress)
            show(progress)

        measurement.measure(run, args.split, count, report_and_show)

    job.run(body)
    status = job.status()
    if status.state == "failed":
        raise UserError(status.message, status.hint)
    predictions = store.read(run, args.split)
    if predictions is None:
        raise UserError("The measurement was stopped before any image was measured.", "Start it again to continue.")
    document = {"run": run.id, "state": status.state, **summary.document(predictions)}
    if args.json:
        print_json(document)
    else:
        _print_robustness(document, summary.sentence(predictions))


def _parse_count(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or not int(text):
        raise UserError(f"--images is {text!r}.", "It must be a number of images, or all.")
    return int(text)


def _print_robustness(document: dict, sentence: str) -> None:
    print(f"{document['run']} on {document['n']:,} of {document['images']:,} {document['split']} images\n{sentence}")
    for name, label in (
        ("mean_corruption_error", "mean corruption error"),
        ("relative_error", "increase over the uncorrupted images"),
    ):
        print(f"{label}: {Estimate(**document[name]).text('%', named=True)}")
    print()
    rows: dict[str, list[str]] = {}
    for row in document["by_severity"]:
        rows.setdefault(row["corruption"], []).append(f"{row['accuracy']:.1%}")
    ranked = [(row["corruption"], row["loss"]) for row in document["losses"]]
    print_table(
        ["corruption", "none", "1", "2", "3", "4", "5", "mean loss"],
        [[CORRUPTIONS[name].label, *rows[name], f"{loss:.1%}"] for name, loss in ranked],
    )
    if document["unread"]:
        print(f"\n{document['unread']:,} images were left out: they cannot be read, or have changed since the run was scored.")
