"""Graded damage: more of it with each severity, the same each time; what was measured is kept, goes on, and is counted right."""

import shutil

import numpy as np
import pytest
from PIL import Image

from engine.core.errors import UserError
from engine.core.paths import home as home_dir
from engine.core.progress import Cancelled
from engine.data.datasets import load_dataset
from engine.data.decoding import load_square
from engine.evaluation.metrics import bootstrap_mean
from engine.evaluation.robustness import measurement, store, summary
from engine.evaluation.robustness.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from engine.models.model import load_model
from engine.runs.run import load_run

pytestmark = pytest.mark.usefixtures("one_thread")


def picture(size=96):
    """A disc on a ramp with fine texture: every kind of damage shows on it."""
    y, x = np.mgrid[:size, :size] / size
    plain = np.stack([0.25 + 0.4 * x, 0.3 + 0.3 * y, 0.45 + 0.1 * x * y], axis=2)
    plain[(x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.08] = (0.7, 0.35, 0.2)
    return (255 * (plain + 0.05 * np.sin(60 * x)[..., None])).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_severity_damages_more_than_the_one_before_and_always_alike(name):
    square = picture()
    damaged = [corrupt(square, name, severity, "abc") for severity in SEVERITIES]
    apart = [np.abs(one.astype(float) - square).mean() for one in damaged]
    assert apart[0] > 0
    assert apart == sorted(apart)
    assert all((one.shape, one.dtype) == (square.shape, np.uint8) for one in damaged)
    assert np.array_equal(corrupt(square, name, 3, "abc"), damaged[2])
    assert np.array_equal(picture(), square), "the picture itself stays"


def test_noise_is_of_the_strength_that_is_said_and_another_for_another_picture():
    grey = np.full((128, 128, 3), 128, np.uint8)
    noisy = corrupt(grey, "noise", 2, "a")
    assert (noisy / 255).std() == pytest.approx(0.12, rel=0.05)
    assert not np.array_equal(noisy, corrupt(grey, "noise", 2, "b"))


def test_motion_keeps_the_light_and_smears_along_one_line():
    spot = np.zeros((65, 65, 3), np.uint8)
    spot[31:34, 31:34] = 255
    smeared = corrupt(spot, "motion", 5, "a")[..., 0].astype(float)
    assert smeared.sum() == pytest.approx(9 * 255, rel=0.05)
    weights = np.argwhere(smeared > 0) - 32
    spread = np.linalg.eigvalsh(np.cov(weights.T, aweights=smeared[smeared > 0]))
    assert spread[1] > 3 * spread[0]


def test_darkness_and_contrast_leave_the_share_that_is_said():
    square = picture()
    dark = corrupt(square, "darkness", 2, "a")
    assert np.abs(dark - 0.5 * square).max() <= 1
    flat = corrupt(square, "contrast", 3, "a")
    assert flat.std(axis=(0, 1)) == pytest.approx(0.2 * square.std(axis=(0, 1)), rel=0.05)


def test_an_unknown_damage_is_named_with_those_there_are():
    with pytest.raises(UserError, match="no corruption 'frost'.*noise"):
        corrupt(picture(), "frost", 1, "a")


def test_every_beginning_of_the_order_holds_the_classes_in_the_proportions_of_the_whole():
    labels = np.repeat([0, 1, 2], [600, 300, 30])
    order = store.fair_order(labels)
    assert sorted(order) == list(range(930))
    for n in (31, 93, 310):
        assert np.bincount(labels[order[:n]], minlength=3) == pytest.approx(np.array([20, 10, 1]) * n / 31, abs=1)


@pytest.fixture
def scored(finished_session, tmp_path, monkeypatch):
    """The finished run in a home of this test's own."""
    shutil.copytree(finished_session.home, tmp_path / "copy")
    monkeypatch.setenv("SCENESCOPE_HOME", str(tmp_path / "copy"))
    return load_run(finished_session.run_id)


def test_the_answers_are_the_models_own_to_the_damaged_pictures(scored):
    measurement.measure(scored, "test", 6)
    predictions = store.read(scored, "test")
    predictor, data = load_model(scored.path), load_dataset("scenes")
    assert (len(predictions.true), predictions.measured, predictions.images) == (6, 6, 24)
    for row, (image, content) in enumerate(zip(predictions.image_ids, predictions.contents, strict=True)):
        square = load_square(data.catalog.get(int(image)).file(data.root), predictor.meta.image_size)
        for place in (0, 1, 12, len(store.CONDITIONS) - 1):
            name, severity = store.CONDITIONS[place]
            corrupted = square if not severity else corrupt(square, name, severity, content)
            expected = predictor.probabilities(corrupted[None])[0]
            assert predictions.predicted[row, place] == expected.argmax()
            assert predictions.probability[row, place] == pytest.approx(expected[predictions.true[row]], abs=2e-3)
    table = scored.predictions("test").table.set_index("image_id").loc[predictions.image_ids]
    assert predictions.predicted[:, 0].tolist() == table["predicted"].tolist(), "as it is, the answer is the run's own"


def test_a_stopped_measurement_goes_on_where_it_was_and_ends_as_one_that_was_not(scored, monkeypatch):
    monkeypatch.setattr(measurement, "BATCH", 4)
    calls = []

    def stop_in_the_second_batch(progress):
        calls.append(progress.done)
        if len(calls) > len(store.CONDITIONS) + 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        measurement.measure(scored, "test", 8, stop_in_the_second_batch)
    assert store.count_measured(scored, "test") == 4
    whole = []
    measurement.measure(scored, "test", 8, lambda progress: whole.append((progress.done, progress.total)))
    assert min(done for done, _ in whole[1:]) == 4 * len(store.CONDITIONS), "what was measured is not asked again"
    resumed = store.read(scored, "test")
    (store.folder(scored, "test") / "answers.bin").unlink()
    measurement.measure(scored, "test", 8)
    assert np.array_equal(resumed.predicted, store.read(scored, "test").predicted)


def test_a_changed_file_is_left_out_and_a_dataset_that_is_gone_is_a_sentence(scored):
    data, table = load_dataset("scenes"), scored.predictions("test").table
    chosen = int(table.iloc[store.fair_order(table["true"].to_numpy())[0]]["image_id"])
    file = data.catalog.get(chosen).file(data.root)
    before = file.read_bytes()
    try:
        Image.new("RGB", (64, 64), "white").save(file)
        measurement.measure(scored, "test", 3)
    finally:
        file.write_bytes(before)
    predictions = store.read(scored, "test")
    assert (predictions.measured, predictions.unread, len(predictions.true)) == (3, 1, 2)
    assert chosen not in predictions.image_ids
    (home_dir() / "data" / "scenes" / "dataset.json").unlink()
    with pytest.raises(UserError, match="no dataset 'scenes'"):
        measurement.measure(scored, "test", 3)


def make_predictions(right: np.ndarray) -> store.CorruptionPredictions:
    """Answers of two classes, right where it is said: (n, conditions) bool."""
    n = len(right)
    true = np.arange(n) % 2
    return store.CorruptionPredictions(
        "test", np.arange(10, 10 + n), tuple("abcdefghijkl"[:n]), true, np.where(right, 0.9, 0.1).astype(np.float32),
        np.where(right, true[:, None], 1 - true[:, None]), n, 0, n, 64,
    )  # fmt: skip


def test_the_figures_are_counted_from_the_answers():
    right = np.ones((4, len(store.CONDITIONS)), bool)
    jpeg = [store.CONDITIONS.index(("jpeg", severity)) for severity in SEVERITIES]
    right[0, jpeg[2:]] = right[1, jpeg[4]] = False
    right[3] = False  # wrong as it is: nothing breaks it
    right[3, jpeg[0]] = True
    predictions = make_predictions(right)
    rows = summary.by_severity(predictions).set_index(["corruption", "severity"])
    assert rows.loc["jpeg"]["accuracy"].tolist() == [0.75, 1.0, 0.75, 0.5, 0.5, 0.25]
    assert ((rows["low"] <= rows["accuracy"] + 1e-12) & (rows["accuracy"] - 1e-12 <= rows["high"])).all()
    worst = summary.losses(predictions).iloc[0]
    assert (worst["corruption"], worst["worst_accuracy"]) == ("jpeg", 0.25)
    assert worst["loss"] == pytest.approx(0.75 - np.mean([1.0, 0.75, 0.5, 0.5, 0.25]))
    error = 1 - right[:, 1:].mean()
    assert summary.mean_corruption_error(predictions).value == pytest.approx(error)
    assert summary.relative_error(predictions).value == pytest.approx(error - 0.25)
    assert summary.relative_error(predictions) == bootstrap_mean(right[:, 0] - right[:, 1:].mean(axis=1))
    broken = summary.first_broken(predictions, "jpeg")
    assert broken[["image_id", "severity", "true", "predicted"]].to_numpy().tolist() == [[10, 3, 0, 1], [11, 5, 1, 0]]


def test_a_model_that_nothing_breaks_is_not_blamed():
    right = np.ones((6, len(store.CONDITIONS)), bool)
    assert summary.sentence(make_predictions(right)) == "No corruption lowers the accuracy beyond chance."
    right[:4, store.CONDITIONS.index(("motion", 1)) :][:, :5] = False
    assert summary.sentence(make_predictions(right)).startswith(
        "Motion blur hurts most: accuracy falls from 100.0% to 33.3% at severity 5"
    )


def test_a_run_that_is_deleted_meanwhile_does_not_come_back(scored, tmp_path):
    def report(progress):
        if progress.done > 5:
            scored.path.rename(tmp_path / "trash")

    with pytest.raises(SystemExit):
        measurement.measure(scored, "test", 8, report)
    assert not scored.path.exists()
