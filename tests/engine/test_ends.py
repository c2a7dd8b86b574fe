"""However a run's process ends, its directory says what happened and what to do; real processes, tiny images."""

import os
import resource
import shutil
import signal

import psutil
import pytest
import victim

from engine import launcher
from engine.config import configure
from engine.data import datasets
from engine.history import history
from engine.training import checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture
def create(kaggle, memory, monkeypatch):
    """create(**changes): a fine-tuning run, not started, of three steps an epoch on tiny pictures; its home is in memory."""
    monkeypatch.setenv("SCENESCOPE_HOME", str(memory))
    datasets.add(str(kaggle))

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
    frame = history(run.events()[0]).steps
    return frame["step"].tolist() if len(frame) else []


def ended(process, run):
    process.join(60)
    assert process.exitcode is not None
    return run.status


def test_a_second_signal_ends_it_at_once_and_says_so(create, start, wait):
    run = create()
    process = start(run)
    wait(stepped(run))
    process_ = psutil.Process(process.pid)
    process_.suspend()
    launcher.end_at_once(run)
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
    assert status.error.startswith("A file may not become so large here (")
    assert status.hint == "Raise the limit on the size of files, then resume: the run goes on from its last checkpoint."
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
