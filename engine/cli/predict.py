"""`predict`: the classes of images, by a run, an exported file, or the mean of several."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.output import print_json, print_unused, progress_line
from engine.cli.parameters import FILE, FOLDER, Number, complete_runs, json_option, load_run
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.core.files import file_name
from engine.core.number_text import count_text
from engine.core.progress import Progress
from engine.core.text_output import one_line
from engine.data.file_kinds import format_reason, is_archive, looks_like_image, read_head

if TYPE_CHECKING:
    import pandas as pd

    from engine.data.predictions import ImagePrediction
    from engine.inference.batch.predictions import BatchPredictions
    from engine.inference.batch.store import BatchImage
    from engine.inference.predict import Predictor
    from engine.inference.verdict import Judge
    from engine.runs.run import Run

_DOUBTS = {"unknown": "out-of-distribution?", "unsure": "unsure"}


@dataclass(frozen=True)
class _Predictor:
    """A run, or an exported file, which needs no torch and has no validation images to judge by."""

    id: str
    classes: tuple[str, ...]
    model: Predictor
    judge: Judge
    run: Run | None = None


def _load_predictor(name: str, with_cam: bool) -> _Predictor:
    from engine.export import session
    from engine.inference.verdict import USUAL, Judge, load_judge

    if session.is_model_file(name):
        if with_cam:
            raise UserError("Grad-CAM needs gradients, which an exported file does not provide.", "Name the run instead.")
        loaded = session.load_untrusted(Path(name))
        return _Predictor(name, tuple(loaded.meta.classes), loaded, Judge(tuple(loaded.meta.classes), USUAL, 0))
    run = load_run(name)
    from engine.models import model

    return _Predictor(run.id, run.classes, model.load_model(run.path), load_judge([run]), run)


@click.command()
@click.argument("run", metavar="ID", shell_complete=complete_runs, help="a run, or an .onnx file or bundle written by `export`")
@click.argument(
    "paths", nargs=-1, required=True, type=FILE, metavar="PATH...", help="image files, folders of images or zip archives"
)
@click.option(
    "--with",
    "others",
    metavar="ID",
    multiple=True,
    shell_complete=complete_runs,
    help="another run: predict with the mean of all (may be repeated)",
)
@click.option("--top", type=Number(1), default=3, help="number of classes to show per image")
@click.option("--out", type=FILE, metavar="FILE", help="write all predictions as a table: .csv or .parquet")
@click.option("--cam", type=FOLDER, metavar="FOLDER", help="write a Grad-CAM overlay of each image into this folder")
@json_option
def predict_command(
    run: str, paths: tuple[str, ...], others: tuple[str, ...], top: int, out: str | None, cam: str | None, as_json: bool
) -> int:
    from engine.inference.batch.archives import open_images
    from engine.inference.batch.table import build_table, check_file, flatten, write_table
    from engine.inference.predict import expand_paths_with_report

    if out:
        check_file(Path(out))
    predictors = [_load_predictor(name, bool(cam)) for name in dict.fromkeys([run, *others])]
    files, unused = expand_paths_with_report(paths)
    with open_images(files) as images:
        by_run = [_predict_images(predictor, images) for predictor in predictors]
        predictions = by_run[0].mean(*by_run[1:])
        table = build_table(images, predictions, _judge(predictors))
        if out:
            write_table(flatten(table, predictors[0].classes), Path(out))
        overlays = _write_overlays(predictors[0].model, images, table, Path(cam)) if cam else {}
    rows: Iterable[Any] = table.itertuples()
    document = [_document(row, images[row.number], predictions, by_run, top, overlays) for row in rows]
    scores = _scores(table, predictors, images)
    if as_json:
        ids = [predictor.id for predictor in predictors]
        notes = [note for predictor in predictors for note in predictor.model.notes]
        print_json({"run": ids[0], "runs": ids, "notes": notes, "predictions": document, "unused": unused.document(), **scores})
    else:
        _print(document, scores)
        print_unused(unused)
        for predictor in predictors:
            detector = predictor.judge.detector
            if detector and detector.reason:
                print(f"{predictor.id}: {detector.reason}")
    return 2 if (table["error"] != "").any() else 0


def _judge(predictors: Sequence[_Predictor]) -> Judge:
    from engine.inference.verdict import USUAL, Judge, load_judge

    if len(predictors) == 1:
        return predictors[0].judge
    runs = [predictor.run for predictor in predictors if predictor.run]
    # An exported file has no validation predictions, so that nothing can be promised for a mean that includes one.
    return load_judge(runs) if len(runs) == len(predictors) else Judge(predictors[0].classes, USUAL, 0)


def _predict_images(predictor: _Predictor, images: Sequence[BatchImage]) -> BatchPredictions:
    from engine.inference.batch.predictions import BatchPredictions, predict_images

    show = progress_line()
    predictions: dict[int, ImagePrediction] = {}
    for part in predict_images(predictor.model, predictor.judge, images):
        predictions |= part
        show(Progress(f"predicting with {predictor.id}", len(predictions), len(images)))
    return BatchPredictions.from_images(predictions, predictor.classes, predictor.id)


def _document(
    row: Any,
    image: BatchImage,
    predictions: BatchPredictions,
    by_run: Sequence[BatchPredictions],
    top: int,
    overlays: dict[int, str],
) -> dict:
    if row.error:
        return {"path": image.name, "error": _reason(image, row.error)}
    document = {
        "path": image.name,
        "top": _top(predictions.image(row.number), top),
        "verdict": row.verdict,
        "may_be": list(row.may_be),
        "novelty": None if math.isnan(row.novelty) else round(float(row.novelty), 4),
    }
    if len(by_run) > 1:
        document["by_run"] = {own.source: _top(own.image(row.number), top) for own in by_run}
    return document | ({"cam": overlays[row.number]} if row.number in overlays else {})


def _reason(image: BatchImage, error: str) -> str:
    """Why a file has no prediction: for one that does not claim to be an image, what it is."""
    if image.reason or looks_like_image(image.name):
        return error
    reason = format_reason(image.name, read_head(image.file))
    return f"{reason}: unpack it, and name the folder" if is_archive(image.name) else reason


def _top(prediction: ImagePrediction, count: int) -> list[dict]:
    return [{"class": name, "probability": probability} for name, probability in prediction.top(count)]


def _scores(table: pd.DataFrame, predictors: Sequence[_Predictor], images: Sequence[BatchImage]) -> dict:
    """Scores of the images in folders named after the run's classes, without its training images; empty where there are none."""
    from engine.evaluation import metrics
    from engine.inference.batch import seen_in_training
    from engine.inference.batch.table import labelled_outcomes

    seen = seen_in_training.find_training_images([predictor.run for predictor in predictors if predictor.run], images)
    fair = seen_in_training.exclude_training_images(labelled_outcomes(table, predictors[0].classes), seen)
    if not len(fair.rows):
        return {}
    note = fair.sentence(" and ".join(predictor.id for predictor in predictors))
    return {"scores": metrics.score_predictions(fair.rows, predictors[0].classes), "learnt_from": fair.excluded, "note": note}


