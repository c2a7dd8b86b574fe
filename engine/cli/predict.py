"""`predict` and `novelty`."""

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from engine.cli.output import json_flag, print_json, print_table, print_unused, progress_line
from engine.core.errors import UserError
from engine.core.files import file_name
from engine.core.text_output import one_line
from engine.data.file_kinds import format_reason, is_archive, looks_like_image, read_head
from engine.evaluation import metrics
from engine.inference.verdict import UNKNOWN, UNSURE, USUAL, Judge, load_judge
from engine.runs.run import Run, load_run

if TYPE_CHECKING:
    from engine.core.jobs import ReportProgress
    from engine.inference.batch.store import BatchImage
    from engine.inference.ood import OodDetector
    from engine.inference.ood_evaluation import OodEvaluation
    from engine.inference.predict import Predictor
    from engine.models.model import Model

_COLUMNS = ("told from the test images", "n", "test n", "AUROC (95%)", "flagged", "test images flagged")
_SAID = {UNKNOWN: "out-of-distribution?", UNSURE: "unsure"}


def register(commands: argparse._SubParsersAction) -> None:
    predict = commands.add_parser("predict", help="classify images")
    predict.add_argument("id", help="a run, or an .onnx file or bundle that export wrote")
    predict.add_argument("paths", nargs="+", metavar="PATH", help="image files, folders or zip archives of them")
    predict.add_argument(
        "--with", dest="beside", metavar="ID", action="append", default=[], help="another run: the mean of all answers"
    )
    predict.add_argument("--top", type=int, default=3, help="how many classes to show (default 3)")
    predict.add_argument("--out", metavar="FILE", help="write all answers as a table: .csv or .parquet")
    predict.add_argument("--cam", metavar="FOLDER", help="write a Grad-CAM overlay of each image into this folder")
    json_flag(predict)
    predict.set_defaults(command=_predict)
    unknown = commands.add_parser("novelty", help="fit the out-of-distribution detector of a run, for the verdicts of predict")
    unknown.add_argument("id")
    unknown.add_argument(
        "--unlike", metavar="FOLDER", help="measure how well pictures of other things are told from the test images"
    )
    unknown.add_argument(
        "--left-out", action="store_true", help="measure how well a class that was left out is told from the others"
    )
    json_flag(unknown)
    unknown.set_defaults(command=_novelty)


@dataclass(frozen=True)
class _Asked:
    """What answers: a run, or a handed-over file, which needs no torch and has no validation images to judge by."""

    id: str
    classes: tuple[str, ...]
    model: "Predictor"
    judge: Judge
    run: Run | None = None


def _asked(name: str, with_cam: bool) -> _Asked:
    from engine.export import session

    if session.is_model_file(name):
        if with_cam:
            raise UserError("Grad-CAM needs gradients, which an exported file does not provide.", "Name the run instead.")
        loaded = session.load_untrusted(Path(name))
        return _Asked(name, tuple(loaded.meta.classes), loaded, Judge(tuple(loaded.meta.classes), USUAL, 0))
    run = load_run(name)
    from engine.models import model

    return _Asked(run.id, run.classes, model.load_model(run.path), load_judge([run]), run)


def _predict(args: argparse.Namespace) -> int:
    if args.top < 1:
        raise UserError(f"--top is {args.top}.", "Ask for at least one class.")
    from engine.inference.batch.archives import open_images
    from engine.inference.batch.table import average_predictions, build_table, check_file, flatten, write_table
    from engine.inference.predict import expand_paths_with_report

    if args.out:
        check_file(Path(args.out))
    asked = [_asked(name, bool(args.cam)) for name in dict.fromkeys([args.id, *args.beside])]
    files, unused = expand_paths_with_report(args.paths)
    with open_images(files) as pictures:
        made = [_answers(one, pictures) for one in asked]
        result = build_table(pictures, average_predictions(made, asked) if len(made) > 1 else made[0], _judge(asked))
        if args.out:
            write_table(flatten(result, asked[0].classes), Path(args.out))
        overlays = _write_overlays(asked[0].model, pictures, result, Path(args.cam)) if args.cam else {}
    document = [_document(row, pictures[row.number], asked, made, args.top, overlays) for row in result.itertuples()]
    scores = _scores(result, asked, pictures)
    if args.json:
        ids, notes = [one.id for one in asked], [note for one in asked for note in one.model.notes]
        print_json({"run": ids[0], "runs": ids, "notes": notes, "predictions": document, "unused": unused.document(), **scores})
    else:
        _print(document, scores)
        print_unused(unused)
        for one in asked:
            if one.judge.unknown and one.judge.unknown.reason:
                print(f"{one.id}: {one.judge.unknown.reason}")
    return 2 if (result["error"] != "").any() else 0


