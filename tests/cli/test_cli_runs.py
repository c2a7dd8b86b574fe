"""`train`, `runs`, `evaluate`, `predict` as a person or a program calls them."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

DAMAGE = 5000  # a byte of model.safetensors that is flipped


def parse_json(done):
    """The one JSON document that a command prints."""
    return json.loads(done.stdout)


def refused(done, sentence):
    """Exit 2, the sentence first on standard error, and no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[0].startswith(sentence), done.stderr
    return True


@pytest.fixture
def copy(finished_session, tmp_path):
    """The session's home, to be changed."""
    return shutil.copytree(finished_session.home, tmp_path / "copy")


def test_train_waits_shows_its_progress_and_prints_the_summary(finished_session):
    done = finished_session.train
    assert done.returncode == 0
    document = parse_json(done)
    assert (document["state"], document["dataset"], document["model"]) == ("finished", "scenes", "efficientnet_lite0")
    assert document["config"]["image_size"] == 64
    assert document["classes"] == ["forest", "glacier", "mountain", "sea"]
    assert document["results"]["test"]["n"] == 24
    assert set(document["results"]["test"]["macro_f1"]) == {"value", "low", "high"}
    assert f"{document['id']} runs in a process of its own" in done.stderr
    assert "validation loss" in done.stderr


def test_runs_are_listed_and_shown(engine, finished_session):
    home, summary = finished_session.home, parse_json(finished_session.train)
    assert parse_json(engine("runs", "list", "--json", home=home)) == [
        {**summary, "best_by_validation": True, "not_distinguishable_from_best": False}
    ]
    assert parse_json(engine("runs", "show", summary["id"], "--json", home=home)) == summary
    text = engine("runs", "show", summary["id"], home=home).stdout
    score = summary["results"]["test"]["macro_f1"]
    assert f"test macro F1 {score['value']:.3f} ({score['low']:.3f} to {score['high']:.3f}), n = 24" in text
    assert summary["id"] in engine("runs", "list", home=home).stdout


def test_evaluate_gives_the_scores_the_confusion_and_every_class(engine, finished_session):
    home, summary = finished_session.home, parse_json(finished_session.train)
    done = engine("evaluate", summary["id"], "--json", home=home)
    assert (done.returncode, done.stderr) == (0, "")
    document = parse_json(done)
    assert (document["run"], document["on"], document["n"]) == (summary["id"], "test", 24)
    assert {key: document[key] for key in ("accuracy", "macro_f1")} == {
        key: summary["results"]["test"][key] for key in ("accuracy", "macro_f1")
    }
    matrix = np.array(document["confusion"])
    assert matrix.sum(axis=1).tolist() == [6, 6, 6, 6] == [row["support"] for row in document["per_class"]]
    assert document["accuracy"]["value"] == pytest.approx(np.trace(matrix) / 24)
    assert [row["class"] for row in document["per_class"]] == document["classes"]


def test_a_split_without_a_table_is_scored_now(engine, copy, finished_session):
    run_id = parse_json(finished_session.train)["id"]
    done = engine("evaluate", run_id, "--split", "train", home=copy)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{run_id} on train: 52 images\naccuracy")
    assert "Few images: the intervals are wide" in done.stdout
    assert (copy / "runs" / run_id / "predictions-train.parquet").is_file()


def test_evaluate_scores_a_labelled_folder_that_was_never_registered(engine, finished_session, write_class, tmp_path):
    home, run_id = finished_session.home, parse_json(finished_session.train)["id"]
    for kind in ("forest", "sea"):
        write_class(tmp_path / "new" / kind, kind, 5, first=7000)
    write_class(tmp_path / "new" / "desert", "glacier", 2)
    (tmp_path / "new" / "sea" / "broken.jpg").write_text("no picture")
    (tmp_path / "new" / "sea" / "notes.txt").write_text("words")
    before = parse_json(engine("data", "list", "--json", home=home))
    done = engine("evaluate", run_id, "--data", tmp_path / "new", "--json", home=home)
    assert done.returncode == 0, done.stderr
    document = parse_json(done)
    assert document["confusion"] == [[5, 0, 0, 0], [0] * 4, [0] * 4, [0, 0, 0, 5]]
    assert (document["n"], document["accuracy"]["value"], document["macro_f1"]["value"]) == (10, 1.0, 1.0)
    assert document["per_class"][1] == {
        "class": "glacier", "precision": None, "recall": None, "f1": None, "support": 0, "predicted": 0,
    }  # fmt: skip
    assert document["unknown_classes"] == ["desert"]
    assert document["unreadable"] == {"sea/broken.jpg": "not an image, despite its name"}
    assert parse_json(engine("data", "list", "--json", home=home)) == before


