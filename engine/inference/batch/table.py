"""The predictions for a batch as one table, one row per image: for the page, a file and the command line."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.files import replace_file
from engine.core.text_output import csv_text
from engine.data.class_names import index_by_normalized_name, normalize_name
from engine.data.layouts import display_name
from engine.data.predictions import ImagePrediction, outcomes, stack_probabilities
from engine.inference.batch.predictions import BatchPredictions
from engine.inference.batch.store import BatchImage
from engine.inference.verdict import Judge

FORMATS = (".csv", ".parquet")


def build_table(images: Sequence[BatchImage], predictions: BatchPredictions, judge: Judge) -> pd.DataFrame:
    """The predictions with their verdicts.

    Columns number, name, true ("" where the folder is no class), error, predicted, confidence, verdict, may_be (classes, a tuple),
    novelty (the out-of-distribution score; above 1: unlike nearly all training images), probabilities. Where there is an error,
    predicted and verdict are "", numbers NaN.
    """
    rows, spelled = [], index_by_normalized_name(judge.classes)
    columns = predictions.table[["number", "error", "probabilities", "novelty"]]
    for number, error, probabilities, novelty in columns.itertuples(index=False):
        image = images[number]
        # A name that is not UTF-8 cannot be stored in a table.
        name, _ = display_name(image.name)
        true = spelled.get(normalize_name(image.class_name), "")
        if error:
            rows.append((number, name, true, error, "", np.nan, "", (), np.nan, None))
            continue
        verdict, best = judge.verdict(ImagePrediction(judge.classes, probabilities, novelty)), float(np.max(probabilities))
        rows.append((number, name, true, "", verdict.classes[0], best, verdict.kind, verdict.classes, novelty, probabilities))
    names = ["number", "name", "true", "error", "predicted", "confidence", "verdict", "may_be", "novelty", "probabilities"]
    return pd.DataFrame(rows, columns=names).astype({"number": int, "confidence": float, "novelty": float})


def labelled_outcomes(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """How good the predictions are where the folders are classes: `engine.data.predictions.outcomes` of those rows."""
    known = table[(table["true"] != "") & (table["error"] == "")]
    true = known["true"].map({name: i for i, name in enumerate(classes)}).to_numpy(np.int64)
    return outcomes(true, stack_probabilities(known["probabilities"], len(classes))).assign(number=known["number"].to_numpy())


def flatten(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """The table for a file: `may_be` as text, and one column of probabilities per class."""
    values = [row if row is not None else np.full(len(classes), np.nan) for row in table["probabilities"]]
    columns = pd.DataFrame(np.array(values).reshape(-1, len(classes)), columns=[f"probability of {name}" for name in classes])
    plain = table.drop(columns=["number", "probabilities"]).assign(may_be=table["may_be"].map(" or ".join))
    return pd.concat([plain.reset_index(drop=True), columns.astype(np.float32)], axis=1)


def write_table(table: pd.DataFrame, file: Path) -> None:
    """Write a flat table as CSV or Parquet, by the file's name. Raises UserError."""
    check_file(file)
    with replace_file(file) as temporary:
        if file.suffix.lower() == ".csv":
            temporary.write_text(csv_text(table), encoding="utf-8", errors="surrogateescape", newline="")
        else:
            table.to_parquet(temporary, index=False)


def check_file(file: Path) -> None:
    """Raises UserError for a name that ends in neither .csv nor .parquet."""
    if file.suffix.lower() not in FORMATS:
        raise UserError(f"{file.name!r} does not say what kind of table to write.", f"Let it end in {' or '.join(FORMATS)}.")
