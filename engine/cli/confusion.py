"""`confusion` and `pairs`: the confusion matrix, and what distinguishes the images of two confused classes."""

import argparse
from typing import Any

import numpy as np
import pandas as pd

from engine.cli.output import json_flag, print_json, print_table
from engine.core.errors import UserError
from engine.data.class_names import natural_key
from engine.data.datasets import Dataset, is_registered, load_dataset
from engine.data.filters import Filter
from engine.embeddings import dataset_index
from engine.evaluation import class_ordering, class_pairs
from engine.evaluation.cross_confusion import Axis, cross_tabulate
from engine.evaluation.metrics import confusion
from engine.evaluation.tables import load_predictions
from engine.runs.run import Run, load_run


def register(commands: argparse._SubParsersAction) -> None:
    matrix = commands.add_parser("confusion", help="the confusion matrix of a run, against the truth or another run")
    matrix.add_argument("id")
    matrix.add_argument("--with", dest="other", metavar="ID", help="columns are another run's predictions, rows this run's")
    matrix.add_argument("--order", choices=("own", "name", "similarity"), default="own", help="of the classes (default own)")
    matrix.set_defaults(command=_confusion)
    pair = commands.add_parser("pairs", help="the most confused pairs of classes, or what sets one pair's mistakes apart")
    pair.add_argument("id")
    pair.add_argument("classes", nargs="*", metavar="CLASS", help="two classes; without them, all pairs are ranked")
    pair.set_defaults(command=_pairs)
    for parser in (matrix, pair):
        parser.add_argument("--split", default="test", help="test (default) or validation")
        json_flag(parser)


def _confusion(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    table, other = load_predictions(run, args.split), load_run(args.other) if args.other else None
    rows = Axis(table, run.classes, truth=other is None)
    result = cross_tabulate(rows, Axis(load_predictions(other, args.split), other.classes) if other else Axis(table, run.classes))
    order = _order(result.matrix, result.classes, args.order)
    names = [result.classes[place] for place in order]
    matrix = result.matrix[np.ix_(order, order)]
    document = {
        "rows": run.id if other else "truth", "columns": other.id if other else run.id, "split": args.split, "images": len(result),
        "of": list(result.sizes), "relabelled": result.relabelled, "only_in_rows": list(result.only_rows),
        "only_in_columns": list(result.only_columns), "classes": names, "matrix": matrix.tolist(),
    }  # fmt: skip
    if args.json:
        print_json(document)
        return
    print(f"rows: {document['rows']}, columns: {document['columns']}, {len(result):,} images of {args.split}")
    print_table(["", *names], [[name, *row] for name, row in zip(names, matrix.tolist(), strict=True)])


def _order(matrix: np.ndarray, classes: tuple[str, ...], by: str) -> np.ndarray:
    if by == "similarity":
        return class_ordering.similarity_order(matrix)
    return np.array(
        sorted(range(len(classes)), key=lambda place: natural_key(classes[place].casefold()) if by == "name" else place), int
    )


def _pairs(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    table = load_predictions(run, args.split)
    ranked = class_pairs.rank_pairs(confusion(table, len(run.classes)))
    named = ranked.assign(**{side: [run.classes[place] for place in ranked[side]] for side in "ab"})
    if not args.classes:
        document = {"run": run.id, "split": args.split, "pairs": named.to_dict("records")}
        print_json(document) if args.json else _print_ranked(document["pairs"])
        return
    a, b = _two(run, args.classes)
    groups = class_pairs.group_images(table, a, b)
    document: dict[str, Any] = {
        "run": run.id, "split": args.split, "a": run.classes[a], "b": run.classes[b],
        **{name: len(places) for name, places in groups.by_name().items()},
        "between": class_pairs.borderline_images(table, a, b)["image_id"].tolist(), **_compare_pair(run, table, a, b, groups),
    }  # fmt: skip
    if args.json:
        print_json(document)
        return
    print(
        f"{document['a']} predicted as {document['b']}: {document['a_as_b']:,}; {document['b']} as {document['a']}: {document['b_as_a']:,}"
    )
    shown = ["first", "second", "property", "n_first", "n_second", "delta", "low", "high", "p_holm", "effect"]
    figures = [
        [f"{row[key]:.3g}" if isinstance(row[key], float) else row[key] for key in shown] for row in document["differences"]
    ]
    print_table(shown, figures)
    if document["along"] is None:
        print(f"To compare embeddings, compute the map first: python -m engine map {run.config.dataset}")


def _two(run: Run, names: list[str]) -> tuple[int, int]:
    unknown = [name for name in names if name not in run.classes]
    if unknown:
        raise UserError(f"The run {run.id} has no class {unknown[0]!r}.", f"It has: {', '.join(run.classes)}.")
    if len(names) != 2 or names[0] == names[1]:
        raise UserError(
            "A pair is two different classes.", f"For example: python -m engine pairs {run.id} {' '.join(run.classes[:2])}"
        )
    first, second = map(run.classes.index, names)
    return first, second


def _compare_pair(run: Run, table: pd.DataFrame, a: int, b: int, groups: class_pairs.Groups) -> dict[str, Any]:
    """Differences in the images' properties, and the median position between the two classes' centres; null without the dataset."""
    if not is_registered(run.config.dataset):
        return {"differences": [], "along": None}
    data = load_dataset(run.config.dataset)
    result = class_pairs.differences(class_pairs.image_properties(data.catalog.columns(), table), groups)
    index = dataset_index.load_index(data)
    centres = _training_ids(data, run.classes[a]), _training_ids(data, run.classes[b])
    along = None if index is None else class_pairs.project_on_axis(index, table, centres, groups)
    middles = along and {
        name: {"n": len(values), "median": float(np.median(values))} for name, values in along.items() if len(values)
    }
    return {"differences": result.to_dict("records"), "along": middles}


def _training_ids(data: Dataset, class_name: str) -> np.ndarray:
    return data.catalog.view(Filter(splits=("train",), classes=(class_name,))).ids()


def _print_ranked(rows: list[dict]) -> None:
    def rate(row: dict, side: str) -> str:
        return "-" if row[f"{side}_rate"] != row[f"{side}_rate"] else f"{row[f'{side}_rate']:.1%}"

    shown = [
        [row["a"], row["b"], row["errors"], row["a_as_b"], rate(row, "a"), row["b_as_a"], rate(row, "b")] for row in rows[:20]
    ]
    print_table(["A", "B", "errors", "A as B", "of A", "B as A", "of B"], shown)
