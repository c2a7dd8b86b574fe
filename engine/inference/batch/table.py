"""The answers to a batch as one table: a row a picture, for the page, a file and the command line."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.files import replace_file
from engine.core.text_output import csv_text
from engine.data.class_names import index_by_normalized_name, normalize_name
from engine.data.layouts import display_name
from engine.data.predictions import outcomes
from engine.inference.batch.store import BatchImage
from engine.inference.verdict import Classifies, Judge, align_classes

FORMATS = (".csv", ".parquet")


def build_table(pictures: Sequence[BatchImage], made: pd.DataFrame, judge: Judge) -> pd.DataFrame:
    """What was answered (`engine.inference.batch.predictions.load_predictions`), with what may be said of it.

    Columns number, name, true ("" where the folder is no class), error, predicted, confidence, verdict, may_be (classes, a tuple),
    novelty (above 1: unlike nearly all that was learnt from), probabilities. Where there is an error, predicted and verdict are "", numbers NaN.
    """
    rows, spelled = [], index_by_normalized_name(judge.classes)
    for number, error, probabilities, far in made[["number", "error", "probabilities", "novelty"]].itertuples(index=False):
        picture = pictures[number]
        # A name that is no UTF-8 cannot stand in a table.
        name, _ = display_name(picture.name)
        true = spelled.get(normalize_name(picture.class_name), "")
        if error:
            rows.append((number, name, true, error, "", np.nan, "", (), np.nan, None))
            continue
        said = judge.verdict(probabilities, far)
        best = float(np.max(probabilities))
        rows.append((number, name, true, "", said.classes[0], best, said.kind, said.classes, far, probabilities))
    names = ["number", "name", "true", "error", "predicted", "confidence", "verdict", "may_be", "novelty", "probabilities"]
    return pd.DataFrame(rows, columns=names).astype({"number": int, "confidence": float, "novelty": float})


def average_predictions(made: Sequence[pd.DataFrame], runs: Sequence[Classifies]) -> pd.DataFrame:
    """The mean of several runs' answers, of those pictures that all have answered: as `engine.inference.batch.predictions.load_predictions`.

    Raises UserError where the runs were trained on different classes.
    """
    first = made[0].set_index("number")
    for one in made[1:]:
        first = first[first.index.isin(one["number"])]
    numbers = first.index
    read = first["error"] == ""
    summed = np.zeros((read.sum(), len(runs[0].classes)))
    for one, run in zip(made, runs, strict=True):
        rows = one.set_index("number").loc[numbers[read], "probabilities"]
        summed += align_classes(np.stack(rows.tolist()), run, runs[0]) if len(rows) else 0
    # Far from what one run has learnt from, and near to the other's: in between.
    far = np.mean([one.set_index("number").loc[numbers, "novelty"] for one in made], axis=0)
    means = iter((summed / len(runs)).astype(np.float32))
    probabilities = pd.Series([next(means) if good else None for good in read], first.index, object)
    return first.assign(probabilities=probabilities, novelty=far).reset_index()


def labelled_outcomes(found: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """What the answers are worth where the folders are classes: `engine.data.predictions.outcomes` of those rows."""
    known = found[(found["true"] != "") & (found["error"] == "")]
    true = known["true"].map({name: i for i, name in enumerate(classes)}).to_numpy(np.int64)
    values = np.stack(known["probabilities"].tolist()) if len(known) else np.empty((0, len(classes)), np.float32)
    return outcomes(true, values).assign(number=known["number"].to_numpy())


def flatten(found: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """The table for a file: `may_be` as text, and a column of probabilities a class."""
    values = [row if row is not None else np.full(len(classes), np.nan) for row in found["probabilities"]]
    columns = pd.DataFrame(np.array(values).reshape(-1, len(classes)), columns=[f"probability of {name}" for name in classes])
    plain = found.drop(columns=["number", "probabilities"]).assign(may_be=found["may_be"].map(" or ".join))
    return pd.concat([plain.reset_index(drop=True), columns.astype(np.float32)], axis=1)


def write_table(found: pd.DataFrame, file: Path) -> None:
    """Write a flat table as CSV or Parquet, by the file's name. Raises UserError."""
    check_file(file)
    with replace_file(file) as temporary:
        if file.suffix.lower() == ".csv":
            temporary.write_text(csv_text(found), encoding="utf-8", errors="surrogateescape", newline="")
        else:
            found.to_parquet(temporary, index=False)


def check_file(file: Path) -> None:
    """Raises UserError for a name that says neither CSV nor Parquet."""
    if file.suffix.lower() not in FORMATS:
        raise UserError(f"{file.name!r} does not say what kind of table to write.", f"Let it end in {' or '.join(FORMATS)}.")
