"""The report as one HTML file: no scripts, nothing loaded from elsewhere, every name escaped."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import pandas as pd

from engine.core.estimate import Estimate
from engine.core.text_output import utc_date
from engine.evaluation import metrics
from engine.evaluation.trust import QUESTIONS
from engine.export.report import svg
from engine.export.report.data import ReportData
from engine.runs import score_text

_CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
# Names in a report are untrusted: should one get past the escaping, this keeps it from running or loading anything.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_MOST_CLASSES = 40  # of the matrix and of charts; the tables have all
_PAIRS = 12
_TEXT_ONLY = 9  # as `numbers_from`: more columns than these tables have


def page(data: ReportData) -> str:
    """The whole file."""
    title = f"{data.run.title} on {data.run.config.dataset}"
    body = "\n".join(_sections(data))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n<title>{escape(title)}</title>\n<style>{_CSS}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


def _sections(data: ReportData) -> Iterator[str]:
    yield _head(data)
    yield _trust(data)
    yield _confusion_matrix(data)
    yield _per_class(data)
    yield _calibration(data)
    yield _selective_prediction(data)
    yield _slices(data)
    yield _errors(data)
    yield _dataset(data)
    yield f"<h2>Configuration</h2>{table(['field', 'value', ''], _settings(data), _TEXT_ONLY)}"
    yield f"<h2>Environment</h2>{table(['', ''], _flatten(data.environment), _TEXT_ONLY)}"


def _head(data: ReportData) -> str:
    accuracy, run = data.document["accuracy"], data.run
    note = f"<p>{escape(run.metadata.note)}</p>" if run.metadata.note else ""
    missing = f'<p class="soft">{escape(data.missing)}</p>' if data.missing else ""
    return (
        f'<h1>{escape(run.title)}</h1><p class="soft">Run {escape(run.id)}: {escape(run.config.model)} on the dataset '
        f"{escape(run.config.dataset)}, trained on {utc_date(run.created)}. "
        f"Report written by Scenescope on {utc_date(data.created)}.</p>"
        f"<p><b>Accuracy {Estimate(**accuracy).text('%')}, macro F1 {score_text.macro_f1(data.document)}</b> on "
        f"{data.document['n']:,} {data.split} images, with 95% intervals.</p>{note}{missing}"
    )


def _trust(data: ReportData) -> str:
    sentences: dict[str, str] = data.document["sentences"]
    answers = "".join(f"<dt>{QUESTIONS[topic]}</dt><dd>{escape(text)}</dd>" for topic, text in sentences.items())
    return f"<h2>Can the score be trusted?</h2><dl>{answers}</dl>"


def _confusion_matrix(data: ReportData) -> str:
    classes = data.classes
    pairs = metrics.confused_pairs(data.matrix, classes).head(_PAIRS).to_dict("records")
    rows = [[pair["a"], pair["b"], *(f"{pair[name]:,}" for name in ("a_as_b", "b_as_a", "errors"))] for pair in pairs]
    worst_pairs = table(["class A", "class B", "A predicted as B", "B predicted as A", "errors"], rows, 2)
    matrix = (
        f'{svg.matrix(data.matrix, classes)}<p class="soft">Rows are true classes, columns predicted classes.</p>'
        if len(classes) <= _MOST_CLASSES
        else f'<p class="soft">The matrix of {len(classes):,} classes is in the tables of the .zip report; these are the most confused pairs.</p>'
    )
    return f"<h2>Confusion matrix</h2>{matrix}{worst_pairs}"


def _per_class(data: ReportData) -> str:
    scores = pd.DataFrame(data.document["per_class"])
    shown = scores.sort_values("f1", kind="stable", na_position="last").head(_MOST_CLASSES)
    if len(scores) <= _MOST_CLASSES:
        shown = shown.sort_index()
    rows = [
        [row["class"], *(str(Estimate.from_row(row, name)) for name in ("precision", "recall", "f1")), f"{row['support']:,}"]
        for row in shown.to_dict("records")
    ]
    note = (
        f'<p class="soft">The {_MOST_CLASSES} classes with the lowest F1 of {len(scores):,}.</p>'
        if len(rows) < len(scores)
        else ""
    )
    return f"<h2>Per-class metrics</h2>{table(['class', 'precision', 'recall', 'F1', 'images'], rows, 4)}{note}"


def _calibration(data: ReportData) -> str:
    result = data.document["calibration"]
    labels = {
        "confidence": "mean confidence",
        "ece": "expected calibration error (ECE)",
        "chance": "ECE of a perfectly calibrated model, up to",
        "brier": "Brier score",
        "loss": "cross-entropy",
    }
    rows = [[label, f"{result['before'][name]:.4f}", f"{result['after'][name]:.4f}"] for name, label in labels.items()]
    figures = table(["", "before temperature scaling", "after"], rows, 1)
    return (
        f"<h2>Calibration</h2>{svg.reliability(pd.DataFrame(data.document['reliability']))}{figures}"
        f'<p class="soft">The temperature of {data.document["temperature"]:.2f} was fitted on the validation split.</p>'
    )


def _selective_prediction(data: ReportData) -> str:
    area = data.document["risk_coverage"]
    return (
        f"<h2>Selective prediction</h2>{svg.coverage(data.curve)}"
        f'<p class="soft">Area under the risk-coverage curve: {area["aurc"]:.4f} (lower is better; {area["aurc_best"]:.4f} if all errors '
        "had the lowest confidence).</p>"
    )


def _slices(data: ReportData) -> str:
    if data.slices is None or not len(data.slices.frame):
        return ""
    count = len(data.slices.beyond_chance)
    sentence = (
        f"{count or 'None'} of the {data.slices.tried:,} slices that were tested {'have' if count > 1 else 'has'} more errors than the class "
        "mix and the number of tests explain."
    )
    rows = [
        [row["words"], f"{row['n']:,}", f"{row['wrong']:,}", *(f"{row[name]:.1%}" for name in ("error", "expected")),
         *(f"{row[name]:.2g}" for name in ("p", "p_holm"))]
        for row in data.slices.frame.to_dict("records")
    ]  # fmt: skip
    head = ["slice", "images", "errors", "error rate", "expected from its class mix", "p", "p (Holm)"]
    return f"<h2>Slices</h2><p>{sentence}</p>{table(head, rows, 1)}"


def _errors(data: ReportData) -> str:
    figures = []
    for row in data.errors.to_dict("records"):
        true, predicted, source = data.classes[row["true"]], data.classes[row["predicted"]], data.thumbnails.get(row["image_id"])
        alt = escape(f"{true}, predicted as {predicted}", quote=True)
        image = f'<img alt="{alt}" src="{source}">' if source else '<p class="soft">The image is missing.</p>'
        figures.append(
            f"<figure>{image}<figcaption><b>{escape(true)}</b> predicted as <b>{escape(predicted)}</b>, confidence {row['confidence']:.0%}<br>"
            f"{escape(row['path'])}</figcaption></figure>"
        )
    content = f'<div class="gallery">{"".join(figures)}</div>' if figures else "<p>There are no errors.</p>"
    return f"<h2>Worst errors</h2>{content}"


def _dataset(data: ReportData) -> str:
    counts = data.counts[data.counts["class"].notna()]
    by_split = (
        counts.pivot_table(index="class", columns="split", values="n", aggfunc="sum", fill_value=0)
        if len(counts)
        else pd.DataFrame()
    )
    shown = by_split.head(_MOST_CLASSES)
    rows = [[str(name), *(f"{n:,}" for n in row)] for name, row in zip(shown.index, shown.to_numpy(), strict=True)]
    return f"<h2>Dataset</h2>{table(['class', *map(str, shown.columns)], rows, 1)}"


def _settings(data: ReportData) -> list[list[str]]:
    return [[name, value, "changed" if changed else ""] for name, value, changed in data.settings]


def _flatten(document: Mapping[str, object], prefix: str = "") -> list[list[str]]:
    """Rows of dotted name and value."""
    rows = []
    for name, value in document.items():
        if isinstance(value, dict):
            rows += _flatten(value, f"{prefix}{name}.")
        else:
            rows.append([f"{prefix}{name}", str(value)])
    return rows


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int) -> str:
    """An HTML table of escaped texts; columns from `numbers_from` on are aligned to the right."""
    if not rows:
        return ""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = (
        "".join(f"<td{' class=number' if place >= numbers_from else ''}>{escape(cell)}</td>" for place, cell in enumerate(row))
        for row in rows
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table><tr>{top}</tr>{body}</table></div>'
