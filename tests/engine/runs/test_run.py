"""What a run directory says to those who read it."""

import json
import time

import psutil
import pytest

from engine.core.errors import UserError
from engine.core.files import write_json
from engine.core.lease import Lease
from engine.core.progress import Progress
from engine.data import datasets
from engine.runs.config import configure
from engine.runs.events import Message, Step
from engine.runs.history import build_history
from engine.runs.run import list_runs, load_run, runs_dir
from engine.training import launcher
from engine.training.recorder import RunRecorder


@pytest.fixture
def run(kaggle):
    """A run that was created and not started."""
    datasets.add_dataset(str(kaggle))
    return launcher.create(configure("scenes", seed=5))


def write_status(run, state, **more):
    write_json(run.path / "status.json", {"state": state, "updated": time.time(), **more})


def leave_as_a_killed_process(run):
    """The lease signed and held by nobody: an orderly end would have emptied it."""
    lease = Lease(run.path / "lease")
    assert lease.acquire()
    signed = lease.path.read_bytes()
    lease.release()
    lease.path.write_bytes(signed)


def test_a_created_run_says_what_it_is(run):
    data = datasets.load_dataset("scenes")
    assert run.config == configure("scenes", seed=5)
    assert (run.classes, run.fingerprint) == (data.classes, data.catalog.fingerprint())
    assert load_run(run.id) == run
    assert run.results == {}


@pytest.mark.parametrize("state", ["preparing", "training", "evaluating"])
def test_a_state_that_claims_life_without_a_process_reads_interrupted(run, state):
    leave_as_a_killed_process(run)
    write_status(run, state, detail="epoch 2 of 5", progress=0.4)
    status = run.status
    assert (status.state, status.detail, status.progress, status.active) == ("interrupted", "epoch 2 of 5", 0.4, False)
    assert status.error == f"The process was killed, probably out of memory, while the run was {state}."
    assert "Resume it" in status.hint


@pytest.mark.parametrize("state", ["queued", "preparing", "training", "evaluating"])
def test_a_state_with_a_live_process_is_believed(run, state):
    lease = Lease(run.path / "lease")
    assert lease.acquire()
    write_status(run, state)
    assert run.status.state == state
    lease.release()


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
def test_an_end_needs_no_process(run, state):
    write_status(run, state, error="why")
    assert (run.status.state, run.status.error) == (state, "why")


def test_after_a_restart_of_the_machine_memory_is_not_blamed(run):
    write_json(run.path / "status.json", {"state": "training", "updated": psutil.boot_time() - 60})
    assert run.status.error == "The machine was restarted while the run was training."


def test_a_torn_last_line_is_left_for_next_time(run):
    file = run.path / "events.jsonl"
    file.write_bytes('{"seq": 1, "text": "é"}\n{"seq": 2}\n{"seq": 3, "te'.encode())
    events, offset = run.events()
    assert [event["seq"] for event in events] == [1, 2]
    assert run.events(offset) == ([], offset)
    with open(file, "ab") as stream:
        stream.write(b'xt": "whole now"}\n{"se')
    events, offset = run.events(offset)
    assert events == [{"seq": 3, "text": "whole now"}]
    assert file.read_bytes()[offset:] == b'{"se'


def test_a_run_without_events_has_none(run):
    assert run.events() == ([], 0)
    assert run.log_tail() == ""


def test_a_writer_that_follows_a_killed_one_mends_the_torn_line_and_counts_on(run):
    first = RunRecorder(run.path)
    for text in ("one", "two"):
        first.record(Message(text))
    with open(run.path / "events.jsonl", "ab") as stream:
        stream.write(b'{"seq": 3, "kind": "mess')
    RunRecorder(run.path).record(Message("three"))
    events, _ = run.events()
    assert [(event["seq"], event["text"]) for event in events] == [(1, "one"), (2, "two"), (3, "three")]


def test_progress_goes_to_the_status_with_the_time_that_is_left(run):
    lease = Lease(run.path / "lease")
    assert lease.acquire()
    recorder = RunRecorder(run.path)
    recorder.state("training")
    recorder.show_progress(Progress("epoch 1 of 2", 0, 10))
    time.sleep(0.1)
    recorder.show_progress(Progress("epoch 2 of 2", 10, 10))
    status = run.status
    assert (status.state, status.detail, status.progress, status.eta) == ("training", "epoch 2 of 2", 1.0, 0.0)
    assert [event["kind"] for event in run.events()[0]] == ["state"]
    lease.release()


def event(kind, step, **more):
    return {"kind": kind, "step": step, **more}


