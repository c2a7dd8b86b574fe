"""The list of runs: found, named, compared, deleted and taken back; and what a form shows of measurements before a training."""

import json
import time

import pytest
from tab import Tab

from dashboard.app import viewer_time
from dashboard.runs.comparison import _limits
from dashboard.runs.table import differences
from engine.core.files import read_json, write_json
from engine.core.jobs import JobStatus
from engine.evaluation import best_run
from engine.runs import trash
from engine.runs.config import configure
from engine.runs.metadata import load_metadata, update_metadata
from engine.runs.run import Run, list_runs
from engine.training import launcher, probes


@pytest.fixture
def three(untrained) -> list[Run]:
    """A finished run, a better one, and one that failed; newest last."""
    made = []
    for number, (changes, score) in enumerate([({"seed": 1}, 0.8), ({"seed": 2, "image_size": 96}, 0.9), ({"seed": 3}, None)]):
        run = launcher.create(configure("scenes", "fast", **changes))
        document = run.path / "config.json"
        write_json(document, {**read_json(document), "created": time.time() + number})
        write_json(run.path / "status.json", {"state": "finished" if score else "failed", "updated": time.time()})
        if score:
            estimate = {"value": score, "low": score - 0.1, "high": score + 0.05}
            # By test the first one is better, which must decide nothing.
            test = estimate | {"value": 1.7 - score}
            write_json(
                run.path / "results.json",
                {
                    split: {"n": 24, "accuracy": value, "macro_f1": value, "loss": 0.1, "small": True}
                    for split, value in (("validation", estimate), ("test", test))
                },
            )
        made.append(run)
    return made


def listed(tab: Tab) -> list[str]:
    return tab.at.dataframe[0].value["run"].tolist()


def test_the_best_run_is_that_of_validation_and_never_of_test(tab, three):
    table = tab.open("runs").at.dataframe[0].value.set_index("run")
    assert table["best"].to_dict() == {three[2].id: "", three[1].id: "★", three[0].id: ""}
    assert best_run.rank(three).best == three[1]
    sentence = tab.text.replace("\\", "")
    assert f"The best by validation is {three[1].id} (macro F1 0.900). Test scores play no part in this choice" in sentence
    assert best_run.rank(three[2:]).best is None


def test_runs_are_found_by_words_options_state_and_tag(tab, three):
    update_metadata(three[0].path, name="the cold one", note="half the rate", tags=["paper"])
    assert listed(tab.open("runs")) == [run.id for run in reversed(three)]
    for text, result in (
        ("cold", three[:1]),
        ("image_size=96", three[1:2]),
        ("seed=3 fast", three[2:]),
        ("RATE half", three[:1]),
    ):
        tab.choose("runs-text", text)
        assert listed(tab) == [run.id for run in result], text
    tab.choose("runs-text", "nothing like it")
    assert "No run matches." in tab.text
    assert tab.url("find") == "nothing like it"
    tab.choose("runs-text", "")
    assert tab.url("find") is None


@pytest.mark.parametrize(
    ("address", "numbers"),
    [
        ({"run_state": "ended.20early"}, [2]),
        ({"run_state": "finished-ended.20early"}, [2, 1, 0]),
        ({"run_tag": "paper.20and.2Dpen"}, [0]),
        ({"run_model": "efficientnet_lite0", "find": "seed=2"}, [1]),
        ({"run_model": "no.2Esuch", "run_state": "%%"}, [2, 1, 0]),
    ],
)
def test_the_filter_and_the_search_are_read_from_the_address_and_stay(tab, three, address, numbers):
    update_metadata(three[0].path, tags=["paper and-pen"])
    wanted = [three[number].id for number in numbers]
    assert listed(tab.open("runs", **address)) == wanted
    assert listed(tab.open("explore").open("runs")) == wanted
    assert listed(Tab().open("runs", **{key: tab.url(key) for key in address if tab.url(key)})) == wanted


def test_started_is_in_the_zone_of_the_browser_which_it_names(tab, three, monkeypatch):
    monkeypatch.setattr(viewer_time, "viewer_zone", lambda: "America/Los_Angeles")
    columns = json.loads(tab.open("runs").at.dataframe[0].proto.columns)
    assert columns["started"]["label"] in ("started (PST)", "started (PDT)")
    assert columns["started"]["type_config"]["timezone"] == "America/Los_Angeles"
    assert columns["test images"]["type_config"]["format"] == "localized"
    started = tab.at.dataframe[0].value["started"]
    assert started.dt.tz is not None
    assert started.iloc[-1].timestamp() == pytest.approx(three[0].created, abs=0.01)


