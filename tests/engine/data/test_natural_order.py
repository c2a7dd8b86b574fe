"""Classes are in natural order; older runs and catalogs with another order or spelling keep working."""

import json
import unicodedata

import numpy as np
import pytest

from engine.core.files import read_json, write_json
from engine.data import datasets, label_overlay
from engine.data.class_names import find_other_spelling, normalize_name, sort_naturally, spelling_hint
from engine.data.filters import Filter
from engine.data.labels.label_edit import Entry
from engine.data.predictions import prediction_table, write_predictions
from engine.evaluation.scoring import split_images
from engine.runs.run import list_runs


@pytest.fixture
def numbered(home, tmp_path, write_class):
    """A dataset whose classes are called 1 to 12."""
    for number in range(1, 13):
        write_class(tmp_path / "numbered" / str(number), "sea", 3, first=100 * number)
    return datasets.add_dataset(str(tmp_path / "numbered"))[0]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["10", "1", "2", "12"], ["1", "2", "10", "12"]),
        (["species 101", "species 9", "species 10"], ["species 9", "species 10", "species 101"]),
        (["sea", "Sea", "forest"], ["Sea", "forest", "sea"]),
        (["a", "a1b10", "a1b9", "1a", "01"], ["01", "1a", "a", "a1b9", "a1b10"]),
        (["07", "7", "007"], ["007", "07", "7"]),
    ],
)
def test_two_comes_before_ten(names, expected):
    assert sort_naturally(names) == expected


def test_a_datasets_classes_are_in_natural_order_everywhere(numbered):
    expected = tuple(map(str, range(1, 13)))
    assert numbered.classes == expected
    assert tuple(datasets.summarize(numbered)["classes"]) == expected
    assert list(dict.fromkeys(numbered.catalog.counts()["class"])) == list(expected)


def test_a_run_whose_classes_are_in_alphabetical_order_is_aligned_by_name(numbered, finished_session, home):
    classes = sorted(numbered.classes)
    assert classes[:3] == ["1", "10", "11"]
    source = finished_session.home / "runs" / finished_session.run_id
    path = home / "runs" / "old-1"
    path.mkdir(parents=True)
    document = read_json(source / "config.json")
    document["config"]["dataset"] = numbered.name
    write_json(path / "config.json", document | {"classes": classes, "fingerprint": numbered.catalog.fingerprint()})
    frame = numbered.catalog.frame("test")
    true = frame["class"].map({name: place for place, name in enumerate(classes)}).to_numpy()
    write_predictions(path, "test", prediction_table(frame, true, np.eye(len(classes))[true]), classes)
    (run,) = list_runs(numbered.name)
    assert list(run.classes) == classes
    assert numbered.catalog.count(Filter(run=run.id, correctness="right", splits=("test",))) == len(frame) == 12
    assert numbered.catalog.count(Filter(run=run.id, correctness="wrong")) == 0
    ten = numbered.catalog.page(Filter(run=run.id, predicted=("10",)))
    assert [row.class_name for row in ten] == ["10"]


def test_columns_of_an_earlier_version_are_made_anew_in_natural_order(numbered, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("engine.data.columns._FORMAT", "3")
        patch.setattr("engine.data.columns.sort_naturally", sorted)
        old = numbered.catalog.file.with_suffix(".columns.arrow")
        old.unlink()
        patch.setattr("engine.data.columns._cache", {})
        assert numbered.classes[:3] == ("1", "10", "11")
    monkeypatch.setattr("engine.data.columns._cache", {})
    assert numbered.classes[:3] == ("1", "2", "3")
    assert numbered.catalog.count(Filter(classes=("10",))) == 3


def test_a_catalog_with_decomposed_classes_keeps_their_spelling(home, tmp_path, write_class, monkeypatch):
    name = unicodedata.normalize("NFD", "for\N{LATIN SMALL LETTER E WITH CIRCUMFLEX}t")
    for folder, kind in ((name, "forest"), ("mer", "sea")):
        write_class(tmp_path / "old" / folder, kind, 4)
    with monkeypatch.context() as patch:
        patch.setattr("engine.data.layouts.normalize_name", lambda text: text)
        data, _ = datasets.add_dataset(str(tmp_path / "old"))
    before = data.catalog.fingerprint()
    assert name in data.classes
    _, result = datasets.add_dataset(str(tmp_path / "old"))
    assert (result.read, data.catalog.fingerprint(), name in data.classes) == (0, before, True)


def test_names_that_differ_in_spelling_alone():
    assert normalize_name("e\N{COMBINING ACUTE ACCENT}te") == "\N{LATIN SMALL LETTER E WITH ACUTE}te"
    classes = ("Forest", "Open Sea", "mer")
    assert [find_other_spelling(name, classes) for name in ("forest", "open_sea", "OPEN-SEA", "Forest", "tree")] == [
        "Forest", "Open Sea", "Open Sea", None, None,
    ]  # fmt: skip
    assert spelling_hint(["forest", "tree"], classes) == "'forest' may be the class 'Forest': give the folder the same name."
    assert spelling_hint(["tree"], classes) == ""


def test_a_run_and_labels_of_another_form_of_accents_are_aligned_with_a_catalog_that_was_made_anew(home, tmp_path, write_class):
    name = "for\N{LATIN SMALL LETTER E WITH CIRCUMFLEX}t"
    decomposed = unicodedata.normalize("NFD", name)
    for folder, kind in ((decomposed, "forest"), ("mer", "sea")):
        write_class(tmp_path / "new" / folder, kind, 8)
    data, _ = datasets.add_dataset(str(tmp_path / "new"))
    classes = (decomposed, "mer")
    images = split_images(data, "test", classes)
    assert (data.classes, sorted(set(images.labels))) == ((name, "mer"), [0, 1])
    row = next(row for row in data.catalog.page(size=100) if row.class_name == "mer")
    old = Entry(
        uid="a",
        time=1.0,
        author="ann",
        action="relabel",
        content=row.hash,
        path=row.path,
        id=row.id,
        old_class="mer",
        new_class=decomposed,
    )
    label_overlay.label_log(data.catalog.file).file.write_text(json.dumps(old.document()) + "\n")
    assert data.catalog.get(row.id).class_name == name
