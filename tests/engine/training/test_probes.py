"""The learning-rate finder and the time estimate: what they say, where they write it, and what a page reads meanwhile."""

import json
import math
import os
import time
from dataclasses import replace

import numpy as np
import pytest
from tiny import NETWORK

from engine.core.errors import UserError
from engine.core.lease import holder
from engine.core.paths import cache_dir
from engine.data import datasets
from engine.runs.config import configure
from engine.runs.run import list_runs
from engine.training import probes, time_estimate
from engine.training.lr_finder import HIGHEST, LOWEST, Point, run_range_test, suggest_learning_rate
from engine.training.probe_job import measure
from engine.training.time_estimate import Speeds, estimate_phases

pytestmark = pytest.mark.usefixtures("one_thread")

SPEEDS = Speeds(load=2.0, decode=50.0, embed=10.0, features=100, vectors="none-there", step=0.5, validate=20.0)


@pytest.fixture
def config(kaggle):
    datasets.add_dataset(str(kaggle), "scenes")
    return configure(
        "scenes", method="finetune", model=NETWORK, weights="none", image_size=32, batch_size=8, trainable=1.0, draws=0
    )


def curve(loss_at):
    rates = np.geomspace(LOWEST, HIGHEST, 90)
    return [Point(float(rate), loss_at(rate), loss_at(rate)) for rate in rates]


def test_the_suggestion_is_where_half_of_the_fall_is_done():
    def valley(rate):
        return 2 - 1.5 / (1 + (1e-3 / rate) ** 2) + (rate / 0.1) ** 2

    rate, reason = suggest_learning_rate(curve(valley))
    assert 5e-4 < rate < 2e-3
    assert f"{rate:.1e}" in reason
    assert "half" in reason


def test_bumps_of_single_batches_do_not_move_it_far():
    rng = np.random.default_rng(0)
    bumps = iter(rng.normal(0, 0.03, 200))
    rate, _ = suggest_learning_rate(curve(lambda r: 2 - 1.5 / (1 + (1e-3 / r) ** 2) + (r / 0.1) ** 2 + next(bumps)))
    assert 3e-4 < rate < 3e-3


@pytest.mark.parametrize("points", [[], curve(lambda rate: 1.8), curve(lambda rate: 1.8 + rate)])
def test_where_nothing_is_learnt_nothing_is_suggested(points):
    rate, reason = suggest_learning_rate(points)
    assert rate is None
    assert reason


def test_a_loss_that_still_falls_at_the_end_is_told():
    assert "still falling" in suggest_learning_rate(curve(lambda rate: 2 - math.log10(rate / LOWEST) / 10))[1]


def test_the_rate_rises_from_point_to_point_and_the_curve_ends_where_the_loss_explodes(config):
    points = list(run_range_test(config))
    rates = [point.lr for point in points]
    assert rates[0] == pytest.approx(LOWEST)
    assert rates == sorted(rates)
    assert np.diff(np.log(rates)) == pytest.approx(np.full(len(rates) - 1, math.log(HIGHEST / LOWEST) / 89))
    assert len(points) < 90 or points[-1].lr == pytest.approx(HIGHEST)
    assert all(math.isfinite(point.smoothed) for point in points)


def test_the_finder_needs_a_method_with_a_learning_rate(config):
    with pytest.raises(UserError, match="method=linear has no learning rate to find"):
        probes.start("lr-find", replace(config, method="linear"))


def test_a_probe_in_the_background_writes_what_a_page_reads(config, wait):
    probe = probes.start("lr-find", config)
    assert probes.start("lr-find", config) == probe
    assert probe.status().state == "working"
    wait(lambda: not probe.running)
    assert probe.status().state == "done"
    result = probes.read_result(probe)
    assert result["points"][0].keys() == {"lr", "loss", "smoothed"}
    assert result["reason"]
    assert list_runs() == []


