"""Robustness to corruptions: predicts a run's images under every condition, in a background job or from the command line."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from engine.core.errors import UserError
from engine.core.jobs import Job
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.data.datasets import load_dataset
from engine.data.loading import decode_batches
from engine.evaluation.defaults import SAMPLE
from engine.evaluation.robustness import store
from engine.evaluation.robustness.corruptions import corrupt
from engine.runs.run import Run, load_run

BATCH = 32  # images at a time, each under all conditions: what a kill may cost
_WORKERS = 2


def job(run: Run, split: str, count: int = SAMPLE) -> Job:
    """The background process that measures the first `count` images of the plan."""
    return Job("robustness", store.folder(run, split), f"{run.id}/{split}/{count}", {"run": run.id, "split": split})


def measure(run: Run, split: str, count: int, report: ReportProgress = ignore_progress) -> None:
    """Predict the first `count` images of the split's plan under all conditions, continuing where an earlier measurement ended.

    Raises UserError where the run has no predictions for this split or no model, or its dataset is gone; and whatever `report` raises.
    """
    from engine.models import model
    from engine.runs.checkpoint import identity

    def report_if_exists(progress: Progress) -> None:
        _check_exists(run)
        report(progress)

    if count < 1:
        raise UserError(f"The number of images must be at least 1 (got {count}).", "Choose a larger number.")
    predictions = run.predictions(split)
    files, known = _locate(run, predictions.ids.tolist(), predictions.contents.tolist())
    report_if_exists(Progress("loading the model"))
    predictor = model.load_model(run.path)
    plan = store.plan(run, split, predictions, identity(run.path), predictor.meta.image_size)
    count, done = min(count, len(predictions)), store.count_measured(run, split)
    total = count * len(store.CONDITIONS)
    while done < count:
        end = min(done + BATCH, count)
        contents = plan["contents"][done:end]
        squares, readable = _load_squares([files[content] for content in contents], contents, known, predictor.meta.image_size)
        labels = np.array(plan["true"][done:end])
        probability = np.full((end - done, len(store.CONDITIONS)), np.nan, np.float32)
        predicted = np.zeros(probability.shape, int)
        readable_contents = [content for content, ok in zip(contents, readable, strict=True) if ok]
        for column, corrupted in enumerate(_corrupt_all(squares, readable_contents)):
            report_if_exists(Progress("predicting corrupted images", done * len(store.CONDITIONS) + column * (end - done), total))
            if len(corrupted):
                probabilities = predictor.probabilities(corrupted)
                probability[readable, column] = probabilities[np.arange(len(probabilities)), labels[readable]]
                predicted[readable, column] = probabilities.argmax(axis=1)
        store.append(run, split, done, probability, predicted)
        done = end
    if store.read(run, split) is None:
        raise UserError(
            f"None of the {count:,} images could be read as it was when the run was scored.",
            "Add the dataset again, and evaluate the run again.",
        )


def _corrupt_all(squares: np.ndarray, contents: list[str]) -> Iterator[np.ndarray]:
    """The images under each condition in turn, (n, size, size, 3) uint8. Threads corrupt the next ones while the caller predicts."""

    def corrupt_squares(condition: tuple[str, int]) -> np.ndarray:
        name, severity = condition
        if not severity or not len(squares):
            return squares
        return np.stack([corrupt(square, name, severity, content) for square, content in zip(squares, contents, strict=True)])

    with ThreadPoolExecutor(_WORKERS) as pool:
        # As many ahead as there are workers: all at once would hold a batch in memory for every condition.
        pending = [pool.submit(corrupt_squares, condition) for condition in store.CONDITIONS[:_WORKERS]]
        for condition in store.CONDITIONS[_WORKERS:]:
            corrupted = pending.pop(0).result()
            pending.append(pool.submit(corrupt_squares, condition))
            yield corrupted
        for future in pending:
            yield future.result()


def _locate(run: Run, image_ids: list[int], contents: list[str]) -> tuple[dict[str, Path], set[str]]:
    """The file of each content by today's catalog, and which contents the catalog still has."""
    data = load_dataset(run.config.dataset)
    if not data.has_images:
        raise UserError(f"The dataset {data.name} is a catalog without images, made for measuring.", "Choose another run.")
    rows = data.catalog.rows(image_ids)
    missing = data.root / "gone"
    files = {
        content: rows[image_id].file(data.root) if image_id in rows else missing
        for image_id, content in zip(image_ids, contents, strict=True)
    }
    return files, {row.hash for row in rows.values() if row.hash}


def _load_squares(files: list[Path], contents: list[str], known: set[str], size: int) -> tuple[np.ndarray, np.ndarray]:
    """The readable images as squares (k, size, size, 3) uint8, and which ones these are: (n,) bool."""
    readable = np.zeros(len(files), bool)
    candidates = [i for i, content in enumerate(contents) if content in known]
    squares = [np.empty((0, size, size, 3), np.uint8)]
    for batch in decode_batches([files[i] for i in candidates], size, BATCH, [contents[i] for i in candidates]):
        readable[[candidates[i] for i in batch.indices]] = True
        squares.append(batch.images)
    return np.concatenate(squares), readable


def _check_exists(run: Run) -> None:
    """Ends the process where the run was deleted: otherwise its directory would come back, with nothing but predictions."""
    if not (run.path / "config.json").is_file():
        raise SystemExit(f"The run {run.id} was deleted.")


def main(argument: str) -> int:
    run_id, split, count = argument.rsplit("/", 2)
    run = load_run(run_id)
    return job(run, split, int(count)).run(lambda report: measure(run, split, int(count), report))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
