"""A `fast` run, end to end in a process of its own: what it leaves behind, and that two ways to it agree."""

import json
import platform
from importlib import metadata

import numpy as np
import pytest
from scipy.special import softmax

from engine.data import datasets
from engine.embeddings.extract import embed
from engine.evaluation import metrics, scoring
from engine.inference.predict import predict
from engine.models import model
from engine.models.device import select_compute
from engine.runs import checkpoint
from engine.runs.history import build_history
from engine.runs.run import load_run

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def run(finished):
    return load_run(finished.run_id)


@pytest.fixture
def data(finished):
    return datasets.load_dataset("scenes")


def test_the_run_directory_is_complete(run):
    assert sorted(path.name for path in run.path.iterdir()) == [
        "checkpoints", "config.json", "environment.json", "events.jsonl", "lease", "predictions-test.parquet",
        "predictions-validation.parquet", "results.json", "status.json", "train.log",
    ]  # fmt: skip


def test_its_configuration_and_data_are_written_down(run, data):
    assert (run.config.dataset, run.config.preset, run.config.image_size) == ("scenes", "fast", 64)
    assert (run.classes, run.fingerprint) == (data.classes, data.catalog.fingerprint())
    environment = json.loads((run.path / "environment.json").read_text())
    assert environment["python"] == platform.python_version()
    assert environment["packages"]["torch"] == metadata.version("torch")
    assert environment["fingerprint"] == run.fingerprint
    assert environment["compute"] == {"device": str(select_compute().device), "dtype": str(select_compute().dtype)}


def test_it_ended_as_finished_and_told_every_state_in_order(run):
    events, _ = run.events()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [e["state"] for e in events if e["kind"] == "state"] == ["preparing", "training", "evaluating", "finished"]
    status = run.status
    assert (status.state, status.progress, status.error) == ("finished", 1.0, "")
    assert status.detail == f"macro F1 {metrics.Estimate(**run.results['test']['macro_f1'])} on 24 test images"


def test_the_strength_was_chosen_by_validation_loss(run):
    candidates = build_history(run.events()[0]).candidates
    chosen = candidates[candidates["best"]].iloc[-1]
    assert len(candidates) >= 3
    assert candidates["C"].is_monotonic_increasing
    assert chosen["validation_loss"] == candidates["validation_loss"].min()


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_results_are_those_of_the_prediction_table(run, data, split):
    table = run.predictions(split).table
    frame = data.catalog.frame(split)
    assert table["image_id"].tolist() == frame["id"].tolist()
    assert table["content"].tolist() == frame["hash"].tolist()
    assert [run.classes[i] for i in table["true"]] == frame["class"].tolist()
    scores = metrics.score_predictions(table, run.classes)
    assert run.results[split] == {key: scores[key] for key in ("n", "accuracy", "macro_f1", "macro_f1_classes", "loss", "small")}
    assert np.allclose(np.stack(table["probabilities"]).sum(axis=1), 1, atol=1e-5)
    scored = [event for event in run.events()[0] if event["kind"] == "score" and event["split"] == split]
    assert [event["macro_f1"] for event in scored] == [run.results[split]["macro_f1"]]


def test_it_learnt_what_can_be_told_apart(run):
    recall = metrics.per_class(metrics.confusion(run.predictions("test").table, 4), run.classes).set_index("class")["recall"]
    # Six pictures each, learnt from ten: in float32 all are told. bf16 moves features by 5%, with the merged copy as without
    # (test_frozen), which may cost one.
    assert min(recall["forest"], recall["sea"]) > 0.8
    assert run.results["test"]["macro_f1"]["value"] > 0.6


def test_the_saved_model_gives_the_answers_of_the_prediction_table(run, data):
    table, loaded = run.predictions("test").table, model.load_model(run.path)
    answers = predict(loaded, data.catalog.files(data.catalog.frame("test")))
    assert [answer.top(1)[0].name for answer in answers] == [run.classes[i] for i in table["predicted"]]
    again = np.array([[dict(answer.top())[name] for name in run.classes] for answer in answers])
    assert np.abs(again - np.stack(table["probabilities"])).max() < 0.02