def test_predict_answers_files_and_folders_and_writes_overlays(engine, finished_session, tmp_path):
    home, run_id = finished_session.home, parse_json(finished_session.train)["id"]
    folder = finished_session.images / "seg_pred" / "seg_pred"
    forest = finished_session.images / "seg_test" / "seg_test" / "forest" / "500.png"
    odd = tmp_path / os.fsdecode(b"caf\xe9.png")
    shutil.copy(forest, odd)
    done = engine("predict", run_id, forest, folder, odd, "--top", 2, "--cam", tmp_path / "cam", "--json", home=home)
    assert (done.returncode, done.stderr) == (0, "")
    answers = parse_json(done)["predictions"]
    assert [answer["path"] for answer in answers] == [str(forest), *(str(folder / f"90{i}.png") for i in range(3)), str(odd)]
    assert [answer["top"][0]["class"] for answer in answers] == ["forest", "sea", "sea", "sea", "forest"]
    for answer in answers:
        first, second = (top["probability"] for top in answer["top"])
        assert 1 >= first > second >= 0
        overlay = Image.open(answer["cam"])
        assert (overlay.mode, overlay.size) == ("RGB", (64, 64))
    assert len(list((tmp_path / "cam").iterdir())) == len({answer["cam"] for answer in answers}) == 5


def test_predict_names_a_file_that_is_no_picture_and_answers_the_others(engine, finished_session, tmp_path):
    home, run_id = finished_session.home, parse_json(finished_session.train)["id"]
    (tmp_path / "words.jpg").write_text("no picture")
    good = finished_session.images / "seg_pred" / "seg_pred" / "900.png"
    done = engine("predict", run_id, tmp_path / "words.jpg", good, "--json", home=home)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    bad, answered = parse_json(done)["predictions"]
    assert bad == {"path": str(tmp_path / "words.jpg"), "error": "not an image, despite its name"}
    assert answered["top"][0]["class"] == "sea"


def flip(folder):
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[DAMAGE] ^= 4
    file.write_bytes(content)


def test_a_checkpoint_with_a_flipped_byte_is_passed_over_with_a_note_and_where_none_is_left_refused(
    engine, copy, finished_session
):
    run_id = parse_json(finished_session.train)["id"]
    good = finished_session.images / "seg_pred" / "seg_pred" / "900.png"
    newest, before = sorted((copy / "runs" / run_id / "checkpoints").glob("best-*"), reverse=True)
    flip(newest)
    done = engine("predict", run_id, good, "--json", home=copy)
    assert done.returncode == 0
    assert parse_json(done)["notes"] == [
        f"Checkpoint {newest.name} is damaged (model.safetensors does not have the content that was written); an earlier one is used."
    ]
    assert parse_json(done)["predictions"][0]["top"][0]["class"] == "sea"
    flip(before)
    done = engine("predict", run_id, good, "--json", home=copy)
    assert refused(done, f"Every best checkpoint of run {run_id} is damaged")
    assert parse_json(done)["error"].startswith("Every best checkpoint")
    assert parse_json(engine("evaluate", run_id, "--json", home=copy))["n"] == 24


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--dataset", "holidays"], "There is no dataset 'holidays'."),
        (["train", "--dataset", "scenes", "--model", "resnet9000"], "There is no model 'resnet9000'."),
        (["train", "--dataset", "scenes", "--preset", "slow"], "There is no preset 'slow'."),
        (["train", "--dataset", "scenes", "--set", "speed=9"], "There is no field 'speed'."),
        (["train", "--dataset", "scenes", "--set", "epochs=0"], "epochs is 0, which is out of bounds."),
        (["train", "--dataset", "scenes", "--set", "weights=/nowhere.pth"], "There is no weights file '/nowhere.pth'."),
        (["runs", "show", "nothing"], "There is no run 'nothing'."),
        (["runs", "stop", "nothing"], "There is no run 'nothing'."),
        (["runs", "resume", "nothing"], "There is no run 'nothing'."),
        (["runs", "delete", "../home"], "There is no run '../home'."),
        (["runs", "stop", "RUN"], "The run RUN is not running: it is finished."),
        (["runs", "resume", "RUN"], "The run RUN is finished."),
        (["predict", "nothing", "x.jpg"], "There is no run 'nothing'."),
        (["predict", "RUN", "x.jpg"], "There is no file 'x.jpg'."),
        (["evaluate", "RUN", "--split", "unlabelled"], "There is no split 'unlabelled' with labels."),
        (["evaluate", "RUN", "--data", "/nowhere"], "There is no folder '/nowhere'."),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_2(engine, finished_session, arguments, sentence):
    run_id = parse_json(finished_session.train)["id"]
    done = engine(*(a.replace("RUN", run_id) for a in arguments), "--json", home=finished_session.home)
    assert refused(done, sentence.replace("RUN", run_id))
    assert parse_json(done)["error"].startswith(sentence.replace("RUN", run_id))
    assert len([path for path in (finished_session.home / "runs").iterdir() if not path.name.startswith(".")]) == 1