def _print(document: Sequence[dict], scores: dict) -> None:
    for item in document:
        text = item.get("error") or ", ".join(f"{t['class']} {t['probability']:.1%}" for t in item["top"])
        doubt = f"  ({_DOUBTS[item['verdict']]})" if item.get("verdict") in _DOUBTS else ""
        print(one_line(f"{item['path']}: {text}{doubt}"))
    if scores:
        score = scores["scores"]
        accuracy = Estimate(**score["accuracy"]).text(digits=4, named=True)
        print(f"Accuracy on {count_text(score['n'], 'image')} in folders named after the run's classes: {accuracy}")
        if scores["note"]:
            print(scores["note"])


def _write_overlays(
    model: Predictor,
    images: Sequence[BatchImage],
    table: pd.DataFrame,
    folder: Path,
) -> dict[int, str]:
    from PIL import Image

    from engine.core.files import create_folder, replace_file
    from engine.data.decoding import load_square
    from engine.inference.explain.cam import heatmaps, overlay
    from engine.models.model import Model

    assert isinstance(model, Model)  # `_load_predictor` refuses --cam for an exported file
    create_folder(folder)
    written: dict[int, str] = {}
    rows: Iterable[Any] = table[table["error"] == ""].itertuples()
    for row in rows:
        square = load_square(images[row.number].file, model.meta.image_size)
        image = overlay(square, heatmaps(model, square, [model.meta.classes.index(row.predicted)])[0])
        # The number distinguishes images of the same name from several folders.
        path = folder / file_name(f"{row.number:04d}-", Path(images[row.number].name).stem, "-grad-cam.png")
        with replace_file(path) as temporary:
            Image.fromarray(image).save(temporary, "PNG")
        written[row.number] = str(path)
    return written
