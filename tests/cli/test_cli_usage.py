"""Mistakes in the words of a command: what is wrong, which field, what to do, and exit code 2; no usage text of twenty lines."""

import json
import shutil

import pytest


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ([], "A command is missing.", "See: python -m engine --help"),
        (["trian"], "There is no command 'trian'.", "Did you mean train?"),
        (["frobnicate"], "There is no command 'frobnicate'.", "See: python -m engine --help"),
        (["pipelines"], "A command is missing.", "Choose one of: list, show, save, delete."),
        (["pipelines", "lst"], "There is no command 'lst'.", "Did you mean list?"),
        (
            ["data", "frobnicate"],
            "There is no command 'frobnicate'.",
            "Choose one of: add, list, show, analyse, remove, synthesize-catalog.",
        ),
        (["models", "--jsn"], "There is no option --jsn.", "Did you mean --json?"),
        (["runs", "note", "fast-1", "--jsn"], "There is no option --jsn.", "See: python -m engine runs note --help"),
        (["runs", "show"], "ID is missing.", "ID: id of a run. See: python -m engine runs show --help"),
        (
            ["labels", "exclude", "--dataset", "scenes"],
            "IMAGE is missing.",
            "IMAGE: ids, or paths in the dataset. See: python -m engine labels exclude --help",
        ),
        (
            ["train"],
            "--dataset is missing.",
            "--dataset NAME: name of a registered dataset. See: python -m engine train --help",
        ),
        (["models", "spare"], "Got unexpected extra argument (spare).", "See: python -m engine models --help"),
        (["train", "--dataset"], "Option '--dataset' requires an argument.", ""),
        (["models", "--json=yes"], "Option '--json' does not take a value.", ""),
        (["similar", "x", "1", "--top", "many"], "--top is 'many', which is not a whole number.", "--top N: number of images."),
        (["augment", "x.png", "--draws", "0", "--out", "x"], "--draws is 0.", "It must be from 1 to 10,000."),
        (["trust", "RUN", "--coverage", "high"], "--coverage is 'high', which is not a number.", None),
        (["export", "RUN", "--format", "h5"], "--format cannot be 'h5'.", "Choose one of: bundle, onnx, int8, torchscript."),
        (["completion", "csh"], "SHELL cannot be 'csh'.", "Choose one of: bash, zsh, fish."),
        (["evaluate", "RUN", "--split", "test", "--data", "x"], "--split and --data cannot be combined.", "Choose one of them."),
    ],
)
def test_a_mistake_is_a_sentence_with_a_hint(engine, finished_session, arguments, message, hint):
    done = engine(*(finished_session.run_id if word == "RUN" else word for word in arguments), home=finished_session.home)
    assert (done.returncode, done.stdout) == (2, "")
    first, *rest = done.stderr.splitlines()
    assert first == message
    assert len(rest) <= 1
    assert hint is None or rest == [hint] * bool(hint)


def test_with_json_a_mistake_is_a_document_too(engine, tmp_path):
    done = engine("similar", "x", "1", "--top", "0", "--json", home=tmp_path)
    assert (done.returncode, json.loads(done.stdout)) == (2, {"error": "--top is 0.", "hint": "It must be at least 1."})
    assert json.loads(engine("models", "--jsn", "--json", home=tmp_path).stdout)["error"] == "There is no option --jsn."


def test_a_note_may_begin_with_a_hyphen(engine, finished_session, tmp_path):
    home = shutil.copytree(finished_session.home, tmp_path / "home")
    for text in ("-20% data", "- a list", "-5"):
        done = engine("runs", "note", finished_session.run_id, text, "--json", home=home)
        assert json.loads(done.stdout)["note"] == text


def test_explain_takes_several_classes_behind_one_flag(engine, finished_session, tmp_path):
    image = finished_session.images / "seg_pred" / "seg_pred" / "900.png"
    arguments = ["explain", finished_session.run_id, image, "--classes", "sea", "forest", "--out", tmp_path, "--json"]
    (document,) = json.loads(engine(*arguments, home=finished_session.home).stdout)["images"]
    assert [entry["class"] for entry in document["classes"]] == ["sea", "forest"]