def test_the_model_describes_itself(run, data):
    loaded = model.load_model(run.path)
    assert (loaded.meta.backbone, loaded.meta.classes, loaded.meta.image_size) == ("efficientnet_lite0", run.classes, 64)
    assert (loaded.meta.mean, loaded.meta.std) == ((0.5,) * 3, (0.5,) * 3)
    assert loaded.meta.temperature == run.results["temperature"] > 0


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5])
def test_the_temperature_is_found_from_answers_that_were_drawn_with_it(true_temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (20_000, 4))
    chances = softmax(logits / true_temperature, axis=1)
    true = (chances.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    assert model.fit_temperature(logits, true) == pytest.approx(true_temperature, rel=0.05)


def test_its_embeddings_are_there_for_the_next_run_and_equal_to_fresh_ones(run, data):
    loaded = model.load_model(run.path)
    frame = data.catalog.frame("train")
    files, contents = data.catalog.files(frame), frame["hash"].tolist()
    fresh = embed(files, contents, loaded.trunk, loaded.preprocessing, loaded.compute, cached=False)
    known = embed(files, contents, loaded.trunk, loaded.preprocessing, loaded.compute)
    assert (known.computed, fresh.computed) == (0, 52)
    assert known.vectors.shape == (52, 1280)
    assert np.array_equal(known.vectors, fresh.vectors)


def test_embeddings_of_copies_are_computed_once_and_a_broken_file_is_named(finished, tmp_path, write_class):
    loaded = model.load_model(load_run(finished.run_id).path)
    one, two = write_class(tmp_path, "sea", 2, first=4000)
    (tmp_path / "broken.png").write_bytes(b"broken")
    files = [one, two, one, tmp_path / "broken.png"]
    result = embed(
        files,
        ["new-1", "new-2", "new-1", "new-3"],
        loaded.trunk,
        loaded.preprocessing,
        loaded.compute,
        cached=False,
        scanned=False,
    )
    assert result.computed == 3
    assert np.array_equal(result.vectors[0], result.vectors[2])
    assert not np.array_equal(result.vectors[0], result.vectors[1])
    assert np.isnan(result.vectors[3]).all()
    assert list(result.failures) == [3]


def test_the_checkpoint_needs_nothing_of_the_dataset(run, tmp_path, monkeypatch, write_class):
    monkeypatch.setenv("SCENESCOPE_HOME", str(tmp_path / "another"))
    loaded = model.from_checkpoint(checkpoint.load(run.path), select_compute())
    answer = predict(loaded, [write_class(tmp_path, "forest", 1, first=77)[0].read_bytes()])[0]
    assert answer.top(1)[0].name == "forest"


def test_one_bad_picture_among_several_is_named_and_the_others_are_answered(run, finished):
    good = (finished.images / "seg_pred" / "seg_pred" / "900.png").read_bytes()
    answers = predict(model.load_model(run.path), [good, b"no picture", good])
    assert [answer.error for answer in answers] == ["", "not an image, despite its name", ""]
    assert answers[0].top() == answers[2].top()
    assert answers[0].top(1)[0].name == "sea"
    assert answers[0].square.shape == (64, 64, 3)


def test_a_folder_scores_as_the_split_that_it_is(run, finished):
    """The same images by two ways: the registered split, and the folder that holds it."""
    split = scoring.score_split(run, "test")
    folder = scoring.score_folder(run, finished.images / "seg_test" / "seg_test")
    assert (folder["confusion"], folder["macro_f1"], folder["n"]) == (split["confusion"], split["macro_f1"], 24)
    assert (folder["unknown_classes"], folder["unreadable"]) == ([], {})
