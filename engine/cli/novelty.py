"""`novelty`: fit and measure the out-of-distribution detector of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from engine.cli.output import print_json, print_table, progress_line
from engine.cli.parameters import FOLDER, json_option, run_argument

if TYPE_CHECKING:
    from engine.inference.ood_evaluation import OodEvaluation
    from engine.runs.run import Run

_COLUMNS = ("compared with the test images", "n", "test n", "AUROC (95%)", "flagged", "test images flagged")


@click.command()
@run_argument
@click.option(
    "--unlike",
    type=FOLDER,
    metavar="FOLDER",
    help="measure how well images of other things are distinguished from the test images",
)
@click.option(
    "--left-out", is_flag=True, help="leave out each class in turn and measure how well it is distinguished from the others"
)
@json_option
def novelty_command(run: Run, unlike: str | None, left_out: bool, as_json: bool) -> None:
    import numpy as np

    from engine.inference import ood, ood_evaluation
    from engine.inference.predict import expand_paths
    from engine.models import model

    report = progress_line()
    detector = ood.load_detector(run)
    evaluations: list[OodEvaluation] = []
    if detector is None or unlike or left_out:
        loaded = model.load_model(run.path)
        if detector is None:
            detector = ood.fit_detector(run, loaded, report)
        if unlike:
            evaluations.append(ood_evaluation.evaluate_other_images(run, loaded, detector, expand_paths([unlike]), report))
        if left_out:
            evaluations += ood_evaluation.evaluate_left_out_classes(run, loaded, report)
    facts = {key: detector.document[key] for key in ("training", "validation", "neighbours", "accepted")} | {
        "decides": detector.decides
    }
    if as_json:
        measured = {"told": [evaluation.document() for evaluation in evaluations]} if evaluations else {}
        print_json({"run": run.id, **facts, **measured})
        return
    limit = (
        f"an image is called out-of-distribution where it is more unusual than {facts['accepted']:.0%} of {facts['validation']:,} validation "
        f"images, compared with {facts['training']:,} training images."
    )
    print(f"{run.id}: {detector.reason or limit}")
    if evaluations:
        print_table(_COLUMNS, [_row(evaluation) for evaluation in evaluations])
    if left_out:
        areas = [evaluation.auroc.value for evaluation in evaluations if evaluation.subject in run.classes]
        print(f"Mean AUROC over the classes left out: {np.mean(areas):.3f}")


def _row(evaluation: OodEvaluation) -> tuple[str | int, ...]:
    return (
        evaluation.subject,
        evaluation.n,
        evaluation.test,
        str(evaluation.auroc),
        f"{evaluation.flagged.value:.1%}",
        f"{evaluation.test_flagged.value:.1%}",
    )
