"""What runs on a home is found from its files, and stopped by name."""

import pytest

from engine.core.errors import UserError
from engine.core.jobs import JobStatus
from engine.core.lease import Lease
from engine.core.paths import cache_dir
from engine.curation import store as audit
from engine.data import add_job, datasets
from engine.runs import queue
from engine.runs.config import configure
from engine.training import activity, launcher


@pytest.fixture
def data(kaggle):
    return datasets.add_dataset(str(kaggle), "scenes")[0]


@pytest.fixture
def auditing(data):
    """An audit at work: this process holds its lease."""
    job = audit.job(data.name)
    job.folder.mkdir()
    job._register()
    job._write(JobStatus("working", "computing embeddings", 4, 12, eta=20.0))
    lease = Lease(job.folder / "lease")
    assert lease.acquire()
    yield job
    lease.release()


def test_nothing_runs_in_an_empty_home(home):
    assert activity.list_activities() == []


def test_a_job_says_what_it_is_and_how_far(auditing):
    [one] = activity.list_activities()
    assert one.document() == {
        "name": "audit/scenes", "title": "Audit: scenes", "state": "working", "phase": "computing embeddings", "done": 4, "total": 12,
        "progress": 0.3333, "eta": 20.0, "about": {"dataset": "scenes"},
    }  # fmt: skip


def test_runs_come_first_in_the_order_of_the_queue_and_end_when_they_are_stopped(auditing, wait):
    first, second = (launcher.start(configure("scenes", "balanced", image_size=32, epochs=1000)) for _ in range(2))
    assert [one.name for one in activity.list_activities()] == [f"training/{first.id}", f"training/{second.id}", "audit/scenes"]
    assert activity.list_activities()[1].about == {"run": second.id, "dataset": "scenes"}
    for run in (second, first):
        activity.stop(f"training/{run.id}")
        assert run.request == "stop" or not run.status.active
        wait(lambda run=run: not run.status.active)
    wait(lambda: not queue.live_runs())
    assert [one.name for one in activity.list_activities()] == ["audit/scenes"]


def test_a_job_that_was_asked_to_stop_says_so(auditing):
    activity.stop("audit/scenes")
    assert [one.state for one in activity.list_activities()] == ["stopping"]


def test_a_dataset_is_shown_while_it_is_added(data, kaggle, wait):
    add_job.start(str(kaggle), "other")
    titles = [one.title for one in activity.list_activities()]
    wait(lambda: not activity.list_activities())
    assert titles == ["Adding images: other"]


@pytest.mark.parametrize("name", ["", "audit", "audit/other", "training/fast-1", "../..", "audit/scenes/x", "é:é"])
def test_what_does_not_run_cannot_be_stopped(auditing, name):
    with pytest.raises(UserError, match="is running"):
        activity.stop(name)


def test_a_ticket_of_an_unknown_kind_or_of_nothing_is_passed_over(auditing):
    for name in ("later:x", "audit", "audit:a:b", "map:gone"):
        (cache_dir("jobs") / name).touch()
    assert [one.name for one in activity.list_activities()] == ["audit/scenes"]
