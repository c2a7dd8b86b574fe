"""A home that an earlier version wrote opens unchanged: datasets, labels, runs, caches, uploads and corrections."""

import json
from pathlib import Path

import pytest
from old_home import unpack_old_home

from engine.cli import main


@pytest.fixture
def old_home(tmp_path, monkeypatch):
    home = unpack_old_home(tmp_path / "old")
    monkeypatch.setenv("SCENESCOPE_HOME", str(home))
    return home


@pytest.fixture
def ask(old_home, capsys):
    """ask("runs", "list"): what the command prints as JSON."""

    def call(*arguments):
        capsys.readouterr()
        code = main([*map(str, arguments), "--json"])
        output = capsys.readouterr()
        assert code in (0, None), output.err
        return json.loads(output.out)

    return call


def test_datasets_labels_and_their_version_are_what_they_were(ask):
    shown = ask("data", "show", "scenes")
    assert shown["images"] == 48
    labels = ask("labels", "show", "--dataset", "scenes")
    assert labels["version"] == "5-2058ba5c"
    ask("data", "add", Path(shown["root"]), "--name", "scenes")
    assert ask("data", "show", "scenes")["splits"] == shown["splits"], "a second scan changes nothing"
    assert ask("labels", "show", "--dataset", "scenes")["version"] == "5-2058ba5c"


def test_a_run_is_listed_scored_and_predicts(ask, old_home):
    (run,) = ask("runs", "list")
    assert (run["id"], run["name"], run["tags"], run["state"]) == ("balanced-1", "First try", ["small"], "finished")
    before = json.loads((old_home / "runs" / "balanced-1" / "results.json").read_text())
    assert ask("evaluate", "balanced-1", "--split", "test")["accuracy"] == before["test"]["accuracy"]
    picture = next((old_home / "photos").rglob("100.jpg"))
    (answer,) = ask("predict", "balanced-1", picture)["predictions"]
    assert {top["class"] for top in answer["top"]} == {"forest", "glacier", "sea"}


def test_the_audit_the_map_the_pipeline_and_the_uploads_are_still_there(ask, old_home):
    assert ask("audit", "--dataset", "scenes", "--kept")["findings"]
    index = old_home / "cache" / "maps" / "scenes" / "index.json"
    written = index.read_bytes()
    assert ask("map", "scenes")["images"] == 48
    assert index.read_bytes() == written, "the embeddings were computed again"
    assert "mine" in json.dumps(ask("pipelines", "list"))
