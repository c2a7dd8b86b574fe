"""What is not used has one account: the Start card, Explore and the command line say the same numbers and reasons."""

import json
import shutil

from engine.data import datasets


def test_start_explore_and_the_command_line_agree(tab, untrained, engine, home, write_class):
    write_class(untrained / "holdout" / "sea", "sea", 3, first=40)
    write_class(untrained / "dev" / "sea", "sea", 2, first=60)
    sea = untrained / "seg_train" / "seg_train" / "sea"
    shutil.copy(sea / "000.png", sea / "000.png~")
    (sea / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    (untrained / "labels.csv").write_text("file,label\n")
    datasets.add_dataset(str(untrained))
    document = json.loads(engine("data", "show", "scenes", "--json", home=home).stdout)["unused"]
    assert document["files"] == 8
    shown = engine("data", "show", "scenes", home=home).stdout
    start = tab.open("start").text.replace("\\", "")
    explore = tab.open("explore", dataset="scenes")
    text = explore.text.replace("\\", "")
    assert [panel.label for panel in explore.at.status] == ["8 files are not used"]
    for page in (shown, start, text):
        assert "8 files are not used" in page
        for group in document["groups"]:
            assert group["sentence"] in page
    assert explore.at.dataframe[0].value["files"].sum() == 8


def test_what_a_folder_was_taken_for_is_said_on_start_and_explore(tab, home, tmp_path, write_class):
    for place, kind in enumerate(("bus", "car", "train")):
        write_class(tmp_path / "vehicles" / kind, "sea", 4, first=100 * place)
    datasets.add_dataset(str(tmp_path / "vehicles"))
    for page in ("start", "explore"):
        assert "train/ is taken as a class" in tab.open(page, dataset="vehicles").text.replace("\\", "")
