"""The measurements: who is measured when, what a ratio is, and that both sides really do the work that they report."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from engine.bench.contender import OURS, REFERENCE, Contender
from engine.bench.explaining import measure_explaining
from engine.bench.rounds import alternate, geometric_mean
from engine.bench.sample import sample_folder
from engine.bench.speed import Plan
from engine.core.errors import UserError
from engine.core.paths import PROJECT
from engine.models.registry import find_backbone


def test_the_rounds_alternate_and_who_begins_changes():
    calls = []

    def measure(name, figures):
        def call():
            calls.append(name)
            return figures[calls.count(name) - 1]

        return call

    row = alternate("x", measure("reference", [10, 10, 20, 10]), measure("ours", [40, 40, 80, 40]), rounds=4)
    assert calls == ["reference", "ours", "ours", "reference"] * 2
    assert (row.reference, row.ours, row.unit) == (10, 40, "images/s")
    assert (row.ratio, row.low, row.high) == pytest.approx((4, 4, 4))


def test_a_time_counts_the_other_way_round():
    row = alternate("x", lambda: 6.0, lambda: 2.0, rounds=2, unit="s", less_is_better=True)
    assert (row.reference, row.ours, row.ratio) == (6, 2, pytest.approx(3))


def test_the_interval_holds_the_ratio_and_widens_with_the_spread():
    calm, wild = np.array([3.9, 4.0, 4.1, 4.0]), np.array([1.0, 16.0, 2.0, 8.0])
    for ratios in (calm, wild):
        ratio, low, high = geometric_mean(ratios)
        assert ratio == pytest.approx(4, rel=1e-3)
        assert low < ratio < high
    assert np.ptp(geometric_mean(wild)[1:]) > 10 * np.ptp(geometric_mean(calm)[1:])


def test_a_folder_gives_a_spread_of_its_readable_pictures(kaggle):
    broken = kaggle / "seg_train" / "seg_train" / "forest" / "000.png"
    broken.write_text("no picture")
    sample = sample_folder(kaggle, 16)
    assert len(sample.files) == len(sample.labels) == 15
    assert str(broken) not in sample.files
    assert set(sample.labels) == {0, 1, 2, 3}


def job(sample, task, **changes):
    return {**Plan(sample, threads=1, batch=4).job(task, "efficientnet_lite0", 32, 4), "workers": 0, **changes}


@pytest.mark.parametrize("task", ["train", "embed"])
def test_both_sides_work_as_long_as_they_are_asked_to_and_count_whole_batches(kaggle, task):
    sample = sample_folder(kaggle, 12)
    ours = {"preset": "balanced", "changes": {"image_size": 32}}
    with Contender(REFERENCE, job(sample, task)) as reference, Contender(OURS, job(sample, task, **ours)) as engine:
        assert reference.ready() == "ready"
        ready = engine.ready()
        assert ready == "ready" if task == "embed" else ready > 0
        assert reference.rate(0.1) > 0
        assert engine.rate(0.1) > 0


@pytest.mark.parametrize("more", [{"together": 1, "cam": "bn2"}, {"together": 5}])
def test_both_sides_answer_and_say_how_long_one_answer_took(kaggle, more):
    answer_job = job(sample_folder(kaggle, 12), "answer", **more)
    with Contender(REFERENCE, answer_job) as reference, Contender(OURS, answer_job) as engine:
        for side in (reference, engine):
            assert side.ready() == "ready"
            assert side.rate(0.1) > 0
            assert 0 < side.wait(0.1) < 60_000


def test_grad_cam_is_measured_on_convolutions_and_on_tokens(kaggle):
    """Both sides read the tokens of a transformer, for which the reference package needs a transform."""
    sample = sample_folder(kaggle, 4)
    for name in ("resnet18", "timm:test_vit"):
        (row,) = measure_explaining(sample, name, rounds=1)
        assert row.unit == "ms"
        assert row.reference > 0
        assert row.ours > 0


def test_a_side_that_fails_says_why(kaggle):
    sample = sample_folder(kaggle, 12)
    with (
        Contender(REFERENCE, job(sample, "train", source="no_such_model")) as reference,
        pytest.raises(UserError, match="no_such_model"),
    ):
        reference.ready()
    with pytest.raises(UserError, match="12 images"):
        Plan(sample, batch=32).job("train", "resnet50", 32, 32)


def test_the_reference_is_built_as_the_registry_says(kaggle):
    document = Plan(sample_folder(kaggle, 4), batch=4).job("train", "resnet50", 224, 4)
    assert (document["builder"], document["source"], document["mean"]) == (
        "torchvision",
        "resnet50",
        find_backbone("resnet50").mean,
    )


def test_a_measurement_that_is_ended_leaves_nothing_behind(kaggle, tmp_path, wait):
    left = tmp_path / "temporary"
    left.mkdir()
    command = [
        sys.executable,
        "-m",
        "engine",
        "bench",
        "train",
        "--model",
        "efficientnet_lite0",
        "--data",
        str(kaggle),
        "--batch",
        "4",
    ]
    process = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, "TMPDIR": str(left)}, stderr=subprocess.DEVNULL)
    wait(lambda: len(list(left.glob("scenescope-bench-*"))) == 2)
    process.terminate()
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert list(left.glob("scenescope-bench-*")) == []
