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
    data = commands.add_parser("data", help="add, inspect and remove datasets", description=f"Datasets. {HELP}")
    actions = data.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser("add", help="register a dataset, or rescan a registered one")
    add.add_argument("source", help="demo, kaggle:OWNER/NAME, or a folder")
    add.add_argument("--name", help="name of the dataset (default: derived from the source)")
    add.set_defaults(command=_add)
    listing = actions.add_parser("list", help="list the registered datasets")
    listing.set_defaults(command=_list)
    show = actions.add_parser("show", help="print counts, image sizes and unused files with the reasons")
    show.add_argument("name", help="name of a registered dataset")
    show.set_defaults(command=_show)
    analyse = actions.add_parser("analyse", help="compute missing properties, mean images and embeddings")
    analyse.add_argument("name", help="name of a registered dataset")
    analyse.set_defaults(command=_analyse)
    remove = actions.add_parser("remove", help="remove a dataset; your own folder is left untouched")
    remove.add_argument("name", help="name of a registered dataset")
    remove.set_defaults(command=_remove)
    synthesize = actions.add_parser("synthesize-catalog", help="create a catalog without images, of any size, for benchmarks")
    synthesize.add_argument("--rows", type=int, required=True, help="number of images in the catalog")
    synthesize.add_argument("--classes", type=int, default=6, help="number of classes (default 6)")
    synthesize.add_argument("--name", required=True, help="name of the dataset")
    synthesize.set_defaults(command=_synthesize)
    for action in (add, listing, show, analyse, remove, synthesize):
        json_flag(action)


def _add(args: argparse.Namespace) -> None:
    dataset, result = datasets.add_dataset(args.source, args.name, progress_line())
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
    dataset, report = datasets.load_dataset(args.name), progress_line()
    measured = analysis.analyse(dataset, report)
    dataset_index.build_map(dataset, report)
    if args.json:
        print_json({"name": dataset.name, "measured": measured, "images": dataset.catalog.count()})
        return
    print(
        f"{dataset.name}: {measured:,} of {dataset.catalog.count():,} images were analysed; the embeddings and the map are ready."
    )


def _remove(args: argparse.Namespace) -> None:
    removed = removal.remove_dataset(args.name)
    images = str(removed.root) if removed and removed.root.is_dir() else None
    decisions = next((str(file) for file in reversed(removal.list_saved_logs(args.name))), None)
    if args.json:
        print_json({"removed": args.name, "images": images, "labels": decisions})
        return
    print(f"{args.name} was removed." + (f" Its images are still in {images}" if images else ""))
    if decisions:
        print(f"Its label edits were saved to {decisions}")


def _synthesize(args: argparse.Namespace) -> None:
    dataset = synthetic.synthesize(args.name, args.rows, args.classes)
    if args.json:
        print_json({"name": dataset.name, "rows": dataset.catalog.count(), "classes": len(dataset.classes)})
        return
    print(f"{dataset.name}: a catalog of {dataset.catalog.count():,} rows without images.")


def _print_unused(dataset: datasets.Dataset) -> None:
    print_unused(unused_report(dataset.catalog))
