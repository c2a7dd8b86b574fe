"""Runs as processes: the queue, kill -9, stop, SIGTERM and resume, and that none of it changes the result.

One story is played once, and each test tells one thing of it: a run is trained without a break; beside it wait a second
with the same configuration (killed, resumed, stopped, resumed, terminated, resumed), a third that is stopped in the queue
and a fourth that is killed in the queue.
"""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from engine.core.lease import holder
from engine.data import datasets
from engine.runs import checkpoint
from engine.runs.config import configure
from engine.runs.history import build_history
from engine.runs.run import Run, Status
from engine.training import launcher

WITHIN = 5.0  # seconds in which a dead process is seen

pytestmark = pytest.mark.slow


@dataclass
class Story:
    whole: Run
    tried: Run
    seen: dict[str, Status] = field(default_factory=dict)


@pytest.fixture(scope="module")
def story(tmp_path_factory, wait, finished_session):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCENESCOPE_HOME", str(tmp_path_factory.mktemp("lifecycle")))
        patch.setenv("OMP_NUM_THREADS", "1")
        datasets.add_dataset(str(finished_session.images))
        yield _played(wait)


def _played(wait) -> Story:
    config = configure("scenes", "balanced", image_size=32, epochs=6, batch_size=4, patience=0)
    whole = launcher.start(config)
    wait(lambda: whole.status.state == "training")
    # Asleep until the others have queued up and two of them have gone: however fast or slow the machine is.
    computing = holder(whole.path / "lease")
    computing.suspend()
    tried, stopped, killed = (launcher.start(config) for _ in range(3))
    story = Story(whole, tried)
    for run in (tried, stopped, killed):
        wait(lambda run=run: "another run is active" in run.status.detail)
    story.seen["first, while the others wait"] = whole.status
    for name, run in (("second", tried), ("third", stopped), ("fourth", killed)):
        story.seen[f"{name}, waiting"] = run.status
    launcher.stop(stopped)
    holder(killed.path / "lease").kill()
    story.seen["third, stopped in the queue"] = wait(lambda: _ended(stopped))
    story.seen["fourth, killed in the queue"] = wait(lambda: _ended(killed), WITHIN)
    story.seen["first, when the others had left the queue"] = whole.status
    computing.resume()
    story.seen["first, at its end"] = wait(lambda: _ended(whole))

    wait(lambda: checkpoint.generations(tried.path, "last") and _steps(tried) > 15)
    holder(tried.path / "lease").kill()
    story.seen["second, killed"] = wait(lambda: _ended(tried), WITHIN)
    with open(tried.path / "events.jsonl", "ab") as events:
        events.write(b'{"seq": 9999, "kind": "st')
    _resume(wait, tried, 1)
    launcher.stop(tried)
    story.seen["second, stopped"] = wait(lambda: _ended(tried))
    _resume(wait, tried, 2)
    holder(tried.path / "lease").terminate()
    story.seen["second, terminated"] = wait(lambda: _ended(tried))
    launcher.resume(tried)
    story.seen["second, at its end"] = wait(lambda: _ended(tried))
    return story


def _ended(run: Run) -> Status | None:
    status = run.status
    return None if status.active else status


def _steps(run: Run) -> int:
    return sum(event["kind"] == "step" for event in run.events()[0])


def _resume(wait, run: Run, time_: int) -> None:
    """Resume, and wait until it has taken a step after that."""
    launcher.resume(run)

    def went_on() -> bool:
        kinds = [event["kind"] for event in run.events()[0]]
        return kinds.count("resumed") == time_ and "step" in kinds[-kinds[::-1].index("resumed") :]

    wait(went_on)


def test_a_second_run_waits_in_the_queue_and_then_runs(story):
    assert story.seen["first, while the others wait"].state == "training"
    assert [story.seen[f"{name}, waiting"].state for name in ("second", "third", "fourth")] == ["queued"] * 3
    assert story.seen["first, at its end"].state == story.seen["second, at its end"].state == "finished"
    states = [event["state"] for event in story.tried.events()[0] if event["kind"] == "state" and event["state"] != "queued"]
    assert states[:2] == ["preparing", "training"]


def test_a_waiting_run_stops_and_dies_without_disturbing_the_one_that_computes(story):
    assert story.seen["third, stopped in the queue"].state == "stopped"
    assert story.seen["fourth, killed in the queue"].state == "interrupted"
    assert "while the run was queued" in story.seen["fourth, killed in the queue"].error
    assert story.seen["first, when the others had left the queue"].active


def test_kill_9_reads_interrupted_with_the_way_on(story):
    status = story.seen["second, killed"]
    assert status.state == "interrupted"
    assert status.error == "The process was killed, probably out of memory, while the run was training."
    assert status.hint.startswith("Resume it: it continues from its last checkpoint.")


def test_the_stop_button_and_sigterm_end_as_stopped(story):
    assert story.seen["second, stopped"].state == "stopped"
    assert story.seen["second, terminated"].state == "stopped"
    assert 0 < story.seen["second, stopped"].progress < 1
    assert not (story.tried.path / "stop").exists()


def test_history_tells_every_step_once_in_spite_of_it_all(story):
    whole, tried = (build_history(run.events()[0]) for run in (story.whole, story.tried))
    assert whole.steps["step"].tolist() == list(range(1, 6 * 13 + 1))
    columns = ["step", "epoch", "loss", "learning_rate"]
    assert tried.steps[columns].values.tolist() == whole.steps[columns].values.tolist()
    assert tried.epochs["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    columns = ["train_loss", "train_macro_f1", "validation_loss", "validation_macro_f1", "best"]
    assert tried.epochs[columns].values.tolist() == whole.epochs[columns].values.tolist()
    sequence = [event["seq"] for event in story.tried.events()[0]]
    assert sequence == list(range(1, len(sequence) + 1))


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_run_that_was_killed_and_stopped_answers_as_the_one_that_was_not(story, split):
    whole, tried = (run.predictions(split).table for run in (story.whole, story.tried))
    assert tried["path"].tolist() == whole["path"].tolist()
    assert np.array_equal(np.stack(tried["probabilities"]), np.stack(whole["probabilities"]))
    assert story.tried.results == story.whole.results


def test_the_best_weights_are_the_same_to_the_bit(story):
    whole, tried = (checkpoint.load(run.path, "best") for run in (story.whole, story.tried))
    assert (tried.step, tried.meta) == (whole.step, whole.meta)
    assert [name for name in whole.model if not torch.equal(whole.model[name], tried.model[name])] == []


def test_the_best_checkpoint_is_that_of_the_best_epoch(story):
    epochs = build_history(story.whole.events()[0]).epochs
    best = epochs["validation_macro_f1"].idxmax()
    assert checkpoint.load(story.whole.path, "best").step == epochs.loc[best, "step"]
    assert build_history(story.whole.events()[0]).best_epoch == epochs.loc[best, "epoch"]
