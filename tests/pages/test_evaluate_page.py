"""Evaluate: what is chosen in the matrix is what the gallery holds; a pair is explained; bad input costs a sentence."""

import base64
import io
import shutil

import numpy as np
import pandas as pd
import pytest
from test_pages_of_a_finished_run import a_confusion, behind

from dashboard.components.scored_gallery import predictions_csv
from dashboard.evaluate import tabs
from engine.core.files import read_json, write_json
from engine.data.predictions import outcomes, write_predictions
from engine.evaluation import class_pairs, metrics
from engine.runs.run import Run, load_run


def counts(tab) -> np.ndarray:
    data = tab.data("matrix")
    return np.frombuffer(base64.b64decode(data["counts"]), "<i4").reshape([len(data["ids"])] * 2)


def ids(tab, key: str = "cell-0") -> set[int]:
    return {item["id"] for item in tab.items(key)}


def confusion(of: Run) -> np.ndarray:
    return metrics.confusion(of.predictions("test").table, len(of.classes))


def other_run(of: Run, name: str, shift: int = 1, classes: tuple[str, ...] = (), rows: slice = slice(None)) -> Run:
    """A finished run beside this one, which answers every image with the class `shift` further on."""
    path = of.path.parent / name
    shutil.copytree(of.path, path)
    table, n = of.predictions("test").table[rows].reset_index(drop=True), len(of.classes)
    wanted = np.eye(n)[(table["predicted"] + shift) % n] * 0.9 + 0.1 / n
    known = table[["image_id", "path", "content"]]
    write_predictions(path, "test", pd.concat([known, outcomes(table["true"].to_numpy(), wanted)], axis=1), classes or of.classes)
    document = read_json(path / "config.json")
    write_json(path / "config.json", document | ({"classes": list(classes)} if classes else {}))
    return load_run(name)


def test_the_matrix_holds_the_counts(tab, trained):
    tab.open("evaluate")
    assert np.array_equal(counts(tab), confusion(trained))
    assert tab.data("matrix")["names"] == list(trained.classes)


def test_an_order_by_similarity_moves_rows_and_columns_alike(tab, trained):
    tab.open("evaluate", matrix_order="similar")
    order = tab.data("matrix")["ids"]
    assert sorted(order) == [0, 1, 2, 3]
    assert np.array_equal(counts(tab), confusion(trained)[np.ix_(order, order)])


def test_selections_add_up_and_each_part_can_be_taken_away(tab, trained):
    table = trained.predictions("test").table
    tab.open("evaluate", cells="0-_-1_2-3")
    wanted = (table["true"] == 0) | (table["predicted"] == 1) | ((table["true"] == 2) & (table["predicted"] == 3))
    assert ids(tab) == set(table[wanted]["image_id"])
    assert f"**{wanted.sum()}** images in 3 parts of the matrix" in tab.text
    assert tab.data("matrix")["selected"] == ["0-", "-1", "2-3"]
    tab.choose("cell-box", ["0-"])
    assert ids(tab) == set(table[table["true"] == 0]["image_id"]), "a row is all of it, the recognised ones too"
    assert tab.url("cells") == "0-"
    tab.choose("cell-box", [])
    assert ids(tab) == set(table[table["true"] != table["predicted"]]["image_id"])
    assert tab.url("cells") is None


def test_what_the_gallery_holds_can_be_taken_away(tab, trained):
    table = trained.predictions("test").table
    wrong = table[table["true"] != table["predicted"]]
    tab.open("evaluate")
    assert f"Table of {len(wrong)} as CSV" in [button.proto.label for button in tab.at.get("download_button")]
    read = pd.read_csv(io.StringIO(predictions_csv(wrong, trained.classes)))
    assert read["path"].tolist() == wrong["path"].tolist()
    assert read["true"].tolist() == [trained.classes[place] for place in wrong["true"]]
    assert read["loss"].to_numpy() == pytest.approx(wrong["loss"].to_numpy(), rel=1e-5)


def test_a_pair_shows_both_directions_and_all_errors_come_back(tab, trained):
    a, b = sorted(trained.classes.index(name) for name in a_confusion(trained))
    names = trained.classes[a], trained.classes[b]
    forth, back = behind(trained, "test", *names), behind(trained, "test", *reversed(names))
    tab.open("evaluate")
    assert tab.widget("pair").options[0] == f"{names[0]} ⇄ {names[1]}\\: {len(forth) + len(back)}"
    tab.choose("pair", f"{a}-{b}_{b}-{a}")
    assert [item["id"] for item in tab.items("cell-0")] == forth
    assert [item["id"] for item in tab.items("cell-1")] == back
    assert tab.url("cells") == f"{a}-{b}_{b}-{a}"
    tab.choose("cell-box", [])
    assert "** images misclassified" in tab.text
    older = type(tab)().open("evaluate", true=names[0], predicted=names[1], both="1")
    assert older.url("cells") == f"{a}-{b}_{b}-{a}", "an address of before leads to the same view"
    assert older.url("true") is None