def _judge(asked: Sequence[_Asked]) -> Judge:
    known = [one.run for one in asked if one.run]
    return (
        asked[0].judge
        if len(asked) == 1
        else load_judge(known)
        if len(known) == len(asked)
        else Judge(asked[0].classes, USUAL, 0)
    )


def _answers(asked: _Asked, pictures: Sequence["BatchImage"]) -> pd.DataFrame:
    """The answers as rows of `engine.inference.batch.predictions.load_predictions`. The squares are not kept: there may be many."""
    from engine.inference.batch.predictions import prediction_rows
    from engine.inference.predict import Prediction, predict_in_batches

    show = progress_line(f"predicting with {asked.id}")
    left_out = [picture for picture in pictures if picture.reason]
    read = [picture for picture in pictures if not picture.reason]
    result, done = [], 0
    if left_out:
        result.append(
            prediction_rows([one.number for one in left_out], [Prediction(0, error=one.reason) for one in left_out], asked.judge)
        )
    for some in predict_in_batches(asked.model, [one.file for one in read]):
        result.append(prediction_rows([read[one.source].number for one in some], some, asked.judge))
        done += len(some)
        show(done, len(read))
    return pd.concat(result, ignore_index=True).sort_values("number", ignore_index=True)


def _document(
    row: Any,
    picture: "BatchImage",
    asked: Sequence[_Asked],
    made: Sequence[pd.DataFrame],
    top: int,
    overlays: dict[int, str],
) -> dict:
    if row.error:
        return {"path": picture.name, "error": _reason(picture, row.error)}
    result = {
        "path": picture.name,
        "top": _top(row.probabilities, asked[0].classes, top),
        "verdict": row.verdict,
        "may_be": list(row.may_be),
    }
    result["novelty"] = None if np.isnan(row.novelty) else round(float(row.novelty), 4)
    if len(asked) > 1:
        rows = zip(asked, made, strict=True)
        result["by_run"] = {run.id: _top(one["probabilities"][row.Index], run.classes, top) for run, one in rows}
    return result | ({"cam": overlays[row.number]} if row.number in overlays else {})


def _reason(picture: "BatchImage", error: str) -> str:
    """Why a file has no answer: for one that does not claim to be a picture, what it is."""
    if picture.reason or looks_like_image(picture.name):
        return error
    reason = format_reason(picture.name, read_head(picture.file))
    return f"{reason}: unpack it, and name the folder" if is_archive(picture.name) else reason


def _top(probabilities: np.ndarray, classes: Sequence[str], top: int) -> list[dict]:
    order = np.argsort(-np.asarray(probabilities), kind="stable")[:top]
    return [{"class": classes[i], "probability": float(probabilities[i])} for i in order]


def _scores(found: pd.DataFrame, asked: Sequence[_Asked], pictures: Sequence["BatchImage"]) -> dict:
    """Scores where the images lie in folders named like the run's classes, without those that it has learnt from; else nothing."""
    from engine.inference.batch import seen_in_training
    from engine.inference.batch.table import labelled_outcomes

    learnt = seen_in_training.find_training_images([one.run for one in asked if one.run], pictures)
    fair = seen_in_training.exclude_training_images(labelled_outcomes(found, asked[0].classes), learnt)
    if not len(fair.rows):
        return {}
    told = fair.said(" and ".join(one.id for one in asked))
    return {"scores": metrics.score_predictions(fair.rows, asked[0].classes), "learnt_from": fair.learnt, "note": told}


