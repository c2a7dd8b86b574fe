"""`data` and `models` as a person or a program calls them."""

import json
import os
import shutil

import pytest


def parse_json(done):
    """The one JSON document that a command prints."""
    return json.loads(done.stdout)


def test_a_dataset_is_added_listed_and_shown(engine, kaggle, tmp_path):
    home = tmp_path / "home"
    (kaggle / "seg_train" / "seg_train" / "sea" / "broken.jpg").write_text("no picture")
    added = engine("data", "add", kaggle, "--name", "coast", "--json", home=home)
    assert (added.returncode, added.stderr) == (0, "")
    document = parse_json(added)
    assert (document["name"], document["images"]) == ("coast", 83)
    assert document["classes"] == ["forest", "glacier", "mountain", "sea"]
    assert document["splits"] == {"train": 52, "validation": 4, "test": 24, "unlabelled": 3}
    assert document["scan"] == {"read": 84, "ok": 83, "quarantined": 1, "missing": 0, "ignored": 0}
    assert document["problems"] == [
        {"path": "seg_train/seg_train/sea/broken.jpg", "state": "quarantined", "reason": "not an image, despite its name"}
    ]
    again = parse_json(engine("data", "add", kaggle, "--name", "coast", "--json", home=home))
    assert (again["scan"]["read"], again["fingerprint"]) == (0, document["fingerprint"])
    del document["scan"]
    assert parse_json(engine("data", "list", "--json", home=home)) == [document]
    assert parse_json(engine("data", "show", "coast", "--json", home=home)) == document
    text = engine("data", "show", "coast", home=home).stdout
    assert "1 file is not used:" in text
    assert "seg_train/seg_train/sea/broken.jpg: not an image, despite its name" in text


def test_an_empty_home_says_what_to_do_next(engine, tmp_path):
    assert parse_json(engine("data", "list", "--json", home=tmp_path)) == []
    assert parse_json(engine("runs", "list", "--json", home=tmp_path)) == []
    assert "python -m engine data add demo" in engine("data", "list", home=tmp_path).stdout
    assert "python -m engine train" in engine("runs", "list", home=tmp_path).stdout


def test_models_lists_the_registry(engine, tmp_path):
    models = parse_json(engine("models", "--json", home=tmp_path))
    assert {"resnet18", "resnet34", "resnet50", "resnet101", "vit_b_16"} <= {model["name"] for model in models}
    assert [model["name"] for model in models if model["default"]] == ["efficientnet_lite0"]
    text = engine("models", home=tmp_path).stdout
    assert all(model["name"] in text for model in models)
    assert "timm:NAME" in text


@pytest.fixture
def odd(tmp_path, write_class):
    """Sources that are no dataset."""
    (tmp_path / "papers" / "sea").mkdir(parents=True)
    (tmp_path / "papers" / "sea" / "notes.txt").write_text("words")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.jpg").write_bytes(b"")
    write_class(tmp_path / "lonely" / "sea", "sea", 2)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["add", "{}/nowhere"], "There is no folder '{}/nowhere'."),
        (["add", "{}/file.jpg"], "'{}/file.jpg' is a file, not a folder."),
        (["add", "{}/empty"], "There are no class folders in '{}/empty'."),
        (["add", "{}/papers"], "There are no images in '{}/papers'."),
        (["add", "{}/lonely"], "'{}/lonely' holds only the class 'sea'; a classifier needs at least two."),
        (["add", "kaggle:nothing"], "'nothing' is not the name of a Kaggle dataset."),
        (["add", "{}/lonely", "--name", "../up"], "'../up' cannot be a dataset's name."),
        (["show", "holidays"], "There is no dataset 'holidays'."),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_2(engine, odd, arguments, sentence):
    home, sentence = odd / "home", sentence.replace("{}", str(odd))
    command = ["data", *(argument.replace("{}", str(odd)) for argument in arguments)]
    done = engine(*command, "--json", home=home)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == sentence
    assert 1 <= len(done.stderr.splitlines()) <= 2
    assert parse_json(done)["error"] == sentence
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []


def test_an_error_leaves_standard_output_to_results(engine, tmp_path):
    done = engine("data", "show", "holidays", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("There is no dataset 'holidays'.\nRegistered: none yet.")


def test_names_that_are_no_utf8_do_not_stop_the_command(engine, kaggle, tmp_path):
    sea = kaggle / "seg_train" / "seg_train" / "sea"
    shutil.copy(sea / "000.png", sea / os.fsdecode(b"caf\xe9.png"))
    (sea / os.fsdecode(b"broken\xe9.png")).write_text("no picture")
    added = engine("data", "add", kaggle, "--json", home=tmp_path / "home", PYTHONIOENCODING="utf-8:strict")
    assert added.returncode == 0, added.stderr
    assert [problem["path"] for problem in parse_json(added)["problems"]] == ["seg_train/seg_train/sea/broken\\xe9.png"]
    shown = engine("data", "show", "scenes", home=tmp_path / "home")
    assert shown.returncode == 0, shown.stderr
