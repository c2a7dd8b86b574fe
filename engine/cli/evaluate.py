"""`evaluate`: the scores of a run on a split or on a labelled folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.output import print_json, print_table, print_unused, progress_line
from engine.cli.parameters import FOLDER, SPLIT, json_option, run_argument
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.core.text_output import one_line
from engine.runs import score_text

if TYPE_CHECKING:
    from engine.runs.run import Run


@click.command()
@run_argument
@click.option("--split", shell_complete=SPLIT.shell_complete, help="test (default), validation or train")
@click.option("--data", type=FOLDER, metavar="FOLDER", help="a folder with one subfolder per class; it need not be registered")
@json_option
def evaluate_command(run: Run, split: str | None, data: str | None, as_json: bool) -> None:
    if split and data:
        raise UserError("--split and --data cannot be combined.", "Choose one of them.")
    from engine.evaluation import scoring

    report = progress_line("scoring")
    split = split or "test"
    document = scoring.score_folder(run, Path(data), report) if data else scoring.score_split(run, split, report)
    document = {"run": run.id, "on": data or split, **document}
    if as_json:
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
        from engine.data.unused_files import UnusedReport

        print_unused(UnusedReport.from_document(document["unused"]))


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
