"""A damaged or missing file costs one sentence on the page that needs it, and no other page anything."""

import shutil

import pytest
from tab import PAGES


def test_a_prediction_table_cut_short_is_named_with_the_way_out(tab, copied):
    file = copied.path / "predictions-test.parquet"
    file.write_bytes(file.read_bytes()[:-100])
    for page in PAGES:
        tab.open(page)
        assert bool(tab.at.error) == (page == "evaluate")
    tab.open("evaluate", split="test")
    assert "predictions-test.parquet of run" in tab.errors.replace("\\", "")
    assert f"python -m engine evaluate {copied.id} --split test" in tab.errors.replace("\\", "")
    tab.choose("split", "validation")
    assert not tab.at.error
    assert "validation images** are misclassified." in tab.text


@pytest.mark.slow
def test_a_flipped_byte_in_every_checkpoint_is_named_and_nothing_is_answered(tab, copied, tmp_path, write_class):
    for file in copied.path.glob("checkpoints/best-*/model.safetensors"):
        content = bytearray(file.read_bytes())
        content[-1000] ^= 1
        file.write_bytes(content)
    tab.open("predict")
    tab.at.file_uploader[0].set_value([("sea.png", write_class(tmp_path, "sea", 1)[0].read_bytes(), "image/png")])
    tab.run()
    assert f"Every best checkpoint of run {copied.id} is damaged" in tab.errors.replace("\\", "")
    assert tab.pictures() == []


@pytest.fixture
def lost(copied, tmp_path):
    """The run in a home whose dataset's folder of images no longer exists."""
    from engine.core.files import read_json, write_json

    description = copied.path.parents[1] / "data" / "scenes" / "dataset.json"
    write_json(description, read_json(description) | {"root": str(tmp_path / "gone")})
    return copied


@pytest.mark.parametrize("page", PAGES)
def test_a_folder_of_images_that_is_gone_breaks_no_page(tab, lost, page):
    tab.open(page)
    if page == "augment":
        assert "cannot be shown" in tab.errors
        assert tab.pictures() == []
    elif page == "predict":
        assert "are missing: their folder was moved or deleted" in tab.text
    else:
        assert not tab.at.error


def test_a_dataset_that_is_gone_takes_only_its_runs_along(tab, copied):
    shutil.rmtree(copied.path.parents[1] / "data" / "scenes")
    for page in PAGES:
        tab.open(page)
    tab.open("start")
    assert f"**{copied.id}**" in tab.text
    tab.press("Open")
    assert "The dataset of this run is gone: its scores remain, but its images cannot be shown." in tab.text


def test_a_damaged_run_is_left_out_of_the_list(tab, copied):
    (copied.path / "config.json").write_text('{"config": {')
    for page in PAGES:
        tab.open(page)
    assert "No model has been trained on this dataset yet." in tab.open("runs").text


@pytest.mark.parametrize("document", ["{", "[]", "{}"])
def test_a_damaged_description_of_a_dataset_breaks_no_page(tab, copied, document):
    (copied.path.parents[1] / "data" / "scenes" / "dataset.json").write_text(document)
    for page in PAGES:
        tab.open(page)


def test_files_of_a_run_that_are_no_json_break_no_page(tab, copied):
    (copied.path / "results.json").write_text("{")
    (copied.path / "status.json").write_text("")
    (copied.path / "environment.json").write_text("\x00")
    for page in PAGES:
        tab.open(page)


def test_a_damaged_description_is_named_on_start_and_the_other_datasets_work(tab, home, kaggle):
    from engine.data.datasets import add_dataset

    for name in ("broken", "whole"):
        add_dataset(str(kaggle), name)
    (home / "data" / "broken" / "dataset.json").write_text("{")
    tab.open("start")
    assert "**broken** cannot be shown." in tab.errors
    assert "python -m engine data remove broken" in tab.errors.replace("\\", "")
    assert "**whole**" in tab.text


@pytest.mark.parametrize("page", ["start", "explore", "augment", "train"])
def test_a_catalog_without_images_breaks_no_page_and_says_what_it_is(tab, home, page):
    from engine.data.synthetic import synthesize

    synthesize("made-up", 500, 7)
    tab.open(page)
    if page in ("start", "explore"):
        assert "a catalog without images, for measuring" in tab.text
