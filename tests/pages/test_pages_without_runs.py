"""Before there is a model: every page says what is missing, and what to do about it."""

import pytest
from tab import PAGES

from engine.runs import runs


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
    assert tab.at.selectbox(key="no_run").disabled


def test_start_offers_to_train_the_first_model(tab, untrained):
    tab.open("start")
    assert "**scenes** has no model yet." in tab.text
    assert "83 images, 4 classes: " in tab.text
    assert "Train a first model" in tab.buttons


def test_adding_a_folder_that_is_not_there_gives_a_sentence(tab, home):
    tab.open("start")
    tab.press("Add")
    assert "Name a folder that holds class folders." in tab.errors
    tab.at.text_input[0].set_value("/no/such/folder")
    tab.press("Add")
    assert "There is no folder" in tab.errors.replace("\\", "")


def test_opening_every_page_starts_nothing(tab, untrained):
    for page in PAGES:
        tab.open(page)
    assert runs() == []
