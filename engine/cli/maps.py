"""`map` and `similar`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.images import find_image
from engine.cli.output import print_json, print_table, progress_line
from engine.cli.parameters import FILE, Choice, Number, dataset_argument, json_option
from engine.core.errors import UserError
from engine.core.files import replace_file
from engine.core.text_output import csv_cell, one_line
from engine.data.layouts import SPLITS

if TYPE_CHECKING:
    from engine.data.datasets import Dataset
    from engine.embeddings.neighbours import Index
    from engine.embeddings.projection import Map


@click.command()
@dataset_argument
@click.option("--out", type=FILE, metavar="FILE.csv", help="write the points as a table: id, path, class, split, x, y")
@json_option
def map_command(dataset: Dataset, out: str | None, as_json: bool) -> None:
    from engine.embeddings import dataset_index

    points = dataset_index.build_map(dataset, progress_line())
    index = _load_index(dataset)
    if out:
        _write_points(dataset, points, Path(out))
    document = {
        "dataset": dataset.name, "images": points.document["of"], "drawn": len(points), "model": index.document["model"],
        "image_size": index.document["image_size"], "neighbours_kept": points.document["kept"],
        "median_distance": points.document["apart"], "unread": index.document["asked"] - len(index),
    }  # fmt: skip
    if as_json:
        print_json(document)
        return
    print(f"{dataset.name}: {document['drawn']:,} of {document['images']:,} images are on the map.")
    near = 10 * document["neighbours_kept"]
    print(f"On average, {near:.1f} of an image's 10 nearest neighbours by embedding are among its 10 nearest on the map.")
    print(f"The median cosine distance between two random images is {document['median_distance']:.2f}.")
    if document["unread"]:
        print(f"{document['unread']:,} images could not be read and are not on the map.")


def _write_points(data: Dataset, points: Map, file: Path) -> None:
    rows = data.catalog.rows(points.ids.tolist())
    with replace_file(file) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "path", "class", "split", "x", "y"])
        for image, (x, y) in zip(points.ids.tolist(), points.xy.tolist(), strict=True):
            if image in rows:
                row = rows[image]
                writer.writerow([image, csv_cell(row.path), csv_cell(row.class_name), row.split, x, y])


@click.command()
@dataset_argument
@click.argument("image", help="id of the image, or its path in the dataset")
@click.option("--top", type=Number(1), default=12, help="number of images")
@click.option("--split", type=Choice(SPLITS), help="search only this split")
@json_option
def similar_command(dataset: Dataset, image: str, top: int, split: str | None, as_json: bool) -> None:
    from engine.data.filters import Filter
    from engine.embeddings import neighbours

    index = _load_index(dataset)
    row = find_image(dataset, image)
    candidates = dataset.catalog.view(Filter(splits=(split,))).ids() if split else None
    nearest = neighbours.find_neighbours(index, row.id, top, candidates)
    rows = dataset.catalog.rows(nearest["id"].tolist())
    # An image may have been removed from the catalog since the index was built.
    similar = [
        {"id": id, "path": rows[id].path, "class": rows[id].class_name, "split": rows[id].split, "distance": distance, "copy": copy}
        for id, distance, copy in zip(*(nearest[name].tolist() for name in ("id", "distance", "copy")), strict=True) if id in rows
    ]  # fmt: skip
    if as_json:
        print_json({"id": row.id, "path": row.path, "class": row.class_name, "similar": similar})
        return
    print(one_line(f"{row.path} ({row.class_name or 'no class'})"), end="\n\n")
    shown = [[f"{i['distance']:.4f}", i["class"] or "-", i["split"], i["path"], "copy" if i["copy"] else ""] for i in similar]
    print_table(["distance", "class", "split", "image", ""], shown)


def _load_index(data: Dataset) -> Index:
    from engine.embeddings import dataset_index

    index = dataset_index.load_index(data)
    if index is None:
        raise UserError(f"The embeddings of {data.name} have not been computed.", f"Run: python -m engine map {data.name}")
    return index