def test_a_column_that_no_run_fills_takes_no_room(tab, three):
    assert not {"name", "tags"} & set(tab.open("runs").at.dataframe[0].value)
    update_metadata(three[0].path, tags=["paper"])
    shown = set(tab.run().at.dataframe[0].value)
    assert "tags" in shown and "name" not in shown


def test_runs_whose_labels_alone_differ_are_not_said_to_differ_in_their_images(three):
    document = three[1].path / "config.json"
    write_json(document, {**read_json(document), "labels": "3-abc", "fingerprint": "other"})
    (sentence,) = _limits(three[0], three[1], _NoNotes())
    assert sentence == "The labels were edited between the runs: they were trained on different versions of them."
    write_json(document, {**read_json(document), "labels": three[0].labels})
    (sentence,) = _limits(three[0], three[1], _NoNotes())
    assert sentence == "The images of the dataset have changed between the runs: they were trained on different images."
    write_json(document, {**read_json(document), "labels": "3-abc", "images": "other"})
    (sentence,) = _limits(three[0], three[1], _NoNotes())
    assert sentence == "Both the images and the labels of the dataset have changed between the runs."
    assert _limits(three[0], three[2], _NoNotes()) == []


class _NoNotes:
    notes = ()


def test_a_name_and_tags_are_given_on_the_page_and_shown_letter_by_letter(tab, three):
    tab.open("runs", run=three[0].id)
    (name,) = [box for box in tab.at.text_input if box.label == "Name"]
    name.set_value("**bold** <b>")
    tab.press("Save")
    assert load_metadata(three[0].path).name == "**bold** <b>"
    assert "\\*\\*bold\\*\\* \\<b\\>" in tab.text
    assert any("**bold** <b>" in option for option in tab.widget("run").options)


def test_a_deleted_run_comes_back_with_one_click(tab, three):
    tab.open("runs", run=three[1].id).press("Delete")
    assert three[1] not in list_runs()
    assert f"Deleted **{three[1].id}**." in tab.text.replace("\\", "")
    assert tab.url("run") != three[1].id
    tab.open("train").press("Undo")
    assert three[1] in list_runs()
    assert tab.url("run") == three[1].id
    assert trash.list_deleted() == []


def test_the_trash_gives_back_what_another_session_deleted(tab, three):
    trash.delete(three[0])
    tab.open("runs").choose("trash-restore", [three[0].id])
    tab.press("Restore")
    assert three[0] in list_runs()


def test_runs_differ_in_nothing_but_what_was_changed(three):
    table = differences(three[:2])
    assert table.values.tolist() == [["image_size", "224", "96"], ["seed", "1", "2"]]
    assert differences([three[0], three[0]]).empty


def test_a_field_that_does_nothing_in_a_run_is_blank_there(three):
    tuned = launcher.create(configure("scenes", "balanced", epochs=7))
    table = differences([three[0], tuned]).set_index("field")
    assert table.loc["epochs"].tolist() == ["", "7"]
    assert table.loc["method"].tolist() == ["linear", "finetune"]
    assert "momentum" not in table.index


@pytest.fixture
def measurement(untrained) -> str:
    """The finished measurement of a learning rate for the preset `balanced`; its id."""
    config = configure("scenes", "balanced")
    probe = probes.job("lr-find", config)
    points = [{"lr": 10.0 ** (n / 4 - 6), "loss": 1.0, "smoothed": 1.3 - n / 40} for n in range(20)]
    result = {"points": points, "suggestion": 0.00123, "reason": "The loss falls from 1.30 to 0.82."}
    probes.write_result(probe, result)
    return probe.name


def test_a_suggested_learning_rate_is_taken_with_a_click(tab, measurement):
    tab.open("train", preset="balanced")
    assert tab.figure("lr-curve")["data"]
    assert "The loss falls from 1.30 to 0.82." in tab.text.replace("\\", "")
    tab.press("Use 0.0012")
    assert tab.widget("balanced-peak_lr-1").value == 0.0012
    assert [button.disabled for button in tab.at.button if button.label == "Use 0.0012"] == [True]
    assert "lr-start" not in [button.key for button in Tab().open("train", preset="fast").at.button]


def test_a_measurement_that_was_killed_says_so(tab, untrained):
    config = configure("scenes", "balanced")
    probe = probes.job("lr-find", config)
    probe.folder.mkdir(parents=True)
    probe._write(JobStatus("working", "raising the learning rate", 3, 90))
    tab.open("train", preset="balanced")
    assert "The process was killed, probably out of memory" in tab.errors
    assert "Measure again" in tab.buttons
