"""Slices are the images of a filter, held against what their classes explain, and none is found where there is none."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from engine.core.errors import UserError
from engine.data import selections
from engine.data.columns import STATES, Columns
from engine.data.filters import Filter, Range
from engine.data.layouts import SPLITS
from engine.data.predictions import Predictions
from engine.data.properties import PROPERTIES
from engine.evaluation import conditions, slices

CLASSES = ("forest", "glacier", "sea")


def catalog(tmp_path, n=3000, seed=0, folder_of=None):
    """The columns of a catalog: classes of different brightness, in two folders that say nothing or in those of `folder_of(labels)`."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, n)
    properties = {name: rng.random(n).astype(np.float32) for name in PROPERTIES}
    properties["brightness"] = (0.2 * label + 0.3 * rng.random(n)).astype(np.float32)
    properties["width"] = rng.choice([150, 150, 150, 200], n).astype(np.float32)
    folders = rng.choice(["phone", "camera"], n) if folder_of is None else folder_of(label)
    arrays = {
        "id": pa.array(np.arange(1, n + 1)),
        "state": pa.array(np.full(n, STATES.index("ok"), np.int8)),
        "split": pa.array(np.full(n, SPLITS.index("test"), np.int8)),
        "label": pa.array(label.astype(np.int32)),
        "edited": pa.array(np.zeros(n, np.int8)),
        "hash": pa.array([i.to_bytes(16, "big") for i in range(1, n + 1)], pa.binary(16)),
        "path": pa.array([f"test/{folder}/{i}.jpg" for i, folder in enumerate(folders)], pa.large_string()),
        **{name: pa.array(values) for name, values in properties.items()},
    }
    table = pa.table(arrays).replace_schema_metadata({"generation": "1", "format": "2", "names": '["forest", "glacier", "sea"]'})
    return Columns(table)


def predictions(columns, wrong):
    true = columns.label.astype(np.int64)
    contents = [bytes(i.to_bytes(16, "big")).hex() for i in columns.ids.tolist()]
    paths = columns.paths.to_pylist()
    predicted = np.where(wrong, (true + 1) % 3, true)
    frame = pd.DataFrame({"image_id": columns.ids, "content": contents, "path": paths, "true": true, "predicted": predicted})
    return Predictions(frame, CLASSES)


@pytest.fixture
def columns(tmp_path):
    return catalog(tmp_path)


def test_a_class_that_is_hard_makes_no_slice_of_what_goes_with_it(columns):
    """Sea is wrong in 30%, and bright: brightness explains nothing once the classes are known."""
    rng = np.random.default_rng(1)
    wrong = rng.random(len(columns)) < np.where(columns.label == 2, 0.3, 0.02)
    images = slices.match_catalog(columns, predictions(columns, wrong))
    result = slices.find_worst_slices(images, CLASSES)
    assert result.tried > 100
    assert not len(result.beyond_chance)
    bright = slices.measure_slice(images, Filter(ranges=(Range("brightness", 0.5),)))
    assert bright["error"] > 2 * bright["rest"]
    assert bright["error"] == pytest.approx(bright["expected"], abs=0.06)


def test_a_weakness_within_the_classes_is_found_first_and_as_a_filter(columns):
    rng = np.random.default_rng(2)
    weak = (columns.values("sharpness") < 0.2) & (columns.label == 1)
    wrong = rng.random(len(columns)) < np.where(weak, 0.6, 0.05)
    images = slices.match_catalog(columns, predictions(columns, wrong))
    result = slices.find_worst_slices(images, CLASSES)
    first = result.frame.iloc[0]
    assert first["p_holm"] < 0.001
    assert first["filter"].classes == ("glacier",)
    assert [r.name for r in first["filter"].ranges] == ["sharpness"]
    assert first["n"] >= slices.SUPPORT
    assert len(slices.slice_predictions(images, first["filter"])) == first["n"]
    assert (
        slices.slice_predictions(images, first["filter"])["true"]
        != slices.slice_predictions(images, first["filter"])["predicted"]
    ).sum() == first["wrong"]


@pytest.mark.parametrize("corrected", [0, 20])
def test_a_weakness_within_a_class_is_found_where_every_class_has_its_folder(tmp_path, corrected):
    """A folder of a class's images must not stand for the class: held against the property alone, the pair would be explained by it.

    corrected: images that lie in the folder of another class than their label's.
    """
    columns = catalog(
        tmp_path, folder_of=lambda label: np.array(CLASSES)[np.where(np.arange(len(label)) < corrected, (label + 1) % 3, label)]
    )
    rng = np.random.default_rng(2)
    weak = (columns.values("colourfulness") > 0.75) & (columns.label == 1)
    frame = predictions(columns, rng.random(len(columns)) < np.where(weak, 0.25, 0.06))
    images = slices.match_catalog(columns, frame)
    result = slices.find_worst_slices(images, CLASSES)
    first = result.frame.iloc[0]
    assert first["filter"].classes == ("glacier",)
    assert [r.name for r in first["filter"].ranges] == ["colourfulness"]
    assert first["p_holm"] < 0.001
    assert not any(condition.text for condition in result.frame["filter"]), "the folders are the classes once more"
    without_folders = slices.match_catalog(columns, Predictions(frame.table.assign(path="image.jpg"), CLASSES))
    assert result.tried == slices.find_worst_slices(without_folders, CLASSES).tried
    assert not len(slices.measure_column(images, "folder", CLASSES))


