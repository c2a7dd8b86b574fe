"""Properties of images: what they measure, catalogs from before they existed, and the job that catches up."""

import json
import math
import os
import signal
import sqlite3

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from engine.core.errors import UserError
from engine.core.progress import Progress
from engine.data import analysis
from engine.data.datasets import add_dataset, load_dataset
from engine.data.mean_images import compute_mean_image
from engine.data.properties import MEASURED, measure

RNG = np.random.default_rng(3)
# The table as it was before there were properties.
OLD = """
CREATE TABLE old (id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE, raw BLOB, given TEXT, split TEXT, class TEXT,
    width INTEGER, height INTEGER, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, hash TEXT, state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '');
INSERT INTO old SELECT id, path, raw, given, split, class, width, height, bytes, mtime_ns, hash, state, reason FROM images;
DROP TABLE images; DROP TABLE readings; ALTER TABLE old RENAME TO images; DELETE FROM meta WHERE key = 'generation';
PRAGMA user_version = 0;
"""


def flat(*colour, size=(200, 150)):
    return Image.new("RGB", size, colour)


def noise(size=(256, 256)):
    return Image.fromarray(RNG.integers(0, 256, (*size, 3), np.uint8))


def test_brightness_and_contrast_are_mean_and_deviation_of_luma():
    assert measure(flat(0, 0, 0))[:2] == (0, 0)
    assert measure(flat(255, 255, 255))[:2] == (1, 0)
    assert measure(flat(0, 255, 0))[0] == pytest.approx(0.587, abs=0.003)
    halves = flat(0, 0, 0)
    halves.paste((255, 255, 255), (0, 0, 100, 150))
    assert measure(halves)[:2] == pytest.approx((0.5, 0.5), abs=0.01)


def test_sharpness_falls_with_blur_and_hardly_depends_on_the_resolution():
    image = noise((128, 128)).resize((1024, 1024), Image.Resampling.BICUBIC)
    sharp, small = measure(image)[2], measure(image.resize((512, 512), Image.Resampling.LANCZOS))[2]
    assert measure(flat(90, 90, 90))[2] == 0
    assert measure(image.filter(ImageFilter.GaussianBlur(12)))[2] < sharp / 10
    assert small == pytest.approx(sharp, rel=0.1)


def test_colourfulness_is_that_of_hasler_and_suesstrunk():
    assert measure(flat(128, 128, 128))[3] == pytest.approx(0)
    # One flat red: no deviation, means of R-G = 255 and (R+G)/2-B = 127.5.
    assert measure(flat(255, 0, 0))[3] == pytest.approx(0.3 * math.hypot(255, 127.5))
    assert measure(noise())[3] > 40


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (3000, 2), (128, 128)])
def test_every_shape_can_be_measured(size):
    assert all(math.isfinite(value) for value in measure(flat(10, 200, 30, size=size)))


def rows(data):
    with data.catalog.connect() as connection:
        return pd.read_sql(f"SELECT id, path, hash, split, {', '.join(MEASURED)} FROM images ORDER BY id", connection)


@pytest.fixture
def aged(home, tmp_path, write_class):
    """A dataset whose catalog is one of before there were properties, and its rows as a scan of today makes them."""
    for kind in ("forest", "sea"):
        write_class(tmp_path / "plain" / kind, kind, 140)
    data, _ = add_dataset(str(tmp_path / "plain"), "plain")
    today = rows(data)
    connection = sqlite3.connect(data.catalog.file)
    connection.executescript(OLD)
    connection.close()
    return data, today


def test_a_catalog_of_an_earlier_version_opens_keeps_its_rows_and_catches_up(aged):
    data, today = aged
    assert data.catalog.count_unmeasured() == 280
    pd.testing.assert_frame_equal(rows(data)[["id", "path", "hash", "split"]], today[["id", "path", "hash", "split"]])
    assert data.catalog.view().histogram("brightness").empty
    assert analysis.is_due(data)
    before = data.catalog.generation()
    assert analysis.analyse(data) == 280
    pd.testing.assert_frame_equal(rows(data), today)
    assert data.catalog.generation() != before
    assert data.catalog.view().histogram("brightness")["n"].sum() == 280
    assert not analysis.is_due(data)
    assert analysis.analyse(data) == 0


def test_a_killed_job_goes_on_where_it_was(aged, wait):
    data, today = aged
    analysis.job("plain").start()
    lease = data.catalog.file.parent / "analysis" / "lease"
    wait(lambda: data.catalog.count_unmeasured() < 280)
    pid = json.loads(lease.read_text() or "{}").get("pid")
    if pid and analysis.job("plain").running:
        os.kill(pid, signal.SIGKILL)
        wait(lambda: not analysis.job("plain").running)
    left = data.catalog.count_unmeasured()
    assert left < 280
    assert analysis.analyse(data) == left
    pd.testing.assert_frame_equal(rows(data), today)


def test_the_job_tells_of_its_end_and_can_be_asked_to_stop(aged, wait):
    data, _ = aged
    analysis.job("plain").start()
    wait(lambda: analysis.job("plain").status().state == "done")
    assert data.catalog.count_unmeasured() == 0
    analysis.job("plain").stop()
    assert analysis.job("plain").run(lambda report: report(Progress("properties"))) == 0
    assert analysis.job("plain").status().state == "stopped"


def test_an_image_that_is_not_any_more_what_was_catalogued_stays_unmeasured_and_holds_nothing_up(aged):
    data, _ = aged
    first, second = (data.root / path for path in ("sea/000.png", "sea/001.png"))
    first.write_bytes(b"no picture any more")
    second.unlink()
    assert analysis.analyse(data) == 278
    assert data.catalog.count_unmeasured() == 2
    assert not analysis.is_due(data)


def test_the_mean_image_is_the_mean_of_the_class(home, tmp_path):
    for kind, levels in (("sea", (10, 30, 50, 90)), ("sky", (200, 220))):
        (tmp_path / "set" / "train" / kind).mkdir(parents=True)
        for level in levels:
            flat(level, 0, 255 - level, size=(70, 50)).save(tmp_path / "set" / "train" / kind / f"{level}.png")
    (tmp_path / "set" / "val" / "sea").mkdir(parents=True)
    flat(0, 0, 0).save(tmp_path / "set" / "val" / "sea" / "0.png")
    data, _ = add_dataset(str(tmp_path / "set"), "set")
    result = compute_mean_image(data, "sea")
    assert (result.n, result.total, result.image.shape) == (4, 4, (96, 96, 3))
    assert result.image[48, 48].tolist() == [45, 0, 210]
    for file in (tmp_path / "set").rglob("*.png"):
        file.unlink()
    assert compute_mean_image(load_dataset("set"), "sea").image.tolist() == result.image.tolist()
    assert compute_mean_image(data, "desert") is None


def test_a_catalog_without_images_says_that_there_is_nothing_to_analyse(home):
    from engine.data.synthetic import synthesize

    with pytest.raises(UserError, match="without images"):
        analysis.analyse(synthesize("made-up", 50))
