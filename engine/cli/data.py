"""`data add | list | show | analyse | remove | synthesize-catalog`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from engine.cli.commands import Group
from engine.cli.output import print_json, print_table, print_unused, progress_line
from engine.cli.parameters import Number, complete_datasets, dataset_argument, json_option
from engine.data.layouts import HELP, SPLITS

if TYPE_CHECKING:
    from engine.data.datasets import Dataset


data_command = Group("data", epilog=HELP)


@data_command.command("add", help="Register a dataset, or rescan a registered one.")
@click.argument("source", help="demo, kaggle:OWNER/NAME, or a folder")
@click.option("--name", help="name of the dataset (default: derived from the source)")
@json_option
def _add(source: str, name: str | None, as_json: bool) -> None:
    from engine.data import datasets

    dataset, result = datasets.add_dataset(source, name, progress_line())
    if as_json:
        print_json({**datasets.summarize(dataset), "scan": vars(result)})
        return
    print(f"{dataset.name}: {result.ok:,} images in {len(dataset.classes)} classes; {result.read:,} files were read.")
    _print_unused(dataset)


@data_command.command("list", help="List the registered datasets.")
@json_option
def _list(as_json: bool) -> None:
    from engine.data import datasets

    summaries, damaged = [datasets.summarize(dataset) for dataset in datasets.list_datasets()], datasets.list_damaged()
    if as_json:
        print_json([*summaries, *({"name": name, "damaged": e.message, "hint": e.hint} for name, e in damaged.items())])
        return
    for error in damaged.values():
        print(f"{error.message} {error.hint}", file=sys.stderr)
    if not summaries:
        print("There are no datasets yet. Add one with: python -m engine data add demo")
        return
    rows = [[s["name"], len(s["classes"]), *s["splits"].values(), s["unused"]["files"], s["source"]] for s in summaries]
    print_table(["name", "classes", *SPLITS, "not used", "source"], rows)


@data_command.command("show", help="Print counts, image sizes and unused files with the reasons.")
@dataset_argument
@json_option
def _show(dataset: Dataset, as_json: bool) -> None:
    from engine.data import datasets

    document = datasets.summarize(dataset)
    if as_json:
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


@data_command.command("analyse", help="Compute missing properties, mean images and embeddings.")
@dataset_argument
@json_option
def _analyse(dataset: Dataset, as_json: bool) -> None:
    from engine.data import analysis
    from engine.embeddings import dataset_index

    report = progress_line()
    measured = analysis.analyse(dataset, report)
    dataset_index.build_map(dataset, report)
    if as_json:
        print_json({"name": dataset.name, "measured": measured, "images": dataset.catalog.count()})
        return
    print(
        f"{dataset.name}: {measured:,} of {dataset.catalog.count():,} images were analysed; the embeddings and the map are ready."
    )


@data_command.command("remove", help="Remove a dataset; your own folder is left untouched.")
@click.argument("name", shell_complete=complete_datasets, help="name of a registered dataset")
@json_option
def _remove(name: str, as_json: bool) -> None:
    from engine.curation import removal

    removed = removal.remove_dataset(name)
    images = str(removed.root) if removed and removed.root.is_dir() else None
    decisions = next((str(file) for file in reversed(removal.list_saved_logs(name))), None)
    if as_json:
        print_json({"removed": name, "images": images, "labels": decisions})
        return
    print(f"{name} was removed." + (f" Its images are still in {images}" if images else ""))
    if decisions:
        print(f"Its label edits were saved to {decisions}")


@data_command.command("synthesize-catalog", help="Create a catalog without images, of any size, for benchmarks.")
@click.option("--rows", type=Number(), required=True, help="number of images in the catalog")
@click.option("--classes", type=Number(), default=6, help="number of classes")
@click.option("--name", required=True, help="name of the dataset")
@json_option
def _synthesize(rows: int, classes: int, name: str, as_json: bool) -> None:
    from engine.data import synthetic

    dataset = synthetic.synthesize(name, rows, classes)
    if as_json:
        print_json({"name": dataset.name, "rows": dataset.catalog.count(), "classes": len(dataset.classes)})
        return
    print(f"{dataset.name}: a catalog of {dataset.catalog.count():,} rows without images.")


def _print_unused(dataset: Dataset) -> None:
    from engine.data.unused_files import unused_report

    print_unused(unused_report(dataset.catalog))
