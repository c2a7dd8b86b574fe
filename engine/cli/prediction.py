"""`evaluate` and `predict`."""

import argparse
from pathlib import Path

from engine import runs
from engine.cli.output import json_flag, print_json, print_table, progress_line
from engine.errors import UserError


def register(commands: argparse._SubParsersAction) -> None:
    evaluate = commands.add_parser("evaluate", help="score a run on a split of its dataset, or on a labelled folder")
    evaluate.add_argument("id")
    where = evaluate.add_mutually_exclusive_group()
    where.add_argument("--split", default="test", help="test (default), validation or train")
    where.add_argument("--data", metavar="FOLDER", help="a folder of class folders; it need not be registered")
    evaluate.set_defaults(command=_evaluate)
    predict = commands.add_parser("predict", help="classify images")
    predict.add_argument("id", help="a run, or an .onnx file or bundle that export wrote")
    predict.add_argument("paths", nargs="+", metavar="PATH", help="image files, or folders of them")
    predict.add_argument("--top", type=int, default=3, help="how many classes to show (default 3)")
    predict.add_argument("--cam", metavar="FOLDER", help="write a Grad-CAM overlay of each image into this folder")
    predict.set_defaults(command=_predict)
    for parser in (evaluate, predict):
        json_flag(parser)


def _evaluate(args: argparse.Namespace) -> None:
    run = runs.run(args.id)
    from engine import scoring

    show = progress_line("scoring")

    def report(progress: scoring.Progress) -> bool:
        show(progress.done, progress.total)
        return True

    if args.data:
        document = scoring.evaluate_folder(run, Path(args.data), report)
    else:
        document = scoring.evaluate_split(run, args.split, report)
    document = {"run": run.id, "on": args.data or args.split, **document}
    print_json(document) if args.json else _print_scores(document)


def _print_scores(document: dict) -> None:
    print(f"{document['run']} on {document['on']}: {document['n']:,} images")
    for name in ("accuracy", "macro_f1"):
        score = document[name]
        print(f"{name.replace('_f1', ' F1'):9} {score['value']:.4f}  (95%: {score['low']:.4f} to {score['high']:.4f})")
    if document["small"]:
        print("Few images: the intervals are wide, and differences between runs may be chance.")
    print()
    shown = [[r["class"], *(_rate(r[key]) for key in ("precision", "recall", "f1")), r["support"]] for r in document["per_class"]]
    print_table(["class", "precision", "recall", "F1", "images"], shown)
    print("\nrows: true, columns: predicted")
    print_table(
        ["", *document["classes"]], [[c, *row] for c, row in zip(document["classes"], document["confusion"], strict=True)]
    )
    for path, reason in document.get("unreadable", {}).items():
        print(f"Left out: {path} ({reason})")
    if document.get("unknown_classes"):
        print(f"Folders that are no class of this run were left out: {', '.join(document['unknown_classes'])}")


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _predict(args: argparse.Namespace) -> int:
    from engine.predict import expand, predict

    if args.top < 1:
        raise UserError(f"--top is {args.top}.", "Ask for at least one class.")
    files = expand(args.paths)
    name, answering = _answering(args.id, bool(args.cam))
    answers = predict(answering, files, args.top, progress_line("predicting"))
    overlays = _write_overlays(answering, files, answers, Path(args.cam)) if args.cam else {}
    document = [
        {
            "path": str(files[a.source]),
            **({"error": a.error} if a.error else {"top": [{"class": c, "probability": p} for c, p in a.top]}),
            **({"cam": overlays[a.source]} if a.source in overlays else {}),
        }
        for a in answers
    ]
    if args.json:
        print_json({"run": name, "notes": list(answering.notes), "predictions": document})
    else:
        for item in document:
            print(
                f"{item['path']}: "
                + (item.get("error") or ", ".join(f"{t['class']} {t['probability']:.1%}" for t in item["top"]))
            )
    return 2 if any(a.error for a in answers) else 0


def _answering(name: str, with_cam: bool) -> tuple[str, "Answering"]:  # noqa: F821
    """What `name` stands for: a handed-over file, which needs no torch, or a run."""
    from engine.export import session

    if session.is_model_file(name):
        if with_cam:
            raise UserError("Grad-CAM needs gradients, which a file that was handed over has not.", "Name the run instead.")
        return name, session.load(Path(name))
    run = runs.run(name)
    from engine import model

    return run.id, model.load(run.path)


def _write_overlays(answering: "Model", files: list[Path], answers: list, folder: Path) -> dict[int, str]:  # noqa: F821
    from PIL import Image

    from engine.explain.cam import heatmaps, overlay

    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for answer in answers:
        if answer.error:
            continue
        best = answering.meta.classes.index(answer.top[0][0])
        picture = overlay(answer.square, heatmaps(answering, answer.square, [best])[0])
        # The index keeps images of one name, from several folders, apart.
        path = folder / f"{answer.source:04d}-{files[answer.source].stem}-{'grad-cam'}.png"
        Image.fromarray(picture).save(path)
        written[answer.source] = str(path)
    return written
