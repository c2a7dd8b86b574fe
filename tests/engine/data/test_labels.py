"""Label edits are an overlay: no decision is lost, every decision can be undone, and the files stay as they are."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from label_edits import exclude, keep, relabel

from engine.core.errors import UserError
from engine.core.paths import PROJECT
from engine.curation import removal
from engine.data import datasets
from engine.data.filters import Filter
from engine.data.labels import edits, merging, overview, undo
from engine.data.labels.edits import Decision, DecisionGroup
from engine.data.labels.label_edit import Entry
from engine.data.labels.label_log import EMPTY, LabelLog
from engine.data.labels.label_state import effective_entries, latest_decisions, resolve_states


@pytest.fixture
def scenes(kaggle):
    datasets.add_dataset(str(kaggle))
    return datasets.load_dataset("scenes")


def list_images(data, split="train", kind="sea"):
    """The usable images of a class and split, sorted by path: (id, path)."""
    frame = data.catalog.frame(split)
    return frame[frame["class"] == kind].sort_values("path")[["id", "path"]].values.tolist()


def training_labels(data):
    """What training and scoring see: path -> (class, split)."""
    return {
        row.path: (row["class"], split)
        for split in ("train", "validation", "test")
        for _, row in data.catalog.frame(split).iterrows()
    }


def rescan(data):
    datasets.add_dataset(str(data.root))
    return datasets.load_dataset(data.name)


def make_entry(uid, time, action="exclude", content="c", path="a.png", **more):
    return Entry(uid=uid, time=time, author="ann", action=action, content=content, path=path, **more)


def test_a_relabelled_image_trains_under_its_new_class_and_keeps_its_split_and_its_file(scenes):
    (image, path), *_ = list_images(scenes)
    before, bytes_before = training_labels(scenes), (scenes.root / path).read_bytes()
    relabel(scenes, [image], "glacier", reason="ice in front")
    row = scenes.catalog.get(image)
    assert (row.class_name, row.original, row.edit, row.split) == ("glacier", "sea", "relabelled", "train")
    assert training_labels(scenes) == {**before, path: ("glacier", "train")}
    assert (scenes.root / path).read_bytes() == bytes_before


def test_an_excluded_image_is_in_no_split_and_is_found_as_excluded(scenes):
    (image, path), *_ = list_images(scenes, "test")
    exclude(scenes, [image])
    assert path not in training_labels(scenes)
    assert [row.path for row in scenes.catalog.page(Filter(state="excluded"))] == [path]
    keep(scenes, [image])
    assert training_labels(scenes)[path] == ("sea", "test")


def test_the_fingerprint_is_that_of_the_labels_and_comes_back_with_them(scenes):
    before = scenes.catalog.fingerprint()
    relabel(scenes, [list_images(scenes)[0][0]], "glacier")
    changed = scenes.catalog.fingerprint()
    undo.undo(scenes)
    assert changed != before == scenes.catalog.fingerprint()
    assert scenes.catalog.labels() != EMPTY


def test_an_unlabelled_image_that_gets_a_class_joins_the_training_images(scenes):
    image = int(scenes.catalog.frame("unlabelled")["id"].iloc[0])
    relabel(scenes, [image], "sea")
    assert image in scenes.catalog.frame("train")["id"].tolist()
    undo.undo(scenes)
    assert image in scenes.catalog.frame("unlabelled")["id"].tolist()


def test_undo_and_redo_go_back_and_forth_without_end(scenes):
    (image, _), (other, _), *_ = list_images(scenes)
    states = [training_labels(scenes)]
    for act in (
        lambda: relabel(scenes, [image], "glacier"),
        lambda: edits.decide(scenes, DecisionGroup([Decision(image, "keep"), Decision(other, "exclude")])),
        lambda: relabel(scenes, [image, other], "forest"),
    ):
        act()
        states.append(training_labels(scenes))
    for _ in range(3):
        for state in states[-2::-1]:
            assert undo.undo(scenes)
            assert training_labels(scenes) == state
        assert undo.undo(scenes) == []
        for state in states[1:]:
            assert undo.redo(scenes)
            assert training_labels(scenes) == state
        assert undo.redo(scenes) == []
    undo.undo(scenes)
    exclude(scenes, [other])
    assert undo.redo(scenes) == [], "what was undone is gone once something else was decided"
    assert undo.count_steps(scenes) == (3, 0)


def test_any_version_can_be_restored_and_the_restoring_undone(scenes):
    (image, _), (other, _), *_ = list_images(scenes)
    exclude(scenes, [other])
    version, state = edits.open_log(scenes).version(), training_labels(scenes)
    relabel(scenes, [image], "forest")
    undo.undo(scenes)
    undo.undo(scenes)
    undo.redo(scenes)
    undo.undo(scenes)
    later = training_labels(scenes)
    assert later != state
    assert undo.restore(scenes, version) == 5
    assert training_labels(scenes) == state
    undo.undo(scenes)
    assert training_labels(scenes) == later
    with pytest.raises(UserError, match="have no version '3-ffffffff'"):
        undo.restore(scenes, "3-ffffffff")


def test_a_scan_loses_no_edit_and_moves_no_other_image_to_another_split(scenes, write_class):
    (image, path), (other, gone), *_ = list_images(scenes)
    before = training_labels(scenes)
    relabel(scenes, [image], "glacier")
    exclude(scenes, [other])
    relabel(scenes, [i for i, _ in list_images(scenes, kind="forest")[:5]], "glacier")
    edited = training_labels(scenes)
    write_class(scenes.root / "seg_train" / "seg_train" / "sea", "sea", 1, first=7000)
    after = training_labels(rescan(scenes))
    assert edited.items() <= after.items()
    assert len(after) == len(edited) + 1
    assert {p: split for p, (_, split) in after.items() if p in before} == {p: s for p, (_, s) in before.items() if p != gone}


def test_a_moved_file_keeps_its_edit(scenes):
    (image, path), (other, excluded), *_ = list_images(scenes)
    relabel(scenes, [image], "glacier")
    exclude(scenes, [other])
    for name in (path, excluded):
        shutil.move(scenes.root / name, (scenes.root / name).with_name(f"moved-{(scenes.root / name).name}"))
    result = training_labels(rescan(scenes))
    moved = {p.rpartition("moved-")[2]: label for p, label in result.items() if "moved-" in p}
    assert moved == {path.rpartition("/")[2]: ("glacier", "train")}


def test_of_two_copies_one_can_stay_and_a_class_holds_for_both(scenes):
    (image, path), *_ = list_images(scenes)
    twin = path.replace("/sea/", "/forest/").replace(".png", "-twin.png")
    shutil.copy(scenes.root / path, scenes.root / twin)
    data = rescan(scenes)
    copy = next(row.id for row in data.catalog.copies(data.catalog.get(image).hash) if row.path == twin)
    edits.decide(data, DecisionGroup([Decision(image, "keep"), Decision(copy, "exclude")]))
    result = training_labels(data)
    assert result[path] == ("sea", "train") and twin not in result
    undo.undo(data)
    relabel(data, [copy], "sea")
    result = training_labels(data)
    assert result[path][0] == result[twin][0] == "sea"


def test_the_columns_of_explore_see_the_edits(scenes):
    (image, _), (other, _), *_ = list_images(scenes)
    relabel(scenes, [image], "glacier")
    keep(scenes, [other])
    assert scenes.catalog.view(Filter(edited=("relabelled",))).ids().tolist() == [image]
    assert scenes.catalog.view(Filter(edited=("kept", "relabelled"))).ids().tolist() == sorted([image, other])
    text = Filter(edited=("kept", "relabelled")).to_text()
    assert Filter.from_text(text) == (Filter(edited=("kept", "relabelled")), [])


def test_a_torn_last_line_is_left_out_and_the_next_decision_stands_after_it(scenes):
    (image, _), (other, _), *_ = list_images(scenes)
    exclude(scenes, [image])
    file = edits.open_log(scenes).file
    with open(file, "ab") as log:
        log.write(b'{"seq": 2, "uid": "half')
    assert len(LabelLog(file).entries) == 1 and LabelLog(file).damaged == []
    exclude(scenes, [other])
    assert [json.loads(line)["seq"] for line in file.read_text().splitlines()] == [1, 2]
    assert {row.id for row in scenes.catalog.page(Filter(state="excluded"))} == {image, other}


def test_a_damaged_line_is_named_and_the_others_hold(scenes):
    ids = [image for image, _ in list_images(scenes)[:3]]
    for image in ids:
        exclude(scenes, [image])
    file = edits.open_log(scenes).file
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0] + lines[1].replace('"exclude"', '"keep"') + lines[2])
    assert "Line 2 of labels.jsonl is damaged" in overview.summary(scenes)["damaged"][0]
    assert {row.id for row in scenes.catalog.page(Filter(state="excluded"))} == {ids[0], ids[2]}


def test_two_threads_at_once_lose_nothing(scenes):
    ids = [image for kind in ("sea", "forest") for image, _ in list_images(scenes, kind=kind)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda image: exclude(scenes, [image]), ids))
    assert {row.id for row in scenes.catalog.page(Filter(state="excluded"))} == set(ids)
    times = [entry.time for entry in edits.open_log(scenes).entries]
    assert times == sorted(set(times))


_MANY = """
import sys
from engine.data.datasets import load_dataset
from engine.data.labels.edits import Decision, DecisionGroup, decide
for image in map(int, sys.argv[1:]):
    decide(load_dataset("scenes"), DecisionGroup([Decision(image, "exclude")]))