def test_only_the_open_question_is_computed(tab, trained, monkeypatch):
    calls = []
    panels = {key: (title, lambda scored, key=key: calls.append(key)) for key, (title, _) in tabs.TABS.items()}
    monkeypatch.setattr(tabs, "TABS", panels)
    tab.open("evaluate", ask="pairs")
    assert calls == ["pairs"]
    assert tab.url("ask") == "pairs"


def test_two_runs_are_laid_over_each_other_by_content(tab, copied):
    other = other_run(copied, "fast-77", rows=slice(3, None))
    table = copied.predictions("test").table
    tab.open("evaluate", run=copied.id, rows="this", columns=other.id)
    expected = np.zeros((4, 4), int)
    for predicted in table["predicted"][3:]:
        expected[predicted, (predicted + 1) % 4] += 1
    assert np.array_equal(counts(tab), expected)
    assert f"{len(table) - 3} images were scored by both runs" in tab.text
    assert "on which the two runs disagree" in tab.text
    assert ids(tab) == set(table["image_id"][3:])
    first, second = tab.items("cell-0")[0]["notes"]
    assert (first.partition(":")[0], second.partition(":")[0]) == (copied.id, other.id)
    again = type(tab)().open("evaluate", run=copied.id, rows="truth", columns=other.id)
    assert np.array_equal(counts(again), confusion(other)), "the truth against the other run"


def test_where_the_matrix_shows_two_runs_the_page_speaks_of_both(tab, copied):
    other, n = other_run(copied, "fast-77"), len(copied.predictions("test").table)
    tab.open("evaluate", run=copied.id, rows="this", columns=other.id)
    text = tab.text.replace("\\", "")
    assert f"{copied.id} and {other.id} disagree on {n} of {n} test images" in text
    assert "are misclassified" not in text
    assert "Per-class metrics of fast-1" in text
    assert "Per-class metrics of fast-77" in text
    assert tab.widget("pair").label == "Most frequent disagreements"
    assert tab.widget("cell-box").placeholder.startswith("All disagreements.")
    tab.choose("cell-box", ["0-"])
    inside = int((copied.predictions("test").table["predicted"] == 0).sum())
    assert f"the two runs disagree on **{inside}** of them" in tab.text


def test_where_the_matrix_shows_another_run_the_page_speaks_of_that_one(tab, copied):
    other = other_run(copied, "fast-77")
    matrix = confusion(other)
    wrong, n = matrix.sum() - np.trace(matrix), matrix.sum()
    tab.open("evaluate", run=copied.id, rows="truth", columns=other.id)
    text = tab.text.replace("\\", "")
    assert f"fast-77**: **{wrong} of {n} test images** are misclassified" in text
    assert tab.data("matrix")["axes"] == ["↓ true", "fast-77 →"]
    assert f"**{wrong}** images misclassified by fast-77" in text
    assert "Per-class metrics of fast-77" in text
    recalls = metrics.per_class(matrix, other.classes)["recall"]
    assert all(f"{value:.3f}" in str(tab.figure("class-scores")) for value in recalls), "the chart is of the other run"
    elsewhere = type(tab)().open("evaluate", run=copied.id, ask="trust", columns=other.id)
    assert "fast-77**: " not in elsewhere.text.replace("\\", ""), "the other questions are about the run of the page"


def test_runs_with_other_classes_meet_by_name_and_say_so(tab, copied):
    classes = (*copied.classes[:3], "desert")
    other = other_run(copied, "fast-77", shift=0, classes=classes)
    tab.open("evaluate", run=copied.id, rows="this", columns=other.id)
    assert tab.data("matrix")["names"] == sorted([*copied.classes, "desert"])
    assert f"Only {copied.id} knows {copied.classes[3]}" in tab.text.replace("\\", "")
    assert f"Only {other.id} knows desert" in tab.text.replace("\\", "")
    assert counts(tab).sum() == len(copied.predictions("test").table)


def test_another_run_s_damaged_table_costs_a_sentence(tab, copied):
    other = other_run(copied, "fast-77")
    file = other.path / "predictions-test.parquet"
    file.write_bytes(file.read_bytes()[:-50])
    tab.open("evaluate", run=copied.id, rows="truth", columns=other.id)
    assert any("damaged" in warning.value and "against the truth instead" in warning.value for warning in tab.at.warning)
    assert np.array_equal(counts(tab), confusion(copied))


