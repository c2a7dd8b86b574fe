"""The report as one HTML file: no script, nothing from elsewhere, every name escaped."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import pandas as pd

from engine.core.number_text import percent_estimate
from engine.core.text_output import utc_date
from engine.evaluation import metrics
from engine.export.report import svg
from engine.export.report.data import ReportData
from engine.runs import score_text

_CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_QUESTIONS = {
    "interval": "Where do the intervals come from?", "protocol": "Was the test set used for tuning?", "copies": "Leaks: has it seen test images?",
    "sure": "Confident errors: how often?", "calibration": "Calibration: can its confidence be trusted?",
    "person": "Selective prediction: what if it can say \"I don't know\"?", "sets": "Conformal sets: what if it can name several classes?",
}  # fmt: skip
_MOST_CLASSES = 40  # of the matrix and of charts; the tables have all
_PAIRS = 12


def page(facts: ReportData) -> str:
    """The whole file."""
    title = f"{facts.run.title} on {facts.run.config.dataset}"
    body = "\n".join(_sections(facts))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n<title>{escape(title)}</title>\n<style>{_CSS}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


def _sections(facts: ReportData) -> Iterator[str]:
    yield _head(facts)
    answers = "".join(
        f"<dt>{_QUESTIONS[topic]}</dt><dd>{escape(text)}</dd>" for topic, text in facts.document["sentences"].items()
    )
    yield f"<h2>Can it be believed?</h2><dl>{answers}</dl>"
    yield _confusions(facts)
    yield _class_by_class(facts)
    yield _calibration(facts)
    yield _slices(facts)
    yield _mistakes(facts)
    yield _how(facts)


def _head(facts: ReportData) -> str:
    accuracy, run = facts.document["accuracy"], facts.document["run"]
    note = f"<p>{escape(facts.run.metadata.note)}</p>" if facts.run.metadata.note else ""
    missing = f'<p class="soft">{escape(facts.missing)}</p>' if facts.missing else ""
    return (
        f'<h1>{escape(facts.run.title)}</h1><p class="soft">{escape(run)}: {escape(facts.run.config.model)} on the dataset '
        f"{escape(facts.run.config.dataset)}, trained on {utc_date(facts.run.created)}; "
        f"written by Scenescope on {utc_date(facts.made)}</p>"
        f"<p><b>Accuracy {_percent(accuracy)}, macro F1 {score_text.macro_f1(facts.document)}</b> on "
        f"{facts.document['n']:,} {facts.split} images, with 95% intervals.</p>{note}{missing}"
    )


def _percent(score: dict) -> str:
    return percent_estimate(score["value"], score["low"], score["high"])


def _confusions(facts: ReportData) -> str:
    classes = facts.classes
    pairs = metrics.confused_pairs(facts.matrix, classes).head(_PAIRS)
    rows = [[p.a, p.b, f"{p.a_as_b:,}", f"{p.b_as_a:,}", f"{p.errors:,}"] for p in pairs.itertuples()]
    listed = table(["one", "other", "one taken for the other", "and back", "errors"], rows, 2)
    drawn = (
        f'{svg.matrix(facts.matrix, classes)}<p class="soft">Rows are true, columns predicted.</p>'
        if len(classes) <= _MOST_CLASSES
        else f'<p class="soft">A matrix of {len(classes):,} classes is in the tables; here are the most confused pairs.</p>'
    )
    return f"<h2>Confusion matrix</h2>{drawn}{listed}"


def _class_by_class(facts: ReportData) -> str:
    scores = pd.DataFrame(facts.document["per_class"])
    worst = scores.sort_values("f1", kind="stable", na_position="last").head(_MOST_CLASSES)
    worst = worst.sort_index() if len(scores) <= _MOST_CLASSES else worst
    rows = [
        [row["class"], *(_interval(row, name) for name in ("precision", "recall", "f1")), f"{row['support']:,}"]
        for _, row in worst.iterrows()
    ]
    note = f'<p class="soft">The {_MOST_CLASSES} lowest of {len(scores):,}.</p>' if len(scores) > _MOST_CLASSES else ""
    return f"<h2>Class by class</h2>{table(['class', 'precision', 'recall', 'F1', 'images'], rows, 4)}{note}"


def _interval(row: pd.Series, name: str) -> str:
    return "none" if pd.isna(row[name]) else f"{row[name]:.3f} ({row[f'{name}_low']:.3f} to {row[f'{name}_high']:.3f})"


def _calibration(facts: ReportData) -> str:
    result = facts.document["calibration"]
    named = {"confidence": "mean confidence", "ece": "expected calibration error", "chance": "the same by chance, up to", "brier": "Brier score",
             "loss": "cross-entropy"}  # fmt: skip
    rows = [[said, f"{result['before'][name]:.4f}", f"{result['after'][name]:.4f}"] for name, said in named.items()]
    figures = table(["", "before the temperature", "after"], rows, 1)
    area = facts.document["risk_coverage"]
    return (
        f"<h2>Is it as sure as it should be?</h2>{svg.reliability(pd.DataFrame(facts.document['reliability']))}{figures}"
        f'<p class="soft">The temperature {facts.document["temperature"]:.2f} was fitted on validation.</p>'
        f"<h2>What if a person takes the doubtful ones?</h2>{svg.coverage(facts.curve)}"
        f'<p class="soft">Area under the risk-coverage curve {area["aurc"]:.4f}; {area["aurc_best"]:.4f} would be perfect.</p>'
    )


def _slices(facts: ReportData) -> str:
    if facts.slices is None or not len(facts.slices.frame):
        return ""
    result = facts.slices
    sure = len(result.beyond_chance)
    said = (
        f"Of {result.tried:,} slices that were tried, {sure or 'none'} {'is' if sure in (0, 1) else 'are'} wrong more often than the class mix and "
        "the number of tests explain."
    )
    rows = [
        [r.words, f"{r.n:,}", f"{r.wrong:,}", f"{r.error:.1%}", f"{r.expected:.1%}", f"{r.p:.2g}", f"{r.p_holm:.2g}"]
        for r in result.frame.itertuples()
    ]
    head = ["slice", "images", "wrong", "rate", "expected from its class mix", "p", "p (Holm)"]
    return f"<h2>Slices</h2><p>{said}</p>{table(head, rows, 1)}"


def _mistakes(facts: ReportData) -> str:
    figures = []
    for row in facts.mistakes.itertuples():
        true, predicted, source = facts.classes[row.true], facts.classes[row.predicted], facts.pictures.get(row.image_id)
        spoken = escape(f"{true}, taken for {predicted}", quote=True)
        picture = f'<img alt="{spoken}" src="{source}">' if source else '<p class="soft">The picture is not there.</p>'
        figures.append(
            f"<figure>{picture}<figcaption><b>{escape(true)}</b> taken for <b>{escape(predicted)}</b>, {row.confidence:.0%} sure<br>"
            f"{escape(row.path)}</figcaption></figure>"
        )
    if not figures:
        return "<h2>Its worst mistakes</h2><p>It makes none.</p>"
    return f'<h2>Its worst mistakes</h2><div class="gallery">{"".join(figures)}</div>'


def _how(facts: ReportData) -> str:
    settings = [[name, value, "changed" if changed else ""] for name, value, changed in facts.settings]
    counts = facts.counts[facts.counts["class"].notna()]
    data = (
        counts.pivot_table(index="class", columns="split", values="n", aggfunc="sum", fill_value=0)
        if len(counts)
        else pd.DataFrame()
    )
    images = table(
        ["class", *data.columns],
        [[name, *(f"{n:,}" for n in row)] for name, row in zip(data.index[:_MOST_CLASSES], data.to_numpy(), strict=False)],
        1,
    )
    return (
        f"<h2>The data</h2>{images}<h2>How it was made</h2>{table(['field', 'value', ''], settings, 9)}"
        f"<h2>Where it was made</h2>{table(['', ''], _flat(facts.environment), 9)}"
    )


def _flat(document: dict, above: str = "") -> list[list[str]]:
    rows = []
    for name, value in document.items():
        rows += _flat(value, f"{above}{name}.") if isinstance(value, dict) else [[f"{above}{name}", str(value)]]
    return rows


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int) -> str:
    """A table of texts, each escaped; columns from `numbers_from` on are set right."""
    if not rows:
        return ""
    top = "".join(f"<th>{escape(str(name))}</th>" for name in head)
    lines = (
        "<tr>"
        + "".join(
            f"<td{' class=number' if place >= numbers_from else ''}>{escape(str(cell))}</td>" for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><tr>{top}</tr>{"".join(lines)}</table></div>'
