"""The list in the top bar: what runs, where it is watched, and a stop for each."""

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.http.request_guard import RequestGuard
from dashboard.http.routes import ROUTES
from engine.core.jobs import JobStatus
from engine.core.lease import Lease
from engine.inference import ood
from engine.runs.run import load_run


@pytest.fixture
def client(finished):
    return TestClient(RequestGuard(Starlette(routes=ROUTES)), base_url="http://localhost")


@pytest.fixture
def fitting(finished):
    """A detector that is being fitted: this process holds its lease."""
    job = ood.job(load_run(finished.run_id))
    job.folder.mkdir(parents=True, exist_ok=True)
    lease = Lease(job.folder / "lease")
    assert lease.acquire()
    job._register()
    job._write(JobStatus("working", "extracting features of train images", 30, 40, eta=100.0))
    yield job
    (job.folder / "stop").unlink(missing_ok=True)
    lease.release()


def test_where_nothing_runs_the_list_is_empty(client):
    response = client.get("/activity")
    assert (response.status_code, response.json(), response.headers["cache-control"]) == (200, [], "no-store")


def test_a_row_says_how_far_it_is_and_leads_to_its_page(client, fitting, finished):
    assert client.get("/activity").json() == [
        {
            "name": f"ood/{finished.run_id}", "title": f"Out-of-distribution detector: {finished.run_id}", "state": "working",
            "text": "extracting features of train images: 30 of 40, 2 min left", "share": 0.75,
            "url": f"/predict?run={finished.run_id}&dataset=scenes",
        }
    ]  # fmt: skip


def test_stop_stops_what_is_named_and_only_that(client, fitting):
    assert client.post("/activity/stop", params={"name": "map/scenes"}).status_code == 404
    assert not fitting.stop_requested
    assert client.post("/activity/stop", params={"name": fitting.name}).status_code == 204
    assert fitting.stop_requested
    assert [row["state"] for row in client.get("/activity").json()] == ["stopping"]


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_no_other_site_can_stop_anything(client, fitting, headers):
    assert client.post("/activity/stop", params={"name": fitting.name}, headers=headers).status_code == 403
    assert client.get("/activity/stop", params={"name": fitting.name}).status_code in (404, 405)
    assert not fitting.stop_requested
