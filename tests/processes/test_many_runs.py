"""Eight runs at once, and one that is killed again and again: no directory is shared, no event and no step is lost."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import victim

from engine.data import datasets
from engine.runs import checkpoint
from engine.runs.config import configure
from engine.runs.history import build_history
from engine.training import launcher

pytestmark = pytest.mark.slow
AT_ONCE, SLOTS = 8, 2


@pytest.fixture
def create(kaggle, memory, monkeypatch):
    """create(): a run of three epochs on tiny pictures, not started; its home is in memory."""
    monkeypatch.setenv("SCENESCOPE_HOME", str(memory))
    datasets.add_dataset(str(kaggle))
    settings = {"image_size": 32, "epochs": 3, "patience": 0, "batch_size": 18, "weights": "none", "trainable": 0.1}
    return lambda *_: launcher.create(configure("scenes", "balanced", **settings))


def process_of(forks, run, slots=1):
    process = forks.Process(target=victim.follow, args=(run.path, run.path.parents[1], slots))
    process.start()
    return process


def computed(run):
    """From when to when the run had a slot, in seconds since 1970."""
    times = {event["state"]: event["time"] for event in run.events()[0] if event["kind"] == "state"}
    return times["preparing"], times["finished"]


def test_eight_at_once_lose_no_event_share_no_directory_and_keep_to_their_slots(forks, create):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = list(pool.map(create, range(AT_ONCE)))
    assert len({run.path for run in runs}) == AT_ONCE
    processes = [process_of(forks, run, SLOTS) for run in runs]
    for process in processes:
        process.join(300)
    assert [run.status.state for run in runs] == ["finished"] * AT_ONCE
    first = build_history(runs[0].events()[0]).steps[["step", "loss"]].values.tolist()
    assert [step for step, _ in first] == list(range(1, len(first) + 1))
    for run in runs:
        events, _ = run.events()
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert build_history(events).steps[["step", "loss"]].values.tolist() == first
    for moment, _ in map(computed, runs):
        assert sum(begin <= moment < end for begin, end in map(computed, runs)) <= SLOTS


def test_a_training_that_is_killed_again_and_again_equals_the_one_that_was_not(forks, create, wait):
    whole, killed = create(), create()
    undisturbed = process_of(forks, whole)
    undisturbed.join(300)
    moments, kills = random.Random(3), 0
    while killed.status.state != "finished":
        process = process_of(forks, killed)
        if kills < 5:
            goal = len(killed.events()[0]) + moments.randint(1, 4)
            wait(lambda goal=goal, process=process: len(killed.events()[0]) >= goal or not process.is_alive())
            process.kill()
            kills += 1
        process.join(300)
    assert kills >= 3
    columns = ["step", "epoch", "loss", "learning_rate"]
    steps = [build_history(run.events()[0]).steps[columns].values.tolist() for run in (whole, killed)]
    assert steps[0] == steps[1]
    models = [checkpoint.load(run.path).model for run in (whole, killed)]
    assert [name for name in models[0] if not torch.equal(models[0][name], models[1][name])] == []
    assert whole.results == killed.results
