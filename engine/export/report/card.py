"""The model card in Markdown: what a person who is handed the model should know (Mitchell et al. 2019, "Model cards for model reporting")."""

import re

import pandas as pd

from engine.core.text_output import utc_date
from engine.export.report.data import ReportData
from engine.runs import score_text

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~&])")


def card(facts: ReportData) -> str:
    run, document, config = facts.run, facts.document, facts.run.config
    accuracy = document["accuracy"]
    said = "\n".join(f"- {text}" for text in document["sentences"].values())
    rows = "\n".join(
        f"| {_plain(row['class'])} | {_rate(row, 'precision')} | {_rate(row, 'recall')} | {_rate(row, 'f1')} | {row['support']:,} |"
        for row in document["per_class"]
    )
    counts = facts.counts[facts.counts["class"].notna()].groupby("split")["n"].sum() if len(facts.counts) else {}
    data = ", ".join(f"{n:,} {split}" for split, n in counts.items()) or "the dataset is not there any more"
    settings = ", ".join(f"`{name}={value}`" for name, value, changed in facts.settings if changed) or "all as by default"
    note = f"{_plain(run.metadata.note)}\n\n" if run.metadata.note else ""
    return f"""# {_plain(run.title)}

{note}An image classifier: one of {len(facts.classes):,} classes for each picture.

## Model

- Network: `{config.model}`, {"a linear head on the frozen network" if config.method == "linear" else "fine-tuned"}, at {config.image_size} pixels
- Classes: {", ".join(map(_plain, facts.classes))}
- Trained on {utc_date(run.created)} with Scenescope (run `{run.id}`, preset `{config.preset}`; {settings})
- Probabilities are calibrated by a temperature of {document["temperature"]:.3f}, fitted on validation

## What it is for

To sort pictures like those that it was trained on into these classes. It names one of them for any picture, of whatever: it was not
measured on other kinds of pictures, and no decision about people should rest on it.

## Data

- Dataset: {_plain(config.dataset)} ({data} images), fingerprint `{run.fingerprint}`
- Validation was carved out of train; every choice was made on it, and test was scored at the end

## How good it is

On {document["n"]:,} {facts.split} images: accuracy {accuracy["value"]:.1%} ({100 * accuracy["low"]:.1f} to {accuracy["high"]:.1%}), macro F1
{score_text.macro_f1(document)}, with 95% intervals.

| class | precision | recall | F1 | images |
| --- | --- | --- | --- | --- |
{rows}

## How far to believe it

{said}

## Where it is weak

{_weak(facts)}
"""


def _weak(facts: ReportData) -> str:
    if facts.slices is None:
        return "Slices were not looked at: the dataset no longer exists."
    result = facts.slices.beyond_chance.head(6)
    tried = f"{facts.slices.tried:,} slices by brightness, size, folder and the like were tried"
    if not len(result):
        return f"{tried}; none is wrong more often than its class mix and the number of tests explain."
    listed = "\n".join(
        f"- {_plain(row.words)}: {row.wrong:,} of {row.n:,} wrong ({row.error:.1%}), where {row.expected:.1%} is expected from its class mix"
        for row in result.itertuples()
    )
    return f"{tried}. Beyond chance, and beyond what the class mix explains:\n\n{listed}"


def _plain(text: str) -> str:
    """An untrusted name letter by letter, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def _rate(row: dict, name: str) -> str:
    return "none" if pd.isna(row[name]) else f"{row[name]:.3f} ({row[f'{name}_low']:.3f} to {row[f'{name}_high']:.3f})"