"""


def test_processes_at_once_lose_nothing(scenes):
    ids = [image for kind in ("sea", "forest") for image, _ in list_images(scenes, kind=kind)]
    parts = [ids[::2], ids[1::2]]
    working = [
        subprocess.Popen([sys.executable, "-c", _MANY, *map(str, part)], cwd=PROJECT, env=dict(os.environ)) for part in parts
    ]
    assert [process.wait(timeout=120) for process in working] == [0, 0]
    assert {row.id for row in scenes.catalog.page(Filter(state="excluded"))} == set(ids)
    assert [json.loads(line)["seq"] for line in edits.open_log(scenes).file.read_text().splitlines()] == list(
        range(1, len(ids) + 1)
    )


@pytest.fixture
def two(scenes, home, monkeypatch, tmp_path):
    """The same images registered by two people: two datasets with logs of their own."""
    datasets.add_dataset(str(scenes.root), "hers")
    return scenes, datasets.load_dataset("hers")


def test_merging_is_the_same_either_way_and_twice_is_once(two, tmp_path, monkeypatch):
    his, hers = two
    (image, path), (other, _), (third, _), *_ = list_images(his)
    monkeypatch.setenv("SCENESCOPE_WHO", "bob")
    relabel(his, [image], "glacier")
    exclude(his, [third])
    monkeypatch.setenv("SCENESCOPE_WHO", "ann")
    relabel(hers, [image], "forest")
    exclude(hers, [other])
    undo.undo(hers)
    exclude(hers, [other])
    for data in two:
        merging.export_log(data, tmp_path / f"{data.name}.jsonl")
    assert merging.merge_file(his, tmp_path / "hers.jsonl").added == 4
    assert merging.merge_file(hers, tmp_path / "scenes.jsonl").added == 2
    assert training_labels(his) == training_labels(hers)
    assert training_labels(his)[path] == ("forest", "train"), "the later decision holds"
    assert merging.merge_file(his, tmp_path / "hers.jsonl").added == 0
    [conflict] = overview.list_conflicts(his)
    assert conflict.sentence == "relabelled as forest (ann) holds, as the later one, over relabelled as glacier (bob)"
    relabel(his, [image], "glacier")
    assert overview.list_conflicts(his) == [], "a decision that knows of both settles it"


def test_an_import_that_does_not_fit_is_refused_in_a_sentence(two, tmp_path, kaggle):
    his, _ = two
    relabel(his, [list_images(his)[0][0]], "glacier")
    file, foreign = tmp_path / "log.jsonl", tmp_path / "foreign.jsonl"
    merging.export_log(his, file)
    line = json.loads(file.read_text())
    del line["check"]
    foreign.write_text(json.dumps({**line, "uid": "x1", "content": "ab" * 16}) + "\n")
    with pytest.raises(UserError, match="None of the 1 images that foreign.jsonl decides about is in scenes"):
        merging.merge_file(his, foreign)
    foreign.write_text(json.dumps({**line, "uid": "x2", "to": "desert"}) + "\n")
    assert merging.merge_file(his, foreign).left_out == ("1 decision left out: scenes has no class 'desert'.",)
    foreign.write_bytes(b"\x89PNG\r\n\x00\x01")
    with pytest.raises(UserError, match=r"foreign.jsonl is not a label log: Line 1 of foreign.jsonl was left out"):
        merging.merge_file(his, foreign)
    with pytest.raises(UserError, match="cannot be read"):
        merging.merge_file(his, tmp_path / "absent.jsonl")


def test_a_wrong_decision_is_refused_in_a_sentence(scenes):
    (image, path), *_ = list_images(scenes)
    with pytest.raises(UserError, match="There is no class 'desert' in scenes") as refused:
        relabel(scenes, [image], "desert")
    assert "sea" in refused.value.hint
    with pytest.raises(UserError, match="cannot decide on the image number 9999"):
        exclude(scenes, [9999])
    (scenes.root / path).unlink()
    with pytest.raises(UserError, match="it is not in scenes any more .the file is gone"):
        exclude(rescan(scenes), [image])
    assert edits.open_log(scenes).version() == EMPTY


def test_removing_a_dataset_keeps_what_was_decided(scenes):
    (image, path), *_ = list_images(scenes)
    relabel(scenes, [image], "glacier")
    version = edits.open_log(scenes).version()
    removal.remove_dataset("scenes")
    data = rescan(scenes)
    assert training_labels(data)[path] == ("sea", "train")
    [log] = removal.list_saved_logs("scenes")
    merging.merge_file(data, log)
    assert training_labels(data)[path] == ("glacier", "train")
    assert edits.open_log(data).version() == version
    assert undo.undo(data), "a log that has moved can still be undone step by step"


def test_what_was_decided_since_a_person_looked_is_not_overwritten(scenes):
    (first, _), (second, _), (third, path), *_ = list_images(scenes)
    seen = len(edits.open_log(scenes).entries)
    edits.decide(scenes, DecisionGroup([Decision(first, "relabel", "glacier")], "label_issue:a", known_entries=seen))
    with pytest.raises(edits.AlreadyDecidedError) as refused:
        edits.decide(scenes, DecisionGroup([Decision(first, "exclude")], "label_issue:a", known_entries=seen))
    assert (refused.value.entry.action, refused.value.entry.new_class) == ("relabel", "glacier")
    with pytest.raises(edits.AlreadyDecidedError):
        exclude(scenes, [first], known_entries=seen)
    [entry] = exclude(scenes, [first, second], known_entries=seen)
    assert entry.id == second, "the others of one stroke are decided"
    exclude(scenes, [first], known_entries=len(edits.open_log(scenes).entries))
    assert scenes.catalog.get(first).state == "excluded", "whoever saw the decision may replace it"
    seen = len(edits.open_log(scenes).entries)
    exclude(scenes, [third])
    undo.undo(scenes)
    assert keep(scenes, [third], known_entries=seen)[0].path == path, "what was undone is open again"


def test_a_set_is_answered_whole_or_not_at_all(scenes):
    (first, _), (second, _), (third, _), *_ = list_images(scenes)
    pair = [Decision(second, "keep", finding="exact_duplicate:b"), Decision(third, "exclude", finding="exact_duplicate:b")]
    exclude(scenes, [second])
    with pytest.raises(edits.AlreadyDecidedError):
        edits.decide(scenes, DecisionGroup(pair, known_entries=0))
    assert [entry.id for entry in edits.decide(scenes, DecisionGroup([*pair, Decision(first, "exclude")], known_entries=0))] == [
        first
    ]
    assert scenes.catalog.get(third).state == "ok"


def test_an_undo_that_was_undone_undoes_nothing():
    first, undo_entry = make_entry("1", 1.0), Entry(uid="2", time=2.0, author="ann", action="undo", undoes=("1",))
    redo_entry = Entry(uid="3", time=3.0, author="ann", action="redo", undoes=("2",))
    assert effective_entries([first, undo_entry]) == [undo_entry]
    assert effective_entries([redo_entry, undo_entry, first]) == [first, redo_entry]


def test_what_is_replaced_is_no_conflict_and_what_is_not_is():
    old, new = make_entry("1", 1.0), make_entry("2", 2.0, "keep", replaces=("1",))
    assert resolve_states(latest_decisions([old, new])["c"], ["a.png"])["a.png"].rivals == ()
    stranger = make_entry("3", 3.0, "relabel", new_class="sea")
    standing = resolve_states(latest_decisions([old, new, stranger])["c"], ["a.png"])["a.png"]
    assert (standing.winner, standing.rivals) == (stranger, (new,))
