"""Frozen layers run apart from the trained ones, and their output is kept: the same training, sooner."""

import copy
import itertools

import numpy as np
import pytest
import torch
from tiny import differing, pictures, restored, saved, story, trainer, weights

from engine.core.progress import Progress
from engine.models import fusing, network
from engine.models.device import select_compute
from engine.runs.config import configure
from engine.runs.events import Epoch, Step
from engine.training import activation_cache, finetune

pytestmark = pytest.mark.usefixtures("one_thread")

HALF = {"trainable": 0.5, "draws": 2, "epochs": 3, "peak_lr": 0.01}


def half_frozen(name):
    torch.manual_seed(0)
    module = network.build_trunk(name, "none", 64).module.eval()
    for norm in module.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 2)
    network.freeze_below(module, 0.5)
    return module


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18", "mobilenet_v3_large", "convnext_tiny"])
def test_front_and_back_are_the_trunk_and_only_the_back_learns(name):
    module = half_frozen(name)
    config = configure("x", "balanced", image_size=64, trainable=0.5)
    parts = activation_cache.split_trunk(module, config, select_compute("cpu", "float32"))
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = module(images)
        activations = parts.activations(images)
        assert activations.shape[1:] == parts.shape
        assert torch.allclose(parts.back(activations), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    learning = {id(p) for p in module.parameters() if p.requires_grad}
    assert {id(p) for p in parts.back.parameters() if p.requires_grad} == learning != set()


def test_the_gradients_through_folded_layers_are_those_of_the_layers():
    module = half_frozen("efficientnet_lite0")
    images = torch.randn(2, 3, 64, 64)
    result = []
    for network_ in (module, fusing.fold(fusing.trace(module))):
        module.zero_grad()
        network_(images).square().sum().backward()
        result.append({name: p.grad.clone() for name, p in module.named_parameters() if p.requires_grad})
    for name, gradient in result[0].items():
        # An activation that rounding moves across the kink of a ReLU6 changes a few entries, so it is the whole that counts.
        assert float((result[1][name] - gradient).norm()) <= 0.01 * float(gradient.norm()), name


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18", "mobilenet_v3_large", "convnext_tiny"])
def test_the_copy_that_answers_is_the_network_to_rounding(name):
    module, images = half_frozen(name), torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = module(images).clone()
        answers = fusing.prepare_inference(module, select_compute("cpu", "float32"), 64)
        assert torch.allclose(answers(images), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
        assert answers is not module
        assert torch.allclose(module(images), expected, rtol=1e-3, atol=1e-4)


def test_the_copy_is_as_near_to_float32_in_bf16_as_the_network_itself():
    """Merging rounds the weights once and the activations less often: no accuracy is lost by it."""
    trunk, half = network.build_trunk("efficientnet_lite0", "pretrained", 64), select_compute("cpu", "bf16")
    module, images = trunk.module.eval(), half.batch(torch.randn(16, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    answers = fusing.prepare_inference(module, half, 64)
    with torch.inference_mode():
        exact = module(images)
        with half.autocast():
            errors = [float((output.float() - exact).norm() / exact.norm()) for output in (answers(images), module(images))]
    assert answers is not module
    assert errors[0] <= 1.1 * errors[1] < 0.1


def test_a_network_that_names_its_layers_in_another_order_answers_itself():
    class Crossed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = torch.nn.Conv2d(3, 3, 1), torch.nn.BatchNorm2d(3).requires_grad_(False)
            self.norm.running_mean += 1

        def forward(self, x):
            return self.conv(self.norm(x)).mean((2, 3)) + self.conv(x).mean((2, 3))

    crossed = Crossed().eval()
    assert fusing.prepare_inference(crossed, select_compute("cpu", "float32"), 8).module is crossed


def test_a_module_that_decides_by_its_input_is_left_alone():
    class Deciding(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.layer(x).mean((2, 3)) if x.sum() > 0 else x.mean((2, 3))

    assert fusing.trace(Deciding()) is None
    module = Deciding().requires_grad_(False)
    assert activation_cache.split_trunk(module, configure("x", "balanced"), select_compute("cpu", "float32")) is None


@pytest.mark.parametrize("changes", [{"trainable": 0.5}, {"trainable": 0.99}, {"trainable": 0.9, "unfreeze_epochs": 1}])
def test_training_behind_frozen_parts_is_the_plain_training(monkeypatch, changes):
    settings = {"epochs": 2, "peak_lr": 0.01, **changes}
    quick = trainer(**settings)
    monkeypatch.setattr(finetune.activation_cache, "split_trunk", lambda *_: None)
    plain = trainer(**settings)
    assert quick.split is not None and plain.split is None
    losses = [[event.loss for event in one.fit() if isinstance(event, Step)] for one in (quick, plain)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    for name, tensor in weights(plain).items():
        assert torch.allclose(weights(quick)[name], tensor, rtol=0.02, atol=1e-3), name


def test_a_convolution_is_frozen_with_its_norm():
    module = network.build_trunk("resnet18", "none", 64).module
    network.freeze_below(module, 0.97)
    frozen_ = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    assert frozen_ == {"conv1.weight", "bn1.weight", "bn1.bias"}


def test_kept_activations_train_as_the_draws_themselves_would(monkeypatch):
    cached = trainer(**HALF)
    monkeypatch.setattr(finetune.activation_cache, "build_cache", lambda *_: None)
    plain = trainer(**HALF)
    assert cached.cache is not None and plain.cache is None
    first, second = list(cached.fit()), list(plain.fit())
    assert [type(event) for event in first] == ([Progress] + [Step] * 3 + [Epoch]) * 2 + [Step] * 3 + [Epoch]
    assert [f.loss for f in first if isinstance(f, Step)] == pytest.approx(
        [f.loss for f in second if isinstance(f, Step)], rel=1e-3
    )


def test_draws_come_back_in_turn():
    batches = trainer(**HALF, augmentation="standard").batches
    every = np.arange(20)
    drawn = [batches.augmented(every, epoch)[0] for epoch in range(3)]
    assert torch.equal(drawn[0], drawn[2]) and not torch.equal(drawn[0], drawn[1])
    images, labels = batches[7]
    assert torch.equal(images, drawn[0][batches.indices(7)])
    assert torch.equal(labels, torch.from_numpy(batches.images.labels[batches.indices(7)]))


@pytest.mark.parametrize("after", [1, 3, 5, 6, 10, 12])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_an_interrupted_training_on_kept_activations_goes_on_bit_for_bit(after, precision):
    settings = {**HALF, "precision": precision, "ema": 0.9}
    whole = trainer(**settings)
    expected = story(event for event in whole.fit() if not isinstance(event, Progress))
    first = trainer(**settings)
    events = list(itertools.islice(first.fit(), after))
    second = restored(saved(first), **settings)
    all_events = [event for event in [*events, *second.fit()] if not isinstance(event, Progress)]
    assert story(all_events) == expected
    assert differing(weights(second), weights(whole)) == []


@pytest.mark.parametrize(
    "changes",
    [{"trainable": 1.0}, {"unfreeze_epochs": 1}, {"mixing": "mixup"}, {"initial_size": 32, "image_size": 64}, {"draws": 0}],
)
def test_nothing_is_kept_that_would_not_come_back(changes):
    one = trainer(**{**HALF, **changes})
    assert one.cache is None
    assert [type(event) for event in one.fit()].count(Epoch) == 3


def test_what_would_not_fit_on_the_disk_is_computed_at_each_step(monkeypatch):
    monkeypatch.setattr(activation_cache, "_MAX_BYTES", 1000)
    assert trainer(**HALF).cache is None


def test_the_file_of_the_activations_goes_with_the_process(home):
    one = trainer(**HALF)
    list(one.fit())
    assert list((home / "cache" / "activations").iterdir()) == []
    assert list(one.cache.prepare(0)) == []


def test_the_front_is_a_copy_that_does_not_follow_the_training():
    one = trainer(train=pictures(20, 1), **HALF)
    before = copy.deepcopy(one.split.front.state_dict())
    list(one.fit())
    assert differing(before, one.split.front.state_dict()) == []
