"""Background jobs of every kind: one process, whose end is seen at once and leaves nothing behind."""

import json
import shutil
import threading

import psutil
import pytest

from engine.core.files import write_json
from engine.core.job_kinds import KINDS
from engine.core.jobs import JobStatus, list_jobs
from engine.core.lease import holder, is_held
from engine.core.progress import Progress
from engine.curation import acquisition
from engine.curation import store as audit
from engine.data import add_job, analysis, datasets
from engine.data.uploads import UploadItem
from engine.embeddings import dataset_index
from engine.evaluation.robustness import measurement
from engine.export import job as export_job
from engine.inference import ood
from engine.inference.batch import job as batch_job
from engine.inference.batch import store
from engine.runs.config import configure
from engine.runs.run import UserError, load_run
from engine.training import launcher, probes


@pytest.fixture
def run(finished_session, tmp_path, monkeypatch):
    """A finished run in a home of this test's own."""
    shutil.copytree(finished_session.home, tmp_path / "home")
    monkeypatch.setenv("SCENESCOPE_HOME", str(tmp_path / "home"))
    return load_run(finished_session.run_id)


@pytest.fixture
def job_of(run, kaggle):
    """job_of(kind): a job of this kind, ready to be started."""
    data = run.config.dataset

    def batch():
        loaded = datasets.load_dataset(data)
        file = loaded.catalog.files(loaded.catalog.frame("test"))[0]
        stored = store.create_batch("one", [UploadItem(file.name, file.read_bytes())])
        write_json(stored.path / "asked.json", [run.id])
        return batch_job.job(stored)

    def probe(kind):
        config = configure(data, "balanced", image_size=32, batch_size=16, weights="none")
        job = probes.job(kind, config)
        write_json(job.folder / "config.json", config.to_dict())
        return job

    makers = {
        "scan": lambda: add_job.job(str(kaggle), "other"),
        "analysis": lambda: analysis.job(data),
        "map": lambda: dataset_index.job(data),
        "audit": lambda: audit.job(data),
        "acquisition": lambda: acquisition.job(data),
        "ood": lambda: ood.job(run),
        "robustness": lambda: measurement.job(run, "test", 1),
        "export": lambda: export_job.job(run.id, "torchscript"),
        "batch": batch,
        "estimate": lambda: probe("estimate"),
        "lr-find": lambda: probe("lr-find"),
    }
    assert makers.keys() == KINDS.keys()
    return lambda kind: makers[kind]()


def new_child(action):
    """The process that an action starts, and what the action gives."""
    before = set(psutil.Process().children())
    result = action()
    (child,) = set(psutil.Process().children()) - before
    return child, result


def end(child, wait):
    """Kill a process; it is gone for good, and no zombie of this one, as soon as this returns."""
    child.kill()
    wait(lambda: not psutil.pid_exists(child.pid), 2)


