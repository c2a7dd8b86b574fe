"""A history grows with its file: each look reads what is new, whoever looks, and a hundred thousand steps draw as few."""

import json

import numpy as np
import pandas as pd
import pytest

from engine.runs.history import HistoryBuilder, HistoryReader, build_history, downsample
from engine.runs.run import Run


@pytest.fixture
def run(tmp_path):
    return Run("x-1", tmp_path)


def write(run, *events):
    with open(run.path / "events.jsonl", "a", encoding="utf-8") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)


def step(number, **more):
    return {"kind": "step", "seq": number, "step": number, "epoch": 1, "loss": 1 / number, "rate": 40.0, **more}


def test_each_look_reads_only_what_was_added(run, monkeypatch):
    offsets = []
    original = Run.events
    monkeypatch.setattr(Run, "events", lambda self, offset=0: offsets.append(offset) or original(self, offset))
    reader = HistoryReader(run)
    assert reader.history().empty
    write(run, step(1), step(2))
    assert reader.history().steps["step"].tolist() == [1, 2]
    size = run.events_size()
    with open(run.path / "events.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(step(3))[:20])
    assert len(reader.history().steps) == 2
    with open(run.path / "events.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(step(3))[20:] + "\n")
    assert reader.history().steps["step"].tolist() == [1, 2, 3]
    assert offsets == [0, 0, size, size]
    assert reader.history() is reader.history(), "nothing new, nothing to build again"


def test_a_file_that_was_cut_short_is_read_anew(run):
    write(run, *(step(number) for number in range(1, 9)))
    reader = HistoryReader(run)
    assert len(reader.history().steps) == 8
    (run.path / "events.jsonl").write_text(json.dumps(step(1)) + "\n")
    assert reader.history().steps["step"].tolist() == [1]


def test_steps_after_the_checkpoint_of_a_resumed_run_are_forgotten_again_and_again():
    builder = HistoryBuilder()
    for _ in range(3):
        builder.add([step(number) for number in range(5, 9)] if len(builder.history().steps) else [step(n) for n in range(1, 9)])
        builder.add([{"kind": "resumed", "step": 4, "epoch": 0}])
        assert builder.history().steps["step"].tolist() == [1, 2, 3, 4]
    builder.add([step(5)])
    assert builder.history().steps[["step", "loss"]].values.tolist()[-1] == [5, 0.2]


def test_a_field_that_comes_later_is_not_a_number_before():
    steps = build_history([step(1), step(2, memory=5), step(3)]).steps
    assert np.isnan(steps["memory"][0]) and steps["memory"][1] == 5 and np.isnan(steps["memory"][2])


def test_recall_has_a_column_a_class_and_an_epoch_without_it_is_left_out():
    epochs = [
        {"kind": "epoch", "epoch": 1, "best": True},
        {"kind": "epoch", "epoch": 2, "best": True, "validation_recall": [0.5, None], "memory": 7},
    ]
    history = build_history(epochs)
    recalls = history.recalls(("sea", "forest"))
    assert recalls.index.tolist() == [2] and recalls["sea"].tolist() == [0.5] and np.isnan(recalls["forest"][2])
    assert history.recalls(("other",)).empty
    assert (history.latest("memory"), history.latest("waiting")) == (7, None)
    assert build_history([]).recalls(("sea",)).columns.tolist() == ["sea"]


def test_thinning_keeps_every_peak_and_the_mean():
    losses = np.full(100_000, 0.5)
    losses[77_777] = 9.0
    points = downsample(pd.DataFrame({"step": np.arange(1, 100_001), "loss": losses}), "loss", 300)
    assert len(points) == 300
    assert points["step"].iloc[-1] == 100_000
    assert points["high"].max() == 9.0 and points["low"].min() == 0.5
    assert points["mean"].mean() == pytest.approx(losses.mean(), rel=1e-4)


def test_thinning_few_steps_changes_nothing_and_leaves_out_what_is_no_number():
    points = downsample(pd.DataFrame({"step": [1, 2, 3], "loss": [0.5, np.nan, 0.25]}), "loss")
    assert points[["step", "mean"]].values.tolist() == [[1, 0.5], [3, 0.25]]
    assert downsample(pd.DataFrame({"step": [1]}), "loss").empty
    assert downsample(pd.DataFrame({"step": [1], "loss": [np.inf]}), "loss").empty