def test_a_run_that_fails_says_why_and_is_kept_as_failed(engine, copy, tmp_path):
    (tmp_path / "noise.pth").write_bytes(b"words and no tensors")
    done = engine("train", "--dataset", "scenes", "--set", f"weights={tmp_path / 'noise.pth'}", "--json", home=copy)
    document = parse_json(done)
    assert (done.returncode, document["state"]) == (2, "failed")
    assert document["error"] == f"'{tmp_path / 'noise.pth'}' holds no state dict that can be read safely."
    assert document["hint"]
    assert document["error"] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_is_trained_again_with_changes(engine, copy, finished_session):
    run_id = parse_json(finished_session.train)["id"]
    again = ["train", "--dataset", "scenes", "--like", run_id, "--set", "seed=7", "--detach", "--json"]
    document = parse_json(engine(*again, home=copy))
    assert document["config"] == parse_json(finished_session.train)["config"] | {"seed": 7}
    engine("runs", "stop", document["id"], home=copy)
    assert refused(engine("train", "--dataset", "scenes", "--like", "fast-99", home=copy), "There is no run 'fast-99'.")


@pytest.mark.slow
def test_a_detached_run_is_shown_stopped_resumed_and_deleted(engine, copy, wait):
    """A fine-tuning run that would take hours, by commands alone."""
    settings = ["--preset", "balanced", "--set", "image_size=32", "--set", "epochs=1000", "--set", "patience=0"]
    run_id = parse_json(engine("train", "--dataset", "scenes", *settings, "--detach", "--json", home=copy))["id"]

    def show():
        return parse_json(engine("runs", "show", run_id, "--json", home=copy))

    def state():
        return json.loads((copy / "runs" / run_id / "status.json").read_text())["state"]

    def step():
        return max((json.loads(line).get("step", 0) for line in events.read_text().splitlines()), default=0)

    events = copy / "runs" / run_id / "events.jsonl"
    wait(lambda: events.is_file() and step() > 2)
    assert show()["state"] == "training"
    assert refused(engine("runs", "delete", run_id, home=copy), f"The run {run_id} is training.")
    assert refused(engine("runs", "resume", run_id, home=copy), f"The run {run_id} is training.")
    assert parse_json(engine("runs", "stop", run_id, "--json", home=copy))["id"] == run_id
    wait(lambda: state() == "stopped")
    assert show()["state"] == "stopped"
    reached = step()
    assert parse_json(engine("runs", "resume", run_id, "--json", home=copy))["state"] == "queued"
    wait(lambda: step() > reached)
    assert [e["step"] for e in map(json.loads, events.read_text().splitlines()) if e["kind"] == "resumed"] == [reached]
    engine("runs", "stop", run_id, home=copy)
    wait(lambda: state() == "stopped")
    assert parse_json(engine("runs", "delete", run_id, "--json", home=copy)) == {"id": run_id, "deleted": True}
    assert not (copy / "runs" / run_id).exists()
    assert refused(engine("runs", "show", run_id, home=copy), f"There is no run '{run_id}'.")
    assert parse_json(engine("runs", "restore", run_id, "--json", home=copy))["state"] == "stopped"
    engine("runs", "resume", run_id, home=copy)
    engine("runs", "pause", run_id, home=copy)
    wait(lambda: state() == "stopped")
    assert show()["detail"] == "paused"
    engine("runs", "finish", run_id, home=copy)
    wait(lambda: state() == "finished")
    assert show()["results"]["test"]["n"] > 0
    assert refused(engine("runs", "finish", run_id, home=copy), f"The training of {run_id} has ended: the run is finished.")


def test_a_run_is_named_noted_tagged_deleted_and_restored(engine, copy, finished_session):
    run_id = parse_json(finished_session.train)["id"]
    assert engine("runs", "rename", run_id, "first try", home=copy).stdout == f"{run_id} is called first try.\n"
    engine("runs", "note", run_id, "only to see", home=copy)
    engine("runs", "tag", run_id, "baseline", "small", home=copy)
    document = parse_json(engine("runs", "tag", run_id, "small", "--remove", "--json", home=copy))
    assert [document[key] for key in ("id", "name", "note", "tags")] == [run_id, "first try", "only to see", ["baseline"]]
    assert "first try" in engine("runs", "list", home=copy).stdout
    assert refused(engine("runs", "rename", run_id, "n" * 61, home=copy), "The name has 61 characters.")

    engine("runs", "delete", run_id, home=copy)
    assert parse_json(engine("runs", "list", "--json", home=copy)) == []
    assert [entry["id"] for entry in parse_json(engine("runs", "trash", "--json", home=copy))] == [run_id]
    restored = parse_json(engine("runs", "restore", run_id, "--json", home=copy))
    assert (restored["name"], restored["results"]) == ("first try", document["results"])
    engine("runs", "delete", run_id, home=copy)
    assert parse_json(engine("runs", "trash", "--empty", "--older-than", 1, "--json", home=copy)) == {"removed": []}
    assert parse_json(engine("runs", "trash", "--empty", "--json", home=copy)) == {"removed": [run_id]}
    assert refused(engine("runs", "restore", run_id, home=copy), f"There is no run '{run_id}' in the trash.")
