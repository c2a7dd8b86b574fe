"""The effect of retraining: did cleaning help, or only move the goalposts? Both runs on the same images, under both labels."""

import shutil

import pytest
from label_edits import exclude, relabel

from engine.cli import main
from engine.core.errors import UserError
from engine.curation import fair_holdout, retraining_effect
from engine.data.datasets import load_dataset
from engine.data.labels import edits
from engine.data.labels.label_log import EMPTY
from engine.runs.run import load_run
from engine.training import launcher
from engine.training.job import execute
from engine.training.recorder import RunRecorder

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def before(finished_session, tmp_path, monkeypatch):
    """A finished run on the labels of the folders, in a home of this test's own."""
    home = shutil.copytree(finished_session.home, tmp_path / "copied")
    monkeypatch.setenv("SCENESCOPE_HOME", str(home))
    return load_run(finished_session.run_id)


def train_again(before):
    """A finished run of the same configuration on the present labels, trained in this process."""
    after = launcher.create(before.config)
    execute(after, RunRecorder(after.path))
    return after


def image_ids(data, split, kind):
    frame = data.catalog.frame(split)
    return frame[frame["class"] == kind]["id"].tolist()


def test_a_run_is_trained_on_the_present_labels_and_records_their_version(before):
    data = load_dataset("scenes")
    relabel(data, image_ids(data, "train", "sea")[:2], "glacier")
    exclude(data, image_ids(data, "test", "forest")[:1])
    after = train_again(before)
    assert (before.labels, after.labels) == (EMPTY, edits.open_log(data).version())
    assert len(after.predictions("test").table) == len(before.predictions("test").table) - 1
    assert after.fingerprint == data.catalog.fingerprint() != before.fingerprint


def test_both_runs_are_scored_on_the_same_images_under_both_labels(before, capsys):
    data, table = load_dataset("scenes"), before.predictions("test").table
    wrong = table[table["true"] != table["predicted"]]
    assert len(wrong), "the fixture's run makes mistakes"
    for row in wrong.itertuples():  # the goalposts go where the model shoots
        relabel(data, [row.image_id], before.classes[row.predicted], finding="label_issue:x")
    right = table[table["true"] == table["predicted"]]["image_id"].tolist()
    exclude(data, right[:2])
    after = train_again(before)
    assert main(["proof", "--before", before.id, "--after", after.id]) == 0
    assert "on the original test labels" in capsys.readouterr().out
    effect = retraining_effect.measure_effect(before, after, data)
    assert (len(effect.original.comparison), len(effect.cleaned.comparison)) == (len(table), len(table) - 2)
    assert effect.cleaned.difference.a["accuracy"] == 1.0
    assert effect.original.difference.a["accuracy"] == pytest.approx((table["true"] == table["predicted"]).mean())
    assert effect.moved.value == pytest.approx(len(wrong) / len(table))
    assert (effect.changed, effect.suspected) == ({"relabelled": len(wrong), "excluded": 2}, len(wrong))
    assert "that is moved goalposts" in retraining_effect.conclusion(effect)
    assert "favours models of its kind" in retraining_effect.conclusion(effect)


def test_the_effect_is_measured_on_the_labels_that_the_run_was_trained_on_whatever_was_decided_since(before):
    data = load_dataset("scenes")
    relabel(data, image_ids(data, "train", "sea")[:2], "glacier")
    after = train_again(before)
    exclude(data, image_ids(data, "test", "sea"))
    effect = retraining_effect.measure_effect(before, after, data)
    assert not effect.goalposts_moved
    assert len(effect.cleaned.comparison) == len(before.predictions("test").table)
    text = retraining_effect.conclusion(effect)
    assert f"In version {after.labels} of the labels" in text and "no test label was changed" in text
    gain = effect.cleaned.difference.accuracy
    assert gain.low < 0 < gain.high
    assert f"24 test images: accuracy changes by {gain.text('points', signed=True, named=True)}" in text


def test_retraining_on_the_same_labels_or_comparing_a_run_without_a_score_is_refused_in_a_sentence(before):
    data = load_dataset("scenes")
    with pytest.raises(UserError, match="was trained on exactly these labels"):
        fair_holdout.retrain(before)
    exclude(data, image_ids(data, "train", "sea")[:1])
    waiting = launcher.create(before.config)
    with pytest.raises(UserError, match="has no test score"):
        retraining_effect.measure_effect(before, waiting, data)
