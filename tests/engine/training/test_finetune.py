"""The fine-tuning loop: its schedule, its patience, what it freezes, and that going on is as if nothing had happened."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from engine.models import model, network
from engine.models.augment import draw_pipeline
from engine.models.device import select_compute
from engine.models.network import Classifier, Preprocessing, to_uint8_batch
from engine.runs import checkpoint
from engine.runs.config import configure
from engine.runs.events import Epoch, Step
from engine.training.finetune import FineTuning, Images

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE, CLASSES = 32, ("forest", "glacier", "sea")


@pytest.fixture(scope="module")
def trunk():
    torch.manual_seed(0)
    return network.build_trunk("efficientnet_lite0", "none", SIZE)


def pictures(count, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    return Images((rng.integers(0, 120, (count, SIZE, SIZE, 3)) + 60 * labels[:, None, None, None]).astype(np.uint8), labels)


@pytest.fixture
def trainer(trunk):
    """trainer(epochs=2, ...): a FineTuning on 20 tiny pictures, 3 steps an epoch, from the same start each time."""

    def make(resumed=None, validation=None, **changes):
        settings = {"image_size": SIZE, "batch_size": 8, "epochs": 2, "precision": "float32", "trainable": 1.0, "patience": 0}
        config = configure("tiny", method="finetune", **{**settings, **changes})
        where = select_compute("cpu", config.precision)
        own = network.Trunk(trunk.entry, copy.deepcopy(trunk.module), trunk.features, trunk.mean, trunk.std)
        current = model.from_checkpoint(resumed, where) if resumed else model.create_model(own, CLASSES, SIZE, where, config.seed)
        made = FineTuning(
            current.classifier, pictures(20, 1), validation or pictures(9, 2), config, current.preprocessing, current.compute
        )
        if resumed:
            made.load_state(resumed.training)
        return made, current.meta

    return make


def story(events):
    """What the events say, without the seconds that they took."""
    timed = ("rate", "seconds", "waiting", "memory")
    return [(type(event).__name__, {k: v for k, v in vars(event).items() if k not in timed}) for event in events]


def weights(trainer):
    return {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}


def differing(a, b):
    return [name for name in a if not torch.equal(a[name], b[name])]


def test_the_facts_are_steps_and_an_epoch_after_each_pass(trainer):
    events = list(trainer()[0].fit())
    assert [type(event) for event in events] == [Step, Step, Step, Epoch] * 2
    assert [event.step for event in events] == [1, 2, 3, 3, 4, 5, 6, 6]
    assert [event.epoch for event in events] == [1, 1, 1, 1, 2, 2, 2, 2]
    losses = [event.loss for event in events[:3]]
    assert events[3].train_loss == pytest.approx(np.average(losses, weights=[8, 8, 4]))
    assert events[3].best


def test_a_seed_repeats_a_training_and_another_seed_does_not(trainer):
    first, again, other = (trainer(seed=seed, epochs=1)[0] for seed in (3, 3, 4))
    stories = [story(t.fit()) for t in (first, again, other)]
    assert stories[0] == stories[1] != stories[2]
    assert differing(weights(first), weights(again)) == []


def test_every_image_is_seen_once_an_epoch_in_a_new_order(trainer):
    one, _ = trainer()
    orders = []
    for epoch in range(3):
        batches = [one.batches.indices(step) for step in range(epoch * 3, epoch * 3 + 3)]
        assert [len(batch) for batch in batches] == [8, 8, 4]
        orders.append(np.concatenate(batches).tolist())
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert orders[0] != orders[1] != orders[2]


def test_the_learning_rate_warms_up_and_ends_near_zero(trainer):
    one, _ = trainer(epochs=40, warmup=0.1, peak_lr=0.02)
    rates = []
    for step in range(one.total_steps):
        one.step = step
        rates.append(one.learning_rate())
    assert one.total_steps == 120
    assert rates[:12] == pytest.approx([0.02 * (s + 1) / 12 for s in range(12)])
    assert rates[12:] == pytest.approx([0.01 * (1 + math.cos(math.pi * (s - 12) / 108)) for s in range(12, 120)])
    assert max(rates) == 0.02
    assert all(a >= b for a, b in itertools.pairwise(rates[11:]))
    assert rates[-1] < 0.001 * 0.02


def test_the_rate_of_a_step_is_the_one_it_was_made_with(trainer):
    one, _ = trainer(warmup=0.5, peak_lr=0.01)
    steps = [event for event in one.fit() if isinstance(event, Step)]
    assert [event.learning_rate for event in steps] == pytest.approx([0.01 / 3, 0.02 / 3, 0.01, 0.01, 0.0075, 0.0025])
    assert one.optimizer.param_groups[0]["lr"] == pytest.approx(0.0025)


@pytest.mark.parametrize(("patience", "epochs"), [(1, 2), (2, 3), (0, 5)])
def test_training_ends_when_validation_has_not_improved_for_so_many_epochs(trainer, patience, epochs):
    """With a learning rate of zero and BatchNorm frozen, every epoch scores what the first scored."""
    one, _ = trainer(epochs=5, patience=patience, peak_lr=0.0, trainable=0.5)
    ends = [event for event in one.fit() if isinstance(event, Epoch)]
    assert [event.best for event in ends] == [True] + [False] * (epochs - 1)
    assert len({event.validation_macro_f1 for event in ends}) == 1


def test_patience_is_remembered_across_an_interruption(tmp_path, trainer):
    settings = {"epochs": 5, "patience": 2, "peak_lr": 0.0, "trainable": 0.5}
    one, meta = trainer(**settings)
    list(itertools.islice(one.fit(), 8))
    checkpoint.save(tmp_path, "last", one.step, meta, one.network.state_dict(), one.state())
    two, _ = trainer(resumed=checkpoint.load(tmp_path, "last"), **settings)
    assert [event.epoch for event in two.fit() if isinstance(event, Epoch)] == [3]


def own_layers(module):
    return [layer for layer in module.modules() if any(True for _ in layer.parameters(recurse=False))]


def test_half_of_the_backbone_stays_untouched_and_batchnorm_keeps_its_statistics(trainer):
    one, _ = trainer(trainable=0.5)
    before = weights(one)
    list(one.fit())
    changed = set(differing(before, weights(one)))
    layers = own_layers(one.network.trunk)
    names = {id(p): f"trunk.{name}" for name, p in one.network.trunk.named_parameters()}
    frozen = {names[id(p)] for layer in layers[: round(len(layers) / 2)] for p in layer.parameters(recurse=False)}
    trained = set(names.values()) - frozen
    assert not changed & frozen
    assert len(changed & trained) > 0.9 * len(trained)
    assert {"head.weight", "head.bias"} <= changed
    assert not [name for name in changed if "running" in name or "num_batches" in name]


def test_share_zero_trains_the_head_alone_and_share_one_everything(trainer):
    alone, _ = trainer(trainable=0.0, epochs=1)
    before = weights(alone)
    list(alone.fit())
    assert differing(before, weights(alone)) == ["head.weight", "head.bias"]
    everything, _ = trainer(trainable=1.0, epochs=1)
    before = weights(everything)
    list(everything.fit())
    assert "trunk.conv_stem.weight" in differing(before, weights(everything))
    assert any("running_mean" in name for name in differing(before, weights(everything)))


class Seeing(nn.Module):
    """A trunk that keeps what it was shown."""

    def forward(self, x):
        self.shown = x.detach().clone()
        return x.mean(dim=(2, 3))


@pytest.mark.parametrize("name", ["none", "light", "standard", "strong", "seed"])
def test_the_preview_shows_what_training_sees(name):
    """One image four times, so that the order does not matter: the first step's input is the preview of its seed."""
    pixels = pictures(1, 5).pixels
    same = Images(np.repeat(pixels, 4, axis=0), np.zeros(4, np.int64))
    config = configure("tiny", method="finetune", image_size=SIZE, batch_size=4, augmentation=name, precision="float32", seed=2)
    preprocessing = Preprocessing(SIZE, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25))
    seeing = Seeing()
    one = FineTuning(Classifier(seeing, 3, 2), same, same, config, preprocessing, select_compute("cpu", "float32"))
    next(one.fit())
    preview = draw_pipeline(to_uint8_batch(pixels)[0], name, 4, seed=2)
    assert torch.equal(seeing.shown, preprocessing(preview))
