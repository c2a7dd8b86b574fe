"""Ask a run's model about damaged pictures: in a job in the background, or from the command line."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from engine.core.errors import UserError
from engine.core.jobs import Job, ReportProgress
from engine.data.datasets import load_dataset
from engine.data.loading import decode_batches
from engine.evaluation.robustness import store
from engine.evaluation.robustness.corruptions import corrupt
from engine.runs.run import Run, load_run

SAMPLE = 300  # images: some minutes on a laptop, and intervals of about three points
BATCH = 32  # images a time, each under all conditions: what a kill may cost
_WORKERS = 2


def job(of: Run, split: str, count: int = SAMPLE) -> Job:
    """The process that measures the first `count` images of the plan in the background."""
    return Job(store.folder(of, split), "engine.evaluation.robustness.measurement", f"{of.id}/{split}/{count}")


def measure(of: Run, split: str, count: int, report: ReportProgress = lambda phase, done, total: None) -> None:
    """Ask about the first `count` images of the split's plan, from where an earlier measurement ended.

    Raises UserError where the run has no answers on this split, no model, or its dataset is gone; and what `report` raises.
    """
    from engine.models import model
    from engine.runs.checkpoint import identity

    def tell(phase: str, done: int, total: int) -> None:
        _still_there(of)
        report(phase, done, total)

    if count < 1:
        raise UserError(f"{count} images cannot be measured.", "Ask for at least one.")
    predictions = of.predictions(split)
    if not len(predictions):
        raise UserError(f"The split {split} of the run {of.id} has no images.", "Choose another split.")
    files, reachable = _files(of, predictions["image_id"].tolist(), predictions["content"].tolist())
    tell("loading the model", 0, 1)
    answering = model.load(of.path)
    planned = store.plan(of, split, predictions, identity(of.path), answering.meta.image_size)
    count, done = min(count, len(predictions)), store.count_measured(of, split)
    total = count * len(store.CONDITIONS)
    while done < count:
        end = min(done + BATCH, count)
        contents = planned["contents"][done:end]
        squares, read = _squares([files[content] for content in contents], contents, reachable, answering.meta.image_size)
        labels = np.array(planned["true"][done:end])
        probability = np.full((end - done, len(store.CONDITIONS)), np.nan, np.float32)
        predicted = np.zeros(probability.shape, int)
        named = [content for content, good in zip(contents, read, strict=True) if good]
        for place, changed in enumerate(_conditions(squares, named)):
            tell("asking about damaged pictures", done * len(store.CONDITIONS) + place * (end - done), total)
            if len(changed):
                rows = answering.probabilities(changed)
                probability[read, place] = rows[np.arange(len(rows)), labels[read]]
                predicted[read, place] = rows.argmax(axis=1)
        store.append(of, split, done, probability, predicted)
        done = end
    if store.read(of, split) is None:
        raise UserError(
            f"None of the {count:,} images could be read as it was when the run was scored.",
            "Add the dataset again, and evaluate the run anew.",
        )


def _conditions(squares: np.ndarray, contents: list[str]) -> Iterator[np.ndarray]:
    """The pictures under each condition in turn: (n, size, size, 3) uint8; the next is drawn while one is asked about."""

    def drawn(condition: tuple[str, int]) -> np.ndarray:
        name, severity = condition
        if not severity or not len(squares):
            return squares
        return np.stack([corrupt(square, name, severity, content) for square, content in zip(squares, contents, strict=True)])

    with ThreadPoolExecutor(_WORKERS) as pool:
        waiting = [pool.submit(drawn, condition) for condition in store.CONDITIONS[:_WORKERS]]
        for following in (*store.CONDITIONS[_WORKERS:], *[None] * _WORKERS):
            changed = waiting.pop(0).result()
            if following is not None:
                waiting.append(pool.submit(drawn, following))
            yield changed


def _files(of: Run, image_ids: list[int], contents: list[str]) -> tuple[dict[str, Path], set[str]]:
    """Where each content lies by the catalog of today, and which contents it still knows."""
    data = load_dataset(of.config.dataset)
    if not data.has_images:
        raise UserError(f"The dataset {data.name} is a catalog without images, made for measuring.", "It cannot be looked at.")
    rows = data.catalog.rows(image_ids)
    nowhere = data.root / "gone"
    files = {
        content: rows[image].file(data.root) if image in rows else nowhere
        for image, content in zip(image_ids, contents, strict=True)
    }
    return files, {row.hash for row in rows.values() if row.hash}


def _squares(files: list[Path], contents: list[str], reachable: set[str], size: int) -> tuple[np.ndarray, np.ndarray]:
    """The readable ones as squares (k, size, size, 3) uint8, and which they are: (n,) bool."""
    read = np.zeros(len(files), bool)
    known = [place for place, content in enumerate(contents) if content in reachable]
    squares = [np.empty((0, size, size, 3), np.uint8)]
    for batch in decode_batches([files[place] for place in known], size, BATCH, [contents[place] for place in known]):
        read[[known[place] for place in batch.indices]] = True
        squares.append(batch.images)
    return np.concatenate(squares), read


def _still_there(of: Run) -> None:
    """A run that is deleted meanwhile must not come back as a folder of answers."""
    if not (of.path / "config.json").is_file():
        raise SystemExit(f"The run {of.id} was deleted.")


if __name__ == "__main__":
    run_id, on, images = sys.argv[1].rsplit("/", 2)
    measured = load_run(run_id)
    sys.exit(job(measured, on, int(images)).run(lambda report: measure(measured, on, int(images), report)))
