"""`explain`: class activation maps of images; `robustness`: a run's accuracy on corrupted images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.output import print_json, print_table, print_unused, progress_line
from engine.cli.parameters import FILE, FOLDER, Choice, complete_classes, json_option, run_argument
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.core.files import create_folder, file_name, replace_file
from engine.core.progress import Progress, ReportProgress
from engine.core.text_output import one_line
from engine.evaluation.defaults import SAMPLE
from engine.inference.explain.methods import DEFAULT, METHODS

if TYPE_CHECKING:
    import numpy as np

    from engine.models.model import Model
    from engine.runs.run import Run


class _ExplainCommand(click.Command):
    """`--classes` takes all words up to the next option, where click's options take one: the flag is repeated for each."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words: list[str] = []
        option = ""
        for word in args:
            if word.startswith("-"):
                option = word
            elif option == "--classes" != words[-1]:
                words.append(option)
            words.append(word)
        return super().parse_args(ctx, words)


@click.command(cls=_ExplainCommand)
@run_argument
@click.argument("images", nargs=-1, required=True, type=FILE, metavar="IMAGE...", help="image files, or folders of them")
@click.option("--method", type=Choice(METHODS), default=DEFAULT, help="how the map is computed")
@click.option("--out", type=FOLDER, required=True, metavar="FOLDER", help="folder to write the overlays to")
@click.option(
    "--classes",
    "names",
    multiple=True,
    metavar="CLASS...",
    shell_complete=complete_classes,
    help="classes to explain (default: the two most probable)",
)
@click.option(
    "--occlusion", type=Choice(("blur", "mean")), help="also find the smallest square whose occlusion changes the prediction"
)
@json_option
def explain_command(
    run: Run, images: tuple[str, ...], method: str, out: str, names: tuple[str, ...], occlusion: str | None, as_json: bool
) -> int:
    classes = [_class_index(run, name) for name in names]
    from engine.data.decoding import ImageError
    from engine.inference.predict import expand_paths_with_report
    from engine.models import model

    (files, unused), folder = expand_paths_with_report(images), Path(out)
    loaded = model.load_model(run.path)
    create_folder(folder)
    show = progress_line()
    documents: list[dict[str, Any]] = []
    for number, file in enumerate(files):
        try:
            result = _explain_image(loaded, file, classes, method, occlusion)
        except ImageError as error:
            documents.append({"path": str(file), "error": str(error)})
            continue
        overlays = result.pop("overlays")
        # The number distinguishes images of the same name from several folders.
        result["files"] = {
            name: _save(folder / file_name(f"{number:04d}-", file.stem, f"-{name}.png"), overlay)
            for name, overlay in overlays.items()
        }
        documents.append({"path": str(file), **result})
        show(Progress("explaining", number + 1, len(files)))
    if as_json:
        scale = METHODS[method].scale
        print_json({"run": run.id, "method": method, "scale": scale, "images": documents, "unused": unused.document()})
    else:
        _print_explained(method, documents)
        print_unused(unused)
    return 2 if any("error" in item for item in documents) else 0


def _explain_image(model: Model, file: Path, requested: list[int], method: str, fill: str | None) -> dict[str, Any]:
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


@click.command()
@run_argument
@click.option("--split", type=Choice(("test", "validation")), default="test", help="split to measure on")
@click.option(
    "--images",
    default=str(SAMPLE),
    metavar="N",
    help="number of images, or all (the default is a sample with the split's class proportions)",
)
@json_option
def robustness_command(run: Run, split: str, images: str, as_json: bool) -> None:
    from engine.evaluation.robustness import measurement, store, summary

    count = _parse_count(images)
    if count is None:
        count = len(run.predictions(split))
    job, show = measurement.job(run, split, count), progress_line()
    if job.running:
        raise UserError(
            f"The robustness of {run.id} is already being measured.", "Watch or stop the measurement on the Evaluate page."
        )

    def body(report: ReportProgress) -> None:
        def report_and_show(progress: Progress) -> None:
            report(progress)
            show(progress)

        measurement.measure(run, split, count, report_and_show)

    job.run(body)
    status = job.status()
    if status.state == "failed":
        raise UserError(status.message, status.hint)
    predictions = store.read(run, split)
    if predictions is None:
        raise UserError("The measurement was stopped before any image was measured.", "Start it again to continue.")
    document = {"run": run.id, "state": status.state, **summary.document(predictions)}
    if as_json:
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
    from engine.evaluation.robustness.corruptions import CORRUPTIONS

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
