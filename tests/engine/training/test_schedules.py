"""The learning rate of every step, and what the plateau remembers."""

import itertools
import math

import pytest
import torch

from engine.runs.config import configure
from engine.training.schedules import Plateau, factor

PER_EPOCH = 10


def factors(**changes):
    config = configure("tiny", method="finetune", **{"epochs": 12, **changes})
    return [factor(config, step, PER_EPOCH) for step in range(config.epochs * PER_EPOCH)]


def test_the_cosine_warms_up_in_a_line_and_ends_near_zero():
    result = factors(schedule="cosine", warmup=0.1)
    assert result[:12] == pytest.approx([(s + 1) / 12 for s in range(12)])
    assert result[12:] == pytest.approx([0.5 * (1 + math.cos(math.pi * (s - 12) / 108)) for s in range(12, 120)])
    assert result[-1] < 0.001


def test_one_cycle_is_that_of_torch():
    result = factors(schedule="onecycle", warmup=0.25)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=120, pct_start=31 / 120, cycle_momentum=False)
    rates = []
    for _ in range(120):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert result == pytest.approx(rates, abs=1e-9)


def test_steps_go_down_every_so_many_epochs():
    result = factors(schedule="step", warmup=0.0, lr_epochs=5, lr_factor=0.5)
    assert result == pytest.approx([1.0] * 50 + [0.5] * 50 + [0.25] * 20)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_a_constant_rate_stays_after_its_warm_up(schedule):
    assert factors(schedule=schedule, warmup=0.05) == pytest.approx([(s + 1) / 6 for s in range(6)] + [1.0] * 114)


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "onecycle", "plateau"])
@pytest.mark.parametrize("warmup", [0.0, 0.5, 1.0])
def test_no_factor_leaves_0_to_1(schedule, warmup):
    assert all(0 <= value <= 1 for value in factors(schedule=schedule, warmup=warmup, epochs=1))


def test_a_plateau_lowers_the_rate_and_starts_to_count_anew():
    config = configure("tiny", method="finetune", schedule="plateau", lr_epochs=2, lr_factor=0.5)
    plateau, seen = Plateau(), []
    for loss in (1.0, 0.9, 0.95, 0.9, 0.92, 0.91, 0.8):
        plateau.update(loss, config)
        seen.append(plateau.factor)
    assert seen == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]
    assert Plateau(**plateau.state()) == plateau


def test_other_schedules_have_no_plateau():
    plateau = Plateau()
    for _ in range(9):
        plateau.update(1.0, configure("tiny", method="finetune", schedule="cosine"))
    assert plateau == Plateau()


def test_the_schedules_differ():
    kinds = ("constant", "step", "cosine", "onecycle")
    assert all(a != b for a, b in itertools.combinations([factors(schedule=kind) for kind in kinds], 2))
