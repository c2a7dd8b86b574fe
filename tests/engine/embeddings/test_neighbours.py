"""Neighbours are exact, whatever the file's blocks, and an index is whole or absent."""

import numpy as np
import pytest

from engine.core.errors import UserError
from engine.embeddings import neighbours

FEATURES = 24


@pytest.fixture
def stored(monkeypatch, tmp_path):
    """An index of 300 vectors in blocks of 64 and uneven lengths; images 40 and 41 are copies of one file."""
    monkeypatch.setattr(neighbours, "_BLOCK", 64)
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(300, FEATURES)) * rng.uniform(0.1, 9, (300, 1))
    vectors[41] = vectors[40]
    marks = np.arange(300, dtype=np.uint64) + 7
    marks[41] = marks[40]
    ids = np.arange(300) * 3 + 5
    parts = [(ids[i : i + 77], marks[i : i + 77], vectors[i : i + 77]) for i in range(0, 300, 77)]
    return neighbours.write_index(tmp_path, parts, {"digest": "abc"})


def by_brute_force(index, row, k, allowed=None):
    vectors = index.vectors(np.arange(len(index))).astype(float)
    distances = 1 - vectors @ vectors[row]
    candidates = [i for i in range(len(index)) if i != row and (allowed is None or index.ids[i] in allowed)]
    best = sorted(candidates, key=lambda i: distances[i])[:k]
    return index.ids[best].tolist(), distances[best]


@pytest.mark.parametrize("row", [0, 63, 64, 299])
@pytest.mark.parametrize("k", [1, 12, 299, 1000])
def test_neighbours_are_those_of_a_plain_search_and_never_the_image_itself(stored, row, k):
    result = neighbours.find_neighbours(stored, int(stored.ids[row]), k)
    ids, distances = by_brute_force(stored, row, k)
    assert len(result) == min(k, 299)
    assert stored.ids[row] not in set(result["id"])
    np.testing.assert_allclose(result["distance"], distances, atol=1e-5)
    # Two that are as near as float32 can tell may stand either way.
    assert all(a == b or abs(x - y) < 1e-5 for a, b, x, y in zip(result["id"], ids, result["distance"], distances, strict=True))


def test_a_search_among_some_images_answers_with_those_alone(stored):
    among = stored.ids[::7]
    result = neighbours.find_neighbours(stored, int(stored.ids[14]), 5, among)
    assert result["id"].tolist() == by_brute_force(stored, 14, 5, set(among.tolist()))[0]
    assert neighbours.find_neighbours(stored, int(stored.ids[14]), 5, np.array([], np.int64)).empty


def test_a_copy_of_the_file_comes_first_and_is_marked(stored):
    result = neighbours.find_neighbours(stored, int(stored.ids[40]), 4)
    assert result["id"][0] == stored.ids[41]
    assert result["copy"].tolist() == [True, False, False, False]
    assert result["distance"][0] == pytest.approx(0, abs=1e-6)


def test_several_questions_at_once_are_answered_as_one_by_one(stored):
    queries = np.random.default_rng(0).normal(size=(5, FEATURES))
    ids, distances = neighbours.nearest(stored, queries, 6)
    for query, of, apart in zip(queries, ids, distances, strict=True):
        alone, lone = neighbours.nearest(stored, 100 * query, 6)
        assert alone[0].tolist() == of.tolist()
        np.testing.assert_allclose(lone[0], apart, atol=1e-6)


def test_an_image_without_an_embedding_is_said(stored):
    with pytest.raises(UserError, match="no embedding"):
        neighbours.find_neighbours(stored, 6, 3)


def test_the_graph_of_all_images_is_that_of_single_searches(stored):
    rows, distances = neighbours.neighbour_graph(stored.vectors(np.arange(300)), 5)
    for row in (0, 40, 150, 299):
        result = neighbours.find_neighbours(stored, int(stored.ids[row]), 5)
        assert stored.ids[rows[row]].tolist() == result["id"].tolist()
        np.testing.assert_allclose(distances[row], result["distance"], atol=1e-5)


def test_an_index_that_is_cut_short_is_none(stored, tmp_path):
    assert len(neighbours.load_index(tmp_path)) == 300
    content = stored.file.read_bytes()
    stored.file.write_bytes(content[:-4])
    assert neighbours.load_index(tmp_path) is None
    stored.file.unlink()
    assert neighbours.load_index(tmp_path) is None
    assert neighbours.load_index(tmp_path / "nowhere") is None


def test_a_new_index_takes_the_place_of_the_old_one(stored, tmp_path):
    part = (np.array([4, 9]), np.array([1, 2], np.uint64), np.ones((2, FEATURES)))
    neighbours.write_index(tmp_path, [part], {"digest": "other"})
    assert neighbours.load_index(tmp_path).ids.tolist() == [4, 9]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["index.json", "other.f32", "other.ids.npy"]
