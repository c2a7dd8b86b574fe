"""Explained by examples: the nearest training images with their labels, and by which embedding."""

import numpy as np
import pytest

from engine.core.errors import UserError
from engine.data.datasets import load_dataset
from engine.data.decoding import load_square
from engine.inference.explain import examples
from engine.models.model import load_model
from engine.runs.run import load_run

pytestmark = pytest.mark.usefixtures("one_thread")


def query(run_id):
    """The first test image of the run: its row, its square, and the model."""
    answering, data = load_model(load_run(run_id).path), load_dataset("scenes")
    row = data.catalog.get(int(load_run(run_id).predictions("test").table["image_id"].iloc[0]))
    return answering, data, row, load_square(row.file(data.root), answering.meta.image_size)


def test_a_linear_runs_own_embeddings_are_searched_and_it_is_said(finished):
    answering, data, row, square = query(finished.run_id)
    result = examples.find_examples(answering, data, row, square, k=5)
    assert (result.embedding, len(result.nearest)) == ("run", 5)
    train = data.catalog.frame("train")
    vectors = answering.features(np.stack([load_square(file, square.shape[0]) for file in data.catalog.files(train)]))
    own = answering.features(square[None])[0]
    cosines = vectors @ own / np.linalg.norm(vectors, axis=1) / np.linalg.norm(own)
    assert result.nearest["distance"].to_numpy() == pytest.approx(np.sort(1 - cosines)[:5], abs=2e-3)
    assert set(result.nearest["id"]) <= set(train["id"])
    labels = train.set_index("id")["class"]
    assert result.nearest["label"].tolist() == labels[result.nearest["id"]].tolist()


def test_without_them_the_datasets_index_is_searched_among_training_images(mapped, finished_session, monkeypatch):
    answering, data, row, square = query(finished_session.run_id)
    monkeypatch.setattr(examples, "load_run_embeddings", lambda model, data: None)
    result = examples.find_examples(answering, data, row, square, k=5)
    assert result.embedding == "dataset"
    assert set(result.nearest["id"]) <= set(data.catalog.frame("train")["id"])
    assert result.nearest["distance"].is_monotonic_increasing


def test_without_any_embeddings_it_says_how_to_get_them(finished, monkeypatch):
    monkeypatch.setattr(examples, "load_run_embeddings", lambda model, data: None)
    with pytest.raises(UserError, match="have not been computed.*engine map scenes"):
        examples.find_examples(*query(finished.run_id))


def test_the_verdict_counts_the_labels():
    assert examples.describe_labels("sea", "sea", ["sea", "sea", "forest"]) == "2 of the 3 nearest training images are sea."
    sentence = examples.describe_labels("sea", "forest", ["sea", "forest", "forest"])
    assert sentence == "Of the 3 nearest training images, forest: 2, sea: 1."
    assert examples.describe_labels("sea", "forest", []) == ""
