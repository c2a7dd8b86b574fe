"""`augment`, `withstand` and `pipelines` on the command line."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from engine.cli import main
from engine.data.decoding import load_square
from engine.models.augment import draw_pipeline


@pytest.fixture
def run_command(capsys):
    """run_command("pipelines", "list"): the exit status, and what was printed to each stream."""

    def ask(*arguments):
        status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return ask


@pytest.fixture
def run_json(run_command):
    """The one JSON document that a command prints."""
    return lambda *arguments: json.loads(run_command(*arguments, "--json")[1])


def test_draws_are_written_as_the_training_pipeline_makes_them(run_json, home, write_class, tmp_path):
    write_class(tmp_path / "sea", "sea", 1)
    image = next((tmp_path / "sea").iterdir())
    out = tmp_path / "out"
    answer = run_json("augment", image, "--pipeline", "seed", "--draws", 3, "--size", 64, "--seed", 5, "--out", out)
    expected = draw_pipeline(torch.from_numpy(load_square(image, 64).copy()).permute(2, 0, 1), "seed", 3, 5)
    for file, one in zip(answer["files"], expected, strict=True):
        assert np.array_equal(np.asarray(Image.open(file)), one.permute(1, 2, 0).numpy())


@pytest.mark.parametrize(
    ("mode", "size"),
    [("L", (1, 1)), ("RGBA", (40, 30)), ("CMYK", (20, 50)), ("RGB", (1, 3000)), ("P", (9, 9)), ("I;16", (30, 30))],
)
def test_odd_pictures_are_drawn_too(run_json, home, tmp_path, mode, size):
    file = tmp_path / ("odd.tif" if mode == "CMYK" else "odd.png")
    Image.new(mode, size).save(file)
    answer = run_json("augment", file, "--pipeline", "strong", "--draws", 2, "--size", 32, "--out", tmp_path / "out")
    assert [Image.open(path).size for path in answer["files"]] == [(32, 32), (32, 32)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{}/nothing.jpg", "--out", "{}/out"], "There is no image '{}/nothing.jpg'."),
        (["{}/text.jpg", "--out", "{}/out"], "cannot be read: not an image"),
        (["{}/text.jpg", "--pipeline", "whirl@1", "--out", "{}/out"], "There is no transform 'whirl'."),
        (["{}/text.jpg", "--pipeline", "{}/text.json", "--out", "{}/out"], "text.json cannot be read as a pipeline"),
        (["{}/text.jpg", "--draws", "0", "--out", "{}/out"], "--draws is 0"),
    ],
)
def test_what_cannot_be_drawn_gets_a_sentence(run_command, home, tmp_path, arguments, sentence):
    for name in ("text.jpg", "text.json"):
        (tmp_path / name).write_text("no picture", encoding="utf-8")
    status, _, complaint = run_command("augment", *(argument.format(tmp_path) for argument in arguments))
    assert status == 2
    assert sentence.format(tmp_path) in complaint
    assert not (tmp_path / "out").exists()


def test_a_pipeline_is_kept_shown_listed_and_deleted(run_command, run_json, home):
    saved = run_json("pipelines", "save", "foggy", "--pipeline", "flip@0.5/blur:sigma=0.02")
    assert json.loads(open(saved["file"], encoding="utf-8").read())["steps"][1] == {
        "transform": "blur", "probability": 1.0, "sigma": 0.02,
    }  # fmt: skip
    assert "foggy" in [item["name"] for item in run_json("pipelines", "list")]
    assert "share of the side 0.02" in run_command("pipelines", "show", "foggy")[1]
    assert run_json("pipelines", "delete", "foggy") == {"deleted": "foggy"}
    assert run_command("pipelines", "delete", "foggy")[0] == 2


def test_what_a_run_withstands_is_told_with_its_figures(run_json, finished):
    answer = run_json("withstand", finished.run_id, "--pipeline", "dropout:share=1/greyscale")
    black, grey = answer["steps"]
    assert (black["verdict"], len(black["strengths"]), len(grey["strengths"])) == ("hurts", 2, 1)
    own = next(row for row in black["strengths"] if row["factor"] == 1.0)
    assert own["low"] <= own["drop"] <= own["high"]
    assert own["worst"] in ("forest", "glacier", "mountain", "sea")
