"""Before there is a model: every page says what is missing, and what to do about it."""

import pytest
from tab import PAGES

from engine.core.jobs import JobStatus
from engine.core.lease import Lease
from engine.data import add_job
from engine.data.datasets import list_datasets
from engine.runs.run import list_runs


@pytest.mark.parametrize("page", PAGES)
def test_without_a_dataset_a_page_leads_to_start(tab, home, page):
    tab.open(page)
    if page == "start":
        assert "Explore your images, train a classifier on this computer" in tab.text
        assert "None yet." in tab.text
        assert [box.label for box in tab.at.text_input] == ["Folder on this computer", "Name (optional)"]
    else:
        assert "There is no dataset yet." in tab.text
        assert tab.links == ["Go to Start"]


@pytest.mark.parametrize("page", ["runs", "evaluate", "predict"])
def test_without_a_run_a_page_leads_to_train(tab, untrained, page):
    tab.open(page)
    assert "No model has been trained on this dataset yet." in tab.text
    assert tab.links == ["Train one: the preset fast takes a minute or two"]
    assert tab.widget("no_run").disabled


def test_start_offers_to_train_the_first_model(tab, untrained):
    tab.open("start")
    assert "**scenes** has no model yet." in tab.text
    assert "83 images, 4 classes: " in tab.text
    assert "Train a first model" in tab.buttons


def test_adding_a_folder_that_is_not_there_gives_a_sentence(tab, home):
    tab.open("start")
    tab.press("Add")
    assert "Enter a folder with one subfolder per class." in tab.errors
    tab.at.text_input[0].set_value("/no/such/folder")
    tab.press("Add")
    assert "There is no folder" in tab.errors.replace("\\", "")


def test_opening_every_page_starts_nothing(tab, untrained):
    for page in PAGES:
        tab.open(page)
    assert list_runs() == []


def added(tab, source, name, wait) -> None:
    """Fill in the form and press Add; until the dataset is there."""
    tab.at.text_input[0].set_value(str(source))
    tab.at.text_input[1].set_value(name)
    tab.press("Add")
    wait(lambda: not add_job.list_pending() and name in [data.name for data in list_datasets()])


def test_a_dataset_that_was_added_is_confirmed_and_chosen(tab, untrained, wait):
    (untrained / "seg_train" / "seg_train" / "sea" / "broken.jpg").write_bytes(b"no picture")
    added(tab.open("start"), untrained, "mine", wait)
    tab.run()
    assert [toast.value for toast in tab.at.toast] == ["mine: 83 images added, 1 file skipped"]
    assert (tab.url("dataset"), tab.widget("dataset").value) == ("mine", "mine")
    assert "**mine** has no model yet." in tab.text
    assert not tab.run().at.toast, "once"


def test_the_first_dataset_is_confirmed_too(tab, home, kaggle, wait):
    added(tab.open("start"), kaggle, "first", wait)
    tab.run()
    assert [toast.value for toast in tab.at.toast] == ["first: 83 images added"]
    assert tab.url("dataset") == "first"


def test_a_page_without_a_dataset_shows_how_far_the_demo_is_and_goes_on(tab, home):
    job = add_job.job("demo", "demo")
    job.folder.mkdir(parents=True)
    job._write(JobStatus("working", "reading images", 50, 1200))
    process = Lease(job.folder / "lease")
    assert process.acquire()
    tab.open("explore")
    process.release()
    assert "The demo dataset is being created: this page continues by itself" in tab.text
    assert [bar.proto.text for bar in tab.at.get("progress")] == ["Adding **demo**: reading images: 50 of 1,200"]
