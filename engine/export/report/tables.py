"""The tables behind a report, each as CSV and as Parquet."""

import io
import re
from collections.abc import Iterator

import pandas as pd

from engine.core.text_output import csv_text
from engine.export.report.data import ReportData


def frames(data: ReportData) -> dict[str, pd.DataFrame]:
    """The tables by name; they hold names of classes instead of indices."""
    classes = list(data.classes)
    result = {
        "predictions": _predictions(data),
        "classes": pd.DataFrame(data.document["per_class"]),
        "confusion": pd.DataFrame(data.matrix, columns=classes).assign(true=classes)[
            ["true", *(name for name in classes if name != "true")]
        ],
        "reliability": pd.DataFrame(data.document["reliability"]),
        "coverage": data.curve,
    }
    if data.slices is not None:
        result["slices"] = data.slices.frame.assign(filter=[condition.to_text() for condition in data.slices.frame["filter"]])
    return result


def _predictions(data: ReportData) -> pd.DataFrame:
    """The prediction table with class names, and one probability column per class instead of lists."""
    predictions = data.evidence.predictions
    table = predictions.table
    names = pd.Series(list(data.classes))
    result = table[["image_id", "path", "content", "confidence", "margin", "loss"]].reset_index(drop=True)
    result.insert(3, "true", names.loc[table["true"]].to_numpy())
    result.insert(4, "predicted", names.loc[table["predicted"]].to_numpy())
    columns = [f"p {name}" for name in data.classes]
    return pd.concat([result, pd.DataFrame(predictions.probabilities, columns=columns)], axis=1)


def files(data: ReportData) -> Iterator[tuple[str, bytes]]:
    """Name and content of the files: each table as Parquet and as CSV."""
    for name, frame in frames(data).items():
        content = io.BytesIO()
        frame.to_parquet(content, index=False)
        yield f"tables/{name}.parquet", content.getvalue()
        yield f"tables/{name}.csv", csv_text(frame).encode("utf-8", "surrogateescape")


def file_name(run_id: str, split: str, kind: str) -> str:
    """The name of the downloaded file: only letters, digits, dots and dashes."""
    return re.sub(r"[^\w.-]", "-", f"{run_id}-{split}") + kind
