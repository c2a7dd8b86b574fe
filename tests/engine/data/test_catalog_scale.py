"""What a catalog of a million rows relies on: indexes that queries use, and arrays that agree with the rows."""

import threading

import numpy as np
import pandas as pd
import pytest

from engine.bench.catalog import measure
from engine.core.errors import DiskError, UserError
from engine.data import columns, synthetic
from engine.data.catalog_schema import COLUMNS, UNMEASURED
from engine.data.datasets import add_dataset, load_dataset
from engine.data.filters import Filter
from engine.data.layouts import SPLITS
from engine.data.properties import PROPERTIES
from engine.data.synthetic import synthesize
from engine.training.launcher import create

ROWS, CLASSES = 5000, 700


@pytest.fixture
def big(home):
    return synthesize("big", ROWS, CLASSES)


PLANS = [
    (f"SELECT {COLUMNS} FROM images WHERE id = 5", "SEARCH images USING INTEGER PRIMARY KEY"),
    ("SELECT id, path, raw, class, hash FROM images WHERE state = 'ok' AND split = 'test' ORDER BY id", "images_by_place"),
    ("SELECT id FROM images WHERE state IN ('quarantined', 'missing')", "SEARCH images USING COVERING INDEX images_by_place"),
    (f"SELECT count(*) FROM {UNMEASURED}", "images_unmeasured"),
    (f"SELECT id FROM {UNMEASURED} AND id > 7 ORDER BY id LIMIT 9", "images_unmeasured"),
    ("SELECT id FROM images ORDER BY path", "USING COVERING INDEX sqlite_autoindex_images_1"),
    ("SELECT value FROM meta WHERE key = 'generation'", "SEARCH meta USING INDEX"),
]


def test_no_question_of_a_page_reads_the_whole_table(big):
    with big.catalog.connect() as connection:
        for query, plan in PLANS:
            steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
            assert any(plan in step for step in steps), (query, steps)


def test_a_made_up_catalog_has_what_was_asked_and_says_that_it_has_no_pictures(big):
    data = load_dataset("big")
    assert (data.catalog.count(), len(data.classes), data.has_images, data.synthetic) == (ROWS, CLASSES, False, True)
    assert set(data.catalog.counts()["split"]) == set(SPLITS)
    assert all(data.catalog.view().range(name) is not None for name in PROPERTIES)
    with pytest.raises(UserError, match="A dataset named 'big' already exists"):
        synthesize("big", 10)
    from engine.runs.config import configure

    with pytest.raises(UserError, match="a catalog without images"):
        create(configure("big"))


@pytest.mark.parametrize(("rows", "classes"), [(0, 2), (-5, 2), (10, 1), (3, 4)])
def test_sizes_that_make_no_sense_get_a_sentence(home, rows, classes):
    with pytest.raises(UserError, match="at least two classes"):
        synthesize("odd", rows, classes)


def test_a_catalog_that_could_not_be_registered_is_made_anew(home, monkeypatch):
    def refuse(data):
        raise DiskError("The disk is full.")

    with monkeypatch.context() as patch, pytest.raises(DiskError):
        patch.setattr(synthetic, "register_dataset", refuse)
        synthesize("half", 40)
    assert synthesize("half", 30).catalog.count() == 30


def test_histograms_and_quantiles_are_those_of_the_values(big):
    view = big.catalog.view(Filter(("train", "test")))
    with big.catalog.connect() as connection:
        frame = pd.read_sql("SELECT * FROM images WHERE split IN ('train', 'test')", connection)
    for name in ("brightness", "sharpness", "bytes", "width"):
        histogram, values = view.histogram(name, bins=20), frame[name].to_numpy(np.float32)
        edges = np.append(histogram["low"], histogram["high"].iloc[-1])
        assert histogram["n"].sum() == len(frame)
        assert (edges[0], edges[-1]) == (values.min(), values.max())
        cumulative = np.array([(values < edge).sum() for edge in edges[1:-1]])
        assert np.abs(histogram["n"].cumsum().to_numpy()[:-1] - cumulative).max() <= 2 + (name == "width") * len(frame)
    quantiles = view.quantiles("brightness", group_by="split").set_index("group")
    expected = frame.groupby("split")["brightness"].quantile([0.05, 0.5]).unstack()
    assert quantiles.loc[["train", "test"], ["q5", "q50"]].to_numpy() == pytest.approx(
        expected.loc[["train", "test"]].to_numpy(), abs=1e-4
    )


@pytest.mark.parametrize(
    "damage",
    [lambda f: f.unlink(), lambda f: f.write_bytes(b"torn"), lambda f: f.write_bytes(f.read_bytes()[: f.stat().st_size // 2])],
)
def test_arrays_that_are_gone_or_damaged_are_made_again(big, damage):
    before = big.catalog.counts()
    damage(big.catalog.file.with_suffix(".columns.arrow"))
    columns._cache.clear()
    pd.testing.assert_frame_equal(big.catalog.counts(), before)
    assert big.catalog.page(Filter(text="_0004999"))[0].path.endswith("img_0004999.jpg")


def test_every_thread_and_every_scan_sees_one_moment(home, kaggle, write_class):
    catalog = add_dataset(str(kaggle), "scenes")[0].catalog
    seen, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            view = catalog.view(Filter(("train",)))
            seen.append((len(view), len(view.counts()), int(view.counts()["n"].sum())))

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    write_class(kaggle / "seg_train" / "seg_train" / "sea", "sea", 20, first=60)
    add_dataset(str(kaggle), "scenes")
    stop.set()
    for thread in threads:
        thread.join()
    assert all(n == total for n, _, total in seen)
    assert catalog.count() == 103


def test_the_measurement_runs_and_leaves_nothing(home):
    figures = measure(400, 5, repeats=2)
    assert {wait.name.partition(":")[0] for wait in figures.waits} == {
        "page turn", "page turn, sorted by a property", "filter change", "class counts",
    }  # fmt: skip
    assert all(0 < wait.median <= wait.worst for wait in figures.waits)
    assert (figures.rows, figures.classes) == (400, 5)
    assert not (home / "data" / "bench").exists()
