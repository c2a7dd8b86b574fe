"""The map and similar images on a page: every state says what it is and what to do next, and a selection is the same everywhere."""

import json
import shutil

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from tab import find_widget

from dashboard.app import map_selection
from dashboard.charts import map_points
from engine.core.jobs import JobStatus
from engine.core.lease import Lease
from engine.data.datasets import add_dataset, load_dataset
from engine.data.filters import Filter
from engine.data.fingerprint import renew_generation
from engine.embeddings import dataset_index, projection
from engine.embeddings.projection import points_inside


def page():
    """What Explore does with the map: its filter narrowed, the chip, the map, a count; with `open`, images like one."""
    import streamlit as st

    from dashboard.charts.palette import class_colours
    from dashboard.components.embedding_map import embedding_map, narrow_to_selection, selection_chip
    from dashboard.components.similar_images import similar_images
    from engine.data.datasets import list_datasets
    from engine.data.filters import Filter
    from engine.runs.run import list_runs

    data = list_datasets()[0]
    wanted = Filter.from_text(st.query_params.get("filter", ""))[0]
    colours = class_colours(data.classes)
    selection_chip(data)
    result = narrow_to_selection(data, wanted)
    embedding_map(data, wanted, colours, next(iter(list_runs()), None))
    st.markdown(f"{data.catalog.count(result)} match")
    if "open" in st.query_params:
        similar_images(data, data.catalog.get(int(st.query_params["open"])), colours)


class Seen:
    """The page at an address."""

    def __init__(self, **query: str) -> None:
        self.at = AppTest.from_function(page, default_timeout=60)
        self.at.query_params.update(query)
        self.run()

    def run(self) -> "Seen":
        self.at.run()
        assert not self.at.exception, [element.value for element in self.at.exception]
        return self

    @property
    def text(self) -> str:
        kinds = (self.at.markdown, self.at.caption, self.at.info, self.at.error)
        return "\n".join(element.value for kind in kinds for element in kind)

    @property
    def buttons(self) -> list[str]:
        return [button.label for button in self.at.button]

    @property
    def map(self) -> dict:
        return json.loads(find_widget(self.at, "map").proto.json)

    @property
    def area(self) -> str | None:
        return self.at.session_state["address"].get("area")


@pytest.fixture
def data(mapped):
    return load_dataset("scenes")


@pytest.fixture
def few(write_class, tmp_path, home):
    """A dataset of 12 images without a map."""
    for kind in ("forest", "sea"):
        write_class(tmp_path / "few" / kind, kind, 6)
    return add_dataset(str(tmp_path / "few"))[0]


def square(drawn, share=0.5):
    """A pick of the map's left part."""
    x = float(np.quantile(drawn.xy[:, 0], share))
    return map_selection.from_corners(drawn.version, [(-1, -1), (x, -1), (x, 1001), (-1, 1001)])


def test_a_dataset_without_a_map_is_offered_one(few):
    seen = Seen()
    assert "No map yet." in seen.text
    assert "12 images" in seen.text
    assert seen.buttons == ["Compute map"]
    assert "12 match" in seen.text


def test_similar_images_without_embeddings_are_offered(few):
    seen = Seen(open=str(few.catalog.view().ids()[0]))
    assert "have not been computed" in seen.text
    assert "Compute embeddings" in seen.buttons


def test_a_map_on_its_way_says_how_far_it_is_and_can_be_stopped(few):
    job = dataset_index.job(few.name)
    job._write(JobStatus("working", "computing embeddings", 4, 12))
    process = Lease(job.folder / "lease")
    assert process.acquire()
    seen = Seen()
    process.release()
    (bar,) = seen.at.get("progress")
    assert bar.proto.value == 33
    assert bar.proto.text.startswith("Similarity map: computing embeddings: 4 of 12")
    assert "Stop" in seen.buttons
    assert "Compute map" not in seen.buttons


def test_a_map_that_failed_says_why_and_goes_on(few):
    dataset_index.job(few.name)._write(JobStatus("failed", message="The disk is <b>full</b>.", hint="Make room."))
    seen = Seen()
    assert "The map could not be computed." in seen.at.error[0].value
    assert r"\<b\>full" in seen.at.error[0].value, "a message is text"
    assert "Continue" in seen.buttons


def test_too_few_images_are_said(write_class, tmp_path, home):
    for kind in ("forest", "sea"):
        write_class(tmp_path / "tiny" / kind, kind, 3)
    add_dataset(str(tmp_path / "tiny"))
    assert "A map needs at least 10 images; there are 6." in Seen().text


def test_the_map_shows_every_image_with_the_classes_named(data):
    shown = Seen().map
    assert len(shown["group"]) > 0
    assert {group["name"]: group["count"] for group in shown["groups"] if group["count"]} == {
        "forest": 20, "glacier": 20, "mountain": 20, "sea": 20, "no class": 3,
    }  # fmt: skip
    assert {label["text"] for label in shown["labels"]} == {"forest", "glacier", "mountain", "sea"}
    assert shown["shown"] is shown["picked"] is shown["area"] is None