def test_history_leaves_out_what_came_after_the_checkpoint_from_which_a_run_went_on():
    before = [event("step", s, loss=9.0) for s in (1, 2)] + [event("epoch", 2, epoch=1, best=True)]
    lost = [event("step", s, loss=8.0) for s in (3, 4)] + [event("epoch", 4, epoch=2, best=True), event("step", 5, loss=8.0)]
    after = [event("step", s, loss=7.0) for s in (3, 4)] + [event("epoch", 4, epoch=2, best=False)]
    history = build_history(
        [*before, *lost, {"kind": "resumed", "step": 2, "epoch": 1}, {"kind": "message", "text": "Resumed"}, *after]
    )
    assert history.steps[["step", "loss"]].values.tolist() == [[1, 9], [2, 9], [3, 7], [4, 7]]
    assert history.epochs[["epoch", "best"]].values.tolist() == [[1, True], [2, False]]
    assert history.best_epoch == 1
    assert history.messages["text"].tolist() == ["Resumed"]


def test_history_of_a_linear_run_begins_anew_when_it_is_resumed():
    tried = [{"kind": "candidate", "C": c} for c in (0.1, 0.2)]
    history = build_history(
        [{"kind": "state", "state": "preparing"}, *tried, {"kind": "state", "state": "preparing"}, *tried[:1]]
    )
    assert history.candidates["C"].tolist() == [0.1]


def test_history_of_nothing_is_empty_frames():
    history = build_history([])
    assert [len(frame) for frame in (history.steps, history.epochs, history.candidates, history.messages)] == [0, 0, 0, 0]
    assert history.best_epoch is None


def test_facts_come_back_from_the_file_as_they_were_recorded(run):
    RunRecorder(run.path).record(Step(3, 1, 0.5, 1e-4, 20.0))
    frame = build_history(run.events()[0]).steps
    assert frame[["seq", "step", "epoch", "loss", "learning_rate", "rate"]].values.tolist() == [[1, 3, 1, 0.5, 1e-4, 20.0]]


def test_runs_are_listed_newest_first_and_a_folder_that_is_no_run_hurts_nobody(run):
    newer = launcher.create(configure("scenes"))
    document = json.loads((newer.path / "config.json").read_text())
    write_json(newer.path / "config.json", {**document, "created": document["created"] + 10})
    for name, text in (("empty", None), ("torn", '{"config": {'), ("other", "[]")):
        (runs_dir() / name).mkdir()
        if text is not None:
            (runs_dir() / name / "config.json").write_text(text)
    assert [r.id for r in list_runs()] == [newer.id, run.id]
    assert list_runs("elsewhere") == []


@pytest.mark.parametrize("name", ["nothing", "..", "../scenes", "", "a/b", "a\nb"])
def test_an_unknown_run_is_told(run, name):
    with pytest.raises(UserError, match="There is no run"):
        load_run(name)


def test_a_run_without_its_configuration_is_told(run):
    (run.path / "config.json").write_text('{"conf')
    with pytest.raises(UserError, match="has no readable config.json"):
        _ = run.config


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dataset": "holidays"}, "There is no dataset 'holidays'"),
        ({"model": "resnet9000"}, "There is no model 'resnet9000'"),
        ({"model": "timm:no_such_net"}, "timm has no model 'no_such_net'"),
        ({"model": "hf-hub:justaname"}, "is not the name of a Hugging Face model"),
        ({"weights": "/nowhere/w.pth"}, "There is no weights file '/nowhere/w.pth'"),
    ],
)
def test_what_cannot_be_started_leaves_no_run(kaggle, changes, sentence):
    datasets.add_dataset(str(kaggle))
    with pytest.raises(UserError, match=sentence):
        launcher.start(configure(**{"dataset": "scenes", **changes}))
    assert list_runs() == []


def test_a_dataset_without_an_image_to_validate_on_cannot_be_started(tmp_path, write_class):
    for kind in ("sea", "forest"):
        write_class(tmp_path / "tiny" / kind, kind, 1)
    datasets.add_dataset(str(tmp_path / "tiny"))
    with pytest.raises(UserError, match="has no validation images") as error:
        launcher.start(configure("tiny"))
    assert "two different images" in error.value.hint
    assert list_runs() == []


def test_only_a_run_that_ended_early_is_resumed_and_only_an_active_one_is_stopped(run):
    write_status(run, "finished")
    with pytest.raises(UserError, match="is finished. Only a stopped, failed or interrupted run can be resumed"):
        launcher.resume(run)
    with pytest.raises(UserError, match="is not running: it is finished"):
        launcher.stop(run)
    assert not (run.path / "stop").exists()
