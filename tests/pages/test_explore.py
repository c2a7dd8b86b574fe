"""Explore: one filter for charts and pictures, kept in the address; every state says what is the case and what to do."""

from dataclasses import replace

import pytest
from tab import Tab

from engine.data import datasets
from engine.data.datasets import Dataset, load_dataset
from engine.data.filters import Filter
from engine.data.fingerprint import renew_generation
from engine.data.predictions import read_predictions
from engine.data.synthetic import synthesize


@pytest.fixture
def scenes(untrained) -> Dataset:
    return load_dataset("scenes")


def look(wanted: Filter = Filter(), **query: str) -> Tab:
    return Tab().open("explore", filter=wanted.to_text(), **query)


def shown(tab: Tab) -> list[int]:
    return [item["id"] for item in tab.items("explore")]


def chips(tab: Tab) -> list[str]:
    """What the chips say, in order."""
    return [label.removesuffix(" :material/close:") for label in tab.buttons if label.endswith(" :material/close:")]


def drop(tab: Tab, place: int) -> Tab:
    """Click a chip."""
    return tab.press(f"{chips(tab)[place]} :material/close:")


def test_the_page_begins_with_everything(scenes):
    tab = look()
    counts = scenes.catalog.counts()
    text = ", ".join(f"{counts.loc[counts['split'] == s, 'n'].sum()} {s}" for s in ("train", "validation", "test", "unlabelled"))
    assert f"**83 images** in **4 classes**: {text}." in tab.text
    assert list(tab.figure("counts")["data"][0]["x"]) == [13, 13, 13, 13]
    assert shown(tab) == [row.id for row in scenes.catalog.page()]


def test_charts_and_gallery_follow_the_filter_of_the_address(scenes):
    wanted = Filter(splits=("test",), classes=("sea",))
    tab = look(wanted)
    expected = scenes.catalog.page(wanted)
    assert shown(tab) == [row.id for row in expected] and len(expected) == 6
    assert tab.items("explore")[0]["src"] == f"/thumb/scenes/{expected[0].id}/{expected[0].hash}.jpg"
    assert tab.items("explore")[0]["alt"] == f"sea, {expected[0].path}"
    assert "**6** of 83 images match" in tab.text
    matching = {trace["customdata"][0][1]: list(solid["x"]) for solid, trace in zip(*columns(tab), strict=True)}
    assert matching == {"train": [0, 0, 0, 0], "validation": [0, 0, 0, 0], "test": [0, 0, 0, 6]}


def columns(tab: Tab) -> tuple[list, list]:
    """The bars of what matches, and the targets, a column each."""
    traces = tab.figure("counts")["data"]
    return traces[2::4], traces[3::4]


def test_each_widget_of_the_bar_writes_the_filter_into_the_address(scenes):
    tab = look().open_panel("filter-class-panel").open_panel("filter-split-panel")
    tab.choose("filter-classes", ["sea", "forest"])
    tab.choose("filter-splits", ["train"])
    tab.choose("filter-text", " 00 ")
    wanted = Filter(classes=("sea", "forest"), splits=("train",), text="00")
    assert tab.url("filter") == wanted.to_text()
    assert shown(tab) == [row.id for row in scenes.catalog.page(wanted)]
    again = Tab().open("explore", filter=tab.url("filter")).open_panel("filter-class-panel")
    assert (again.text, shown(again)) == (tab.text, shown(tab))
    assert again.widget("filter-classes").value == ["sea", "forest"]


def test_a_chip_removes_its_condition_and_no_other(scenes):
    bright = scenes.catalog.view().range("brightness")
    wanted = Filter(classes=("sea", "forest"), text="00").with_range("brightness", None, round(bright[1], 6))
    tab = look(wanted)
    assert chips(tab)[:2] == ["sea", "forest"] and len(chips(tab)) == 4
    drop(tab, 0)
    assert tab.url("filter") == replace(wanted, classes=("forest",)).to_text()
    drop(tab, 2)
    assert tab.url("filter") == Filter(classes=("forest",), text="00").to_text()
    tab.press("Clear all")
    assert tab.url("filter") is None
    assert len(shown(tab)) == 60


def test_where_nothing_matches_the_page_says_which_condition_to_drop(scenes):
    tab = look(Filter(classes=("sea",), splits=("test",), text="no such file"))
    assert "No images match all filters." in tab.text
    assert [label for label in tab.buttons if label.startswith("Remove")] == ["Remove “path\\: no such file”: 6 images"]
    tab.press("Remove “path\\: no such file”: 6 images")
    assert tab.url("filter") == Filter(classes=("sea",), splits=("test",)).to_text()
    assert len(shown(tab)) == 6


def test_where_no_single_condition_is_to_blame_all_can_be_cleared(scenes):
    tab = look(Filter(splits=("unlabelled",), classes=("sea",), text="no such file"))
    assert "Removing a single one does not help." in tab.text
    tab.press("Clear all filters")
    assert tab.url("filter") is None


def test_what_the_dataset_does_not_know_is_said_and_left_out(scenes):
    tab = look(Filter(classes=("sea", "volcano")))
    assert "There is no class 'volcano' in this dataset." in tab.text.replace("\\", "")
    assert tab.url("filter") == "class_sea"
    assert len(shown(tab)) == 20


def test_another_dataset_begins_without_the_filter(scenes, untrained):
    datasets.add_dataset(str(untrained), "second")
    tab = look(Filter(classes=("sea",)), dataset="scenes")
    assert len(shown(tab)) == 20
    tab.choose("dataset", "second")
    assert tab.url("filter") is None
    assert len(shown(tab)) == 60


