"""However a run's process ends, its directory says what happened and what to do; real processes, tiny images."""

import os
import resource
import shutil
import signal
import subprocess

import psutil
import pytest
import victim

from engine.core.errors import UserError
from engine.data import datasets
from engine.runs import checkpoint
from engine.runs.config import configure
from engine.runs.history import build_history
from engine.training import launcher

pytestmark = pytest.mark.slow


@pytest.fixture
def create(kaggle, memory, monkeypatch):
    """create(**changes): a fine-tuning run, not started, of three steps an epoch on tiny pictures; its home is in memory."""
    monkeypatch.setenv("SCENESCOPE_HOME", str(memory))
    datasets.add_dataset(str(kaggle))

    def make(**changes):
        settings = {"image_size": 32, "epochs": 1000, "patience": 0, "batch_size": 18, "weights": "none", "trainable": 0.1}
        return launcher.create(configure("scenes", "balanced", **{**settings, **changes}))

    return make


@pytest.fixture
def start(forks, memory):
    """start(run): its process, as the launcher would start it."""
    processes = []

    def begin(run):
        process = forks.Process(target=victim.follow, args=(run.path, memory))
        process.start()
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.join()


def stepped(run, count=1):
    return lambda: len(steps(run)) >= count


def steps(run):
    frame = build_history(run.events()[0]).steps
    return frame["step"].tolist() if len(frame) else []


def ended(process, run):
    process.join(60)
    assert process.exitcode is not None
    return run.status


def test_sigterm_finishes_the_batch_saves_and_leaves_no_helper(create, start, wait):
    run = create(workers=2, trainable=1.0)
    process = start(run)
    wait(stepped(run))
    helpers = wait(lambda: psutil.Process(process.pid).children(recursive=True))
    os.kill(process.pid, signal.SIGTERM)
    before = len(steps(run))
    assert ended(process, run).state == "stopped"
    assert checkpoint.load(run.path, "last").step == steps(run)[-1] <= before + 2
    assert [helper for helper in helpers if helper.is_running() and helper.status() != psutil.STATUS_ZOMBIE] == []


def test_kill_9_takes_the_helpers_along_and_is_seen_at_once(create, start, wait):
    run = create(workers=2, trainable=1.0)
    process = start(run)
    wait(stepped(run))
    helpers = wait(lambda: psutil.Process(process.pid).children(recursive=True))
    process.kill()
    process.join()
    assert run.status.state == "interrupted"
    wait(lambda: not [h for h in helpers if h.is_running() and h.status() != psutil.STATUS_ZOMBIE], 5)


def test_a_second_signal_ends_it_at_once_and_says_so(create, start, wait):
    run = create()
    process = start(run)
    wait(stepped(run))
    process_ = psutil.Process(process.pid)
    process_.suspend()
    launcher.kill(run)
    process_.resume()
    status = ended(process, run)
    assert (status.state, status.error) == ("interrupted", "The run was ended at once, by a second signal.")
    assert process.exitcode == -9


def test_a_file_that_may_not_grow_is_a_sentence_and_costs_no_checkpoint(create, start, wait):
    """A limit of the system on the size of files: what a full disk does to whoever writes, on every machine."""
    run = create()
    process = start(run)
    wait(lambda: checkpoint.generations(run.path, "last"))
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    status = ended(process, run)
    assert status.state == "failed"
    assert "it would exceed the limit on file sizes." in status.error
    assert status.hint == "Raise the limit on file sizes, then resume: the run continues from its last checkpoint."
    saved = checkpoint.load(run.path, "last")
    assert saved.notes == ()
    assert not list((run.path / "checkpoints").glob(".saving-*"))
    process = start(run)
    wait(lambda: steps(run)[-1] > saved.step + 1)


