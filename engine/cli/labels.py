"""`labels`: decisions on images, their log, its export and its import."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.commands import Group
from engine.cli.images import find_image
from engine.cli.output import print_json, print_table
from engine.cli.parameters import FILE, Number, combine, complete_classes, dataset_option, json_option
from engine.core.number_text import count_text
from engine.core.text_output import one_line, utc

if TYPE_CHECKING:
    from engine.data.datasets import Dataset
    from engine.data.labels.label_edit import Action


labels_command = Group("labels")


_decision_options = combine(
    click.argument("images", nargs=-1, required=True, metavar="IMAGE...", help="ids, or paths in the dataset"),
    click.option("--why", default="", show_default=False, help="the reason, for the log"),
    dataset_option,
    json_option,
)


@labels_command.command("relabel", help="Give images another class (--to).")
@click.option("--to", required=True, metavar="CLASS", shell_complete=complete_classes, help="the class")
@_decision_options
def _relabel(images: tuple[str, ...], dataset: Dataset, to: str, why: str, as_json: bool) -> None:
    _decide("relabel", images, dataset, why, as_json, to)


def _decide(action: Action, images: tuple[str, ...], dataset: Dataset, why: str, as_json: bool, to: str | None = None) -> None:
    from engine.data.labels import edits, overview

    rows = [find_image(dataset, name) for name in images]
    entries = edits.decide(dataset, edits.DecisionGroup([edits.Decision(row.id, action, to) for row in rows], reason=why))
    sentence = f"{count_text(len(entries), 'image')}: {overview.signed_text(entries[0])}."
    _report(dataset, as_json, sentence, decided=[entry.document() for entry in entries])


for _action, _help in (
    ("exclude", "Exclude images from training and scoring."),
    ("keep", "Confirm the labels, and include images that were excluded."),
    ("unsure", "Mark images as unsure, to decide later."),
):
    labels_command.command(_action, help=_help)(_decision_options(partial(_decide, _action)))


def _report(dataset: Dataset, as_json: bool, sentence: str, **document: object) -> None:
    from engine.data.labels import edits

    version = edits.open_log(dataset).version()
    if as_json:
        print_json({"dataset": dataset.name, **document, "version": version})
    else:
        print(f"{sentence} Label version: {version}.")


@labels_command.command("show", help="Print counts, version and conflicts.")
@dataset_option
@json_option
def _show(dataset: Dataset, as_json: bool) -> None:
    from engine.data.labels import overview

    document = overview.summary(dataset)
    if as_json:
        print_json(document)
        return
    print(f"{dataset.name}: {document['entries']:,} entries, version {document['version']}.\n")
    print_table(["split", "decided", "images"], [[row["split"] or "-", row["edited"], row["n"]] for row in document["edited"]])
    _print_conflicts(dataset)
    for sentence in document["damaged"]:
        print(sentence, file=sys.stderr)


def _print_conflicts(dataset: Dataset) -> None:
    from engine.data.labels import overview

    for conflict in overview.list_conflicts(dataset):
        print(one_line(f"{conflict.path}: {conflict.sentence}."))


@labels_command.command("undo", help="Undo the last step.")
@dataset_option
@json_option
def _undo(dataset: Dataset, as_json: bool) -> None:
    from engine.data.labels import overview, undo

    undone = undo.undo(dataset)
    sentence = f"Undone: {overview.signed_text(undone[0])}." if undone else "There is nothing to undo."
    _report(dataset, as_json, sentence, undone=[entry.document() for entry in undone])


@labels_command.command("redo", help="Redo the last step that was undone.")
@dataset_option
@json_option
def _redo(dataset: Dataset, as_json: bool) -> None:
    from engine.data.labels import overview, undo

    redone = undo.redo(dataset)
    sentence = f"Redone: {overview.signed_text(redone[0])}." if redone else "There is nothing to redo."
    _report(dataset, as_json, sentence, redone=[entry.document() for entry in redone])


@labels_command.command("log", help="Print the decisions, oldest first.")
@click.option("--last", type=Number(), default=20, help="number of decisions, the latest (0: all)")
@dataset_option
@json_option
def _log(last: int, dataset: Dataset, as_json: bool) -> None:
    from engine.data.labels import edits, overview

    log = edits.open_log(dataset)
    entries = log.entries
    first = max(0, len(entries) - last) if last > 0 else 0
    rows = [(log.version(i + 1), entry) for i, entry in enumerate(entries) if i >= first]
    if as_json:
        print_json({"version": log.version(), "damaged": log.damaged, "entries": [
            {"version": version, **entry.document()} for version, entry in rows]})  # fmt: skip
        return
    print_table(["version", "time", "decision", "from", "image", "reason"], [
        [version, utc(entry.time), overview.signed_text(entry), entry.old_class or "-",
         entry.path or f"{len(entry.undoes)} entries", entry.reason] for version, entry in rows])  # fmt: skip
    for sentence in log.damaged:
        print(sentence, file=sys.stderr)


@labels_command.command("export", help="Write the log to a file, or to standard output.")
@click.option("--out", type=FILE, metavar="FILE.jsonl", help="file to write (default: standard output)")
@dataset_option
@json_option
def _export(out: str | None, dataset: Dataset, as_json: bool) -> None:
    from engine.data.labels import edits, merging

    if out:
        count = merging.export_log(dataset, Path(out))
        _report(dataset, as_json, f"{count_text(count, 'entry', 'entries')} written to {out}.", exported=count, file=out)
    elif as_json:
        print_json([entry.document() for entry in edits.open_log(dataset).entries])
    else:
        print(merging.format_log(dataset), end="")


@labels_command.command("import", help="Merge an exported log into this one.")
@click.argument("file", type=FILE, metavar="FILE.jsonl", help="a log that `labels export` wrote")
@dataset_option
@json_option
def _import(file: str, dataset: Dataset, as_json: bool) -> None:
    from engine.data.labels import merging

    merged = merging.merge_file(dataset, Path(file))
    for sentence in merged.left_out:
        print(sentence, file=sys.stderr)
    sentence = f"{count_text(merged.added, 'entry', 'entries')} added; {merged.known:,} already known."
    _report(dataset, as_json, sentence, **vars(merged))
    if not as_json:
        _print_conflicts(dataset)


@labels_command.command("restore", help="Restore an earlier version by undoing all later steps.")
@click.argument("version", help="a version such as 12-0a1b2c3d, as in `labels log` or in a run")
@dataset_option
@json_option
def _restore(version: str, dataset: Dataset, as_json: bool) -> None:
    from engine.data.labels import undo

    undone = undo.restore(dataset, version)
    _report(dataset, as_json, f"{count_text(undone, 'later entry', 'later entries')} undone.", undone=undone)
