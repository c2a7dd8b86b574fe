"""A backbone as a graph: BatchNorm folded into convolutions, the frozen front split from the trained back.

The parts share their parameters with the module from which they were made: training the back trains the module.
"""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from engine.models.device import Compute

_TOLERANCE = 1e-3  # relative to the largest value
_LATER_CUT_FACTOR = 1.5  # a later cut may store this many times the smallest activation, since it saves computation in every step


class Folded(nn.Module):
    """A convolution and its BatchNorm in evaluation mode as one convolution, which saves two passes over the activations.

    Gradients reach the weights of both layers, as if they had run one after the other.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv, self.norm = conv, norm
        after = [norm.get_submodule(name) for name in ("drop", "act")] if _brings_activation(norm) else []
        self.after = nn.Sequential(*(layer for layer in after if not isinstance(layer, nn.Identity)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.merged()
        return self.after(torch.func.functional_call(self.conv, {"weight": weight, "bias": bias}, (x,)))

    def merged(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The weight and the bias of the fused convolution, computed in float32."""
        norm, bias = self.norm, self.conv.bias
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None and variance is not None  # `_is_plain_norm` admits only layers that track them
        with torch.autocast(norm.weight.device.type, enabled=False):
            scale = norm.weight * torch.rsqrt(variance + norm.eps)
            shift = mean if bias is None else mean - bias
            return self.conv.weight * scale.view(-1, 1, 1, 1), norm.bias - shift * scale


class _Tracer(fx.Tracer):
    """Traces into every module down to the layers. Modules without parameters stay modules, so that dropout still follows train and eval."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        layer = isinstance(m, nn.Conv2d | nn.BatchNorm2d) or not any(True for _ in m.parameters())
        return layer or super().is_leaf_module(m, module_qualified_name)


def trace(trunk: nn.Module) -> fx.GraphModule | None:
    """The module as a graph of layers; None where its control flow depends on the input, or on train or eval mode."""
    was_training = trunk.training
    try:
        result = [_Tracer().trace(trunk.train(mode)) for mode in (True, False)]
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError):
        return None
    finally:
        trunk.train(was_training)
    first, second = (str(traced) for traced in result)
    return fx.GraphModule(trunk, result[0]) if first == second else None


def fold(module: fx.GraphModule) -> fx.GraphModule:
    """The graph with each BatchNorm that follows a convolution folded into it; valid while BatchNorm is in evaluation mode."""
    layers, new = dict(module.named_modules()), copy.deepcopy(module.graph)
    replaced: dict[str, nn.Module] = {}
    for node in list(new.nodes):
        source = node.args[0] if node.args else None
        if not (node.op == "call_module" and isinstance(source, fx.Node) and source.op == "call_module"):
            continue
        conv, norm = layers[str(source.target)], layers[str(node.target)]
        if isinstance(conv, nn.Conv2d) and _is_plain_norm(norm) and len(source.users) == 1:
            replaced[str(source.target)] = Folded(conv, norm)
            node.replace_all_uses_with(source)
            new.erase_node(node)
    root = {node.target: replaced.get(node.target) or layers[node.target] for node in new.nodes if node.op == "call_module"}
    attributes = {node.target: _attribute(module, node.target) for node in new.nodes if node.op == "get_attr"}
    return fx.GraphModule({**root, **attributes}, new)


def split(module: fx.GraphModule, example: torch.Tensor) -> tuple[fx.GraphModule, fx.GraphModule] | None:
    """(front, back) of the graph with back(front(x)) = module(x), where everything in front is frozen; None where no such cut exists.

    Among the cuts that a single tensor crosses, the one with the smallest tensor is chosen, and among about equal ones the latest.
    """
    frozen = list(_frozen(module))
    with torch.no_grad():
        ShapeProp(module).propagate(example)
    sizes = {node: _size(node) for node in frozen if node.op != "placeholder" and _crosses_alone(node, module)}
    if not sizes:
        return None
    least = min(sizes.values())
    last = [node for node, size in sizes.items() if size <= _LATER_CUT_FACTOR * least][-1]
    return _part(module, None, last), _part(module, last, None)


def freeze(front: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy of a folded part for inference in `dtype`: weights merged and cast once."""
    copied = copy.deepcopy(front).eval().requires_grad_(False)
    for name, module in list(copied.named_modules()):
        if isinstance(module, Folded):
            copied.set_submodule(name, _merge(module))
    return copied.to(dtype)


def _merge(layers: Folded) -> nn.Sequential:
    """The convolution with the merged weights, followed by the rest of the BatchNorm layer, such as its activation."""
    layers.conv.weight, layers.conv.bias = (nn.Parameter(tensor, requires_grad=False) for tensor in layers.merged())
    return nn.Sequential(layers.conv, layers.after)


