"""`labels`: decisions on images, their log, its export and its import."""

import argparse
import sys
from pathlib import Path

from engine.cli.images import find_image
from engine.cli.output import json_flag, print_json, print_table
from engine.core.number_text import count_text
from engine.core.text_output import one_line, utc
from engine.data.datasets import load_dataset
from engine.data.labels import edits, merging, overview, undo
from engine.data.labels.label_edit import DECISIONS

_HELP = {
    "relabel": "give images another class (--to)",
    "exclude": "exclude images from training and scoring",
    "keep": "confirm the labels, and include images that were excluded",
    "unsure": "mark images as unsure, to decide later",
}


def register(commands: argparse._SubParsersAction) -> None:
    labels = commands.add_parser("labels", help="edit labels; edits are an overlay, and the image files are not changed")
    actions = labels.add_subparsers(required=True, metavar="ACTION")
    parsers = [_decision(actions, action) for action in DECISIONS]
    for action, command, text in (
        ("show", _show, "print counts, version and conflicts"),
        ("undo", _undo, "undo the last step"),
        ("redo", _redo, "redo the last step that was undone"),
    ):
        parser = actions.add_parser(action, help=text)
        parser.set_defaults(command=command)
        parsers.append(parser)
    log = actions.add_parser("log", help="print the decisions, oldest first")
    log.add_argument("--last", type=int, default=20, help="number of decisions, the latest (default 20; 0: all)")
    log.set_defaults(command=_log)
    export = actions.add_parser("export", help="write the log to a file, or to standard output")
    export.add_argument("--out", metavar="FILE.jsonl")
    export.set_defaults(command=_export)
    importing = actions.add_parser("import", help="merge an exported log into this one")
    importing.add_argument("file", metavar="FILE.jsonl")
    importing.set_defaults(command=_import)
    restore = actions.add_parser("restore", help="restore an earlier version by undoing all later steps")
    restore.add_argument("version", help="a version such as 12-0a1b2c3d, as in `labels log` or in a run")
    restore.set_defaults(command=_restore)
    for parser in (*parsers, log, export, importing, restore):
        parser.add_argument("--dataset", required=True, metavar="NAME", help="name of a registered dataset")
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
    rows = [find_image(data, name) for name in args.images]
    to = args.to if args.action == "relabel" else None
    entries = edits.decide(data, edits.DecisionGroup([edits.Decision(row.id, args.action, to) for row in rows], reason=args.why))
    _report(
        args,
        f"{count_text(len(entries), 'image')}: {overview.signed_text(entries[0])}.",
        decided=[entry.document() for entry in entries],
    )


def _report(args: argparse.Namespace, sentence: str, **document: object) -> None:
    version = edits.open_log(load_dataset(args.dataset)).version()
    if args.json:
        print_json({"dataset": args.dataset, **document, "version": version})
    else:
        print(f"{sentence} Label version: {version}.")


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
    sentence = f"Undone: {overview.signed_text(undone[0])}." if undone else "There is nothing to undo."
    _report(args, sentence, undone=[entry.document() for entry in undone])


def _redo(args: argparse.Namespace) -> None:
    redone = undo.redo(load_dataset(args.dataset))
    sentence = f"Redone: {overview.signed_text(redone[0])}." if redone else "There is nothing to redo."
    _report(args, sentence, redone=[entry.document() for entry in redone])


def _log(args: argparse.Namespace) -> None:
    log = edits.open_log(load_dataset(args.dataset))
    entries = log.entries
    first = max(0, len(entries) - args.last) if args.last > 0 else 0
    rows = [(log.version(i + 1), entry) for i, entry in enumerate(entries) if i >= first]
    if args.json:
        print_json({"version": log.version(), "damaged": log.damaged, "entries": [
            {"version": version, **entry.document()} for version, entry in rows]})  # fmt: skip
        return
    print_table(["version", "time", "decision", "from", "image", "reason"], [
        [version, utc(entry.time), overview.signed_text(entry), entry.old_class or "-",
         entry.path or f"{len(entry.undoes)} entries", entry.reason] for version, entry in rows])  # fmt: skip
    for sentence in log.damaged:
        print(sentence, file=sys.stderr)


def _export(args: argparse.Namespace) -> None:
    data = load_dataset(args.dataset)
    if not args.out:
        if args.json:
            print_json([entry.document() for entry in edits.open_log(data).entries])
        else:
            print(merging.format_log(data), end="")
        return
    count = merging.export_log(data, Path(args.out))
    _report(args, f"{count_text(count, 'entry', 'entries')} written to {args.out}.", exported=count, file=args.out)


def _import(args: argparse.Namespace) -> None:
    data = load_dataset(args.dataset)
    merged = merging.merge_file(data, Path(args.file))
    for sentence in merged.left_out:
        print(sentence, file=sys.stderr)
    _report(args, f"{count_text(merged.added, 'entry', 'entries')} added; {merged.known:,} already known.", **vars(merged))
    if not args.json:
        for conflict in overview.list_conflicts(data):
            print(one_line(f"{conflict.path}: {conflict.sentence}."))


def _restore(args: argparse.Namespace) -> None:
    undone = undo.restore(load_dataset(args.dataset), args.version)
    _report(args, f"{count_text(undone, 'later entry', 'later entries')} undone.", undone=undone)
