"""`novelty`: fit and measure the out-of-distribution detector of a run."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from engine.cli.output import json_flag, print_json, print_table, progress_line
from engine.core.progress import ReportProgress
from engine.runs.run import Run, load_run

if TYPE_CHECKING:
    from engine.core.progress import ReportProgress
    from engine.inference.ood import OodDetector
    from engine.inference.ood_evaluation import OodEvaluation
    from engine.models.model import Model

_COLUMNS = ("compared with the test images", "n", "test n", "AUROC (95%)", "flagged", "test images flagged")


def register(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "novelty", help="fit a run's out-of-distribution (OOD) detector, which `predict` uses, and measure it"
    )
    parser.add_argument("id", help="id of a run")
    parser.add_argument(
        "--unlike", metavar="FOLDER", help="measure how well images of other things are distinguished from the test images"
    )
    parser.add_argument(
        "--left-out",
        action="store_true",
        help="leave out each class in turn and measure how well it is distinguished from the others",
    )
    json_flag(parser)
    parser.set_defaults(command=_novelty)


def _novelty(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    from engine.inference import ood
    from engine.models import model

    report = progress_line()
    detector = ood.load_detector(run)
    evaluations: list[OodEvaluation] = []
    if detector is None or args.unlike or args.left_out:
        loaded = model.load_model(run.path)
        if detector is None:
            detector = ood.fit_detector(run, loaded, report)
        evaluations = _evaluate(args, run, loaded, detector, report)
    facts = {key: detector.document[key] for key in ("training", "validation", "neighbours", "accepted")} | {
        "decides": detector.decides
    }
    if args.json:
        print_json(
            {"run": run.id, **facts, **({"told": [dataclasses.asdict(one) for one in evaluations]} if evaluations else {})}
        )
        return
    limit = (
        f"an image is called out-of-distribution where it is more unusual than {facts['accepted']:.0%} of {facts['validation']:,} validation "
        f"images, compared with {facts['training']:,} training images."
    )
    print(f"{run.id}: {detector.reason or limit}")
    if evaluations:
        print_table(_COLUMNS, [_row(one) for one in evaluations])
    if args.left_out:
        print(
            f"Mean AUROC over the classes left out: {np.mean([one.auroc.value for one in evaluations if one.of in run.classes]):.3f}"
        )


def _evaluate(
    args: argparse.Namespace, run: Run, loaded: Model, detector: OodDetector, report: ReportProgress
) -> list[OodEvaluation]:
    from engine.inference import ood_evaluation
    from engine.inference.predict import expand_paths

    evaluations = (
        [ood_evaluation.evaluate_other_images(run, loaded, detector, expand_paths([args.unlike]), report)] if args.unlike else []
    )
    return evaluations + (list(ood_evaluation.evaluate_left_out_classes(run, loaded, report)) if args.left_out else [])


def _row(evaluation: OodEvaluation) -> tuple[str | int, ...]:
    return (
        evaluation.of,
        evaluation.n,
        evaluation.test,
        str(evaluation.auroc),
        f"{evaluation.flagged.value:.1%}",
        f"{evaluation.test_flagged.value:.1%}",
    )