def test_an_area_in_the_address_selects_exactly_what_lies_in_it(data):
    drawn = dataset_index.load_map(data)
    pick = square(drawn)
    held = points_inside(drawn.xy, pick.corners)
    seen = Seen(area=pick.to_text())
    assert 20 < held.sum() < 63
    assert f"{held.sum()} on the map" in seen.buttons
    assert f"{held.sum()} match" in seen.text
    assert seen.map["area"] == pick.corners.tolist()
    assert seen.area == pick.to_text(), "a reload keeps it"
    legend = {group["name"]: group["count"] for group in seen.map["groups"] if group["shown"]}
    assert sum(legend.values()) == held.sum(), "the legend counts what is selected"
    assert set(legend) == {group["name"] for group in Seen().map["groups"] if group["count"]}, "and names every colour on the map"

    # Under the filter bar's condition both hold.
    of = map_points.match_points(drawn, data.catalog.columns())
    sea = held & (of.label == data.catalog.columns().codes["sea"])
    narrowed = Seen(area=pick.to_text(), filter=Filter(classes=("sea",)).to_text())
    assert f"{sea.sum()} match" in narrowed.text
    assert narrowed.map["shown"] is not None

    button = next(button for button in seen.at.button if "on the map" in button.label)
    button.click()
    seen.run()
    assert seen.area is None
    assert "83 match" in seen.text
    assert not any("on the map" in label for label in seen.buttons)


def test_images_among_another_class_are_selected_from_a_list(data):
    names = data.catalog.columns().names
    own, around, n = map_points.match_points(dataset_index.load_map(data), data.catalog.columns()).strays(np.ones(83, bool), 1)[0]
    seen = Seen()
    box = find_widget(seen.at, "map_strays")
    assert box.options[:2] == ["none", f"{n}: {names[own]} among {names[around]}"]
    box.set_value(f"{own}_{around}")
    seen.run()
    assert f"{n} on the map" in seen.buttons
    assert f"{n} match" in seen.text
    assert find_widget(Seen(area=seen.area).at, "map_strays").value == f"{own}_{around}", "a reload keeps it"


@pytest.mark.parametrize("area", ["nonsense", "00000000_1.1_2.2_3.3", "00000000_among_1_2", "x" * 5000, "%00", "deadbeef_1.1"])
def test_an_address_of_another_map_or_of_none_selects_nothing(data, area):
    seen = Seen(area=area)
    assert "83 match" in seen.text
    assert "made on an earlier map" in seen.text
    assert seen.area is None


def test_the_map_is_coloured_by_split_and_by_a_runs_answers(data):
    splits = Seen(map_colour="split").map
    counts = data.catalog.counts().groupby("split")["n"].sum()
    assert {group["name"]: group["count"] for group in splits["groups"] if group["count"]} == counts.to_dict()
    verdicts = {group["name"]: group["count"] for group in Seen(map_colour="verdict").map["groups"]}
    assert verdicts["right"] + verdicts["wrong"] == counts["validation"] + counts["test"]
    assert verdicts["not scored"] == counts["train"] + counts["unlabelled"]


def test_a_map_of_a_sample_says_so(mapped_session, tmp_path, monkeypatch):
    monkeypatch.setenv("SCENESCOPE_HOME", str(shutil.copytree(mapped_session.home, tmp_path / "home")))
    data = load_dataset("scenes")
    projection.build_map(dataset_index.index_folder(data), dataset_index.load_index(data), limit=40)
    seen = Seen()
    assert "An even sample of 40 of 83 images is drawn, and only these can be selected here." in seen.text
    assert "83 match" in seen.text


def test_a_catalog_that_changed_since_is_said_with_the_way_out(mapped_session, tmp_path, monkeypatch):
    monkeypatch.setenv("SCENESCOPE_HOME", str(shutil.copytree(mapped_session.home, tmp_path / "home")))
    with load_dataset("scenes").catalog.connect() as connection:
        connection.execute("UPDATE images SET state = 'missing' WHERE id = (SELECT min(id) FROM images)")
        renew_generation(connection)
    seen = Seen()
    assert "Changes that this map does not show: 1 image was removed or changed." in seen.text
    assert "Update map" in seen.buttons
    assert sum(group["count"] for group in seen.map["groups"]) == 82


def test_similar_images_have_distances_and_other_classes_are_marked(data):
    image = int(data.catalog.view(Filter(classes=("glacier",))).ids()[0])
    seen = Seen(open=str(image))
    items = json.loads(find_widget(seen.at, "similar").proto.json)["items"]
    assert len(items) == 12
    assert image not in [item["id"] for item in items]
    distances = [float(item["notes"][0].removeprefix("distance ")) for item in items]
    assert distances == sorted(distances)
    for item in items:
        assert ("badge" in item) == (item["caption"] not in ("glacier", "unlabelled"))
    same = json.loads(find_widget(Seen(open=str(image), nearest_of="same").at, "similar").proto.json)["items"]
    assert {item["caption"] for item in same} == {"glacier"}
    other = json.loads(find_widget(Seen(open=str(image), nearest_of="other").at, "similar").proto.json)["items"]
    assert "glacier" not in {item["caption"] for item in other}


def test_a_pick_reads_back_as_it_was_written():
    pick = map_selection.from_corners("0a1b2c3d", [(0.04, 999.96), (-12.3, 4), (500.55, 20)])
    assert pick.corners.tolist() == [[0.0, 1000.0], [-12.3, 4.0], [500.6, 20.0]] or pick.corners[2, 0] in (500.5, 500.6)
    assert map_selection.read_pick(pick.to_text()).to_text() == pick.to_text()
    assert map_selection.from_corners("0a1b2c3d", [(1, 2), (3, 4)]) is None
    assert map_selection.from_corners("0a1b2c3d", [(1, float("nan"))] * 3) is None
    assert map_selection.read_pick(map_selection.Pick("0a1b2c3d", among=(3, 2)).to_text()).among == (3, 2)
