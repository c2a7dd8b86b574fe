"""Gradients of convolutions in bf16 on the CPU, by the routes that oneDNN is fast on.

oneDNN 3.12 has no fast bf16 kernel for the weight gradient of depthwise kernels more than three wide, nor for the input gradient
at a stride: on a CPU without AMX they were 80% of a training step of EfficientNet-Lite0. A wide kernel's weight gradient is computed here
three columns at a time, each a depthwise convolution over a shifted input; the strided input gradient in float32. The gradients of
1x1 convolutions are matrix products, which take a fifth less time as such; at a stride, of the pixels that the kernel meets alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_COLUMNS = 3  # of the widest depthwise kernel with a fast weight gradient
_MOST_ROWS = 1 << 16  # pixels of a batch up to which the weight gradient of a 1x1 convolution is soonest as a matrix product
_backward = torch.ops.aten.convolution_backward


class FastGradients(TorchFunctionMode):
    """While entered, `conv2d` calls in bf16 that oneDNN is slow on get those gradients; every other call is as it was."""

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
    known = input.device.type == "cpu" and input.ndim == 4 and not isinstance(padding, str) and max(_pair(dilation)) == 1
    if not (known and dtype == torch.bfloat16 and torch.is_grad_enabled()):
        return functional.conv2d(input, weight, bias, stride, padding, dilation, groups)
    depthwise = groups > 1 and groups == weight.shape[0] == input.shape[-3]
    if depthwise and (weight.shape[-1] > _COLUMNS or max(_pair(stride)) > 1):
        route = _Depthwise
    elif groups == 1 and tuple(weight.shape[-2:]) == (1, 1) and max(_pair(padding)) == 0:
        route = _Pointwise
    else:
        return functional.conv2d(input, weight, bias, stride, padding, dilation, groups)
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
        of_input = _input_gradient(gradient, x, weight, ctx.stride, ctx.padding) if ctx.needs_input_grad[0] else None
        of_weight = _weight_gradient(gradient, x, weight, ctx.stride, ctx.padding) if ctx.needs_input_grad[1] else None
        of_bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return of_input, of_weight, of_bias, None, None


class _Pointwise(torch.autograd.Function):
    """A 1x1 convolution; of what a strided one reads, only the pixels that it meets are kept for the gradients."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, stride: list[int], padding: list[int]
    ) -> torch.Tensor:
        met = x[:, :, :: stride[0], :: stride[1]].contiguous(memory_format=torch.channels_last)
        ctx.save_for_backward(met, weight)
        ctx.shape, ctx.stride = x.shape, stride
        return functional.conv2d(met, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = gradients  # one per output
        met, weight = ctx.saved_tensors
        rows = _rows(gradient)
        of_input = of_weight = None
        if ctx.needs_input_grad[0]:
            product = (rows @ weight.flatten(1)).view(_channels_last(met).shape)
            of_input = _spread(product.permute(0, 3, 1, 2), ctx.shape, ctx.stride)
        if ctx.needs_input_grad[1]:
            of_weight = _product_gradient(gradient, met, weight)
        of_bias = rows.sum(0) if ctx.needs_input_grad[2] else None
        return of_input, of_weight, of_bias, None, None


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 2, 3, 1)


def _rows(x: torch.Tensor) -> torch.Tensor:
    """(n, channels, height, width) -> (n * height * width, channels), a view of what is in channels_last."""
    return _channels_last(x).reshape(-1, x.shape[1])


def _product_gradient(gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The weight gradient of a 1x1 convolution at stride 1, by the route that is sooner for so many pixels."""
    rows = _rows(gradient)
    if len(rows) <= _MOST_ROWS:
        return (rows.t() @ _rows(x)).view_as(weight)
    return _backward(gradient, x, weight, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False])[1]


def _spread(values: torch.Tensor, shape: torch.Size, stride: list[int]) -> torch.Tensor:
    """(n, channels, height, width), zero but for the pixels that a kernel of one pixel meets at the stride."""
    if max(stride) == 1:
        return values
    whole = torch.empty(shape, dtype=values.dtype, memory_format=torch.channels_last).zero_()
    whole[:, :, :: stride[0], :: stride[1]] = values
    return whole


def _input_gradient(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: list[int], padding: list[int]
) -> torch.Tensor:
    if max(stride) > 1:
        # The values of `x` do not matter here, only its shape and layout.
        gradient, x, weight = gradient.float(), x.float(), weight.float()
    result = _backward(gradient, x, weight, None, stride, padding, [1, 1], False, [0, 0], len(weight), [True, False, False])
    return result[0].to(torch.bfloat16)


def _weight_gradient(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: list[int], padding: list[int]
) -> torch.Tensor:
    """(channels, 1, height, width); of a wide kernel some columns at a time."""
    channels, width = len(weight), weight.shape[-1]
    mask = [False, True, False]
    if width <= _COLUMNS:
        return _backward(gradient, x, weight, None, stride, padding, [1, 1], False, [0, 0], channels, mask)[1]
    whole = torch.empty_like(weight)
    reach = stride[1] * (gradient.shape[-1] - 1) + _COLUMNS  # columns of the input that these columns of the kernel meet
    for column in range(0, width, _COLUMNS):
        first = min(column, width - _COLUMNS)
        left = padding[1] - first
        shifted = functional.pad(x, (left, reach - left - x.shape[-1])).contiguous(memory_format=torch.channels_last)
        part = whole[..., first : first + _COLUMNS]
        result = _backward(gradient, shifted, part, None, stride, [padding[0], 0], [1, 1], False, [0, 0], channels, mask)
        part.copy_(result[1])
    return whole


def _pair(value: int | Sequence[int]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value) * (2 // len(value))
