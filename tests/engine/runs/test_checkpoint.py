"""A checkpoint is whole or absent, and a flipped byte costs one save and not the run."""

import json
import random
import shutil

import pytest
import torch

from engine.core.errors import UserError
from engine.runs import checkpoint
from engine.runs.checkpoint import Meta

META = Meta("resnet18", ("sea", "forest"), 64, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), 1.5)
FILES = ("model.safetensors", "meta.json", "training.pt", "manifest.json")


def model(value):
    return {"head.weight": torch.full((2, 3), float(value)), "head.bias": torch.arange(2.0)}


def save(run, step, kind="last"):
    training = {"step": step, "matrix": torch.eye(2), "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []}}
    return checkpoint.save(run, kind, step, META, model(step), training)


def flip(file, position):
    content = bytearray(file.read_bytes())
    content[position] ^= 1 << random.Random(position).randrange(8)
    file.write_bytes(content)


def test_what_was_saved_is_loaded(tmp_path):
    save(tmp_path, 7)
    loaded = checkpoint.load(tmp_path, "last")
    assert (loaded.meta, loaded.step, loaded.notes) == (META, 7, ())
    assert loaded.model.keys() == model(7).keys()
    assert all(torch.equal(loaded.model[name], tensor) for name, tensor in model(7).items())
    assert loaded.training["step"] == 7
    assert torch.equal(loaded.training["matrix"], torch.eye(2))


def test_a_checkpoint_without_training_state_is_one_to_predict_with(tmp_path):
    folder = checkpoint.save(tmp_path, "best", 3, META, model(3))
    assert checkpoint.load(tmp_path).training is None
    assert sorted(file.name for file in folder.iterdir()) == ["manifest.json", "meta.json", "model.safetensors"]


def test_two_generations_of_each_kind_are_kept(tmp_path):
    for step in (1, 2, 3, 4):
        save(tmp_path, step)
        save(tmp_path, step, "best")
    assert [folder.name for folder in checkpoint.generations(tmp_path, "last")] == ["last-000004", "last-000003"]
    assert [folder.name for folder in checkpoint.generations(tmp_path, "best")] == ["best-000004", "best-000003"]
    assert checkpoint.load(tmp_path, "last").step == 4


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_anywhere_in_a_file_falls_back_to_the_save_before(tmp_path, name):
    save(tmp_path, 1)
    folder = save(tmp_path, 2)
    intact = (folder / name).read_bytes()
    document = json.loads(intact) if name == "manifest.json" else None
    step = max(1, len(intact) // 400)
    for position in range(0, len(intact), step):
        flip(folder / name, position)
        loaded = checkpoint.load(tmp_path, "last")
        if not _says_the_same(folder / name, document):
            assert loaded.step == 1, f"byte {position} of {name}"
            assert len(loaded.notes) == 1
            assert loaded.notes[0].startswith("Checkpoint last-000002 is damaged (")
        assert torch.equal(loaded.model["head.weight"], model(loaded.step)["head.weight"])
        (folder / name).write_bytes(intact)


def _says_the_same(file, document):
    """A flip may turn a blank of the manifest into another blank: the document is the same."""
    try:
        return document is not None and json.loads(file.read_text()) == document
    except ValueError:
        return False


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_cut_file_falls_back_too(tmp_path, name):
    save(tmp_path, 1)
    folder = save(tmp_path, 2)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-3])
    assert (checkpoint.load(tmp_path, "last").step, len(checkpoint.load(tmp_path, "last").notes)) == (1, 1)
    (folder / name).unlink()
    assert (checkpoint.load(tmp_path, "last").step, len(checkpoint.load(tmp_path, "last").notes)) == (1, 1)


def test_where_every_generation_is_damaged_the_user_is_told(tmp_path):
    for step in (1, 2):
        flip(save(tmp_path, step) / "model.safetensors", 100)
    with pytest.raises(UserError) as error:
        checkpoint.load(tmp_path, "last")
    assert "Every last checkpoint" in error.value.message
    assert "model.safetensors does not have the content that was written" in error.value.message
    assert error.value.hint


def test_no_checkpoint_yet_is_told(tmp_path):
    with pytest.raises(UserError, match="has no best checkpoint yet"):
        checkpoint.load(tmp_path)


def test_a_save_that_was_cut_short_is_ignored(tmp_path):
    save(tmp_path, 1)
    unfinished = shutil.copytree(save(tmp_path, 2), tmp_path / "checkpoints" / ".saving-last-0badcafe")
    shutil.rmtree(tmp_path / "checkpoints" / "last-000002")
    (unfinished / "manifest.json").unlink()
    loaded = checkpoint.load(tmp_path, "last")
    assert (loaded.step, loaded.notes) == (1, ())
    assert save(tmp_path, 3).name == "last-000002"


def test_a_save_that_fails_leaves_nothing_and_keeps_the_one_before(tmp_path):
    save(tmp_path, 1)
    with pytest.raises(TypeError, match="not JSON serializable"):
        checkpoint.save(tmp_path, "last", 2, Meta(object(), (), 1, (), ()), model(2))
    assert [folder.name for folder in (tmp_path / "checkpoints").iterdir()] == ["last-000001"]
    assert checkpoint.load(tmp_path, "last").step == 1


def test_no_code_is_run_from_a_training_state(tmp_path):
    """A planted file with a hash to match: weights_only refuses it."""
    folder = save(tmp_path, 1)

    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    torch.save({"step": Bomb()}, folder / "training.pt")
    (folder / "manifest.json").unlink()
    checkpoint._write_manifest(folder, 1)
    with pytest.raises(UserError, match="its training state cannot be read"):
        checkpoint.load(tmp_path, "last")
    assert not (tmp_path / "exploded").exists()


def test_the_identity_changes_with_every_save(tmp_path):
    seen = [checkpoint.identity(tmp_path)]
    for step in (1, 1, 2):
        save(tmp_path, step, "best")
        seen.append(checkpoint.identity(tmp_path))
    assert seen[0] == ""
    assert len(set(seen)) == 4
