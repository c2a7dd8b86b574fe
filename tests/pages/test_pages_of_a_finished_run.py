"""What the pages say of a finished run is what the engine computes from its files."""

import numpy as np
import pytest
from tab import PAGES

from dashboard.components.run_configuration import configuration_table
from engine.evaluation import metrics
from engine.runs.config import configure, fields
from engine.runs.inactive_fields import inactive_fields
from engine.runs.run import Run
from engine.training import launcher

SPLITS = ("test", "validation")


def behind(run: Run, split: str, true: str, predicted: str) -> list[int]:
    """The images of a cell of the matrix, worst first, from the prediction table."""
    table = run.predictions(split).table
    rows = table[(table["true"] == run.classes.index(true)) & (table["predicted"] == run.classes.index(predicted))]
    return rows.sort_values("loss", ascending=False, kind="stable")["image_id"].tolist()


def a_confusion(run: Run) -> tuple[str, str]:
    """The cell with the most errors."""
    pair = metrics.confused_pairs(metrics.confusion(run.predictions("test").table, len(run.classes)), run.classes).iloc[0]
    return (pair["a"], pair["b"]) if pair["a_as_b"] >= pair["b_as_a"] else (pair["b"], pair["a"])


@pytest.mark.parametrize("page", PAGES)
def test_every_page_names_the_dataset_and_the_run(tab, trained, page):
    tab.open(page)
    assert tab.widget("dataset").value == "scenes"
    assert tab.widget("run").value == trained.id
    assert (tab.url("dataset"), tab.url("run")) == ("scenes", trained.id)
    assert not tab.at.error


@pytest.mark.parametrize("split", SPLITS)
def test_the_verdict_is_recomputed_from_the_prediction_table(tab, trained, split):
    tab.open("evaluate", split=split)
    matrix = metrics.confusion(trained.predictions(split).table, len(trained.classes))
    accuracy, f1 = metrics.accuracy(matrix), metrics.macro_f1(matrix)
    wrong = int(matrix.sum() - np.trace(matrix))
    assert f"**{wrong} of {matrix.sum()} {split} images** are misclassified." in tab.text
    assert f"Accuracy **{accuracy.value:.1%} ({100 * accuracy.low:.1f} to {accuracy.high:.1%})**" in tab.text
    assert f"macro F1 **{f1}**" in tab.text
    assert "Few images: the intervals are wide" in tab.text
    assert ("the scores are slightly optimistic" in tab.text) == (split == "validation")


def test_the_gallery_holds_exactly_the_images_of_the_cell(tab, trained):
    for true, predicted in (a_confusion(trained), ("sea", "sea")):
        tab.open("evaluate", true=true, predicted=predicted)
        expected = behind(trained, "test", true, predicted)
        assert [item["id"] for item in tab.items("cell-0")] == expected
        assert f"**{len(expected)}** image" in tab.text
        tab = type(tab)()


def test_without_a_cell_the_gallery_holds_all_errors(tab, trained):
    tab.open("evaluate")
    table = trained.predictions("test").table
    wrong = table[table["true"] != table["predicted"]].sort_values("loss", ascending=False, kind="stable")
    assert [item["id"] for item in tab.items("cell-0")] == wrong["image_id"].tolist()
    tab.choose("sort", "margin")
    assert [item["id"] for item in tab.items("cell-0")] == wrong.sort_values("margin", kind="stable")["image_id"].tolist()
    assert tab.url("sort") == "margin"


def test_the_class_scores_are_those_of_the_metrics(tab, trained):
    tab.open("evaluate")
    table = metrics.per_class(metrics.confusion(trained.predictions("test").table, len(trained.classes)), trained.classes)
    texts = str(tab.figure("class-scores"))
    for value in [*table["precision"].dropna(), *table["recall"].dropna(), *table["f1"].dropna()]:
        assert f"{value:.3f}" in texts


def test_start_and_runs_tell_the_same_score(tab, trained):
    score = trained.results["test"]["macro_f1"]
    estimate = f"{score['value']:.3f} ({score['low']:.3f} to {score['high']:.3f})"
    tab.open("start")
    assert f"**{trained.id}** scores macro F1 **{estimate}** on 24 test images of **scenes**." in tab.text
    assert "See where it goes wrong" in tab.links
    tab.open("runs")
    row = tab.at.dataframe[0].value.iloc[0]
    assert (row["run"], row["state"], row["test images"]) == (trained.id, "finished", 24)
    assert row["test macro F1"] == score["value"]
    assert row["best"] == "★"
    shown = tab.at.dataframe[1].value.set_index("option")["value"].to_dict()
    values = trained.config.to_dict()
    without_effect = {"dataset", "preset"} | inactive_fields(values)
    assert shown == {name: str(value) for name, value in values.items() if name not in without_effect}


def test_a_run_shows_its_configuration_what_was_changed_first(tab, untrained):
    run = launcher.create(configure("scenes", "balanced", seed=3, epochs=11))
    table = configuration_table(run.config)
    assert table.values.tolist()[:2] == [["epochs", "11", "8"], ["seed", "3", "0"]]
    assert set(table["option"]) == set(fields()) - {"dataset", "preset"} - inactive_fields(run.config.to_dict())
    assert (table["value"] == table["preset"]).tolist() == [False] * 2 + [True] * (len(table) - 2)
    tab.open("train", run=run.id, show="run")
    assert "Preset **balanced** with epochs 11 (8), seed 3 (0)" in tab.text.replace("\\", "")
    assert tab.at.dataframe[0].value.values.tolist() == table.values.tolist()
    assert tab.open("runs").at.dataframe[1].value.values.tolist() == table.values.tolist()


def test_train_shows_the_strengths_that_were_tried(tab, trained):
    tab.open("train", show="run")
    tried = [event for event in trained.events()[0] if event["kind"] == "candidate"]
    figure = str(tab.figure(f"candidates-{trained.id}"))
    assert f"{max(event['best'] * event['validation_macro_f1'] for event in tried):.3f}" in figure
    assert ":material/check_circle: finished" in tab.text
    assert "See where it goes wrong" in tab.links
    assert "Stop" not in tab.buttons
    assert "Resume" not in tab.buttons
