"""`map` and `similar`."""

import argparse
import csv
from pathlib import Path

from engine.cli.images import find_image
from engine.cli.output import json_flag, print_json, print_table, progress_line
from engine.core.errors import UserError
from engine.core.files import replace_file
from engine.core.text_output import csv_cell, one_line
from engine.data.datasets import Dataset, load_dataset
from engine.data.filters import Filter
from engine.data.layouts import SPLITS
from engine.embeddings import dataset_index, neighbours, projection


def register(commands: argparse._SubParsersAction) -> None:
    drawing = commands.add_parser("map", help="draw the map of a dataset: embeddings, neighbours, a 2-D projection")
    drawing.add_argument("dataset")
    drawing.add_argument("--out", metavar="FILE.csv", help="write the points: id, path, class, split, x, y")
    drawing.set_defaults(command=_map)
    similar = commands.add_parser("similar", help="the images nearest to one, with distances")
    similar.add_argument("dataset")
    similar.add_argument("image", help="its id, or its path in the dataset")
    similar.add_argument("--top", type=int, default=12, help="how many (default 12)")
    similar.add_argument("--split", choices=SPLITS, help="among the images of one split")
    similar.set_defaults(command=_similar)
    for parser in (drawing, similar):
        json_flag(parser)


def _map(args: argparse.Namespace) -> None:
    data, lines = load_dataset(args.dataset), {}

    def report(phase: str, done: int, total: int) -> None:
        lines.setdefault(phase, progress_line(phase))(done, total)

    drawn = dataset_index.build_map(data, report)
    index = dataset_index.load_index(data)
    if index is None:  # deleted by another process in the meantime
        raise UserError(f"The map of {data.name} was removed.", f"Run again: python -m engine map {data.name}")
    if args.out:
        _write_points(data, drawn, Path(args.out))
    document = {
        "dataset": data.name, "images": drawn.document["of"], "drawn": len(drawn), "model": index.document["model"],
        "image_size": index.document["image_size"], "neighbours_kept": drawn.document["kept"],
        "median_distance": drawn.document["apart"], "unread": index.document["asked"] - len(index),
    }  # fmt: skip
    if args.json:
        print_json(document)
        return
    print(f"{data.name}: {document['drawn']:,} of {document['images']:,} images are on the map.")
    print(
        f"Of an image's 10 nearest by embedding, {10 * document['neighbours_kept']:.1f} on average are among its 10 nearest there."
    )
    print(f"Two images picked at random are {document['median_distance']:.2f} apart (cosine distance, median).")
    if document["unread"]:
        print(f"{document['unread']:,} images could not be read and are not on it.")


def _write_points(data: Dataset, drawn: projection.Map, file: Path) -> None:
    rows = data.catalog.rows(drawn.ids.tolist())
    with replace_file(file) as temporary, open(temporary, "w", newline="", encoding="utf-8") as sink:
        writer = csv.writer(sink)
        writer.writerow(["id", "path", "class", "split", "x", "y"])
        for image, (x, y) in zip(drawn.ids.tolist(), drawn.xy.tolist(), strict=True):
            if image in rows:
                row = rows[image]
                writer.writerow([image, csv_cell(row.path), csv_cell(row.class_name), row.split, x, y])


def _similar(args: argparse.Namespace) -> None:
    data = load_dataset(args.dataset)
    if args.top < 1:
        raise UserError(f"--top is {args.top}.", "Ask for at least one image.")
    index = dataset_index.load_index(data)
    if index is None:
        raise UserError(f"The embeddings of {data.name} have not been computed.", f"Run: python -m engine map {data.name}")
    row = find_image(data, args.image)
    among = data.catalog.view(Filter(splits=(args.split,))).ids() if args.split else None
    result = neighbours.find_neighbours(index, row.id, args.top, among)
    rows = data.catalog.rows(result["id"].tolist())
    near = [
        {"id": image, "path": rows[image].path, "class": rows[image].class_name, "split": rows[image].split,
         "distance": float(distance), "copy": bool(copy)}
        for image, distance, copy in zip(result["id"], result["distance"], result["copy"], strict=True) if image in rows
    ]  # fmt: skip
    if args.json:
        print_json({"id": row.id, "path": row.path, "class": row.class_name, "similar": near})
        return
    print(one_line(f"{row.path} ({row.class_name or 'no class'})"), end="\n\n")
    shown = [[f"{at['distance']:.4f}", at["class"] or "-", at["split"], at["path"], "copy" if at["copy"] else ""] for at in near]
    print_table(["distance", "class", "split", "image", ""], shown)
