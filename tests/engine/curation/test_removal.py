"""Datasets that are removed, and those whose description is damaged."""

import json

import pytest

from engine.cli import main
from engine.core.errors import UserError
from engine.core.files import create_folder, write_json
from engine.core.lease import Lease
from engine.curation.removal import remove_dataset
from engine.data import datasets
from engine.data.datasets import add_dataset, list_damaged, load_dataset
from engine.runs.config import configure
from engine.training.launcher import create


def test_a_removed_dataset_is_forgotten_and_the_folder_stays(home, kaggle, capsys):
    add_dataset(str(kaggle), "scenes")
    files = sorted(kaggle.rglob("*"))
    assert main(["data", "remove", "scenes"]) == 0
    assert capsys.readouterr().out == f"scenes was removed. Its images are still in {kaggle}\n"
    assert sorted(kaggle.rglob("*")) == files
    assert [entry.name for entry in (home / "data").iterdir() if not entry.name.startswith(".adding")] == []
    assert add_dataset(str(kaggle), "scenes")[1].read == 83


def test_what_we_made_goes_with_the_dataset(home, write_class, monkeypatch, tmp_path):
    copy = tmp_path / "hub" / "datasets" / "some" / "scenes"
    for kind in ("sea", "forest"):
        write_class(copy / "versions" / "1" / kind, kind, 3)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "hub"))
    data = datasets.Dataset("scenes", copy / "versions" / "1", "kaggle:some/scenes", 0.0)
    datasets.register_dataset(data)
    remove_dataset("scenes")
    assert not copy.exists() and (tmp_path / "hub").exists()


def test_a_dataset_on_which_a_run_trains_or_that_is_being_added_cannot_be_removed(home, kaggle):
    add_dataset(str(kaggle), "scenes")
    run = create(configure("scenes"))
    write_json(run.path / "status.json", {"state": "training", "updated": 1.0})
    lease = Lease(run.path / "lease")
    assert lease.acquire()
    with pytest.raises(UserError, match=r"fast-1 is training on 'scenes'\. Stop it first: python -m engine runs stop fast-1"):
        remove_dataset("scenes")
    lease.release()
    create_folder(datasets.adding_folder("scenes"))
    adding = Lease(datasets.adding_folder("scenes") / "lease")
    assert adding.acquire()
    with pytest.raises(UserError, match="is being added"):
        remove_dataset("scenes")
    adding.release()
    remove_dataset("scenes")
    assert not datasets.is_registered("scenes")


@pytest.mark.parametrize("name", ["holidays", "..", "../runs", ""])
def test_only_a_dataset_can_be_removed(home, name):
    with pytest.raises(UserError, match="There is no dataset"):
        remove_dataset(name)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"name": "scenes"}', '{"root": 5, "source": "x", "added": 1, "name": "scenes"}']
)
def test_a_damaged_description_is_named_and_can_be_fixed_or_removed(home, kaggle, capsys, text):
    add_dataset(str(kaggle), "scenes")
    splits = load_dataset("scenes").catalog.counts().values.tolist()
    (home / "data" / "scenes" / "dataset.json").write_text(text)
    assert datasets.list_datasets() == []
    assert list(list_damaged()) == ["scenes"]
    assert main(["data", "list"]) == 0
    output = capsys.readouterr()
    assert "dataset.json is damaged." in output.err and "--name scenes" in output.err
    assert main(["data", "list", "--json"]) == 0
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)] == ["scenes"]
    assert add_dataset(str(kaggle), "scenes")[1].read == 0
    assert load_dataset("scenes").catalog.counts().values.tolist() == splits
    (home / "data" / "scenes" / "dataset.json").write_text(text)
    remove_dataset("scenes")
    assert list_damaged() == {} and kaggle.is_dir()
