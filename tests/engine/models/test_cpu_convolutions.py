"""Gradients by the fast routes are those of the plain ones."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from engine.models.cpu_convolutions import FastGradients

pytestmark = pytest.mark.usefixtures("one_thread")


def gradients(conv, x, context):
    conv.zero_grad()
    x = x.detach().clone().requires_grad_()
    with context, torch.autocast("cpu", dtype=torch.bfloat16):
        out = conv(x)
    out.float().square().sum().backward()
    return [out.detach().float(), x.grad.float(), conv.weight.grad, *([conv.bias.grad] if conv.bias is not None else [])]


def compare(conv, x):
    """The fast gradients next to those of float32, all of weights that bf16 holds."""
    with torch.no_grad():
        conv.weight.copy_(conv.weight.bfloat16())
    fast = gradients(conv, x, FastGradients())
    for result, expected in zip(fast, gradients(conv, x, torch.autocast("cpu", enabled=False)), strict=True):
        assert result.shape == expected.shape
        assert torch.allclose(result, expected, rtol=0.05, atol=0.02 * float(expected.abs().max()))


@pytest.mark.parametrize("kernel", [1, 3, 4, 5, 7, (3, 5)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 2, (1, 3)])
def test_the_gradients_are_those_of_float32_to_the_precision_of_bf16(kernel, stride, padding):
    torch.manual_seed(0)
    conv = nn.Conv2d(16, 16, kernel, stride, padding, groups=16)
    x = torch.randn(4, 16, 11, 9).bfloat16().float()
    compare(conv, x)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("stride", [1, 2, (1, 3)])
@pytest.mark.parametrize("pixels", [(11, 9), (1, 1), (160, 160)])
def test_the_gradients_of_1x1_kernels_are_those_of_float32_to_the_precision_of_bf16(bias, layout, stride, pixels):
    torch.manual_seed(0)
    conv = nn.Conv2d(16, 24, 1, stride, bias=bias)
    x = torch.randn(4, 16, *pixels).bfloat16().float().contiguous(memory_format=layout)
    compare(conv, x)


def test_only_depthwise_convolutions_in_bf16_that_will_be_differentiated_take_the_route(monkeypatch):
    taken = []
    monkeypatch.setattr("engine.models.cpu_convolutions._Depthwise.apply", lambda x, *rest: taken.append(x) or x)
    x, wide, full = torch.randn(2, 8, 9, 9), torch.randn(8, 1, 5, 5), torch.randn(8, 8, 5, 5)
    with FastGradients():
        functional.conv2d(x, wide, groups=8)
        functional.conv2d(x.bfloat16(), full.bfloat16())
        functional.conv2d(x.bfloat16(), wide.bfloat16(), groups=8, dilation=2)
        functional.conv2d(x.bfloat16(), wide[..., :3, :3].bfloat16(), groups=8)
        with torch.no_grad():
            functional.conv2d(x.bfloat16(), wide.bfloat16(), groups=8)
        assert not taken
        functional.conv2d(x.bfloat16(), wide.bfloat16(), groups=8)
        functional.conv2d(x.bfloat16(), wide[..., :3, :3].bfloat16(), stride=2, groups=8)
    assert len(taken) == 2