def test_a_probe_that_is_killed_reads_as_failed_and_can_be_started_again(config, wait):
    slow = replace(config, image_size=256, batch_size=32)
    probe = probes.start("lr-find", slow)
    wait(lambda: holder(probe.folder / "lease")).kill()
    wait(lambda: not probe.running)
    status = probe.status()
    assert status.state == "failed"
    assert status.message
    assert probes.start("lr-find", slow) == probe
    probe.stop()
    wait(lambda: not probe.running)
    assert probe.status().state == "stopped"


def test_what_cannot_be_measured_says_why_in_the_status(config, wait):
    probe = probes.start("estimate", replace(config, model="vit_b_16"))
    wait(lambda: not probe.running)
    status = probe.status()
    assert status.state == "failed"
    assert "vit_b_16 cannot work at 32 pixels" in status.message


def test_the_estimate_is_arithmetic_on_speeds(config):
    catalog = datasets.load_dataset("scenes").catalog
    train, validation, test = (len(catalog.frame(split)) for split in ("train", "validation", "test"))
    ten = {phase.name: phase.seconds for phase in estimate_phases(replace(config, epochs=10), SPEEDS)}
    assert ten == pytest.approx(
        {
            "load": 2.0,
            "decode": (train + validation) / 50,
            "train": 10 * round(train / 8) * 0.5,
            "validate": 10 * validation / 20,
            "test": (validation + test) / 10,
        }
    )
    phases = {
        phase.name: phase.seconds for phase in estimate_phases(replace(config, draws=4, epochs=3), replace(SPEEDS, freeze=40.0))
    }
    assert phases["freeze"] == pytest.approx(3 * train / 40)
    linear = {phase.name: phase.seconds for phase in estimate_phases(replace(config, method="linear", ema=0.0), SPEEDS)}
    assert linear["embed"] == pytest.approx((train + validation) / 10)
    assert linear["test"] == pytest.approx(test / 10)


def test_speeds_are_kept_for_a_day_and_serve_every_configuration_that_is_as_fast(config):
    assert time_estimate.load_speeds(config) is None
    result = measure(probes.job("estimate", config), config)["estimate"]
    known = time_estimate.load_speeds(config)
    assert min(known.load, known.decode, known.embed, known.step, known.validate) > 0
    assert result["seconds"] == pytest.approx(sum(phase["seconds"] for phase in result["phases"]))
    assert time_estimate.load_speeds(replace(config, epochs=50, peak_lr=0.1)) == known
    assert time_estimate.load_speeds(replace(config, batch_size=4)) is None
    (file,) = cache_dir("speeds").iterdir()
    os.utime(file, (0, time.time() - 25 * 3600))
    assert time_estimate.load_speeds(config) is None
    half = replace(config, trainable=0.5, draws=2)
    measure(probes.job("estimate", half), half)
    assert time_estimate.load_speeds(half).freeze > 0 == known.freeze


def test_the_embeddings_of_a_finished_run_are_not_counted_again(finished, engine):
    """The session's `fast` run has left the embeddings of all its images behind."""
    done = engine("train", "--dataset", "scenes", "--set", "image_size=64", "--dry-run", "--json", home=finished.home)
    assert done.returncode == 0, done.stderr
    notes = {phase["name"]: phase["note"] for phase in json.loads(done.stdout)["phases"]}
    assert notes["embed"].startswith("0 of ")
    assert notes["test"].startswith("0 of ")
    assert [run.id for run in list_runs()] == [finished.run_id]


def test_the_command_prints_the_curve_and_what_to_type(config, engine, home):
    settings = [f"--set={name}={getattr(config, name)}" for name in ("weights", "image_size", "batch_size")]
    done = engine("lr-find", "--dataset", "scenes", "--model", NETWORK, *settings, "--json", home=home)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["points"]) > 10
    assert result["reason"]
    linear = engine("lr-find", "--dataset", "scenes", "--preset", "fast", home=home)
    assert linear.returncode == 2
    assert "no learning rate to find" in linear.stderr
