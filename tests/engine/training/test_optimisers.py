"""Which parameters learn how fast, and which of them decay."""

import pytest
import torch

from engine.models import network
from engine.models.network import Classifier, freeze_below
from engine.runs.config import configure
from engine.training.optimisers import block_numbers, build_optimiser, parameter_groups, set_rate

BLOCKS = {"efficientnet_lite0": 16, "resnet18": 8, "convnext_tiny": 18, "swin_t": 15, "timm:vit_tiny_patch16_224": 12}


def classifier(name="resnet18"):
    trunk = network.build_trunk(name, image_size=224 if "vit" in name else 64)
    return Classifier(trunk.module, trunk.features, 3)


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_count_up_from_the_stem_to_the_output(name):
    numbers = list(block_numbers(classifier(name).trunk).values())
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(BLOCKS[name] + 1))


def test_every_parameter_is_in_one_group_and_learns_by_its_depth():
    network_ = classifier()
    result = parameter_groups(network_, configure("tiny", method="finetune", layer_decay=0.5, weight_decay=0.1))
    of = {id(p): group for group in result for p in group["params"]}
    assert len(of) == sum(len(group["params"]) for group in result) == sum(1 for _ in network_.parameters())
    scale = {name: of[id(p)]["lr_scale"] for name, p in network_.named_parameters()}
    expected = {
        "head.weight": 1,
        "trunk.layer4.1.conv2.weight": 0.5,
        "trunk.layer4.0.conv1.weight": 0.25,
        "trunk.conv1.weight": 0.5**9,
    }
    assert {name: scale[name] for name in expected} == expected


def test_norms_and_biases_do_not_decay():
    network_ = classifier()
    for group in parameter_groups(network_, configure("tiny", method="finetune", weight_decay=0.1)):
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] == 0.1}


def test_frozen_layers_are_in_no_group():
    network_ = classifier()
    freeze_below(network_.trunk, 0.0)
    assert [len(group["params"]) for group in parameter_groups(network_, configure("tiny", method="finetune"))] == [1, 1]


@pytest.mark.parametrize(
    ("changes", "kind", "setting"),
    [
        ({"optimiser": "sgd", "momentum": 0.8}, torch.optim.SGD, {"momentum": 0.8, "nesterov": True}),
        ({"optimiser": "sgd", "momentum": 0.0}, torch.optim.SGD, {"momentum": 0.0, "nesterov": False}),
        ({"optimiser": "adam"}, torch.optim.Adam, {"decoupled_weight_decay": False}),
        ({"optimiser": "adamw"}, torch.optim.AdamW, {"decoupled_weight_decay": True}),
    ],
)
def test_the_optimiser_is_the_one_that_was_asked_for(changes, kind, setting):
    made = build_optimiser(classifier(), configure("tiny", method="finetune", **changes))
    assert type(made) is kind
    assert {name: made.defaults[name] for name in setting} == setting


def test_a_rate_reaches_every_group_by_its_scale():
    made = build_optimiser(classifier(), configure("tiny", method="finetune", layer_decay=0.5))
    set_rate(made, 0.4)
    assert {round(group["lr"] / 0.4, 9) for group in made.param_groups} == {round(0.5**n, 9) for n in range(10)}
