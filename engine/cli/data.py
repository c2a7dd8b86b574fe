"""`data add | list | show | analyse | remove | synthesize-catalog`."""

import argparse
import sys

from engine.cli.output import json_flag, print_json, print_table, print_unused, progress_line
from engine.curation import removal
from engine.data import analysis, datasets, synthetic
from engine.data.layouts import HELP, SPLITS
from engine.data.unused_files import unused_report
from engine.embeddings import dataset_index


def register(commands: argparse._SubParsersAction) -> None:
    data = commands.add_parser("data", help="add datasets and look at them", description=f"Datasets. {HELP}")
    actions = data.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser("add", help="register a dataset, or bring a registered one up to date")
    add.add_argument("source", help="demo, kaggle:OWNER/NAME, or a folder")
    add.add_argument("--name", help="the name to register it under (default: from the source)")
    add.set_defaults(command=_add)
    listing = actions.add_parser("list", help="the registered datasets")
    listing.set_defaults(command=_list)
    show = actions.add_parser("show", help="counts, sizes and the files that are not used, with the reason")
    show.add_argument("name")
    show.set_defaults(command=_show)
    analyse = actions.add_parser("analyse", help="compute missing properties, mean images and embeddings")
    analyse.add_argument("name")
    analyse.set_defaults(command=_analyse)
    remove = actions.add_parser("remove", help="remove a dataset; your own folder is not touched")
    remove.add_argument("name")
    remove.set_defaults(command=_remove)
    made_up = actions.add_parser("synthesize-catalog", help="a catalog without images, of any size, for measuring")
    made_up.add_argument("--rows", type=int, required=True, help="images that it claims to have")
    made_up.add_argument("--classes", type=int, default=6)
    made_up.add_argument("--name", required=True)
    made_up.set_defaults(command=_synthesize)
    for action in (add, listing, show, analyse, remove, made_up):
        json_flag(action)


def _add(args: argparse.Namespace) -> None:
    dataset, result = datasets.add_dataset(args.source, args.name, progress_line("reading images"))
    if args.json:
        print_json({**datasets.summarize(dataset), "scan": vars(result)})
        return
    print(f"{dataset.name}: {result.ok:,} images in {len(dataset.classes)} classes; {result.read:,} files were read.")
    _print_unused(dataset)


def _list(args: argparse.Namespace) -> None:
    summaries, damaged = [datasets.summarize(dataset) for dataset in datasets.list_datasets()], datasets.list_damaged()
    if args.json:
        print_json([*summaries, *({"name": name, "damaged": e.message, "hint": e.hint} for name, e in damaged.items())])
        return
    for error in damaged.values():
        print(f"{error.message} {error.hint}", file=sys.stderr)
    if not summaries:
        print("There are no datasets yet. Add one with: python -m engine data add demo")
        return
    rows = [[s["name"], len(s["classes"]), *s["splits"].values(), s["unused"]["files"], s["source"]] for s in summaries]
    print_table(["name", "classes", *SPLITS, "not used", "source"], rows)


def _show(args: argparse.Namespace) -> None:
    dataset = datasets.load_dataset(args.name)
    document = datasets.summarize(dataset)
    if args.json:
        print_json(document)
        return
    synthetic = f" ({dataset.origin})" if dataset.synthetic else ""
    print(f"{dataset.name}{synthetic}: {document['images']:,} images from {dataset.root}\n")
    counts = dataset.catalog.counts().pivot(index="class", columns="split", values="n").fillna(0).astype(int)
    splits = [split for split in SPLITS if split in counts]
    rows = [[str(name), *(int(row[split]) for split in splits)] for name, row in counts[splits].iterrows()]
    print_table(["class", *splits], rows)
    print()
    print_table(["width", "height", "images"], [list(row) for row in dataset.catalog.sizes().head(5).itertuples(index=False)])
    _print_unused(dataset)


def _analyse(args: argparse.Namespace) -> None:
    dataset, lines = datasets.load_dataset(args.name), {}

    def report(phase: str, done: int, total: int) -> None:
        lines.setdefault(phase, progress_line(phase))(done, total)

    measured = analysis.analyse(dataset, report)
    dataset_index.build_map(dataset, report)
    if args.json:
        print_json({"name": dataset.name, "measured": measured, "images": dataset.catalog.count()})
        return
    print(f"{dataset.name}: {measured:,} of {dataset.catalog.count():,} images were measured; embeddings and map are ready.")


def _remove(args: argparse.Namespace) -> None:
    known = removal.remove_dataset(args.name)
    kept = str(known.root) if known and known.root.is_dir() else None
    decisions = next((str(file) for file in reversed(removal.list_saved_logs(args.name))), None)
    if args.json:
        print_json({"removed": args.name, "images": kept, "labels": decisions})
        return
    print(f"{args.name} is removed." + (f" Its images stay where they are: {kept}" if kept else ""))
    if decisions:
        print(f"Its label edits are kept: {decisions}")


def _synthesize(args: argparse.Namespace) -> None:
    dataset = synthetic.synthesize(args.name, args.rows, args.classes)
    if args.json:
        print_json({"name": dataset.name, "rows": dataset.catalog.count(), "classes": len(dataset.classes)})
        return
    print(f"{dataset.name}: a catalog of {dataset.catalog.count():,} rows without images.")


def _print_unused(dataset: datasets.Dataset) -> None:
    print_unused(unused_report(dataset.catalog))
