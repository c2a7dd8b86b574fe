"""`evaluate`: the scores of a run on a split or on a labelled folder."""

import argparse
from pathlib import Path

from engine.cli.output import json_flag, print_json, print_table, print_unused, progress_line
from engine.core.estimate import Estimate
from engine.core.text_output import one_line
from engine.data.unused_files import UnusedReport
from engine.runs import score_text
from engine.runs.run import load_run


def register(commands: argparse._SubParsersAction) -> None:
    evaluate = commands.add_parser("evaluate", help="score a run on a split of its dataset, or on a labelled folder")
    evaluate.add_argument("id", help="id of a run")
    images = evaluate.add_mutually_exclusive_group()
    images.add_argument("--split", default="test", help="test (default), validation or train")
    images.add_argument("--data", metavar="FOLDER", help="a folder with one subfolder per class; it need not be registered")
    evaluate.set_defaults(command=_evaluate)
    json_flag(evaluate)


def _evaluate(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    from engine.evaluation import scoring

    report = progress_line("scoring")
    if args.data:
        document = scoring.score_folder(run, Path(args.data), report)
    else:
        document = scoring.score_split(run, args.split, report)
    document = {"run": run.id, "on": args.data or args.split, **document}
    if args.json:
        print_json(document)
    else:
        _print_scores(document)


def _print_scores(document: dict) -> None:
    print(f"{document['run']} on {document['on']}: {document['n']:,} images")
    for name in ("accuracy", "macro_f1"):
        classes = score_text.scored_classes(document) if name == "macro_f1" else ""
        print(f"{name.replace('_f1', ' F1'):9} {Estimate(**document[name]).text(digits=4, named=True)}{classes}")
    for note in (score_text.unscored_classes(document), score_text.duplicates(document.get("copies", 0))):
        if note:
            print(note)
    if document["small"]:
        print("Few images: the intervals are wide, and differences between runs may be due to chance.")
    print()
    shown = [[r["class"], *(_rate(r[key]) for key in ("precision", "recall", "f1")), r["support"]] for r in document["per_class"]]
    print_table(["class", "precision", "recall", "F1", "images"], shown)
    print("\nrows: true, columns: predicted")
    print_table(
        ["", *document["classes"]], [[c, *row] for c, row in zip(document["classes"], document["confusion"], strict=True)]
    )
    for path, reason in document.get("unreadable", {}).items():
        print(one_line(f"Left out: {path} ({reason})"))
    if document.get("unknown_classes"):
        unknown = ", ".join(document["unknown_classes"])
        print(one_line(f"Folders that are not a class of this run were left out: {unknown}. {document['hint']}".strip()))
    if "unused" in document:
        print_unused(UnusedReport.from_document(document["unused"]))


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