def test_pages_begin_anew_with_another_filter_and_stand_in_the_address(scenes):
    tab = look(page="2")
    every = scenes.catalog.page(size=100)
    assert shown(tab) == [row.id for row in every[60:]]
    tab.open_panel("filter-split-panel").choose("filter-splits", ["train"])
    assert tab.url("page") is None
    assert len(shown(tab)) == 52


@pytest.mark.parametrize("order", ["brightness", "brightness-", "path-"])
def test_the_order_is_that_of_the_property_and_stands_in_the_address(scenes, order):
    tab = look().choose("order", order)
    by, descending = order.rstrip("-"), order.endswith("-")
    assert shown(tab) == scenes.catalog.view().page(1, 60, by, descending).tolist()
    assert tab.url("order") == order


def test_captions_are_chosen_and_stand_in_the_address(scenes):
    tab = look(captions="brightness-split")
    first = scenes.catalog.page(size=1)[0]
    assert tab.items("explore")[0]["notes"] == [f"brightness {first.brightness:.2f}".rstrip("0"), first.split]
    tab.open_panel("captions-panel").choose("caption-lines", [])
    assert tab.url("captions") == "none"
    assert tab.items("explore")[0]["notes"] == []


def test_files_that_are_put_aside_are_listed_and_can_be_looked_at(scenes, untrained):
    (untrained / "seg_train" / "seg_train" / "sea" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    datasets.add_dataset(str(untrained))
    tab = look()
    assert [panel.label for panel in tab.at.status] == ["1 file is not used"]
    problem = tab.at.dataframe[0].value.iloc[0]
    assert problem["path"].endswith("sea/torn.png") and problem["reason"]
    (item,) = look(Filter(state="quarantined")).items("explore")
    assert problem["reason"] in item["alt"]


def test_a_property_is_drawn_for_each_class_that_matches(scenes):
    tab = look(Filter(classes=("sea", "forest")), question="look", property="brightness")
    assert sorted(tab.figure("spread")["layout"]["yaxis"]["ticktext"]) == ["forest", "sea"]


def test_the_answers_of_a_run_filter_too(trained):
    table = read_predictions(trained.path, "test")
    wrong = table[table["true"] != table["predicted"]]
    tab = look(Filter(run=trained.id, correctness="wrong", splits=("test",)), dataset="scenes")
    assert sorted(shown(tab)) == sorted(wrong["image_id"])
    assert f"**{len(wrong)}** of" in tab.text


@pytest.mark.parametrize(
    "text", ["class_~split_nowhere", "brightness_9-1", "~~x", "<script>", "selection_zz", "run_nope~verdict_wrong"]
)
def test_a_hostile_filter_gives_the_whole_dataset_and_a_sentence(scenes, text):
    tab = Tab().open("explore", filter=text)
    assert len(shown(tab)) == 60
    assert any(
        "was left out" in note.value or "no predictions" in note.value or "no longer stored" in note.value
        for note in tab.at.caption
    )
    assert not tab.at.error


def test_of_very_many_classes_the_largest_the_smallest_and_the_chosen_are_drawn(home):
    data = synthesize("many", rows=3000, classes=500)
    chosen = data.classes[250]
    tab = look(Filter(classes=(chosen,)), dataset="many")
    totals = data.catalog.counts().groupby("class")["n"].sum()
    drawn = [name for name, _ in tab.figure("counts")["data"][3]["customdata"]]
    assert drawn[0] == chosen and len(drawn) == len(set(drawn)) <= 41
    assert totals[drawn[1]] == totals.max() and totals[drawn[-1]] == totals.min()
    assert f"the {500 - len(drawn)} classes between them are not drawn." in tab.text
    assert shown(tab) == data.catalog.view(Filter(classes=(chosen,))).page(1, 60).tolist()


def test_very_many_classes_are_searched(home):
    synthesize("many", rows=3000, classes=500)
    tab = look(dataset="many").open_panel("filter-class-panel")
    tab.widget("class-search").set_value("CLASS_0041")
    tab.run()
    assert tab.widget("filter-classes").options == [f"class\\_0041{i}" for i in range(10)]
    tab.choose("filter-classes", ["class_00417"])
    assert tab.url("filter") == Filter(classes=("class_00417",)).to_text()
    tab.widget("class-search").set_value("class_0001")
    tab.run()
    tab.choose("filter-classes", ["class_00012"])
    assert set(Filter.from_text(tab.url("filter"))[0].classes) == {"class_00417", "class_00012"}


def test_drift_is_said_in_a_sentence_and_follows_the_filter(scenes):
    tab = look(question="differ")
    assert "**Train and test look alike**" in tab.text or "**Train and test differ**" in tab.text
    of_all = {name for (name,) in tab.figure("drift")["data"][-1]["customdata"]}
    assert {"brightness", "contrast", "sharpness", "colourfulness"} <= of_all
    few = look(Filter(classes=("sea",), text="00"), question="differ")
    assert "Too few images of train or test match for a comparison." in "".join(note.value for note in few.at.info)


def test_properties_that_are_missing_can_be_computed(scenes):
    with scenes.catalog.connect() as connection:
        connection.execute("UPDATE images SET brightness = NULL, contrast = NULL, sharpness = NULL, colourfulness = NULL")
        renew_generation(connection)
    tab = look(order="brightness")
    assert "Brightness, contrast, sharpness and colourfulness have not been computed yet for 83 images" in tab.text
    assert "Compute" in tab.buttons
    assert len(shown(tab)) == 60


def test_a_map_that_is_not_drawn_yet_is_offered(scenes):
    tab = look(question="alike")
    assert "No map yet." in tab.text
    assert "Compute map" in tab.buttons