def test_where_nothing_at_all_can_be_written_the_reader_knows_that_it_was_no_kill(create, start, wait):
    run = create()
    process = start(run)
    wait(lambda: checkpoint.generations(run.path, "last"))
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
    status = ended(process, run)
    assert status.state == "interrupted"
    assert status.error == (
        "The process ended while the run was training, and could not write why: the disk may be full or read-only."
    )
    assert checkpoint.load(run.path, "last").notes == ()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 120 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", folder]).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_on_a_full_disk_a_training_waits_says_so_and_goes_on_when_there_is_room(create, start, small_disk, wait):
    run = create()
    elsewhere = small_disk / run.id
    shutil.move(run.path, elsewhere)
    run.path.symlink_to(elsewhere)
    process = start(run)
    wait(lambda: checkpoint.generations(run.path, "last"))
    psutil.Process(process.pid).suspend()
    with open(small_disk / "filler", "wb", buffering=0) as filler:
        for size in (1 << 20, 4096):
            with pytest.raises(OSError, match="No space left"):
                while True:
                    filler.write(bytes(size))
    psutil.Process(process.pid).resume()
    status = wait(lambda: run.status.waiting and run.status)
    assert (status.state, status.word) == ("training", "waiting")
    assert status.detail.startswith("The disk that holds ")
    assert " is full: " in status.detail
    assert status.hint == "Free some space: the run then continues by itself."
    saved, step = checkpoint.load(run.path, "last"), steps(run)[-1]
    assert saved.notes == ()
    (small_disk / "filler").unlink()
    wait(lambda: steps(run)[-1] > step + 1)
    assert run.status.word == "training"
    assert [event for event in run.events()[0] if "waited" in str(event.get("text"))]
    sequence = [event["seq"] for event in run.events()[0]]
    assert sequence == list(range(1, len(sequence) + 1))


def test_a_run_that_waited_does_not_start_on_a_disk_without_space(create, start, small_disk, wait):
    first, second = create(), create()
    for run in (first, second):
        shutil.move(run.path, small_disk / run.id)
        run.path.symlink_to(small_disk / run.id)
    process = start(first)
    wait(stepped(first))
    start(second)
    wait(lambda: "another run is active" in second.status.detail)
    launcher.stop(first)
    ended(process, first)
    assert "the disk has less than 256 MB left" in wait(lambda: "disk" in (detail := second.status.detail) and detail)
    assert second.status.state == "queued"
    subprocess.run(["mount", "-o", "remount,size=900m", small_disk], check=True)
    wait(stepped(second))


def test_a_training_that_is_finished_early_is_scored_with_its_best_epoch(create, start, wait):
    run = create()
    with pytest.raises(UserError, match="has no epoch yet that could be scored"):
        launcher.finish(run)
    process = start(run)
    wait(lambda: run.checkpoint)
    launcher.finish(run)
    status = ended(process, run)
    assert (status.state, status.progress) == ("finished", 1)
    events = run.events()[0]
    epochs = [event for event in events if event["kind"] == "epoch"]
    (text,) = [event["text"] for event in events if "Ended on request" in str(event.get("text"))]
    assert text == f"Ended on request after step {int(steps(run)[-1])} of 3000: the best epoch counts."
    assert checkpoint.load(run.path).step == [event["step"] for event in epochs if event["best"]][-1]
    # Rounding apart: an epoch is validated in the arithmetic of the training.
    assert run.results["validation"]["macro_f1"]["value"] == pytest.approx(
        max(e["validation_macro_f1"] for e in epochs), abs=0.05
    )
    assert run.results["test"]["n"] > 0
    with pytest.raises(UserError, match="has ended: the run is finished"):
        launcher.finish(run)


def test_a_run_that_was_killed_is_scored_as_far_as_it_came(create, start, wait):
    run = create()
    process = start(run)
    wait(lambda: run.checkpoint and checkpoint.generations(run.path, "last"))
    process.kill()
    process.join()
    launcher.finish(run)
    wait(lambda: run.status.state == "finished")
    assert run.results["test"]["n"] > 0


def test_too_little_memory_is_a_sentence_with_the_way_out(create, start, wait):
    run = create()
    process = start(run)
    wait(stepped(run))
    used = psutil.Process(process.pid).memory_info().vms
    resource.prlimit(process.pid, resource.RLIMIT_AS, (used, used))
    status = ended(process, run)
    assert (status.state, status.error) == ("failed", "Out of memory.")
    assert status.hint == "Set a smaller batch_size or image_size, or a smaller model."


def test_a_directory_that_is_deleted_under_the_run_stays_deleted_and_the_process_goes(create, start, wait):
    run = create()
    process = start(run)
    wait(stepped(run))
    shutil.rmtree(run.path, ignore_errors=True)
    process.join(60)
    assert process.exitcode == 0
    assert not run.path.exists() or list(run.path.iterdir()) == []


def test_a_crash_of_the_interpreter_is_not_taken_for_a_kill(create, start, wait):
    run = create()
    process = start(run)
    wait(stepped(run))
    os.kill(process.pid, signal.SIGSEGV)
    status = ended(process, run)
    assert status.state == "interrupted"
    assert status.error == "The process crashed (Segmentation fault) while the run was training."
    process = start(run)
    wait(lambda: run.status.state == "training")
    process.kill()
    assert "was killed" in ended(process, run).error
