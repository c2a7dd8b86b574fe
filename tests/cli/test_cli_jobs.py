"""`jobs`: what runs is listed, and stopped by the name in the list."""

import json

import pytest

from engine.core.jobs import JobStatus
from engine.core.lease import Lease
from engine.curation import store as audit
from engine.data import datasets


@pytest.fixture
def auditing(home, kaggle):
    """An audit at work: this process holds its lease."""
    datasets.add_dataset(str(kaggle), "scenes")
    job = audit.job("scenes")
    job.folder.mkdir()
    job._register()
    job._write(JobStatus("working", "computing embeddings", 4, 16, eta=20.0))
    lease = Lease(job.folder / "lease")
    assert lease.acquire()
    yield job
    lease.release()


def test_where_nothing_runs_the_list_says_so(engine, home):
    done = engine("jobs", home=home)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing runs in the background.\n", "")
    assert json.loads(engine("jobs", "--json", home=home).stdout) == []


def test_what_runs_is_listed_with_its_progress(engine, home, auditing):
    header, row = engine("jobs", home=home).stdout.splitlines()
    assert header.split() == ["name", "what", "state", "progress", "left"]
    assert row.split("  ")[:3] == ["audit/scenes", "Audit: scenes", "working"]
    assert row.endswith("computing embeddings: 4 of 16  25%  20 s")
    [document] = json.loads(engine("jobs", "--json", home=home).stdout)
    assert (document["name"], document["progress"], document["eta"]) == ("audit/scenes", 0.25, 20.0)


def test_stop_stops_it_by_its_name(engine, home, auditing):
    wrong = engine("jobs", "stop", "map/scenes", home=home)
    assert (wrong.returncode, "Nothing named 'map/scenes' is running." in wrong.stderr) == (2, True)
    assert not auditing.stop_requested
    done = engine("jobs", "stop", "audit/scenes", "--json", home=home)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"stopping": "audit/scenes"})
    assert auditing.stop_requested
    assert "stopping" in engine("jobs", home=home).stdout
