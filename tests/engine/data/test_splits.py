"""Splits: which images are for training, for choosing a model, and for scoring."""

import shutil

import pytest

from engine.data.catalog import Catalog
from engine.data.layouts import detect
from engine.data.scan import scan as fill
from engine.data.splits import SHARES_OF_ALL, SHARES_OF_TRAIN, Candidate, assign


def candidates(**classes):
    """candidates(sea=100): 100 different images of a class, by number."""
    return [
        Candidate(id_, f"{name}-{i}", name, None)
        for id_, (name, i) in enumerate((name, i) for name, count in classes.items() for i in range(count))
    ]


def counts(images, places):
    """{class: {split: n}}"""
    table = {}
    for image in images:
        by_split = table.setdefault(image.class_name, {})
        by_split[places[image.id]] = by_split.get(places[image.id], 0) + 1
    return table


def test_every_class_gives_its_share():
    images = candidates(sea=100, forest=40, street=20)
    assert counts(images, assign(images, SHARES_OF_ALL, seed=0)) == {
        "sea": {"validation": 15, "test": 15, "train": 70},
        "forest": {"validation": 6, "test": 6, "train": 28},
        "street": {"validation": 3, "test": 3, "train": 14},
    }
    assert counts(images, assign(images, SHARES_OF_TRAIN, seed=0))["sea"] == {"validation": 10, "train": 90}


def test_a_seed_gives_the_same_split_whatever_the_order_and_another_seed_another():
    images = candidates(sea=60, forest=60)
    assert assign(images, SHARES_OF_ALL, 3) == assign(images[::-1], SHARES_OF_ALL, 3)
    assert assign(images, SHARES_OF_ALL, 3) != assign(images, SHARES_OF_ALL, 4)


def test_copies_stay_on_one_side_also_across_classes():
    images = candidates(sea=40, forest=40)
    copies = [Candidate(1000 + i.id, i.content, "forest" if i.class_name == "sea" else "sea", None) for i in images[20:60]]
    twice = [Candidate(2000 + i.id, i.content, i.class_name, None) for i in images[:20]]
    everything = images + copies + twice
    places = assign(everything, SHARES_OF_ALL, seed=0)
    sides = {}
    for image in everything:
        sides.setdefault(image.content, set()).add(places[image.id])
    assert len(sides) == 80
    assert all(len(side) == 1 for side in sides.values())


@pytest.mark.parametrize("added", [1, 30, 500])
def test_an_image_keeps_its_place_when_others_come(added):
    first = candidates(sea=50, forest=50)
    places = assign(first, SHARES_OF_ALL, seed=0)
    known = [Candidate(i.id, i.content, i.class_name, places[i.id]) for i in first]
    new = [Candidate(5000 + i, f"new-{i}", "sea", None) for i in range(added)]
    later = assign(known + new, SHARES_OF_ALL, seed=0)
    assert {i.id: later[i.id] for i in first} == places
    assert counts(known + new, later)["sea"]["test"] == round(0.15 * (50 + added))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, {"train": 1}),
        (2, {"validation": 1, "train": 1}),
        (3, {"validation": 1, "test": 1, "train": 1}),
        (5, {"validation": 1, "test": 1, "train": 3}),
    ],
)
def test_a_small_class_keeps_an_image_to_train_on(size, expected):
    images = candidates(rare=size, sea=50)
    assert counts(images, assign(images, SHARES_OF_ALL, seed=0))["rare"] == expected


def test_a_class_of_copies_of_one_image_trains_with_all_of_them():
    images = [Candidate(i, "same", "rare", None) for i in range(10)]
    assert set(assign(images, SHARES_OF_ALL, seed=0).values()) == {"train"}


def scanned(root):
    catalog = Catalog(root.parent / "catalog.sqlite", root)
    fill(catalog, detect(root), seed=0)
    return catalog


def places_of(catalog):
    return {row.path: row.split for row in catalog.page(size=10_000)}


def test_validation_is_carved_from_train_and_never_from_a_given_test_folder(kaggle):
    places = places_of(scanned(kaggle))
    assert {path for path, split in places.items() if split == "test"} == {p for p in places if p.startswith("seg_test/")}
    validation = [path for path, split in places.items() if split == "validation"]
    assert all(path.startswith("seg_train/") for path in validation)
    assert sorted(path.split("/")[2] for path in validation) == ["forest", "glacier", "mountain", "sea"]
    assert all(split == "unlabelled" for path, split in places.items() if path.startswith("seg_pred/"))


def test_a_given_validation_folder_is_taken_as_it_is(tmp_path, write_class):
    root = tmp_path / "given"
    for kind in ("sea", "forest"):
        write_class(root / "train" / kind, kind, 10)
        write_class(root / "val" / kind, kind, 2, first=100)
        write_class(root / "test" / kind, kind, 3, first=200)
    folders = {"train": "train", "val": "validation", "test": "test"}
    places = places_of(scanned(root))
    assert len(places) == 30
    assert places == {path: folders[path.split("/")[0]] for path in places}


def test_a_plain_folder_is_divided_and_keeps_its_division_when_images_and_classes_come(tmp_path, write_class):
    root = tmp_path / "plain"
    for kind in ("sea", "forest"):
        write_class(root / kind, kind, 20)
    before = places_of(scanned(root))
    assert sorted(before.values()) == ["test"] * 6 + ["train"] * 28 + ["validation"] * 6
    write_class(root / "sea", "sea", 20, first=300)
    write_class(root / "glacier", "glacier", 20)
    after = places_of(scanned(root))
    assert {path: after[path] for path in before} == before
    assert sum(after[path] == "test" for path in after if path.startswith("sea/")) == 6


def test_copied_files_lie_on_one_side_on_disk_too(tmp_path, write_class):
    root = tmp_path / "copies"
    for kind in ("sea", "forest"):
        for file in write_class(root / kind, kind, 20):
            shutil.copy(file, root / kind / f"copy-{file.name}")
    shutil.copy(root / "sea" / "000.png", root / "forest" / "mislabelled.png")
    catalog = scanned(root)
    sides = {}
    for row in catalog.page(size=1000):
        sides.setdefault(row.hash, set()).add(row.split)
    assert len(sides) == 40
    assert all(len(side) == 1 for side in sides.values())


def test_a_file_that_moves_or_is_renamed_keeps_its_split(tmp_path, write_class):
    root = tmp_path / "plain"
    for kind in ("sea", "forest"):
        write_class(root / kind, kind, 20)
    catalog = scanned(root)
    before = {row.hash: row.split for row in catalog.page(size=1000)}
    for number, file in enumerate(sorted((root / "sea").iterdir())):
        file.rename(file.with_name(f"renamed-{100 - number}.png"))
    scanned(root)
    assert {row.hash: row.split for row in catalog.page(size=1000)} == before
