"""`labels`: decisions about images, their log, and its travels."""

import argparse
import sys
from pathlib import Path

from engine.cli.images import find_image
from engine.cli.output import json_flag, print_json, print_table
from engine.core.text_output import one_line, utc
from engine.data.datasets import load_dataset
from engine.data.labels import edits, merging, overview, undo
from engine.data.labels.label_edit import DECISIONS

_HELP = {
    "relabel": "give images another class (--to)",
    "exclude": "leave images out of training and scoring",
    "keep": "the label is right, and the image is in",
    "unsure": "decide later",
}


def register(commands: argparse._SubParsersAction) -> None:
    labels = commands.add_parser("labels", help="label edits: an overlay over a dataset, the files stay as they are")
    actions = labels.add_subparsers(required=True, metavar="ACTION")
    result = [_decision(actions, action) for action in DECISIONS]
    for action, command, words in (
        ("show", _show, "counts, version, conflicts"),
        ("undo", _undo, "undo the last step that is not undone"),
        ("redo", _redo, "do the last undone step again"),
    ):
        result.append(actions.add_parser(action, help=words))
        result[-1].set_defaults(command=command)
    log = actions.add_parser("log", help="the decisions, the last ones last")
    log.add_argument("--last", type=int, default=20, help="how many (default 20; 0: all)")
    log.set_defaults(command=_log)
    export = actions.add_parser("export", help="write the log to a file, or to standard output")
    export.add_argument("--out", metavar="FILE.jsonl")
    export.set_defaults(command=_export)
    importing = actions.add_parser("import", help="merge an exported log into this one")
    importing.add_argument("file", metavar="FILE.jsonl")
    importing.set_defaults(command=_import)
    restore = actions.add_parser("restore", help="bring the labels back to a version, by undoing what came after")
    restore.add_argument("version", help="a word such as 12-0a1b2c3d, as `labels log` and every run tell it")
    restore.set_defaults(command=_restore)
    for parser in (*result, log, export, importing, restore):
        parser.add_argument("--dataset", required=True, metavar="N")
        json_flag(parser)


def _decision(actions: argparse._SubParsersAction, action: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(action, help=_HELP[action])
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="ids, or paths in the dataset")
    if action == "relabel":
        parser.add_argument("--to", required=True, metavar="CLASS")
    parser.add_argument("--why", default="", help="the reason, for the log")
    parser.set_defaults(command=_decide, action=action)
    return parser


def _decide(args: argparse.Namespace) -> None:
    data = load_dataset(args.dataset)
    rows = [find_image(data, said) for said in args.images]
    to = args.to if args.action == "relabel" else None
    made = edits.decide(data, edits.DecisionGroup([edits.Decision(row.id, args.action, to) for row in rows], reason=args.why))
    _tell(args, f"{len(made):,} images: {overview.signed_text(made[0])}.", decided=[entry.document() for entry in made])


def _tell(args: argparse.Namespace, sentence: str, **document: object) -> None:
    version = edits.open_log(load_dataset(args.dataset)).version()
    if args.json:
        print_json({"dataset": args.dataset, **document, "version": version})
    else:
        print(f"{sentence} The labels are at version {version}.")


def _show(args: argparse.Namespace) -> None:
    data = load_dataset(args.dataset)
    document = overview.summary(data)
    if args.json:
        print_json(document)
        return
    print(f"{data.name}: {document['entries']:,} entries, version {document['version']}.\n")
    print_table(["split", "decided", "images"], [[row["split"] or "-", row["edited"], row["n"]] for row in document["edited"]])
    for conflict in overview.list_conflicts(data):
        print(one_line(f"{conflict.path}: {conflict.sentence}."))
    for sentence in document["damaged"]:
        print(sentence, file=sys.stderr)


def _undo(args: argparse.Namespace) -> None:
    undone = undo.undo(load_dataset(args.dataset))
    said = f"Undone: {overview.signed_text(undone[0])}." if undone else "There is nothing to undo."
    _tell(args, said, undone=[entry.document() for entry in undone])


def _redo(args: argparse.Namespace) -> None:
    again = undo.redo(load_dataset(args.dataset))
    said = f"Done again: {overview.signed_text(again[0])}." if again else "There is nothing to redo."
    _tell(args, said, redone=[entry.document() for entry in again])


def _log(args: argparse.Namespace) -> None:
    log = edits.open_log(load_dataset(args.dataset))
    entries = log.entries
    first = max(0, len(entries) - args.last) if args.last > 0 else 0
    rows = [(log.version(i + 1), entry) for i, entry in enumerate(entries) if i >= first]
    if args.json:
        print_json({"version": log.version(), "damaged": log.damaged, "entries": [
            {"version": version, **entry.document()} for version, entry in rows]})  # fmt: skip
        return
    print_table(["version", "when", "what", "from", "image", "why"], [
        [version, utc(entry.time), overview.signed_text(entry), entry.old_class or "-",
         entry.path or f"{len(entry.undoes)} entries", entry.reason] for version, entry in rows])  # fmt: skip
    for sentence in log.damaged:
        print(sentence, file=sys.stderr)


def _export(args: argparse.Namespace) -> None:
    data = load_dataset(args.dataset)
    if not args.out:
        print_json([entry.document() for entry in edits.open_log(data).entries]) if args.json else print(
            merging.format_log(data), end=""
        )
        return
    n = merging.export_log(data, Path(args.out))
    _tell(args, f"{n:,} entries are in {args.out}.", exported=n, file=args.out)


def _import(args: argparse.Namespace) -> None:
    data = load_dataset(args.dataset)
    merged = merging.merge_file(data, Path(args.file))
    for sentence in merged.left_out:
        print(sentence, file=sys.stderr)
    _tell(args, f"{merged.added:,} entries came in; {merged.known:,} were here already.", **vars(merged))
    if not args.json:
        for conflict in overview.list_conflicts(data):
            print(one_line(f"{conflict.path}: {conflict.sentence}."))


def _restore(args: argparse.Namespace) -> None:
    undone = undo.restore(load_dataset(args.dataset), args.version)
    _tell(args, f"{undone:,} later entries are undone.", undone=undone)
