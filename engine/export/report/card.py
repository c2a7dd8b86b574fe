"""The model card in Markdown: what somebody who receives the model should know (Mitchell et al. 2019, "Model cards for model reporting")."""

import re

from engine.core.estimate import Estimate
from engine.core.text_output import utc_date
from engine.export.report.data import ReportData
from engine.runs import score_text

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~&])")


def card(data: ReportData) -> str:
    run, document, config = data.run, data.document, data.run.config
    sentences = "\n".join(f"- {text}" for text in document["sentences"].values())
    rows = "\n".join(
        f"| {_plain(row['class'])} | {' | '.join(str(Estimate.from_row(row, name)) for name in ('precision', 'recall', 'f1'))} | {row['support']:,} |"
        for row in document["per_class"]
    )
    counts = data.counts[data.counts["class"].notna()].groupby("split")["n"].sum() if len(data.counts) else {}
    images = f"{', '.join(f'{n:,} {split}' for split, n in counts.items())} images" if len(counts) else "no longer available"
    settings = (
        ", ".join(f"`{name}={value}`" for name, value, changed in data.settings if changed) or "all settings at their defaults"
    )
    note = f"{_plain(run.metadata.note)}\n\n" if run.metadata.note else ""
    training = "a linear head on frozen features" if config.method == "linear" else "fine-tuned"
    return f"""# {_plain(run.title)}

{note}An image classifier with {len(data.classes):,} classes.

## Model

- Backbone: `{config.model}`, {training}, input size {config.image_size} pixels
- Classes: {", ".join(map(_plain, data.classes))}
- Trained on {utc_date(run.created)} with Scenescope (run `{run.id}`, preset `{config.preset}`; {settings})
- Probabilities are calibrated with a temperature of {document["temperature"]:.3f}, fitted on the validation split

## Intended use

Sorting images like those that it was trained on into these classes. It predicts one of them for any image, whatever the image shows. It
was not evaluated on other kinds of images, and no decision about people should rest on it.

## Data

- Dataset: {_plain(config.dataset)} ({images}), fingerprint `{run.fingerprint}`
- Every choice was made on the validation split; the test split was scored at the end

## Evaluation

On {document["n"]:,} {data.split} images: accuracy {Estimate(**document["accuracy"]).text("%")}, macro F1
{score_text.macro_f1(document)}, with 95% intervals.

| class | precision | recall | F1 | images |
| --- | --- | --- | --- | --- |
{rows}

## How far to trust the score

{sentences}

## Known weaknesses

{_weaknesses(data)}
"""


def _weaknesses(data: ReportData) -> str:
    if data.slices is None:
        return "No slices were tested: the dataset is no longer available, or its images have changed."
    worst = data.slices.beyond_chance.head(6)
    tested = f"{data.slices.tried:,} slices (by brightness, size, folder and so on) were tested"
    if not len(worst):
        return f"{tested}; none has more errors than its class mix and the number of tests explain."
    lines = "\n".join(
        f"- {_plain(row['words'])}: {row['wrong']:,} of {row['n']:,} images wrong ({row['error']:.1%}); its class mix alone would give "
        f"{row['expected']:.1%}"
        for row in worst.to_dict("records")
    )
    return f"{tested}. These have more errors than chance and their class mix explain:\n\n{lines}"


def _plain(text: str) -> str:
    """The text on one line, escaped, so that Markdown in an untrusted name is not interpreted."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))
