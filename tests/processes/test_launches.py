"""One process a run, whoever starts it, and what a reader says of a run that none holds."""

import errno
import json
import os
import threading

import psutil
import pytest

from engine.core.errors import UserError
from engine.core.failure import explain
from engine.core.files import write_json
from engine.core.lease import Lease, boot_id
from engine.core.progress import Cancelled
from engine.data import datasets
from engine.runs import queue, trash
from engine.runs.config import configure
from engine.runs.events import Message
from engine.runs.history import build_history
from engine.runs.run import Run
from engine.training import launcher
from engine.training import recorder as record
from engine.training.recorder import RunRecorder


@pytest.fixture
def run(kaggle):
    """A run that was created and not started."""
    datasets.add_dataset(str(kaggle))
    return launcher.create(configure("scenes", "balanced", image_size=32, epochs=1000, patience=0, weights="none"))


def died(run, state, **signed):
    """Leave what a process leaves that was killed in `state`."""
    write_json(run.path / "status.json", {"state": state, "updated": psutil.boot_time() + 1})
    (run.path / "lease").write_text(json.dumps({"pid": 1, "start_time": 1.0, "boot": boot_id(), **signed}))
    return run.status


def test_of_many_launchers_at_the_same_moment_one_starts_the_run(run, wait):
    """And the run that is starting can be neither started again nor deleted, but it can be stopped."""
    together, answers = threading.Barrier(6), []

    def launch():
        together.wait()
        try:
            launcher.resume(run)
            answers.append("started")
        except UserError as error:
            answers.append(error.message)

    threads = [threading.Thread(target=launch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("started") == 1
    refusals = (f"The run {run.id} is already being started.", f"The run {run.id} is queued.")
    assert [answer for answer in answers if answer != "started" and not answer.startswith(refusals)] == []
    # Frozen, so that it is still queued when it is told to stop.
    (process,) = (child for child in psutil.Process().children() if str(run.path) in child.cmdline())
    process.suspend()
    assert run.status.state == "queued"
    with pytest.raises(UserError, match=f"The run {run.id} is queued"):
        trash.delete(run)
    launcher.stop(run)
    process.resume()
    wait(lambda: not run.status.active)
    assert run.status.state == "stopped"
    assert [event["state"] for event in run.events()[0] if event["kind"] == "state"] == ["stopped"]
    wait(lambda: queue.runs_ahead(run.path) is None)


def test_a_launcher_that_dies_before_its_process_lives_leaves_no_queued_run(run):
    write_json(run.path / "status.json", {"state": "queued", "updated": psutil.boot_time() + 1})
    (run.path / "lease").write_text("")
    assert (run.status.state, run.status.error) == ("interrupted", "The process could not be started.")


def test_a_run_that_was_never_started_says_so(run):
    assert (run.status.state, run.status.error) == ("interrupted", "The run was never started.")


def test_nothing_is_created_where_nothing_can_be_written(run, monkeypatch):
    monkeypatch.setattr(launcher, "runs_dir", lambda: run.path / "config.json" / "runs")
    with pytest.raises(UserError, match="A run cannot be written into"):
        launcher.start(run.config)


def test_after_a_restart_of_the_machine_the_clock_is_not_asked(run):
    assert died(run, "training", boot="another start").error == "The machine was restarted while the run was training."
    assert died(run, "training").error.startswith("The process was killed, probably out of memory")


def test_a_pid_that_another_process_has_by_now_is_no_sign_of_life(run):
    mine = psutil.Process()
    assert died(run, "training", pid=mine.pid, start_time=mine.create_time()).state == "interrupted"


def test_a_crash_of_an_earlier_process_is_not_told_again(run):
    log = run.path / "train.log"
    log.write_text("--- started 1\nFatal Python error: Segmentation fault\n")
    assert died(run, "training").error == "The process crashed (Segmentation fault) while the run was training."
    log.write_text(log.read_text() + "--- started 2\nall well\n")
    assert "was killed" in died(run, "training").error


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"state": "dreaming"}', "\x00" * 300])
def test_a_damaged_status_is_told_from_the_events(run, damage):
    recorder = RunRecorder(run.path)
    recorder.state("training", "epoch 2")
    recorder.state("finished", "macro F1 0.9")
    (run.path / "status.json").write_text(damage)
    status = run.status
    assert (status.state, status.detail) == ("finished", "macro F1 0.9")
    assert status.hint == "Its status.json is damaged; this is what its events say."


@pytest.mark.parametrize("line", [b"\x00\x00\x00\n", b"\xff\xfe{]\n", b"17\n", b'{"seq": 2, "kind": "mes\n'])
def test_a_line_that_the_disk_has_damaged_is_named_and_passed_over(run, line):
    RunRecorder(run.path).record(Message("before"))
    file = run.path / "events.jsonl"
    with open(file, "ab") as stream:
        stream.write(line)
    RunRecorder(run.path).record(Message("after"))
    events, offset = run.events()
    text = "A line of events.jsonl is damaged and was passed over (byte "
    assert [event["text"].startswith(text) for event in events] == [False, True, False]
    assert events[-1]["seq"] == 2
    assert offset == file.stat().st_size
    assert build_history(events).messages["text"].iloc[-1] == "after"


def test_an_event_for_which_there_is_no_room_is_not_begun(run, monkeypatch):
    """The half of a line that a full disk took is taken back; the run waits for room, and the line is whole then."""
    monkeypatch.setattr(record, "_LOOK", 0)
    recorder = RunRecorder(run.path)
    recorder.record(Message("one"))
    original, calls, states = os.write, [], []

    def full(descriptor, data):
        calls.append(data)
        if len(calls) == 1:
            return original(descriptor, data[:10])
        if len(calls) in (2, 3):
            raise OSError(errno.ENOSPC, "No space left on device")
        states.append((run.status.waiting, run.events()[0][-1]["text"]))
        return original(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    recorder.append({"kind": "message", "text": "two"})
    monkeypatch.undo()
    recorder.record(Message("three"))
    events = [(event["seq"], event["text"]) for event in run.events()[0]]
    assert events[:2] == [(1, "one"), (2, "two")]
    assert events[2][1].startswith("The disk was full; the run waited ")
    assert events[3] == (4, "three")
    assert not run.status.waiting


def test_a_run_that_waits_for_room_can_be_stopped(run, monkeypatch):
    recorder = RunRecorder(run.path)

    def no_room():
        recorder.request_stop()
        raise OSError(errno.ENOSPC, "No space left on device", str(run.path / "x"))

    with pytest.raises(Cancelled):
        recorder.retry_when_full(no_room)
    document = json.loads((run.path / "status.json").read_text())
    assert document["waiting"]
    assert document["detail"].startswith(f"The disk that holds '{run.path}' is full: ")
    assert document["hint"] == "Free some space: the run then continues by itself."


def test_a_log_that_has_grown_is_shortened_when_the_run_goes_on(run, wait):
    log = run.path / "train.log"
    log.write_bytes(b"x" * 5_000_000 + b"\nthe end\n")
    launcher.resume(run)
    launcher.stop(run)
    wait(lambda: not run.status.active)
    assert log.stat().st_size < 1_100_000
    assert "the end" in run.log_tail()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "Out of memory."),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."), "Out of memory."),
        (RuntimeError("could not create a primitive"), "Out of memory."),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "Out of memory."),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "Out of memory."),
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), "The disk that holds '/a/b' is full: "),
        (OSError(errno.EROFS, "Read-only file system", "/a/b"), "The disk that holds '/a/b' is read-only."),
        (ValueError("database or disk is full"), "The disk is full: "),
        (OSError("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left on device"), "The disk is full: "),
        (ValueError("odd"), "Unexpected ValueError: odd"),
    ],
)  # fmt: skip
def test_an_error_of_the_system_is_a_sentence_with_a_way_out(error, sentence):
    message, hint = explain(error, "then resume.", "Set a smaller batch_size.", "train.log")
    assert message.startswith(sentence)
    assert hint


def test_a_lease_on_a_file_that_was_removed_keeps_nobody_out_and_is_not_believed(tmp_path):
    first, second = Lease(tmp_path / "lease"), Lease(tmp_path / "lease")
    assert first.acquire()
    (tmp_path / "lease").unlink()
    assert second.acquire()
    assert not Lease(tmp_path / "lease").acquire()


def test_a_forked_helper_does_not_keep_the_lease(tmp_path):
    lease = Lease(tmp_path / "lease")
    assert lease.acquire()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    lease.release()
    assert Lease(tmp_path / "lease").acquire()
    os.close(writing)
    os.waitpid(child, 0)
    assert Run("x", tmp_path).events() == ([], 0)
