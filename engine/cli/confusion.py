"""`confusion` and `pairs`: which classes a run confuses, and how the confused images differ from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import click

from engine.cli.output import print_json, print_table
from engine.cli.parameters import RUN, Choice, complete_classes, json_option, run_argument, split_option
from engine.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from engine.data.predictions import Predictions
    from engine.evaluation.class_pairs import Groups
    from engine.runs.run import Run

_SHOWN = 20  # pairs in the terminal; --json has all


class _Position(TypedDict):
    """Where the n images of a group lie between the two classes' centres: 0 is the first class's, 1 the second's."""

    n: int
    median: float


class _PairDifferences(TypedDict):
    """`differences`: the rows of `class_pairs.differences`. `along`: positions by group; None without embeddings."""

    differences: list[dict[Any, Any]]
    along: dict[str, _Position] | None


@click.command()
@run_argument
@click.option("--with", "other", type=RUN, help="another run: its predictions are the columns, this run's the rows")
@click.option(
    "--order", type=Choice(("own", "name", "similarity")), default="own", help="order of the classes; own: that of the run"
)
@split_option
@json_option
def confusion_command(run: Run, other: Run | None, order: str, split: str, as_json: bool) -> None:
    import numpy as np

    from engine.evaluation.cross_confusion import Axis, cross_tabulate

    predictions = run.predictions(split)
    rows = Axis(predictions, truth=other is None)
    columns = Axis(other.predictions(split) if other else predictions)
    cross = cross_tabulate(rows, columns)
    places = _order_classes(cross.matrix, cross.classes, order)
    names = [cross.classes[index] for index in places]
    matrix = cross.matrix[np.ix_(places, places)]
    document = {
        "rows": run.id if other else "truth", "columns": other.id if other else run.id, "split": split, "images": len(cross),
        "of": list(cross.sizes), "relabelled": cross.relabelled, "only_in_rows": list(cross.only_rows),
        "only_in_columns": list(cross.only_columns), "classes": names, "matrix": matrix.tolist(),
    }  # fmt: skip
    if as_json:
        print_json(document)
        return
    print(f"rows: {document['rows']}, columns: {document['columns']}, {len(cross):,} {split} images")
    print_table(["", *names], [[name, *row] for name, row in zip(names, matrix.tolist(), strict=True)])


def _order_classes(matrix: np.ndarray, classes: tuple[str, ...], order: str) -> np.ndarray:
    import numpy as np

    from engine.data.class_names import natural_key
    from engine.evaluation import class_ordering

    if order == "similarity":
        return class_ordering.similarity_order(matrix)
    if order == "name":
        return np.array(sorted(range(len(classes)), key=lambda index: natural_key(classes[index].casefold())), int)
    return np.arange(len(classes))


@click.command()
@run_argument
@click.argument(
    "classes",
    nargs=-1,
    metavar="[CLASS CLASS]",
    shell_complete=complete_classes,
    help="two classes (default: all pairs are ranked)",
)
@split_option
@json_option
def pairs_command(run: Run, classes: tuple[str, ...], split: str, as_json: bool) -> None:
    from engine.evaluation import class_pairs
    from engine.evaluation.metrics import confusion

    predictions = run.predictions(split)
    ranked = class_pairs.rank_pairs(confusion(predictions.table, len(run.classes)))
    pairs = ranked.assign(**{side: [run.classes[label] for label in ranked[side]] for side in "ab"}).to_dict("records")
    if not classes:
        if as_json:
            print_json({"run": run.id, "split": split, "pairs": pairs})
        else:
            _print_ranked(pairs)
        return
    a, b = _parse_pair(run, classes)
    groups = class_pairs.group_images(predictions, a, b)
    details = _describe_differences(run, predictions, (a, b), groups)
    counts = {name: len(rows) for name, rows in groups.by_name().items()}
    document = {
        "run": run.id, "split": split, "a": run.classes[a], "b": run.classes[b],
        **counts, "between": class_pairs.borderline_images(predictions, a, b)["image_id"].tolist(), **details,
    }  # fmt: skip
    if as_json:
        print_json(document)
        return
    print(
        f"{run.classes[a]} predicted as {run.classes[b]}: {counts['a_as_b']:,}, "
        f"{run.classes[b]} as {run.classes[a]}: {counts['b_as_a']:,}"
    )
    columns = ["first", "second", "property", "n_first", "n_second", "delta", "low", "high", "p_holm", "effect"]
    rows = [
        [f"{row[name]:.3g}" if isinstance(row[name], float) else row[name] for name in columns] for row in details["differences"]
    ]
    print_table(columns, rows)
    if details["along"] is None:
        print(f"The embeddings are missing. Compute them with: python -m engine map {run.config.dataset}")


def _parse_pair(run: Run, names: tuple[str, ...]) -> tuple[int, int]:
    unknown = [name for name in names if name not in run.classes]
    if unknown:
        raise UserError(f"The run {run.id} has no class {unknown[0]!r}.", f"It has: {', '.join(run.classes)}.")
    if len(names) != 2 or names[0] == names[1]:
        raise UserError(
            "A pair is two different classes.", f"For example: python -m engine pairs {run.id} {' '.join(run.classes[:2])}"
        )
    first, second = map(run.classes.index, names)
    return first, second


def _describe_differences(run: Run, predictions: Predictions, pair: tuple[int, int], groups: Groups) -> _PairDifferences:
    """How the groups differ in the catalog's properties, and where they lie between the two classes' centres."""
    import numpy as np

    from engine.data.datasets import is_registered, load_dataset
    from engine.data.filters import Filter
    from engine.embeddings import dataset_index
    from engine.evaluation import class_pairs

    if not is_registered(run.config.dataset):
        return {"differences": [], "along": None}
    data = load_dataset(run.config.dataset)
    differences = class_pairs.differences(class_pairs.image_properties(data.catalog.columns(), predictions), groups)
    index = dataset_index.load_index(data)
    positions: dict[str, _Position] | None = None
    if index is not None:
        first, second = (data.catalog.view(Filter(splits=("train",), classes=(run.classes[label],))).ids() for label in pair)
        projected = class_pairs.project_on_axis(index, predictions, (first, second), groups)
        positions = {
            name: {"n": len(values), "median": float(np.median(values))} for name, values in projected.items() if len(values)
        }
    return {"differences": differences.to_dict("records"), "along": positions}


def _print_ranked(rows: list[dict[Any, Any]]) -> None:
    def rate(row: dict[Any, Any], side: str) -> str:
        value = row[f"{side}_rate"]
        return "-" if value != value else f"{value:.1%}"

    shown = [
        [row["a"], row["b"], row["errors"], row["a_as_b"], rate(row, "a"), row["b_as_a"], rate(row, "b")] for row in rows[:_SHOWN]
    ]
    print_table(["A", "B", "errors", "A as B", "of A", "B as A", "of B"], shown)
