"""The files of runs, read once for all sessions."""

import time

import pandas as pd

from dashboard.cache.cached import cached
from engine.core.file_stamp import file_stamp
from engine.data.predictions import Predictions
from engine.evaluation import best_run, metrics
from engine.evaluation.best_run import Ranking
from engine.evaluation.metrics import Scores
from engine.runs.config import Config
from engine.runs.history import History, HistoryReader
from engine.runs.run import Run
from engine.training.time_estimate import EstimateDocument, Speeds, estimate_document, load_speeds

_ESTIMATED = 20.0  # seconds for which an estimate holds


# Shared: at 100,000 images a copy per reader would take a second.
@cached(files=("predictions-{split}.parquet",), shared=True)
def predictions(run: Run, split: str) -> Predictions:
    """The predictions of a split, shared by all sessions: do not modify it. Raises UserError."""
    return run.predictions(split)


@cached(files=("predictions-{split}.parquet",))
def scores(run: Run, split: str) -> Scores:
    """`engine.evaluation.metrics.score_predictions` of a split. Raises UserError."""
    return metrics.score_predictions(predictions(run, split).table, run.classes)


@cached(files=("results.json", "predictions-validation.parquet"), shared=True)
def ranking(runs: tuple[Run, ...]) -> Ranking:
    """`engine.evaluation.best_run.rank` of a dataset's runs: computed again when one of them is scored, deleted or restored."""
    return best_run.rank(runs)


def per_class_scores(run: Run, split: str) -> pd.DataFrame:
    """Columns class, precision, recall, f1, support: the rates of `scores` as floats, NaN where one is undefined."""
    frame = pd.DataFrame(scores(run, split)["per_class"])
    return frame.astype(dict.fromkeys(("precision", "recall", "f1"), float))


def estimate_time(config: Config) -> EstimateDocument | None:
    """`engine.training.time_estimate.estimate_document` of a configuration; None where its speed on this machine has not been measured."""
    speeds = load_speeds(config)
    return _estimate(config, speeds) if speeds else None


# Decoded images are added to their cache meanwhile, which changes the estimate.
@cached(stamp=lambda: time.monotonic() // _ESTIMATED)
def _estimate(config: Config, speeds: Speeds) -> EstimateDocument:
    return estimate_document(config, speeds)


def history(run: Run) -> History:
    """The run's history as of now: its events are parsed once for all sessions, and at each poll only the new ones."""
    return _reader(run).history()


def _events_inode(run: Run) -> int:
    # A reader continues where it stopped in one file: where another file takes its place, it has to begin at the start.
    stamp = file_stamp(run.path / "events.jsonl")
    return stamp.inode if stamp is not None else 0


@cached(stamp=_events_inode, shared=True)
def _reader(run: Run) -> HistoryReader:
    return HistoryReader(run)