def test_predictions_that_do_not_fit_the_classes_cost_a_sentence(tab, copied):
    table = copied.predictions("test").table
    write_predictions(
        copied.path, "test", table.assign(probabilities=[row[:2] for row in table["probabilities"]]), copied.classes
    )
    tab.open("evaluate", run=copied.id, split="test")
    assert "cut short" in tab.errors
    write_predictions(copied.path, "test", table[:0], copied.classes)
    tab.open("evaluate", run=copied.id, split="test")
    assert "hold no image" in tab.errors


def test_a_class_without_test_images_is_shown_as_one(tab, copied):
    table = copied.predictions("test").table
    write_predictions(copied.path, "test", table[table["true"] != 2].reset_index(drop=True), copied.classes)
    for question in ("errors", "pairs"):
        tab.open("evaluate", run=copied.id, split="test", ask=question, cells="2-")
        assert not tab.at.error
    tab.open("evaluate", ask="errors")
    assert "0** images" in tab.text
    assert counts(tab)[2].sum() == 0


def test_of_many_classes_the_most_confused_stand_in_the_matrix_and_others_are_found(tab, copied):
    classes = tuple(f"kind {number:02d}" for number in range(60))
    table, rng = copied.predictions("test").table, np.random.default_rng(0)
    true = rng.integers(0, 50, len(table))
    answers = np.eye(60)[np.where(np.arange(len(table)) < 10, (true + 1) % 50, true)] * 0.9 + 0.1 / 60
    known = table[["image_id", "path", "content"]]
    write_predictions(copied.path, "test", pd.concat([known, outcomes(true, answers)], axis=1), classes)
    write_json(copied.path / "config.json", read_json(copied.path / "config.json") | {"classes": list(classes)})
    tab.open("evaluate", dataset=copied.config.dataset, run=copied.id, split="test")
    assert counts(tab).shape == (20, 20)
    matrix = metrics.confusion(copied.predictions("test").table, 60)
    assert np.array_equal(counts(tab), matrix[np.ix_(tab.data("matrix")["ids"], tab.data("matrix")["ids"])])
    assert "10 of the 10 errors" in tab.text
    tab.choose("found-classes", [55])
    assert tab.data("matrix")["names"] == ["kind 55"]
    assert tab.url("classes") == "55"
    tab.choose("found-classes", [])
    tab.choose("shown", "all")
    assert np.array_equal(counts(tab), matrix)
    hostile = type(tab)().open(
        "evaluate", dataset=copied.config.dataset, run=copied.id, split="test", classes="9" * 5000 + "_٣_-1"
    )
    assert counts(hostile).shape == (20, 20)


def test_a_run_whose_dataset_is_gone_keeps_its_scores(tab, copied):
    shutil.rmtree(copied.path.parents[1] / "data" / copied.config.dataset)
    for question, said in (("errors", "** images misclassified"), ("pairs", "The dataset of this run is gone")):
        again = type(tab)().open("evaluate", dataset=copied.config.dataset, run=copied.id, ask=question)
        assert "its images cannot be shown" in again.at.warning[0].value
        assert said in again.text
        assert not again.at.error
    assert np.array_equal(counts(tab.open("evaluate", dataset=copied.config.dataset)), confusion(copied))


def test_a_pair_is_explained_with_its_figures(tab, trained):
    ranked = class_pairs.rank_pairs(confusion(trained)).iloc[0]
    a, b = int(ranked["a"]), int(ranked["b"])
    tab.open("evaluate", ask="pairs")
    assert tab.url("between") == f"{a}-{b}"
    names = [f"**{trained.classes[place]}**" for place in (a, b)]
    assert (
        f"**{int(ranked['a_as_b'])} of {int(ranked['a_images'])}** {names[0]} taken for {names[1]}: {ranked['a_rate']:.1%}"
        in tab.text
    )
    predictions = trained.predictions("test")
    table, of = predictions.table, class_pairs.group_images(predictions, a, b)
    for key, places in (("direction-0", of.a_as_b), ("direction-1", of.b_as_a)):
        assert ids(tab, key) == set(table.iloc[places]["image_id"])
    between = class_pairs.borderline_images(predictions, a, b)
    assert [item["id"] for item in tab.items("borderline")] == between["image_id"].tolist()
    assert "once this dataset's map has been drawn" in tab.text


@pytest.mark.slow
def test_where_it_looks_on_average_is_a_click_away(tab, trained):
    tab.open("evaluate", ask="pairs")
    assert tab.pictures() == []
    tab.choose("looks", "on")
    ranked = class_pairs.rank_pairs(confusion(trained)).iloc[0]
    assert len(tab.pictures()) == 3 * (int(ranked["a_as_b"] > 0) + int(ranked["b_as_a"] > 0))
