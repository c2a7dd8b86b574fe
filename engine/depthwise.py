"""Gradients of depthwise convolutions in bf16 on the CPU, by the routes that oneDNN is fast on.

oneDNN 3.12 has no fast bf16 kernel for the weight gradient of depthwise kernels above 3x3, nor for the input gradient
at a stride: on a CPU without AMX they were 80% of a training step of EfficientNet-Lite0. A large kernel's weight gradient is
computed here as 3x3 tiles of it, each a depthwise convolution over a shifted input; the strided input gradient in float32.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_TILE = 3  # side of the largest kernel with a fast weight gradient
_backward = torch.ops.aten.convolution_backward


class FastDepthwise(TorchFunctionMode):
    """While entered, depthwise `conv2d` calls in bf16 get those gradients; every other call is as it was."""

    def __torch_function__(
        self, func: Callable, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is functional.conv2d:
            return _conv2d(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _conv2d(
    input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None,
    stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> torch.Tensor:  # fmt: skip
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else input.dtype
    slow = max(weight.shape[-2:]) > _TILE or max(_pair(stride)) > 1
    depthwise = groups > 1 and groups == weight.shape[0] == input.shape[-3] and input.ndim == 4
    known = input.device.type == "cpu" and not isinstance(padding, str) and max(_pair(dilation)) == 1
    if not (depthwise and slow and known and dtype == torch.bfloat16 and torch.is_grad_enabled()):
        return functional.conv2d(input, weight, bias, stride, padding, dilation, groups)
    out = _Depthwise.apply(input.to(dtype), weight.to(dtype), _pair(stride), _pair(padding))
    return out if bias is None else out + bias.to(dtype).view(-1, 1, 1)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, stride: list[int], padding: list[int]) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(x, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        of_input = _input_gradient(gradient, x, weight, ctx.stride, ctx.padding) if ctx.needs_input_grad[0] else None
        of_weight = _weight_gradient(gradient, x, weight, ctx.stride, ctx.padding) if ctx.needs_input_grad[1] else None
        return of_input, of_weight, None, None


def _input_gradient(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: list[int], padding: list[int]
) -> torch.Tensor:
    if max(stride) > 1:
        # The values of `x` do not matter here, only its shape and layout.
        gradient, x, weight = gradient.float(), x.float(), weight.float()
    found = _backward(gradient, x, weight, None, stride, padding, [1, 1], False, [0, 0], len(weight), [True, False, False])
    return found[0].to(torch.bfloat16)


def _weight_gradient(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: list[int], padding: list[int]
) -> torch.Tensor:
    """(channels, 1, height, width); of a large kernel tile by tile."""
    channels, _, height, width = weight.shape
    mask = [False, True, False]
    if max(height, width) <= _TILE:
        return _backward(gradient, x, weight, None, stride, padding, [1, 1], False, [0, 0], channels, mask)[1]
    rows, columns = (-(-side // _TILE) * _TILE for side in (height, width))
    (top, left), (h, w) = padding, gradient.shape[-2:]
    padded = functional.pad(x, (left, left + columns - width, top, top + rows - height))
    whole = weight.new_empty(channels, 1, rows, columns)
    tile = whole[..., :_TILE, :_TILE]
    for row in range(0, rows, _TILE):
        for column in range(0, columns, _TILE):
            bottom, right = row + stride[0] * (h - 1) + _TILE, column + stride[1] * (w - 1) + _TILE
            shifted = padded[:, :, row:bottom, column:right].contiguous(memory_format=torch.channels_last)
            found = _backward(gradient, shifted, tile, None, stride, [0, 0], [1, 1], False, [0, 0], channels, mask)
            whole[..., row : row + _TILE, column : column + _TILE] = found[1]
    return whole[..., :height, :width]


def _pair(value: int | Sequence[int]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value) * (2 // len(value))
