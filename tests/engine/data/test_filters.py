"""A filter: what it matches, how an address stores it, how it reads in words."""

import string

import numpy as np
import pandas as pd
import pytest

from engine.data.catalog import Catalog
from engine.data.datasets import add_dataset
from engine.data.filters import Filter
from engine.data.properties import MEASURED, PROPERTIES
from engine.runs.run import list_runs

ODD = ["a-b.c~_d", "<b>", "two\nlines", "\N{RIGHT-TO-LEFT OVERRIDE}gnp", "Straße 雪", "'; DROP TABLE images; --", "%20", "."]


@pytest.fixture
def catalog(home, kaggle) -> Catalog:
    return add_dataset(str(kaggle), "scenes")[0].catalog


def rows(catalog: Catalog) -> pd.DataFrame:
    """Every row of the catalog as SQLite has it: what the arrays must agree with."""
    with catalog.connect() as connection:
        return pd.read_sql("SELECT * FROM images ORDER BY id", connection)


@pytest.mark.parametrize("name", ODD)
def test_an_address_gives_the_filter_back_whatever_the_names(name):
    conditions = Filter(
        ("test", "train"),
        (name, "sea"),
        "quarantined",
        name,
        run="fast-1",
        predicted=(name,),
        correctness="wrong",
        selection="0f",
    )
    conditions = conditions.with_range("brightness", 0.25, 0.5).with_range("bytes", None, 40_000).with_range("width", 0, None)
    text = conditions.to_text()
    assert Filter.from_text(text) == (conditions, [])
    assert set(text) <= set(string.ascii_letters + string.digits + "_.-~")


def test_no_condition_is_no_text():
    assert (Filter().to_text(), Filter().describe(), Filter.from_text("")) == ("", "", (Filter(), []))


@pytest.mark.parametrize(
    "part",
    ["nonsense", "split_moon", "state_ignored", "brightness_", "brightness_-", "brightness_5-1", "width_1e9-", "width_nan-", "class_.FF",
     "class_%41", "path_.", "verdict_maybe", "__class__", "with_x", "brightness_" + "9" * 40 + "-"],
)  # fmt: skip
def test_a_damaged_part_of_an_address_is_named_and_the_rest_holds(part):
    result, ignored = Filter.from_text(f"class_sea~{part}~split_test")
    assert result == Filter(("test",), ("sea",))
    assert len(ignored) == 1 and part[:40] in ignored[0]


def test_an_endless_address_is_left_out_with_a_sentence():
    assert Filter.from_text("class_a~" * 10_000) == (Filter(), ["The filter in the address is too long and was left out."])


def test_a_filter_says_itself_in_words():
    conditions = Filter(("test",), ("glacier", "sea"), text="img", run="fast-1", correctness="wrong").with_range(
        "brightness", 0.2, 0.4
    )
    conditions = conditions.with_range("width", 150, None).with_range("bytes", None, 20_480)
    assert conditions.describe() == (
        "test, class glacier or sea, path with “img”, brightness 0.2 to 0.4, file size up to 20 KB, width from 150 px, fast-1 is wrong"
    )
    assert Filter(classes=tuple("abcdefgh")).describe() == "class a, b, c or 5 others"


def test_every_condition_matches_what_the_rows_say(catalog):
    every = rows(catalog)
    middle = {name: float(np.float32(every[name].median())) for name in MEASURED}
    cases = {
        Filter(): every["state"] == "ok",
        Filter(("test",)): every["split"] == "test",
        Filter(("test", "unlabelled")): every["split"].isin(["test", "unlabelled"]),
        Filter(classes=("sea", "forest")): every["class"].isin(["sea", "forest"]),
        Filter(("train",), ("sea",), text="SEA/00"): (every["split"] == "train") & every["path"].str.contains("sea/00"),
        Filter(state="missing"): every["state"] == "missing",
        Filter(classes=("desert",)): every["class"] == "desert",
        Filter().with_range("width", 65, None): every["width"] >= 65,
        Filter().with_range("aspect", 1, 1): every["width"] == every["height"],
        **{
            Filter().with_range(name, None, value): every[name].astype(np.float32) <= np.float32(value)
            for name, value in middle.items()
        },
    }
    for conditions, expected in cases.items():
        assert catalog.view(conditions).ids().tolist() == every[expected]["id"].tolist(), conditions
    assert any(0 < catalog.count(conditions) < len(every) for conditions in cases)


@pytest.mark.parametrize("order", ["path", *PROPERTIES])
@pytest.mark.parametrize("descending", [False, True])
def test_pages_follow_the_order_that_was_asked_and_an_image_knows_its_place(catalog, order, descending):
    conditions = Filter(("train",))
    result = [row for number in (1, 2, 3, 4, 5, 6) for row in catalog.page(conditions, number, 10, order, descending)]
    values = (
        {
            row.id: value
            for row, value in zip(catalog.page(conditions, size=100), catalog.view(conditions).values(order), strict=True)
        }
        if order != "path"
        else {}
    )
    keys = [row.path if order == "path" else values[row.id] for row in result]
    assert len({row.id for row in result}) == len(result) == catalog.count(conditions)
    assert keys == sorted(keys, reverse=descending)
    assert [catalog.view(conditions).place(row.id, order, descending) for row in result] == list(range(len(result)))


def test_numbers_follow_the_filter(catalog):
    conditions = Filter(("test",), ("sea", "forest"))
    assert catalog.counts(conditions).values.tolist() == [["forest", "test", 6], ["sea", "test", 6]]
    view = catalog.view(conditions)
    for name in PROPERTIES:
        histogram = view.histogram(name, group_by="class")
        assert histogram.groupby("group")["n"].sum().to_dict() == {"forest": 6, "sea": 6}, name
        assert view.quantiles(name)["n"].tolist() == [6, 6]
    assert view.histogram("brightness").n.sum() == 12
    assert catalog.view(Filter(classes=("desert",))).histogram("brightness").empty


def test_a_selection_is_a_word_that_names_the_same_images_later(catalog):
    some = catalog.view().ids()[3:9].tolist()
    word = catalog.select(some)
    assert catalog.select(reversed(some)) == word
    assert catalog.view(Filter(selection=word)).ids().tolist() == some
    assert catalog.count(Filter(("test",), selection=word)) <= 6


def test_what_a_dataset_does_not_know_is_said_and_left_out(catalog):
    conditions = Filter(("test",), ("sea", "desert"), run="fast-9", correctness="wrong", selection="../../x")
    assert catalog.count(conditions) == 0
    known, sentences = catalog.check(conditions)
    assert known == Filter(("test",), ("sea",))
    assert [s.split(".")[0] for s in sentences] == [
        "There is no class 'desert' in this dataset", "The selected images are no longer stored on this computer; select them again",
        "The run 'fast-9' has no predictions for this dataset",
    ]  # fmt: skip


def test_a_runs_answers_filter_the_images(finished):
    from engine.data.datasets import load_dataset

    run, catalog = list_runs()[0], load_dataset("scenes").catalog
    table = run.predictions("test").table
    classes = np.array(run.classes)
    wrong = Filter(("test",), run=run.id, correctness="wrong")
    assert catalog.view(wrong).ids().tolist() == sorted(table[table["true"] != table["predicted"]]["image_id"])
    assert catalog.count(Filter(("test",), run=run.id, correctness="right")) + catalog.count(wrong) == len(table)
    for name in run.classes:
        called = Filter(("test",), run=run.id, predicted=(name,))
        assert catalog.view(called).ids().tolist() == sorted(table[classes[table["predicted"]] == name]["image_id"])
