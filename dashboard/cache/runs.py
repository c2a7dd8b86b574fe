"""The files of runs, read once for all sessions."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.cache.keys import HASH_FUNCS, modified_ns
from engine.evaluation import best_run, metrics
from engine.evaluation.best_run import Ranking
from engine.evaluation.metrics import Scores
from engine.evaluation.tables import check_predictions
from engine.runs.config import Config
from engine.runs.history import History, HistoryReader
from engine.runs.run import Run
from engine.training.time_estimate import EstimateDocument, Speeds, estimate_document, load_speeds


def predictions(run: Run, split: str) -> pd.DataFrame:
    """The prediction table of a split, shared by all sessions: do not modify it. Raises UserError."""
    return _predictions(run, split, predictions_mtime(run, split))


def predictions_mtime(run: Run, split: str) -> int:
    """When the prediction table was written, in nanoseconds; 0 where there is none."""
    return modified_ns(run.path / f"predictions-{split}.parquet")


# A resource, which is not copied per reader as data is: at 100,000 images the copy alone would take a second.
@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _predictions(run: Run, split: str, changed: int) -> pd.DataFrame:
    return check_predictions(run.predictions(split), run.classes, f"{run.id} on {split}")


def scores(run: Run, split: str) -> Scores:
    """`engine.evaluation.metrics.score_predictions` of a split. Raises UserError."""
    return _scores(run, split, predictions_mtime(run, split))


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def _scores(run: Run, split: str, changed: int) -> Scores:
    return metrics.score_predictions(_predictions(run, split, changed), run.classes)


def ranking(runs: Sequence[Run]) -> Ranking:
    """`engine.evaluation.best_run.rank` of a dataset's runs: computed again when one of them is scored, deleted or restored."""
    return _ranking(
        tuple(runs), tuple((run.id, modified_ns(run.path / "results.json"), predictions_mtime(run, "validation")) for run in runs)
    )


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _ranking(runs: tuple[Run, ...], stamps: tuple[tuple[str, int, int], ...]) -> Ranking:
    return best_run.rank(runs)


def per_class_scores(run: Run, split: str) -> pd.DataFrame:
    """Columns class, precision, recall, f1, support: the rates of `scores` as floats, NaN where one is undefined."""
    frame = pd.DataFrame(scores(run, split)["per_class"])
    return frame.astype(dict.fromkeys(("precision", "recall", "f1"), float))


def estimate_time(config: Config) -> EstimateDocument | None:
    """`engine.training.time_estimate.estimate_document` of a configuration; None where its speed on this machine has not been measured."""
    speeds = load_speeds(config)
    return _estimate(config, speeds) if speeds else None


# Decoded images are added to their cache meanwhile, which changes the estimate: it expires after 20 s.
@st.cache_data(max_entries=64, ttl=20, show_spinner=False, hash_funcs=HASH_FUNCS)
def _estimate(config: Config, speeds: Speeds) -> EstimateDocument:
    return estimate_document(config, speeds)


def history(run: Run) -> History:
    """The run's history as of now: its events are parsed once for all sessions, and at each poll only the new ones."""
    # A reader continues where it stopped in one file: where another file takes its place, it has to begin at the start.
    events = run.path / "events.jsonl"
    return _reader(run, events.stat().st_ino if events.exists() else 0).history()


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def _reader(run: Run, inode: int) -> HistoryReader:
    return HistoryReader(run)
