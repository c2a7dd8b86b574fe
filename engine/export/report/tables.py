"""The tables behind a report, each as CSV and as Parquet."""

import io
import re
from collections.abc import Iterator

import pandas as pd

from engine.core.text_output import csv_text
from engine.evaluation.tables import probabilities
from engine.export.report.data import ReportData


def frames(facts: ReportData) -> dict[str, pd.DataFrame]:
    """The tables by name; classes by theirs."""
    classes = list(facts.classes)
    result = {
        "predictions": _predictions(facts),
        "classes": pd.DataFrame(facts.document["per_class"]),
        "confusion": pd.DataFrame(facts.matrix, columns=classes).assign(true=classes)[
            ["true", *(name for name in classes if name != "true")]
        ],
        "reliability": pd.DataFrame(facts.document["reliability"]),
        "coverage": facts.curve,
    }
    if facts.slices is not None:
        result["slices"] = facts.slices.frame.assign(filter=[wanted.to_text() for wanted in facts.slices.frame["filter"]])
    return result


def _predictions(facts: ReportData) -> pd.DataFrame:
    table = facts.of.predictions
    names = pd.Series(list(facts.classes))
    known = table[["image_id", "path", "content", "confidence", "margin", "loss"]].reset_index(drop=True)
    known.insert(3, "true", names.loc[table["true"]].to_numpy())
    known.insert(4, "predicted", names.loc[table["predicted"]].to_numpy())
    shares = pd.DataFrame(probabilities(table).astype("float32"), columns=[f"p {name}" for name in facts.classes])
    return pd.concat([known, shares], axis=1)


def files(facts: ReportData) -> Iterator[tuple[str, bytes]]:
    """Each table twice: its file's name and content."""
    for name, frame in frames(facts).items():
        content = io.BytesIO()
        frame.to_parquet(content, index=False)
        yield f"tables/{name}.parquet", content.getvalue()
        yield f"tables/{name}.csv", csv_text(frame).encode("utf-8", "surrogateescape")


def file_name(run_id: str, split: str, kind: str) -> str:
    """A file's name for what is taken away: letters, digits, dots and dashes alone."""
    return re.sub(r"[^\w.-]", "-", f"{run_id}-{split}") + kind
