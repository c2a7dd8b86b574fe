"""Gradients of convolutions in bf16 on the CPU, computed in the ways for which oneDNN has fast kernels.

oneDNN 3.12 has no fast bf16 kernel for the weight gradient of depthwise kernels more than three columns wide, nor for the input
gradient at a stride above 1: on a CPU with AVX512-BF16 but without AMX, the two took 80% of a training step of EfficientNet-Lite0. Here
the weight gradient of a wide kernel is computed three columns at a time, each as a depthwise convolution over a shifted input, and
the strided input gradient in float32. The gradients of 1x1 convolutions are matrix products and take a fifth less time when computed
as such; at a stride, only the pixels that the kernel reads take part.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_COLUMNS = 3  # width of the widest depthwise kernel for which oneDNN has a fast weight gradient
_MOST_ROWS = 1 << 16  # pixels per batch up to which a matrix product is the fastest weight gradient of a 1x1 convolution
_backward = torch.ops.aten.convolution_backward


class FastGradients(TorchFunctionMode):
    """A context in which `conv2d` calls in bf16 that are slow in oneDNN get the gradients of this module; other calls are unchanged."""

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
    # Only what the routes below compute correctly: batches on the CPU, padding in numbers, no dilation.
    is_supported = input.device.type == "cpu" and input.ndim == 4 and not isinstance(padding, str) and max(_pair(dilation)) == 1
    if not (is_supported and dtype == torch.bfloat16 and torch.is_grad_enabled()):
        return functional.conv2d(input, weight, bias, stride, padding, dilation, groups)
    depthwise = groups > 1 and groups == weight.shape[0] == input.shape[-3]
    if depthwise and (weight.shape[-1] > _COLUMNS or max(_pair(stride)) > 1):
        route = _Depthwise
    elif groups == 1 and tuple(weight.shape[-2:]) == (1, 1) and max(_pair(padding)) == 0:
        route = _Pointwise
    else:
        return functional.conv2d(input, weight, bias, stride, padding, dilation, groups)
    # A custom function is outside of autocast: it casts its inputs itself, and autograd casts their gradients back.
    bias = None if bias is None else bias.to(dtype)
    return route.apply(input.to(dtype), weight.to(dtype), bias, _pair(stride), _pair(padding))


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, stride: list[int], padding: list[int]
    ) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(x, weight, bias, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = gradients  # one per output
        x, weight = ctx.saved_tensors
        input_gradient = _input_gradient(gradient, x, weight, ctx.stride, ctx.padding) if ctx.needs_input_grad[0] else None
        weight_gradient = _weight_gradient(gradient, x, weight, ctx.stride, ctx.padding) if ctx.needs_input_grad[1] else None
        bias_gradient = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return input_gradient, weight_gradient, bias_gradient, None, None


class _Pointwise(torch.autograd.Function):
    """A 1x1 convolution. At a stride, only the pixels that it reads are saved for the gradients."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, stride: list[int], padding: list[int]
    ) -> torch.Tensor:
        # channels_last, so that `_rows` is a view: in this format the channels of a pixel are adjacent, as a matrix product needs them.
        pixels = x[:, :, :: stride[0], :: stride[1]].contiguous(memory_format=torch.channels_last)
        ctx.save_for_backward(pixels, weight)
        ctx.shape, ctx.stride = x.shape, stride
        return functional.conv2d(pixels, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = gradients  # one per output
        pixels, weight = ctx.saved_tensors
        rows = _rows(gradient)
        input_gradient = weight_gradient = None
        if ctx.needs_input_grad[0]:
            product = (rows @ weight.flatten(1)).view(_channels_last(pixels).shape)
            input_gradient = _spread(product.permute(0, 3, 1, 2), ctx.shape, ctx.stride)
        if ctx.needs_input_grad[1]:
            weight_gradient = _product_gradient(gradient, pixels, weight)
        bias_gradient = rows.sum(0) if ctx.needs_input_grad[2] else None
        return input_gradient, weight_gradient, bias_gradient, None, None


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 2, 3, 1)


def _rows(x: torch.Tensor) -> torch.Tensor:
    """(n, channels, height, width) -> (n * height * width, channels), a view where the format is channels_last."""
    return _channels_last(x).reshape(-1, x.shape[1])


def _product_gradient(gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The weight gradient of a 1x1 convolution at stride 1, by whichever way is faster for this number of pixels."""
    rows = _rows(gradient)
    if len(rows) <= _MOST_ROWS:
        return (rows.t() @ _rows(x)).view_as(weight)
    return _backward(gradient, x, weight, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False])[1]


def _spread(values: torch.Tensor, shape: torch.Size, stride: list[int]) -> torch.Tensor:
    """(n, channels, height, width), zero except at the pixels that a 1x1 kernel reads at this stride."""
    if max(stride) == 1:
        return values
    whole = torch.empty(shape, dtype=values.dtype, memory_format=torch.channels_last).zero_()
    whole[:, :, :: stride[0], :: stride[1]] = values
    return whole


def _input_gradient(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: list[int], padding: list[int]
) -> torch.Tensor:
    if max(stride) > 1:
        # float32, for want of a fast bf16 kernel. Of `x` only the shape and the layout matter here.
        gradient, x, weight = gradient.float(), x.float(), weight.float()
    result = _backward(gradient, x, weight, None, stride, padding, [1, 1], False, [0, 0], len(weight), [True, False, False])
    return result[0].to(torch.bfloat16)


def _weight_gradient(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: list[int], padding: list[int]
) -> torch.Tensor:
    """The weight gradient (channels, 1, height, width); for a wide kernel, three columns at a time."""
    channels, width = len(weight), weight.shape[-1]
    mask = [False, True, False]
    if width <= _COLUMNS:
        return _backward(gradient, x, weight, None, stride, padding, [1, 1], False, [0, 0], channels, mask)[1]
    whole = torch.empty_like(weight)
    reach = stride[1] * (gradient.shape[-1] - 1) + _COLUMNS  # columns of the input that three columns of the kernel read
    for column in range(0, width, _COLUMNS):
        # The last three overlap with those before where the width is not a multiple of three: the same values are written twice.
        first = min(column, width - _COLUMNS)
        left = padding[1] - first
        shifted = functional.pad(x, (left, reach - left - x.shape[-1])).contiguous(memory_format=torch.channels_last)
        part = whole[..., first : first + _COLUMNS]
        result = _backward(gradient, shifted, part, None, stride, [padding[0], 0], [1, 1], False, [0, 0], channels, mask)
        part.copy_(result[1])
    return whole


def _pair(value: int | Sequence[int]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value) * (2 // len(value))