def test_the_interval_of_one_of_many_slices_allows_for_the_number_that_was_tried(columns):
    wrong = np.random.default_rng(5).random(len(columns)) < 0.08
    result = slices.find_worst_slices(slices.match_catalog(columns, predictions(columns, wrong)), CLASSES)
    row = result.frame.iloc[0]
    level = 1 - 0.05 / result.tried
    exact = stats.binomtest(int(row["wrong"]), int(row["n"])).proportion_ci(level, method="wilson")
    assert (row["joint_low"], row["joint_high"]) == pytest.approx((exact.low, exact.high))
    assert row["joint_low"] < row["low"] < row["error"] < row["high"] < row["joint_high"]
    assert row["low"] > row["expected"] > row["joint_low"], "alone it looks weak; among so many tries it is not"


def test_slices_of_chance_alone_pass_the_correction_at_most_one_time_in_twenty(tmp_path):
    alarms, columns = 0, catalog(tmp_path, 1000)
    for seed in range(8):
        wrong = np.random.default_rng(seed).random(len(columns)) < 0.08
        alarms += (
            len(slices.find_worst_slices(slices.match_catalog(columns, predictions(columns, wrong)), CLASSES).beyond_chance) > 0
        )
    assert alarms <= 2


def test_the_p_value_of_one_class_is_fishers_exact_test(columns):
    rng = np.random.default_rng(3)
    scored = predictions(columns, rng.random(len(columns)) < 0.1)
    frame = scored.table
    frame["true"], frame["predicted"] = 0, np.where(frame["true"] == frame["predicted"], 0, 1)
    images = slices.match_catalog(columns, scored)
    condition = Filter(ranges=(Range("contrast", 0.9),))
    result, inside = slices.measure_slice(images, condition), images.columns.values("contrast") >= np.float32(0.9)
    condition = Filter(ranges=(Range("contrast", None, 0.5),)) if result["p"] == 1.0 else condition
    result = slices.measure_slice(images, condition)
    inside = conditions.match_filters(columns, images.rows, [condition])[0]
    counts = [
        [(images.wrong & inside).sum(), (~images.wrong & inside).sum()],
        [(images.wrong & ~inside).sum(), (~images.wrong & ~inside).sum()],
    ]
    assert result["p"] == pytest.approx(stats.fisher_exact(counts, alternative="greater").pvalue)


def test_the_p_value_over_classes_is_that_of_dealing_the_errors_out(columns):
    rng = np.random.default_rng(4)
    wrong = rng.random(len(columns)) < np.where(columns.label == 2, 0.2, 0.05)
    images = slices.match_catalog(columns, predictions(columns, wrong))
    condition = next(
        w
        for w in conditions.single_conditions(columns, images.rows, [], CLASSES)
        if 0.01 < slices.measure_slice(images, w)["p"] < 0.4
    )
    inside, result = conditions.match_filters(columns, images.rows, [condition])[0], slices.measure_slice(images, condition)
    groups = [np.flatnonzero(images.true == index) for index in range(3)]
    shuffled = images.wrong.copy()
    reached = 0
    for _ in range(2000):
        for rows in groups:
            shuffled[rows] = shuffled[rng.permutation(rows)]
        reached += (shuffled & inside).sum() >= result["wrong"]
    assert reached / 2000 == pytest.approx(result["p"], abs=0.04)


def test_quantile_bins_part_the_images_whatever_the_values(columns):
    for name in PROPERTIES:
        values = columns.values(name)
        bins = conditions.property_filters(values, PROPERTIES[name], np.linspace(0, 1, 7)[1:-1])
        rows = np.arange(len(columns))
        assert (conditions.match_filters(columns, rows, bins).sum(axis=0) == 1).all(), name
    assert [r.to_text() for r in conditions.property_filters(columns.values("width"), PROPERTIES["width"])] == [
        "width_-150",
        "width_200-",
    ]
    assert conditions.property_filters(np.full(5, 3.0, np.float32), PROPERTIES["width"]) == []


def test_a_column_is_scored_bin_by_bin(columns):
    images = slices.match_catalog(columns, predictions(columns, np.arange(len(columns)) % 10 == 0))
    by_class = slices.measure_column(images, "class", CLASSES)
    assert by_class["n"].sum() == len(columns)
    assert by_class["wrong"].sum() == len(columns) // 10
    assert slices.measure_column(images, "folder", CLASSES)["words"].tolist() == [
        f.describe() for f in conditions.folder_filters(images.frame["path"]) if f.text != "test/"
    ]
    with pytest.raises(UserError, match="no column 'mood'"):
        slices.measure_column(images, "mood", CLASSES)


def test_images_that_changed_since_are_left_out_and_counted(columns):
    scored = predictions(columns, np.zeros(len(columns), bool))
    scored.table.loc[:9, "content"] = "f" * 32
    scored.table.loc[10:14, "image_id"] = 10**6
    images = slices.match_catalog(columns, scored)
    assert (images.excluded, len(images.frame)) == (15, len(columns) - 15)
    with pytest.raises(UserError, match="None of the scored images"):
        slices.match_catalog(columns, scored.take(np.arange(12)))


def test_images_that_a_person_picked_out_are_a_slice(columns, tmp_path):
    images = slices.match_catalog(columns, predictions(columns, np.arange(len(columns)) % 10 == 0), tmp_path / "catalog.sqlite")
    word = selections.save_selection(tmp_path / "catalog.sqlite", columns.ids[[0, 1, 10, 20]])
    result = slices.measure_slice(images, Filter(selection=word))
    assert (result["n"], result["wrong"]) == (4, 3)
