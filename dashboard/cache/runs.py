"""What runs have written, read once for all sessions."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.cache.late_imports import import_late
from engine.evaluation import best_run
from engine.evaluation.best_run import Ranking
from engine.evaluation.tables import check_predictions
from engine.runs.config import Config
from engine.runs.history import History, HistoryReader
from engine.runs.run import Run
from engine.training.time_estimate import Speeds, estimate_document, load_speeds


def predictions(run: Run, split: str) -> pd.DataFrame:
    """The prediction table of a split, shared by all sessions: read it, change nothing. Raises UserError."""
    return _predictions(run, split, predictions_mtime(run, split))


def predictions_mtime(run: Run, split: str) -> int:
    """When the prediction table was written, in nanoseconds; 0 where there is none."""
    file = run.path / f"predictions-{split}.parquet"
    return file.stat().st_mtime_ns if file.exists() else 0


# Not copied for each reader: at 100,000 images that alone would take a second.
@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Run: lambda run: str(run.path)})
def _predictions(run: Run, split: str, changed: int) -> pd.DataFrame:
    return check_predictions(run.predictions(split), run.classes, f"{run.id} on {split}")


def scores(run: Run, split: str) -> dict:
    """`engine.evaluation.metrics.score_predictions` of a split. Raises UserError."""
    return _scores(run, split, predictions_mtime(run, split))


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Run: lambda run: run.id})
def _scores(run: Run, split: str, changed: int) -> dict:
    return import_late("engine.evaluation.metrics").evaluation(_predictions(run, split, changed), run.classes)


def ranking(runs: Sequence[Run]) -> Ranking:
    """`engine.evaluation.best_run.rank` of a dataset's runs: computed again when one of them is scored, deleted or restored."""
    return _ranking(tuple(runs), tuple((run.id, _result_stamp(run), predictions_mtime(run, "validation")) for run in runs))


def _result_stamp(run: Run) -> int:
    file = run.path / "results.json"
    return file.stat().st_mtime_ns if file.exists() else 0


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Run: lambda run: str(run.path)})
def _ranking(runs: tuple[Run, ...], stamps: tuple[tuple[str, int, int], ...]) -> Ranking:
    return best_run.rank(runs)


def per_class_scores(run: Run, split: str) -> pd.DataFrame:
    """Columns class, precision, recall, f1, support: the rates of `scores` as numbers, NaN where there is none."""
    frame = pd.DataFrame(scores(run, split)["per_class"])
    return frame.astype(dict.fromkeys(("precision", "recall", "f1"), float))


def estimate_time(config: Config) -> dict | None:
    """`engine.training.time_estimate.estimate_document` of a configuration; None where its speed on this machine has not been measured."""
    speeds = load_speeds(config)
    return _estimate(config, speeds) if speeds else None


# What is cached of the images changes meanwhile: the estimate is made anew now and then.
@st.cache_data(max_entries=64, ttl=20, show_spinner=False, hash_funcs={Config: repr, Speeds: repr})
def _estimate(config: Config, speeds: Speeds) -> dict:
    return estimate_document(config, speeds)


def history(run: Run) -> History:
    """What the events of the run say now: parsed once for all sessions, at each poll only what is new."""
    events = run.path / "events.jsonl"
    return _reader(run, events.stat().st_ino if events.exists() else 0).history()


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs={Run: lambda run: str(run.path)})
def _reader(run: Run, inode: int) -> HistoryReader:
    return HistoryReader(run)
