"""An address is untrusted: whatever it says, a page stands; what was chosen stays in it and on the next page."""

import pytest
from tab import PAGES, Tab

HOSTILE = {
    "run": "nope", "dataset": "../../etc", "split": "<b>", "true": "<script>alert(1)</script>", "predicted": "\x00",
    "both": "1", "px": "9999999", "seed": "abc", "image": "-5", "class": "../sea", "pipeline": "rm -rf", "page": "0",
    "path": "'; DROP TABLE images; --", "sort": "NaN", "numbers": "1e999", "balance": "", "size": "XXL",
    "preset": "nope", "split_filter": "*", "cam": "maybe", "opacity": "NaN", "cam_class": "nobody", "examples": "99999999999999",
    "unknown": "%s%n", "pair": "9-9", "cells": "9-9_x_-_99999-1", "between": "<b>", "rows": "../x", "columns": "truth ", "order": "0",
    "classes": "-1_zz_99999999", "question": "no", "ask": "no", "clean": "no",
}  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_a_hostile_address_gives_the_plain_page(trained, page):
    Tab().open(page, **HOSTILE)
    tab = Tab().open(page, **(HOSTILE | {"path": "", "pipeline": ""}))
    plain = Tab().open(page)
    # The only difference: that what the address names does not exist is said.
    notices = [warning.value for warning in tab.at.warning if "does not exist; showing" in warning.value]
    assert notices
    assert [line for line in tab.text.splitlines() if line not in notices] == plain.text.splitlines()
    assert not tab.at.error
    assert tab.url("run") == trained.id


@pytest.mark.parametrize("page", ["augment", "explore", "predict", "evaluate"])
def test_a_number_of_the_address_may_be_anything(trained, page):
    for value in ("99999999999999999999999999", "-1", "1e3", "٣", "²", "9" * 5000, " "):
        Tab().open(page, seed=value, image=value, page=value, page_back=value, px=value, examples=value)


def test_examples_with_a_number_too_large_are_no_examples(trained):
    assert Tab().open("predict", examples="99999999999").pictures() == []


@pytest.mark.parametrize("page", PAGES)
def test_a_hostile_address_in_an_empty_home(home, page):
    Tab().open(page, **HOSTILE)


def test_an_address_leads_to_its_view(trained):
    tab = Tab().open("evaluate", dataset="scenes", run=trained.id, split="validation", true="sea", predicted="sea", sort="margin")
    sea = trained.classes.index("sea")
    view = {"split": "validation", "cells": f"{sea}-{sea}", "sort": "margin", "run": trained.id}
    assert {key: tab.url(key) for key in view} == view
    assert "of **sea** recognised" in tab.text


def test_the_dataset_and_the_run_stay_chosen_from_page_to_page(copied, kaggle):
    from engine.data import datasets
    from engine.runs.config import configure
    from engine.training import launcher

    datasets.add_dataset(str(kaggle), "second")
    other = launcher.create(configure("scenes"))
    tab = Tab().open("runs")
    assert tab.widget("run").options == [
        f"{other.id} · efficientnet_lite0 · interrupted",
        f"{copied.id} · efficientnet_lite0 · F1 {copied.results['test']['macro_f1']['value']:.3f}",
    ]
    tab.choose("run", copied.id)
    for page in ("train", "runs", "explore"):
        tab.open(page)
        assert tab.widget("run").value == copied.id == tab.url("run")
    tab.choose("dataset", "second")
    for page in ("augment", "train", "start", "explore"):
        tab.open(page)
        assert tab.widget("dataset").value == "second" == tab.url("dataset")
    assert "No model has been trained" in tab.open("evaluate").text
    tab.choose("dataset", "scenes")
    assert tab.widget("run").value == copied.id


def test_a_choice_survives_pages_that_do_not_show_it(trained):
    sea = trained.classes.index("sea")
    tab = Tab().open("evaluate")
    tab.choose("cell-box", [f"{sea}-{sea}"])
    tab.open("explore").open_panel("filter-split-panel").choose("filter-splits", ["test"])
    tab.open("augment").choose("pipeline-choice", "strong")
    tab.open("evaluate")
    assert tab.url("cells") == f"{sea}-{sea}"
    assert "of **sea** recognised" in tab.text
    tab.open("explore")
    assert tab.url("filter") == "split_test", "the class that Augment shows filters nothing here"
