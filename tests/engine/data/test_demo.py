"""What the demo dataset promises: seeded, Kaggle's layout, all or nothing."""

import hashlib

import numpy as np
import pytest

from engine.data.demo import CLASSES, paint, write_demo

FEW = {"train": 2, "test": 1, "unlabelled": 3}
TINY = {"train": 1, "test": 0, "unlabelled": 2}


def digests(folder):
    """{path inside the folder: hash of the file} of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("kind", CLASSES)
def test_a_scene_is_150_by_150_rgb_and_repeats_with_its_seed(kind):
    first, again, other = paint(kind, 3), paint(kind, 3), paint(kind, 4)
    assert (first.mode, first.size) == ("RGB", (150, 150))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("kind", CLASSES)
def test_a_scene_is_a_picture_with_texture_everywhere(kind):
    pixels = np.asarray(paint(kind, 0))
    assert pixels.std() > 8
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 500


def test_another_class_is_refused():
    with pytest.raises(KeyError):
        paint("desert", 0)


def test_layout_and_counts_are_kaggles_and_names_are_plain_numbers(tmp_path):
    calls = []
    count = write_demo(tmp_path / "demo", report=lambda progress: calls.append((progress.done, progress.total)), **FEW)
    assert count == 6 * (2 + 1) + 3
    assert calls[-1] == (count, count)
    for split, expected in (("train", 2), ("test", 1)):
        root = tmp_path / "demo" / f"seg_{split}" / f"seg_{split}"
        assert sorted(folder.name for folder in root.iterdir()) == sorted(CLASSES)
        assert all(len(list((root / kind).glob("*.jpg"))) == expected for kind in CLASSES)
    assert len(list((tmp_path / "demo/seg_pred/seg_pred").glob("*.jpg"))) == 3
    stems = [path.stem for path in (tmp_path / "demo").rglob("*.jpg")]
    assert all(stem.isdecimal() for stem in stems)
    assert len(set(stems)) == len(stems) == 21


def test_the_same_seed_writes_the_same_bytes_and_another_seed_does_not(tmp_path):
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        write_demo(tmp_path / name, seed=seed, **TINY)
    first, again, other = (digests(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again
    assert not set(first.values()) & set(other.values())
    assert len(set(first.values())) == len(first)


def test_an_interrupted_write_leaves_nothing_behind(tmp_path):
    def interrupt(progress):
        if progress.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path / "demo", report=interrupt, **TINY)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_rewrite_keeps_the_dataset_that_was_there(tmp_path):
    write_demo(tmp_path / "demo", **TINY)
    before = digests(tmp_path / "demo")

    def interrupt(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path / "demo", seed=1, report=interrupt, **TINY)
    assert digests(tmp_path / "demo") == before
    write_demo(tmp_path / "demo", seed=1, **TINY)
    assert digests(tmp_path / "demo") != before
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
