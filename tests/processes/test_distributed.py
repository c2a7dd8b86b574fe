"""Two processes train the model that one trains, and leave the same run directory behind."""

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from tiny import NETWORK, pictures, settings

from engine.core.errors import UserError
from engine.core.paths import PROJECT
from engine.data import datasets
from engine.evaluation import dynamics
from engine.inference.predict import predict
from engine.models import model
from engine.models.device import select_compute
from engine.runs import checkpoint
from engine.runs.config import configure
from engine.runs.history import build_history
from engine.runs.run import Run
from engine.training import launcher
from engine.training.batches import Batches

pytestmark = pytest.mark.slow

ONE = [sys.executable]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def process(command: list[str], run: Run) -> subprocess.Popen:
    return subprocess.Popen(
        [*command, "-m", "engine.training.worker", str(run.path)],
        cwd=PROJECT, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def created(epochs: int = 3) -> Run:
    """A run on the scenes. With BatchNorm frozen there is nothing that two processes could see differently."""
    config = configure(
        "scenes", "balanced", model=NETWORK, weights="none", image_size=32, batch_size=8, epochs=epochs, trainable=0.5, precision="float32",
        peak_lr=1e-3, clip_norm=1.0, ema=0.9, balance="weights", augmentation="strong", draws=0, views="flip",
    )  # fmt: skip
    return launcher.create(config)


def trained(command: list[str]) -> Run:
    run = created()
    done = process(command, run)
    assert done.wait(200) == 0, done.stderr.read()
    return run


@pytest.fixture(scope="module", autouse=True)
def scenes(tmp_path_factory: pytest.TempPathFactory, finished_session) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCENESCOPE_HOME", str(tmp_path_factory.mktemp("together")))
        datasets.add_dataset(str(finished_session.images), "scenes")
        yield


@pytest.fixture(autouse=True)
def _own_home() -> None:
    """The module's home, and not one of each test's own."""


@pytest.fixture(scope="module")
def both() -> Run:
    return trained(TWO)


def losses(run: Run) -> list[float]:
    steps = build_history(run.events()[0]).steps
    return steps["loss"].tolist() if len(steps) else []


def test_two_processes_train_the_model_of_one_and_write_the_same_directory(both):
    alone = trained(ONE)
    assert both.status.state == "finished"
    assert losses(both) == pytest.approx(losses(alone), rel=1e-4)
    first, second = (checkpoint.load(run.path, "last") for run in (alone, both))
    assert first.step == second.step == 21
    assert [name for name in first.model if not torch.allclose(first.model[name], second.model[name], rtol=1e-3, atol=1e-4)] == []
    for split in ("validation", "test"):
        answers = [np.stack(run.predictions(split).table["probabilities"]) for run in (alone, both)]
        assert np.abs(answers[0] - answers[1]).max() < 1e-2
    assert sorted(p.name for p in both.path.iterdir()) == sorted(p.name for p in alone.path.iterdir())
    kinds = [[event["kind"] for event in run.events()[0]] for run in (alone, both)]
    assert kinds[0] == kinds[1]


def test_what_the_run_keeps_of_its_training_and_its_answers_agree(both):
    """Dynamics of every epoch; the saved model averages both views, as the scores do."""
    record = dynamics.read(both.path)
    frame = datasets.load_dataset("scenes").catalog.frame("validation")
    assert record.predicted.shape == (3, len(frame))
    assert record.contents == tuple(frame["hash"])
    recalls = build_history(both.events()[0]).epochs["validation_recall"].tolist()
    right = record.predicted == record.true
    for epoch, recall in enumerate(recalls):
        assert recall == pytest.approx([right[epoch, record.true == label].mean() for label in range(4)], abs=1e-3)
    loaded = model.load_model(both.path, where=select_compute("cpu", "float32"))
    assert loaded.meta.views == "flip"
    test = datasets.load_dataset("scenes").catalog
    answers = predict(loaded, test.files(test.frame("test")))
    again = np.array([[dict(answer.top())[name] for name in both.classes] for answer in answers])
    assert np.abs(again - np.stack(both.predictions("test").table["probabilities"])).max() < 1e-3


def test_they_stop_together_and_go_on_together_as_if_nothing_had_happened(both, wait):
    broken = created()
    first = process(TWO, broken)
    wait(lambda: losses(broken))
    (broken.path / "stop").touch()
    assert first.wait(100) == 0
    assert broken.status.state == "stopped"
    assert process(TWO, broken).wait(200) == 0
    assert broken.status.state == "finished"
    assert losses(broken) == losses(both)
    assert broken.results == both.results


def test_they_finish_early_together(wait):
    run = created(epochs=1000)
    training = process(TWO, run)
    wait(lambda: run.checkpoint)
    launcher.finish(run)
    assert training.wait(100) == 0
    assert run.status.state == "finished"
    assert run.results["test"]["n"] > 0


def test_a_batch_too_small_to_share_is_told():
    with pytest.raises(UserError, match="batch_size=2 gives 2 processes less than two images each"):
        Batches(pictures(9, 1), settings(batch_size=2), rank=1, world=2)


def test_the_shares_of_two_processes_are_the_batch():
    whole, shares = Batches(pictures(21, 1), settings()), [Batches(pictures(21, 1), settings(), rank, 2) for rank in (0, 1)]
    for step in range(whole.steps_per_epoch):
        images, labels = whole[step]
        parts = [share[step] for share in shares]
        for rank, (some, of) in enumerate(parts):
            assert torch.equal(some, images[rank::2])
            assert torch.equal(of, labels[rank::2])
