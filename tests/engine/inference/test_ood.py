"""What lies outside of a run's scenes is told apart, by a threshold that its validation images set."""

import shutil

import numpy as np
import pytest
from PIL import Image

from engine.core.errors import UserError
from engine.data.datasets import load_dataset
from engine.data.decoding import load_square
from engine.data.predictions import ImagePrediction
from engine.inference import ood, ood_evaluation, verdict
from engine.inference.ood import OodDetector
from engine.inference.verdict import SURE, UNKNOWN, UNSURE
from engine.models import model
from engine.runs.run import load_run


def judged(judge, probabilities, novelty):
    return judge.verdict(ImagePrediction(judge.classes, np.array(probabilities), novelty))


@pytest.fixture(scope="module")
def loaded(finished_session):
    return model.load_model(finished_session.home / "runs" / finished_session.run_id)


@pytest.fixture(scope="module")
def own_home(finished_session, tmp_path_factory):
    """The finished run in a home of this file's own, with what tells the unknown."""
    return shutil.copytree(finished_session.home, tmp_path_factory.mktemp("novelty") / "home")


@pytest.fixture
def run(finished_session, own_home, monkeypatch):
    monkeypatch.setenv("SCENESCOPE_HOME", str(own_home))
    return load_run(finished_session.run_id)


@pytest.fixture
def measured(run, loaded):
    return ood.load_detector(run) or ood.fit_detector(run, loaded)


def squares(data, split, count=12):
    frame = data.catalog.frame(split)
    return np.stack([load_square(file, 64) for file in data.catalog.files(frame)[:count]])


def strangeness(measured, loaded, pictures):
    features = loaded.features(pictures)
    return measured.scores(features, loaded.energy_of(features))


def oddities():
    """Pictures that no camera took: stripes, a chessboard, a checkered ramp."""
    y, x = np.mgrid[:64, :64]
    plain = [(x // 4 + y // 4) % 2 * 255, (x // 2) % 2 * 255, (x * y) % 256, (x ^ y) * 4]
    return np.stack([np.stack([p, 255 - p, p // 2], axis=-1) for p in plain]).astype(np.uint8)


def test_of_the_validation_images_as_many_pass_as_was_asked_for(run, loaded, measured):
    far = strangeness(measured, loaded, squares(load_dataset("scenes"), "validation", 99))
    assert np.mean(far <= 1.01) >= ood.ACCEPTED - 1 / len(far)
    assert measured.percentile(far.max() + 1) == 1.0
    assert measured.percentile(np.median(far)) == pytest.approx(0.5, abs=0.15)


def test_a_training_image_is_its_own_nearest_neighbour(run, loaded, measured):
    frame = load_dataset("scenes").catalog.frame("train")
    ids, distances = measured.nearest(loaded.features(squares(load_dataset("scenes"), "train")), 1)
    assert ids[:, 0].tolist() == frame["id"].tolist()[:12]
    assert distances.max() < 0.01


def test_pictures_unlike_any_scene_are_farther_off_than_scenes(run, loaded, measured):
    scenes = strangeness(measured, loaded, squares(load_dataset("scenes"), "test"))
    odd = strangeness(measured, loaded, oddities())
    assert odd.min() > max(scenes.max(), 1)


def test_how_well_other_things_are_told_is_measured_on_the_files_that_can_be_read(run, loaded, measured, tmp_path):
    for i, picture in enumerate(oddities()):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    (tmp_path / "words.png").write_text("no picture")
    files = sorted(tmp_path.iterdir())
    result = ood_evaluation.evaluate_other_images(run, loaded, measured, files, lambda *_: None)
    assert (result.n, result.test) == (4, len(load_dataset("scenes").catalog.frame("test")))
    assert result.auroc.value == result.flagged.value == 1
    assert result.auroc.low <= result.auroc.value <= result.auroc.high
    with pytest.raises(UserError, match="None of these"):
        ood_evaluation.evaluate_other_images(run, loaded, measured, files[-1:], lambda *_: None)


def test_a_class_that_was_left_out_is_told_better_than_by_chance(run, loaded):
    result = list(ood_evaluation.evaluate_left_out_classes(run, loaded, lambda *_: None))
    assert tuple(one.subject for one in result) == run.classes
    assert {one.n + one.test for one in result} == {len(load_dataset("scenes").catalog.frame("test"))}
    assert np.mean([one.auroc.value for one in result]) > 0.75


def test_another_model_does_not_take_it_for_its_own(run, measured):
    assert ood.load_detector(run) is not None
    newest = max((run.path / "checkpoints").glob("best-*"))
    shutil.copytree(newest, newest.with_name("best-999999"))
    try:
        assert ood.load_detector(run) is None
    finally:
        shutil.rmtree(newest.with_name("best-999999"))


def test_few_validation_images_set_no_limit_and_the_reason_is_said(run, loaded, measured):
    """The farthest of six validation images is passed by one in seven of others like them: more than the 5% that are promised."""
    assert ood.FEWEST == 19
    assert measured.document["validation"] == 4
    judge = verdict.load_judge([run])
    assert not judge.decides
    assert judged(judge, [0.97, 0.01, 0.01, 0.01], 40.0).kind == SURE, "as stored before there was a minimum"
    assert np.isnan(judge.ood_scores(*features_and_energies(loaded, oddities()))).all()
    assert "at least 19 validation images, and this run has 4" in measured.reason
    assert judge.detector is not None, "the nearest training images need no limit"
    assert not verdict.load_judge([run, run]).decides, "nor does the mean of two such runs"
    enough = OodDetector(measured.index, {**measured.document, "validation": 19})
    assert (enough.decides, enough.reason) == (True, "")


def features_and_energies(loaded, pictures):
    features = loaded.features(pictures)
    return features, loaded.energy_of(features)


def test_the_verdict_says_unknown_only_by_distance_and_unsure_only_by_probability(run, measured, monkeypatch):
    monkeypatch.setattr(ood, "FEWEST", 4)
    judge = verdict.load_judge([run])
    sure, split = [0.97, 0.01, 0.01, 0.01], [0.02, 0.48, 0.48, 0.02]
    assert judged(judge, sure, 0.5).kind == SURE
    assert judged(judge, sure, 0.5).classes == (run.classes[0],)
    assert judged(judge, sure, 1.2).kind == UNKNOWN
    assert judged(judge, sure, float("nan")).kind == SURE
    result = judged(verdict.Judge(run.classes, 0.3, 100), split, 0.5)
    assert (result.kind, result.classes) == (UNSURE, run.classes[1:3])


def test_the_classes_named_hold_the_right_one_as_often_as_was_promised():
    rng = np.random.default_rng(0)
    held = []
    for _ in range(40):
        logits, true = rng.normal(size=(400, 5)), rng.integers(0, 5, 400)
        logits[np.arange(400), true] += 1.5
        values = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        least = verdict._least(values[:200], true[:200])
        judge = verdict.Judge(tuple("abcde"), least, 200)
        held += ["abcde"[t] in judged(judge, row, 0.0).classes for row, t in zip(values[200:], true[200:], strict=True)]
    assert np.mean(held) == pytest.approx(verdict.COVERAGE, abs=0.01)


def test_too_few_validation_images_promise_nothing():
    assert not verdict.Judge(("a", "b"), verdict._least(np.full((48, 2), 0.5), np.zeros(48, int)), 48).promises
    assert verdict.Judge(("a", "b"), verdict._least(np.full((49, 2), 0.5), np.zeros(49, int)), 49).promises