def frozen_in_the_middle(job, wait):
    """The process of the job, which is started and then frozen as soon as it reports its first progress."""
    child, _ = new_child(job.start)
    # Without a pause between two looks: some jobs take only moments.
    while (status := job.status()).phase in ("", "starting"):
        assert status.state == "working", status
    child.suspend()
    assert (job.status().state, job.running) == ("working", True)
    return child


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_of_any_kind_is_one_process_that_can_be_killed_stopped_and_continued(job_of, wait, kind):
    job, others = job_of(kind), set(psutil.Process().children())
    child = frozen_in_the_middle(job, wait)
    threads = [threading.Thread(target=job.start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(psutil.Process().children()) - others == {child}, "one is at it: no start makes another"
    assert [(found.kind, found.folder, found.argument, found.name) for found in list_jobs()] == [
        (kind, job.folder, job.argument, job.name)
    ]

    end(child, wait)
    killed = job.status()
    assert (killed.state, job.running, list_jobs()) == ("failed", False, [])
    assert killed.message.startswith("The process was killed, probably out of memory, while it was ")
    assert killed.hint == "Start it again: it continues where it stopped."

    child = frozen_in_the_middle(job, wait)
    job.stop()
    child.resume()
    wait(lambda: not psutil.pid_exists(child.pid))
    assert (job.status().state, job.running) == ("stopped", False)

    child, _ = new_child(job.start)
    wait(lambda: not psutil.pid_exists(child.pid))
    assert (job.status().state, job.running) == ("done", False), job.log_tail()
    assert set(psutil.Process().children()) <= others


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_is_killed_while_it_starts_has_failed_at_once_and_starts_again(job_of, wait, kind):
    job = job_of(kind)
    child, _ = new_child(job.start)
    assert (job.status().state, job.status().phase, job.running) == ("working", "starting", True)
    end(child, wait)
    assert (job.status().state, job.running) == ("failed", False)
    # Whether it had signed its lease by then is a matter of milliseconds.
    assert job.status().message.startswith(("The process could not be started.", "The process was killed"))
    again, _ = new_child(job.start)
    assert job.status().state == "working"
    end(again, wait)


def test_a_job_that_crashes_says_so_and_its_log_says_where(run, wait):
    job = analysis.job(run.config.dataset)
    job.folder.mkdir(exist_ok=True)
    job._write(JobStatus("working", "measuring properties", 3, 10))
    (job.folder / "lease").write_text(json.dumps({"pid": 1, "start_time": 1.0}))
    (job.folder / "job.log").write_text("--- started 1\nFatal Python error: Segmentation fault\n\nCurrent thread\n")
    assert job.status().message == "The process crashed (Segmentation fault) while it was measuring properties."
    assert job.status().hint == "Start it again: it continues where it stopped. job.log says where it was."
    assert job.log_tail(1) == "Current thread"


def test_a_job_that_cannot_begin_has_failed_and_leaves_no_zombie(run, wait):
    job = ood.job(run)
    shutil.rmtree(run.path)
    child, _ = new_child(job.start)
    wait(lambda: not psutil.pid_exists(child.pid))
    assert job.status().state == "failed"
    assert "There is no run" in job.log_tail()


def test_an_error_that_no_one_foresaw_is_named_and_its_traceback_is_raised(run):
    job = analysis.job(run.config.dataset)
    with pytest.raises(ZeroDivisionError):
        job.run(lambda report: 1 / 0)
    assert job.status().message == "Unexpected ZeroDivisionError: division by zero"
    assert not job.running


def test_the_log_stays_bounded(run, wait):
    job = analysis.job(run.config.dataset)
    job.folder.mkdir(exist_ok=True)
    (job.folder / "job.log").write_bytes(b"x" * (3 << 20))
    child, _ = new_child(job.start)
    end(child, wait)
    assert (job.folder / "job.log").stat().st_size < 2 << 20


def test_a_training_that_is_killed_has_ended_at_once(run, wait):
    child, started = new_child(lambda: launcher.start(configure(run.config.dataset, "balanced", image_size=32, epochs=1000)))
    assert started.status.active
    end(child, wait)
    assert started.status.state == "interrupted"
    child, _ = new_child(lambda: launcher.resume(started))
    wait(lambda: started.status.state == "training")
    end(child, wait)
    assert started.status.state == "interrupted"
    assert not is_held(started.path / "lease")


def test_a_lease_is_not_inherited_by_what_a_child_starts(run, wait, monkeypatch):
    """The number of the open file is in the environment: in another process that number may be a file that is not a lease."""
    job = dataset_index.job(run.config.dataset)
    seen = []
    with open(run.path / "config.json", "rb") as file:
        monkeypatch.setenv("SCENESCOPE_LEASE", str(file.fileno()))
        assert job.run(lambda report: seen.append(job.running)) == 0
    assert (seen, job.running, job.status().state) == ([True], False, "done")


def test_a_status_of_an_earlier_version_is_read(run):
    job = analysis.job(run.config.dataset)
    write_json(job.folder / "work.json", {"state": "stopped", "phase": "properties", "done": 3, "first": 1, "began": 5.0})
    assert job.status() == JobStatus("stopped", "properties", 3)
    assert job.status().progress == Progress("properties", 3, 0)


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"argument": 3, "about": null}'])
def test_a_job_whose_description_is_damaged_is_still_found(run, wait, damage):
    job = analysis.job(run.config.dataset)
    child, _ = new_child(job.start)
    wait(lambda: holder(job.folder / "lease") or not job.running)
    (job.folder / "job.json").write_text(damage)
    assert [found.name for found in list_jobs()] in ([job.name], [])
    end(child, wait)


@pytest.mark.parametrize("run_id", ["a" * 201, "é" * 150, "a" * 5000, "..", "", "a/b", "a\0b", "\udcff"])
def test_a_name_that_no_run_can_have_names_none(home, run_id):
    with pytest.raises(UserError, match="There is no run") as error:
        load_run(run_id)
    assert len(error.value.message) < 300
