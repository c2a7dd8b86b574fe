"""The list of what runs: on every page, without redrawing it, by mouse and by keyboard."""

import pytest
from playwright.sync_api import expect

from engine.core.jobs import JobStatus
from engine.core.lease import Lease
from engine.embeddings import dataset_index


@pytest.fixture
def mapping(server, trained, monkeypatch):
    """A map of the demo dataset that is being drawn: this process holds its lease."""
    monkeypatch.setenv("SCENESCOPE_HOME", str(server.home))
    job = dataset_index.job("demo")
    job.folder.mkdir(parents=True, exist_ok=True)
    lease = Lease(job.folder / "lease")
    assert lease.acquire()
    job._register()
    job._write(JobStatus("working", "drawing the map", 250, 750))
    yield lease
    lease.release()
    for name in ("stop", "work.json", "lease"):
        (job.folder / name).unlink(missing_ok=True)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
def test_what_runs_is_listed_and_stopped_on_every_page(open_tab, mapping, width):
    tab = open_tab(width=width)
    page = tab.page
    button = page.get_by_role("button", name="1 running")
    for name in ("clean", "runs"):
        tab.open(name)
        expect(button).to_be_visible()
    button.press("Enter")
    stop = page.get_by_role("button", name="Stop Similarity map: demo")
    expect(page.get_by_text("drawing the map: 250 of 750")).to_be_visible()
    page.keyboard.press("Escape")
    expect(stop).to_be_hidden()
    button.click()
    stop.click()
    expect(page.get_by_role("button", name="Stopping Similarity map: demo")).to_be_disabled()
    assert dataset_index.job("demo").stop_requested
    mapping.release()
    expect(button).to_be_hidden()
