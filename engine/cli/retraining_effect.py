"""`proof`: whether cleaning the labels improved the model, or only changed what it is scored on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from engine.cli.output import print_json, print_table
from engine.cli.parameters import RUN, json_option
from engine.core.errors import UserError

if TYPE_CHECKING:
    from engine.runs.run import Run


@click.command()
@click.option("--before", type=RUN, required=True, help="a run trained before cleaning")
@click.option("--after", type=RUN, help="a run trained after cleaning; without it, --before is retrained on the current labels")
@json_option
def proof_command(before: Run, after: Run | None, as_json: bool) -> None:
    if after is None:
        from engine.curation import fair_holdout

        after = fair_holdout.retrain(before)
        if as_json:
            print_json({"before": before.id, "after": after.id, "state": after.status.state})
            return
        print(f"{after.id} is being trained on label version {after.labels}. When it has finished, run:")
        print(f"python -m engine proof --before {before.id} --after {after.id}")
        return
    if before.config.dataset != after.config.dataset:
        raise UserError(f"{before.id} and {after.id} were trained on different datasets.", "Compare runs of the same dataset.")
    from engine.curation.retraining_effect import conclusion, load_test_labels, measure_effect, unscored_images
    from engine.data.datasets import load_dataset

    data = load_dataset(after.config.dataset)
    labels = load_test_labels(data, after.labels)
    for run in (before, after):
        if len(unscored_images(run, labels)):  # imported here, because it loads torch
            from engine.curation import fair_holdout

            fair_holdout.score_missing(run, data, after.labels)
    effect = measure_effect(before, after, data)
    if as_json:
        print_json(effect.document())
        return
    print(f"{conclusion(effect)}\n")
    rows = []
    for scores, text in ((effect.cleaned, "on the cleaned test labels"), (effect.original, "on the original test labels")):
        difference = scores.difference
        accuracies = [f"{run['accuracy']:.4f}" for run in (difference.a, difference.b)]
        rows.append(
            [text, len(scores.comparison), *accuracies, difference.accuracy.text(signed=True), f"{scores.comparison.mcnemar:.2g}"]
        )
    print_table(["", "images", before.id, after.id, "difference in accuracy, 95%", "p"], rows)
