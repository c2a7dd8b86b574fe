"""`map` and `similar`."""

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.images import find_image
from engine.cli.output import json_flag, print_json, print_table, progress_line
from engine.core.errors import UserError
from engine.core.files import replace_file
from engine.core.text_output import csv_cell, one_line
from engine.data.datasets import Dataset, load_dataset
from engine.data.filters import Filter
from engine.data.layouts import SPLITS
from engine.embeddings import dataset_index, neighbours

if TYPE_CHECKING:
    from engine.embeddings.projection import Map


def register(commands: argparse._SubParsersAction) -> None:
    map_ = commands.add_parser("map", help="draw the map of a dataset: embeddings, neighbours, a 2-D projection")
    map_.add_argument("dataset", help="name of a registered dataset")
    map_.add_argument("--out", metavar="FILE.csv", help="write the points as a table: id, path, class, split, x, y")
    map_.set_defaults(command=_map)
    similar = commands.add_parser("similar", help="list the images most similar to an image, with their distances")
    similar.add_argument("dataset", help="name of a registered dataset")
    similar.add_argument("image", help="id of the image, or its path in the dataset")
    similar.add_argument("--top", type=int, default=12, help="number of images (default 12)")
    similar.add_argument("--split", choices=SPLITS, help="search only this split")
    similar.set_defaults(command=_similar)
    for parser in (map_, similar):
        json_flag(parser)


def _map(args: argparse.Namespace) -> None:
    data = load_dataset(args.dataset)
    points = dataset_index.build_map(data, progress_line())
    index = _load_index(data)
    if args.out:
        _write_points(data, points, Path(args.out))
    document = {
        "dataset": data.name, "images": points.document["of"], "drawn": len(points), "model": index.document["model"],
        "image_size": index.document["image_size"], "neighbours_kept": points.document["kept"],
        "median_distance": points.document["apart"], "unread": index.document["asked"] - len(index),
    }  # fmt: skip
    if args.json:
        print_json(document)
        return
    print(f"{data.name}: {document['drawn']:,} of {document['images']:,} images are on the map.")
    near = 10 * document["neighbours_kept"]
    print(f"On average, {near:.1f} of an image's 10 nearest neighbours by embedding are among its 10 nearest on the map.")
    print(f"The median cosine distance between two random images is {document['median_distance']:.2f}.")
    if document["unread"]:
        print(f"{document['unread']:,} images could not be read and are not on the map.")


def _write_points(data: Dataset, points: "Map", file: Path) -> None:
    rows = data.catalog.rows(points.ids.tolist())
    with replace_file(file) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "path", "class", "split", "x", "y"])
        for image, (x, y) in zip(points.ids.tolist(), points.xy.tolist(), strict=True):
            if image in rows:
                row = rows[image]
                writer.writerow([image, csv_cell(row.path), csv_cell(row.class_name), row.split, x, y])


def _similar(args: argparse.Namespace) -> None:
    data = load_dataset(args.dataset)
    if args.top < 1:
        raise UserError(f"--top is {args.top}.", "Ask for at least one image.")
    index = _load_index(data)
    row = find_image(data, args.image)
    candidates = data.catalog.view(Filter(splits=(args.split,))).ids() if args.split else None
    nearest = neighbours.find_neighbours(index, row.id, args.top, candidates)
    rows = data.catalog.rows(nearest["id"].tolist())
    # An image may have been removed from the catalog since the index was built.
    similar = [
        {"id": image, "path": rows[image].path, "class": rows[image].class_name, "split": rows[image].split,
         "distance": distance, "copy": copy}
        for image, distance, copy in zip(*(nearest[name].tolist() for name in ("id", "distance", "copy")), strict=True) if image in rows
    ]  # fmt: skip
    if args.json:
        print_json({"id": row.id, "path": row.path, "class": row.class_name, "similar": similar})
        return
    print(one_line(f"{row.path} ({row.class_name or 'no class'})"), end="\n\n")
    shown = [[f"{i['distance']:.4f}", i["class"] or "-", i["split"], i["path"], "copy" if i["copy"] else ""] for i in similar]
    print_table(["distance", "class", "split", "image", ""], shown)


def _load_index(data: Dataset) -> neighbours.Index:
    index = dataset_index.load_index(data)
    if index is None:
        raise UserError(f"The embeddings of {data.name} have not been computed.", f"Run: python -m engine map {data.name}")
    return index