def _print(document: Sequence[dict], scores: dict) -> None:
    for item in document:
        said = item.get("error") or ", ".join(f"{t['class']} {t['probability']:.1%}" for t in item["top"])
        doubt = f"  ({_SAID[item['verdict']]})" if item.get("verdict") in _SAID else ""
        print(one_line(f"{item['path']}: {said}{doubt}"))
    if scores:
        score = scores["scores"]
        value, low, high = (score["accuracy"][key] for key in ("value", "low", "high"))
        print(f"{score['n']:,} are in folders named like its classes: accuracy {value:.4f}  (95%: {low:.4f} to {high:.4f})")
        if scores["note"]:
            print(scores["note"])


def _write_overlays(
    answering: "Model",
    pictures: Sequence["BatchImage"],
    found: pd.DataFrame,
    folder: Path,
) -> dict[int, str]:
    from PIL import Image

    from engine.core.files import create_folder, replace_file
    from engine.data.decoding import load_square
    from engine.inference.explain.cam import heatmaps, overlay

    create_folder(folder)
    written = {}
    for row in found[found["error"] == ""].itertuples():
        square = load_square(pictures[row.number].file, answering.meta.image_size)
        picture = overlay(square, heatmaps(answering, square, [answering.meta.classes.index(row.predicted)])[0])
        # The number keeps images of one name, from several folders, apart.
        path = folder / file_name(f"{row.number:04d}-", Path(pictures[row.number].name).stem, "-grad-cam.png")
        with replace_file(path) as temporary:
            Image.fromarray(picture).save(temporary, "PNG")
        written[row.number] = str(path)
    return written


def _novelty(args: argparse.Namespace) -> None:
    run = load_run(args.id)
    from engine.inference import ood
    from engine.models import model

    show = progress_line("looking at the images")

    def report(phase: str, done: int, total: int) -> None:
        show(done, total)

    result = ood.load_detector(run)
    loaded = model.load_model(run.path) if result is None or args.unlike or args.left_out else None
    result = result or ood.fit_detector(run, loaded, report)
    kept = {key: result.document[key] for key in ("training", "validation", "neighbours", "accepted")} | {
        "decides": result.decides
    }
    measured = _measured(args, run, loaded, result, report)
    if args.json:
        print_json({"run": run.id, **kept, **({"told": [dataclasses.asdict(one) for one in measured]} if measured else {})})
        return
    limit = (
        f"a picture is taken for none of its scenes where it is more unusual than {kept['accepted']:.0%} of {kept['validation']:,} validation "
        f"images, compared with {kept['training']:,} training images."
    )
    print(f"{run.id}: {result.reason or limit}")
    if measured:
        print_table(_COLUMNS, [_row(one) for one in measured])
    if args.left_out:
        print(
            f"Mean AUROC over the classes left out: {np.mean([one.auroc.value for one in measured if one.of in run.classes]):.3f}"
        )


def _measured(
    args: argparse.Namespace, run: Run, loaded: "Model", detector: "OodDetector", report: "ReportProgress"
) -> list["OodEvaluation"]:
    if not (args.unlike or args.left_out):
        return []
    from engine.inference import ood_evaluation
    from engine.inference.predict import expand_paths

    told = (
        [ood_evaluation.evaluate_other_images(run, loaded, detector, expand_paths([args.unlike]), report)] if args.unlike else []
    )
    return told + (list(ood_evaluation.evaluate_left_out_classes(run, loaded, report)) if args.left_out else [])


def _row(told: "OodEvaluation") -> tuple[str | int, ...]:
    area = f"{told.auroc.value:.3f} ({told.auroc.low:.3f} to {told.auroc.high:.3f})"
    return told.of, told.n, told.test, area, f"{told.flagged.value:.1%}", f"{told.test_flagged.value:.1%}"
