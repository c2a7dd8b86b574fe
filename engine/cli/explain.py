"""`explain` and `robustness`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.output import json_flag, print_json, print_table, print_unused, progress_line
from engine.core.errors import UserError
from engine.core.files import create_folder, file_name, replace_file
from engine.core.text_output import one_line
from engine.evaluation.robustness import measurement, store, summary
from engine.evaluation.robustness.corruptions import CORRUPTIONS
from engine.inference.explain.methods import DEFAULT, METHODS, find_method
from engine.runs.run import Run, load_run

if TYPE_CHECKING:
    from engine.models.model import Model

_SPLITS = ("test", "validation")


def register(commands: argparse._SubParsersAction) -> None:
    explain = commands.add_parser("explain", help="write Grad-CAM maps of images for two classes on one scale")
    explain.add_argument("id")
    explain.add_argument("images", nargs="+", metavar="IMAGE", help="image files, or folders of them")
    explain.add_argument("--method", default=DEFAULT, help=f"{', '.join(METHODS)} (default {DEFAULT})")
    explain.add_argument("--out", required=True, metavar="FOLDER", help="where the overlays go")
    explain.add_argument("--classes", nargs="+", metavar="CLASS", help="classes to look for (default: the two likeliest)")
    explain.add_argument("--occlusion", choices=("blur", "mean"), help="also find the smallest cover that changes the answer")
    explain.set_defaults(command=_explain)
    robustness = commands.add_parser("robustness", help="accuracy of a run on damaged images, by kind and severity")
    robustness.add_argument("id")
    robustness.add_argument("--split", choices=_SPLITS, default=_SPLITS[0])
    robustness.add_argument(
        "--images",
        default=str(measurement.SAMPLE),
        help=f"how many, or all (default {measurement.SAMPLE}, a fair sample of the split)",
    )
    robustness.set_defaults(command=_robustness)
    for parser in (explain, robustness):
        json_flag(parser)


def _explain(args: argparse.Namespace) -> int:
    run = load_run(args.id)
    find_method(args.method)  # refuses an unknown name before anything is loaded
    wanted = [_class(run, name) for name in args.classes or ()]
    from engine.data.decoding import ImageError
    from engine.inference.predict import expand_paths_with_report
    from engine.models import model

    (files, unused), folder = expand_paths_with_report(args.images), Path(args.out)
    answering = model.load_model(run.path)
    create_folder(folder)
    show, said = progress_line("explaining"), []
    for number, file in enumerate(files):
        try:
            result = _explained(answering, file, wanted, args.method, args.occlusion)
        except ImageError as error:
            said.append({"path": str(file), "error": str(error)})
            continue
        pictures = result.pop("pictures")
        # The number keeps images of one name, from several folders, apart.
        names = {name: file_name(f"{number:04d}-", file.stem, f"-{name}.png") for name in pictures}
        result["files"] = {name: _save(folder / names[name], one) for name, one in pictures.items()}
        said.append({"path": str(file), **result})
        show(number + 1, len(files))
    if args.json:
        print_json(
            {
                "run": run.id,
                "method": args.method,
                "scale": METHODS[args.method].scale,
                "images": said,
                "unused": unused.document(),
            }
        )
    else:
        _print_explained(args.method, said)
        print_unused(unused)
    return 2 if any("error" in item for item in said) else 0


def _explained(answering: "Model", file: Path, wanted: list[int], method: str, fill: str | None) -> dict[str, Any]:
    """What is said of one image; `pictures`: name -> (size, size, 3) uint8."""
    from engine.data.decoding import load_square
    from engine.inference.explain import cam, occlusion

    names, square = answering.meta.classes, load_square(file, answering.meta.image_size)
    probabilities = answering.probabilities(square[None])[0]
    likeliest = [int(index) for index in (-probabilities).argsort(kind="stable")]
    classes = wanted or likeliest[:2]
    maps = cam.heatmaps(answering, square, classes, method)
    result: dict[str, Any] = {
        "answer": names[likeliest[0]], "probability": float(probabilities[likeliest[0]]),
        "classes": [{"class": names[index], "probability": float(probabilities[index]), "strongest": float(heat.max())}
                    for index, heat in zip(classes, maps, strict=True)],
    }  # fmt: skip
    pictures = {f"{method}-{index}": cam.overlay(square, heat, 0.6) for index, heat in zip(classes, maps, strict=True)}
    if fill:
        hidden = occlusion.smallest_occlusion(answering, square, fill)
        result["occlusion"] = {
            "fill": fill, "tried": hidden.tried, "sides": list(hidden.sides), "box": hidden.box,
            "becomes": names[hidden.becomes] if hidden.box else None, "probability": hidden.probability if hidden.box else None,
        }  # fmt: skip
        if hidden.covered is not None:
            pictures["occlusion"] = hidden.covered
    return {**result, "pictures": pictures}


def _save(file: Path, picture: Any) -> str:
    from PIL import Image

    with replace_file(file) as temporary:
        Image.fromarray(picture).save(temporary, "PNG")
    return str(file)


def _print_explained(method: str, said: list[dict]) -> None:
    for item in said:
        if "error" in item:
            print(one_line(f"{item['path']}: {item['error']}"))
            continue
        print(one_line(f"{item['path']}: {item['answer']} {item['probability']:.1%}"))
        for one in item["classes"]:
            print(f"  {one_line(one['class'])} {one['probability']:.1%}: strongest place {one['strongest']:.2f} of the scale")
        if hidden := item.get("occlusion"):
            print(f"  {_hidden(hidden)}")
        print("  " + one_line(", ".join(item["files"].values())))
    print(f"\n{METHODS[method].label}: {METHODS[method].scale}")


def _hidden(hidden: dict) -> str:
    if hidden["box"] is None:
        return f"No cover of {hidden['sides'][0]} to {hidden['sides'][-1]} pixels changes the answer ({hidden['tried']:,} tried)."
    left, top, side = hidden["box"]
    return (
        f"Covered at {left}, {top} by {side} pixels it becomes {hidden['becomes']} {hidden['probability']:.1%} "
        f"({hidden['tried']:,} patches tried)."
    )


def _class(run: Run, name: str) -> int:
    if name not in run.classes:
        raise UserError(f"The run {run.id} has no class {name!r}.", f"Its classes: {', '.join(run.classes)}.")
    return run.classes.index(name)


def _robustness(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    count = _count(args.images)
    if count is None:
        count = len(run.predictions(args.split))
    job, lines = measurement.job(run, args.split, count), {}
    if job.running:
        raise UserError(f"The run {run.id} is being measured already.", "Look at it on the page Evaluate, or stop it there.")

    def body(report: Any) -> None:
        def tell(phase: str, done: int, total: int) -> None:
            report(phase, done, total)
            lines.setdefault(phase, progress_line(phase))(done, total)

        measurement.measure(run, args.split, count, tell)

    job.run(body)
    work = job.status()
    if work.state == "failed":
        raise UserError(work.message, work.hint)
    answers = store.read(run, args.split)
    if answers is None:
        raise UserError(
            "The measurement was stopped before its first images were done.", "Start it again: it continues where it stopped."
        )
    document = {"run": run.id, "state": work.state, **summary.document(answers)}
    print_json(document) if args.json else _print_robustness(document, summary.sentence(answers))


def _count(said: str) -> int | None:
    if said == "all":
        return None
    if not said.isdecimal() or not int(said):
        raise UserError(f"--images is {said!r}.", "Give a number of images, or all.")
    return int(said)


def _print_robustness(document: dict, sentence: str) -> None:
    print(f"{document['run']} on {document['n']:,} of {document['images']:,} {document['split']} images\n{sentence}")
    for name, label in (
        ("mean_corruption_error", "mean corruption error"),
        ("relative_error", "more than on the images as they are"),
    ):
        result = document[name]
        print(f"{label}: {result['value']:.1%}  (95%: {result['low']:.1%} to {result['high']:.1%})")
    print()
    rows = {}
    for row in document["by_severity"]:
        rows.setdefault(row["corruption"], []).append(f"{row['accuracy']:.1%}")
    ranked = [(one["corruption"], one["loss"]) for one in document["losses"]]
    print_table(
        ["damage", "as it is", "1", "2", "3", "4", "5", "mean loss"],
        [[CORRUPTIONS[name].label, *rows[name], f"{loss:.1%}"] for name, loss in ranked],
    )
    if document["unread"]:
        print(f"\n{document['unread']:,} images could not be read as they were when the run was scored, and are left out.")
