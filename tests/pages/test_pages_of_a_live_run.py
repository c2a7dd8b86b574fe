"""A run while it runs, and after it ended badly: what the pages say, and that their buttons act."""

import re

import pytest

from engine.core.lease import holder
from engine.training import launcher

pytestmark = pytest.mark.slow


def test_a_run_is_watched_stopped_and_resumed_from_the_page(tab, start_run, wait):
    run = start_run()
    wait(lambda: any(event["kind"] == "epoch" for event in run.events()[0]))
    for page in ("explore", "runs", "predict"):
        tab.open(page)
        assert not tab.at.error
    tab.open("start")
    assert f"**{run.id}** is training on **scenes**." in tab.text
    tab.open("train")
    assert ":material/model_training: training" in tab.text
    for chart in ("loss", "macro_f1", "recalls", "step-loss"):
        assert tab.figure(f"{chart}-{run.id}")["data"]
    bars = [bar.proto.text for bar in tab.at.get("progress")]
    assert [bar.partition(":")[0] for bar in bars] == ["Prepare", "Train", "Evaluate"]
    assert re.match(r"Train: (epoch \d+ of 1000|frozen layers.*), .* left", bars[1])
    assert re.search(r"Step \*\*\d+\*\*, \*\*[\d.]+\*\* images/s, batch loss \*\*[\d.]+\*\*", tab.text)
    tab.open("evaluate")
    assert "has not been scored: it is training" in tab.text

    tab.open("train").press("Stop")
    assert wait(lambda: (status := run.status).state == "stopped" and status)
    tab.run()
    assert ":material/stop_circle: stopped" in tab.text
    steps = sum(event["kind"] == "step" for event in run.events()[0])
    tab.press("Resume")
    wait(lambda: sum(event["kind"] == "step" for event in run.events()[0]) > steps)
    assert any(event["kind"] == "resumed" for event in run.events()[0])
    tab.open("runs").press("Pause")
    wait(lambda: run.status.state == "stopped")
    assert ":material/pause_circle: paused" in tab.run().text
    assert re.search(r"after epoch \d+ of 1,000", tab.text)
    assert tab.open("train").figure(f"loss-{run.id}")["layout"]["xaxis"]["range"][1] == 1000.4, "the plan is still the plan"
    assert "Resume" in tab.run().buttons
    tab.press("Finish now")
    wait(lambda: run.status.state == "finished")
    tab.open("evaluate")
    assert tab.url("run") == run.id and not tab.at.error
    tab.open("train")
    assert not {"Pause", "Stop", "Resume", "Finish now"} & set(tab.buttons)


def test_a_killed_run_reads_interrupted_with_the_way_out(tab, start_run, wait):
    run = start_run()
    wait(lambda: run.status.state == "training")
    holder(run.path / "lease").kill()
    wait(lambda: run.status.state == "interrupted")
    for page in ("train", "runs"):
        tab.open(page)
        assert "The process was killed, probably out of memory" in tab.text.replace("\\", "")
        assert "Resume it: it continues from its last checkpoint." in tab.text.replace("\\", "")
        assert "Resume" in tab.buttons
    tab.open("start")
    assert ":material/bolt: interrupted" in tab.text
    assert "Show the run" in tab.links


def test_a_failed_run_says_why(tab, start_run, wait, untrained):
    broken = untrained.parent / "weights.pt"
    broken.write_bytes(b"no weights")
    run = start_run(weights=str(broken))
    wait(lambda: run.status.state == "failed")
    status = run.status
    assert status.error
    for page in ("train", "runs"):
        tab.open(page)
        assert f"{status.error} {status.hint}" in tab.text.replace("\\", "")
        assert ":material/error: failed" in tab.text
    tab.open("evaluate")
    assert "No model has been trained on this dataset yet." in tab.text


def test_the_first_model_is_trained_by_the_button_of_the_start_page(tab, start_run, wait):
    from engine.runs.run import list_runs

    tab.open("start").press("Train a first model")
    (run,) = list_runs()
    assert run.config.preset == "fast"
    assert tab.at.title[0].value == "How is it learning?"
    assert tab.url("run") == run.id
    launcher.stop(run)


def test_a_second_run_waits_and_can_be_watched(tab, start_run, wait):
    first = start_run()
    wait(lambda: first.status.state in ("preparing", "training"))
    second = start_run()
    wait(lambda: second.status.state == "queued" and "another run" in second.status.detail)
    tab.open("train")
    assert tab.url("run") == second.id
    assert ":material/schedule: queued" in tab.text
    assert "Other active runs" in tab.text
    tab.press("Watch")
    assert tab.url("run") == first.id
    assert tab.widget("run").value == first.id


def buttons_that_can_be_pressed(tab) -> set[str]:
    return {button.label for button in tab.at.button if not button.disabled}


@pytest.mark.parametrize(
    ("label", "word"), [("Pause", "pausing after this batch"), ("Stop", "stopping after this batch"), ("Finish now", "finishing")]
)
def test_what_a_run_was_asked_for_is_shown_until_it_is_done(tab, start_run, wait, label, word):
    run = start_run()
    wait(lambda: launcher.can_finish(run))
    process = holder(run.path / "lease")
    process.suspend()  # in the midst of a batch that takes long
    try:
        tab.open("train").press(label)
        assert word in tab.text
        marker = (run.path / "stop").stat()
        for one in (tab.run(), type(tab)().open("train"), type(tab)().open("runs")):
            assert word in one.text
            assert {"Pause", "Stop", "Finish now"}.isdisjoint(buttons_that_can_be_pressed(one))
        launcher.pause(run) if label == "Pause" else launcher.stop(run) if label == "Stop" else launcher.finish(run)
        assert (run.path / "stop").stat().st_mtime_ns == marker.st_mtime_ns, "asked once"
    finally:
        process.resume()
    wait(lambda: run.status.state in ("stopped", "finished"))
    assert run.request == ""
    assert word not in tab.run().text


def test_a_run_that_failed_before_anything_was_saved_can_be_tried_again(tab, start_run, wait, untrained):
    broken = untrained.parent / "weights.pt"
    broken.write_bytes(b"no weights")
    run = start_run(weights=str(broken))
    wait(lambda: run.status.state == "failed")
    for page in ("train", "runs"):
        tab.open(page)
        assert "Try again" in tab.buttons and "Resume" not in tab.buttons


def test_a_run_that_waits_has_no_bars_and_no_charts(tab, start_run, wait):
    first = start_run()
    wait(lambda: first.status.state in ("preparing", "training"))
    second = start_run()
    wait(lambda: second.status.state == "queued" and "another run" in second.status.detail)
    tab.open("train", run=second.id)
    assert not tab.at.get("progress")
    with pytest.raises(KeyError):
        tab.figure(f"loss-{second.id}")
