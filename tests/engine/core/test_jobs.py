"""Background jobs: one that has ended is known to have ended at once, and leaves nothing behind."""

import shutil

import psutil
import pytest

from engine.core.lease import holder, is_held
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


def jobs_of(run):
    """A job of every kind."""
    data = run.config.dataset
    return {
        "analysis": analysis.job(data),
        "map": dataset_index.job(data),
        "audit": audit.job(data),
        "worth": acquisition.job(data),
        "novelty": ood.job(run),
        "robustness": measurement.job(run, "test"),
        "export": export_job.job(run.id, "onnx"),
        "batch": batch_job.job(kept_batch(run)),
    }


def kept_batch(run):
    data = datasets.load_dataset(run.config.dataset)
    file = data.catalog.files(data.catalog.frame("test"))[0]
    return store.create_batch("one", [UploadItem(file.name, file.read_bytes())])


def new_child(action):
    """The process that an action starts, and what the action gives."""
    before = set(psutil.Process().children())
    result = action()
    (child,) = set(psutil.Process().children()) - before
    return child, result


def end(child, wait):
    """Kill a process; it is gone for good, and no zombie of this one, as soon as this returns."""
    child.kill()
    wait(lambda: not psutil.pid_exists(child.pid))


@pytest.mark.parametrize("kind", ["analysis", "map", "audit", "worth", "novelty", "robustness", "export", "batch"])
def test_a_job_that_is_killed_while_it_starts_has_failed_at_once_and_starts_again(run, wait, kind):
    job = jobs_of(run)[kind]
    child, _ = new_child(job.start)
    assert (job.status().state, job.status().phase, job.running) == ("working", "starting", True)
    children = psutil.Process().children()
    job.start()  # does nothing: one is at it
    assert psutil.Process().children() == children
    end(child, wait)
    assert (job.status().state, job.status().message, job.running) == ("failed", "The process ended unexpectedly.", False)
    again, _ = new_child(job.start)
    assert job.status().state == "working"
    end(again, wait)


def test_a_job_that_is_killed_at_work_has_failed_at_once(run, wait):
    job = dataset_index.job(run.config.dataset)
    child, _ = new_child(job.start)
    wait(lambda: holder(job.folder / "lease") or job.status().state != "working")
    end(child, wait)
    assert job.status().state in ("failed", "done")
    assert not job.running


def test_a_job_that_ends_well_is_done_and_leaves_no_zombie(run, wait):
    job = analysis.job(run.config.dataset)
    before = psutil.Process().children()
    child, _ = new_child(job.start)
    wait(lambda: not psutil.pid_exists(child.pid))
    assert (job.status().state, job.running) == ("done", False)
    assert psutil.Process().children() == before


def test_a_job_that_cannot_begin_has_failed_and_leaves_no_zombie(run, wait):
    job = ood.job(run)
    shutil.rmtree(run.path)
    child, _ = new_child(job.start)
    wait(lambda: not psutil.pid_exists(child.pid))
    assert job.status().state == "failed"


def test_a_dataset_a_probe_and_a_training_that_are_killed_have_failed_at_once(run, wait, kaggle):
    child, name = new_child(lambda: add_job.start(str(kaggle), "other"))
    assert [item.state for item in add_job.list_pending()] == ["adding"]
    end(child, wait)
    assert [(item.name, item.state) for item in add_job.list_pending()] == [(name, "failed")]

    config = configure(run.config.dataset, "balanced", image_size=32, batch_size=16)
    child, name = new_child(lambda: probes.start("lr-find", config))
    assert probes.read("lr-find", name)["state"] == "running"
    end(child, wait)
    assert probes.read("lr-find", name)["state"] == "failed"

    child, started = new_child(lambda: launcher.start(configure(run.config.dataset, "balanced", image_size=32, epochs=1000)))
    assert started.status.active
    end(child, wait)
    assert started.status.state == "interrupted"
    child, _ = new_child(lambda: launcher.resume(started))
    wait(lambda: started.status.state == "training")
    end(child, wait)
    assert started.status.state == "interrupted"
    assert not is_held(started.path / "lease")


def test_what_a_child_starts_is_not_taken_for_the_job(run, wait, monkeypatch):
    """The number of the open file is in the environment: another process's file of that number is no lease."""
    job = dataset_index.job(run.config.dataset)
    seen = []
    with open(run.path / "config.json", "rb") as file:
        monkeypatch.setenv("SCENESCOPE_JOB_LEASE", str(file.fileno()))
        assert job.run(lambda report: seen.append(job.running)) == 0
    assert (seen, job.running, job.status().state) == ([True], False, "done")


@pytest.mark.parametrize("run_id", ["a" * 201, "é" * 150, "a" * 5000, "..", "", "a/b", "a\0b", "\udcff"])
def test_a_name_that_no_run_can_have_names_none(home, run_id):
    with pytest.raises(UserError, match="There is no run") as error:
        load_run(run_id)
    assert len(error.value.message) < 300
