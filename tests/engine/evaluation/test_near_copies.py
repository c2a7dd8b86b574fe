"""Test images beside training images: copies of files, and the nearest one by embedding with its distance."""

import numpy as np
import pandas as pd
import pytest

from engine.data.columns import STATES, content_mark
from engine.data.layouts import SPLITS
from engine.data.predictions import Predictions
from engine.evaluation.near_copies import find_near_copies, score_without_copies

CONTENTS = [f"{i:016x}" * 2 for i in (1, 2, 3, 2, 9)]  # images 10, 11, 12 of train; 13 (a copy of 11) and 14 of test


class Columns:
    ids = np.array([10, 11, 12, 13, 14])
    split = np.array([SPLITS.index(name) for name in ("train", "train", "train", "test", "test")], np.int8)
    state = np.full(5, STATES.index("ok"), np.int8)

    def marks(self, positions):
        return np.array([content_mark(content) for content in CONTENTS], np.uint64)[positions]


class Index:
    ids = np.array([10, 11, 12, 14])
    marks = np.array([content_mark(CONTENTS[place]) for place in (0, 1, 2, 4)], np.uint64)
    angles = np.array([0.0, 1.0, 2.0, 0.9])

    def __len__(self):
        return 4

    def vectors(self, rows):
        return np.stack([np.cos(self.angles), np.sin(self.angles)], axis=1).astype(np.float32)[rows]

    def blocks(self):
        yield 0, self.vectors(np.arange(2))
        yield 2, self.vectors(np.arange(2, 4))


TEST = Predictions(pd.DataFrame({"image_id": [13, 14], "content": CONTENTS[3:]}), ())


def test_each_image_has_its_nearest_training_image_and_a_copy_its_file():
    result = find_near_copies(Columns(), Index(), TEST)
    assert result.exact.tolist() == [True, False]
    assert result.twin.tolist() == [11, 11]
    assert np.isnan(result.distance[0]), "image 13 has no embedding"
    assert result.distance[1] == pytest.approx(1 - np.cos(0.1), abs=1e-6)
    assert result.within(0.02).tolist() == [True, True]
    assert score_without_copies(result, np.array([True, False]), 0.02).to_dict()["left_out"] == 2


def test_without_embeddings_copies_of_files_are_known_all_the_same():
    result = find_near_copies(Columns(), None, TEST)
    assert (result.exact.tolist(), result.twin.tolist(), result.known) == ([True, False], [11, -1], 0)