@dataclass(frozen=True)
class InferenceModule:
    """A module that maps normalised images to features. `dtype`: that of its weights; None where autocast chooses."""

    module: nn.Module
    dtype: torch.dtype | None = None

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.module(inputs if self.dtype is None else inputs.to(self.dtype))


def prepare_inference(module: nn.Module, compute: Compute, size: int) -> InferenceModule:
    """The fastest equivalent of the module in evaluation mode, for normalised images of about `size` pixels.

    A merged copy with the current weights, in the dtype of `compute`; the module itself where the outputs of the copy would differ.
    """
    # `no_grad`, and `inference_mode` switched off: tensors made in inference mode can never take part in a gradient, which Grad-CAM needs.
    with torch.inference_mode(False), torch.no_grad():
        module = compute.place(module).eval()
        quick = compute.place(merge_norms(module))
        example = compute.batch(torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0)))
        # Compared in float32 whatever the caller's autocast: bf16 rounding alone exceeds the tolerance.
        with torch.autocast(compute.device.type, enabled=False):
            if not outputs_agree(quick(example), module(example)):
                return InferenceModule(module)
        return InferenceModule(quick.to(compute.dtype), compute.dtype)


def merge_norms(module: nn.Module) -> nn.Module:
    """A copy of the module with each BatchNorm that directly follows a convolution merged into it.

    It relies on the order in which a module registers its layers. This is nearly always the order of its `forward`, but the caller must
    compare the outputs. Tracing would be certain, but replaces `nn.Module.__call__` for all threads of a server.
    """
    copied = copy.deepcopy(module).eval().requires_grad_(False)
    for parent in list(copied.modules()):
        for (_, conv), (name, norm) in itertools.pairwise(parent.named_children()):
            if isinstance(conv, nn.Conv2d) and _is_plain_norm(norm) and norm.num_features == conv.out_channels:
                setattr(parent, name, _merge(Folded(conv, norm))[1])
    return copied


def outputs_agree(output: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether two outputs agree up to what another order of float32 sums may change; False where one is NaN."""
    return bool((output - expected).abs().max() <= _TOLERANCE * expected.abs().max())


def _is_plain_norm(layer: nn.Module) -> TypeGuard[nn.BatchNorm2d]:
    """Whether it is a BatchNorm that merges into a convolution: of a known class, with weights and running statistics."""
    known = isinstance(layer, nn.BatchNorm2d) and (type(layer) is nn.BatchNorm2d or _brings_activation(layer))
    return known and layer.affine and layer.track_running_stats


def _brings_activation(layer: nn.Module) -> bool:
    """Whether it is timm's BatchNorm with an activation. By its name, since importing timm takes seconds."""
    return isinstance(layer, nn.BatchNorm2d) and type(layer).__name__ == "BatchNormAct2d"


def _attribute(module: nn.Module, target: str) -> object:
    parent, _, leaf = target.rpartition(".")
    return getattr(module.get_submodule(parent), leaf)


def _frozen(module: fx.GraphModule) -> Iterator[fx.Node]:
    """The nodes before the first node with a trainable parameter."""
    for node in module.graph.nodes:
        owned: list[torch.Tensor] = []
        if node.op == "call_module":
            owned = list(module.get_submodule(node.target).parameters())
        elif node.op == "get_attr":
            result = _attribute(module, node.target)
            owned = [result] if isinstance(result, torch.Tensor) else []
        if any(tensor.requires_grad for tensor in owned) or node.op == "output":
            return
        yield node


def _crosses_alone(node: fx.Node, module: fx.GraphModule) -> bool:
    """Whether later nodes use no earlier value but that of `node`."""
    nodes = list(module.graph.nodes)
    place = nodes.index(node)
    before, after = set(nodes[: place + 1]), set(nodes[place + 1 :])
    needed = {source for source in before if any(user in after for user in source.users)}
    return needed == {node} and "tensor_meta" in node.meta


def _size(node: fx.Node) -> int:
    return node.meta["tensor_meta"].shape[1:].numel()


def _part(module: fx.GraphModule, first: fx.Node | None, last: fx.Node | None) -> fx.GraphModule:
    """The nodes after `first` (None: from the start) up to `last` (None: to the end) as a graph of its own."""
    part, known = fx.Graph(), {}
    nodes = list(module.graph.nodes)
    begin = 0 if first is None else nodes.index(first) + 1
    end = len(nodes) if last is None else nodes.index(last) + 1
    if first is not None:
        known[first] = part.placeholder("x")
    for node in nodes[begin:end]:
        known[node] = part.node_copy(node, lambda source: known[source])
    if last is not None:
        part.output(known[last])
    return fx.GraphModule(module, part)
