"""A backbone as a graph: its frozen front apart from the trained back, and BatchNorm folded into convolutions.

Both share their parameters with the module that they were made of: training the back trains the module.
"""

import copy
from collections.abc import Iterator

import torch
from timm.layers import BatchNormAct2d
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

_WORTH = 1.5  # a later cut may keep this many times the smallest activation: it saves computing at every step


class Folded(nn.Module):
    """A convolution and its BatchNorm in evaluation mode as one convolution: two passes over the activations less.

    Gradients reach the weights of both, as if they had run one after the other.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv, self.norm = conv, norm
        after = (norm.drop, norm.act) if isinstance(norm, BatchNormAct2d) else ()
        self.after = nn.Sequential(*(layer for layer in after if not isinstance(layer, nn.Identity)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.merged()
        return self.after(torch.func.functional_call(self.conv, {"weight": weight, "bias": bias}, (x,)))

    def merged(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The weight and the bias of the one convolution, computed in float32."""
        norm, bias = self.norm, self.conv.bias
        with torch.autocast(norm.weight.device.type, enabled=False):
            scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
            shift = norm.running_mean if bias is None else norm.running_mean - bias
            return self.conv.weight * scale.view(-1, 1, 1, 1), norm.bias - shift * scale


class _Tracer(fx.Tracer):
    """Looks into every module down to the layers; what has no parameters stays a module, and knows train from eval."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        layer = isinstance(m, nn.Conv2d | nn.BatchNorm2d) or not any(True for _ in m.parameters())
        return layer or super().is_leaf_module(m, module_qualified_name)


def graph(trunk: nn.Module) -> fx.GraphModule | None:
    """The module as a graph of layers; None where its code decides by its input, or by train and eval, what to do."""
    was_training = trunk.training
    try:
        found = [_Tracer().trace(trunk.train(mode)) for mode in (True, False)]
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError):
        return None
    finally:
        trunk.train(was_training)
    first, second = (str(traced) for traced in found)
    return fx.GraphModule(trunk, found[0]) if first == second else None


def fold(module: fx.GraphModule) -> fx.GraphModule:
    """The graph with each BatchNorm that follows a convolution folded into it; for use while BatchNorm is in evaluation mode."""
    layers, new = dict(module.named_modules()), copy.deepcopy(module.graph)
    replaced: dict[str, nn.Module] = {}
    for node in list(new.nodes):
        source = node.args[0] if node.args else None
        if not (_is_layer(node, layers, (nn.BatchNorm2d, BatchNormAct2d)) and isinstance(source, fx.Node)):
            continue
        if _is_layer(source, layers, None) and len(source.users) == 1 and layers[node.target].track_running_stats:
            replaced[source.target] = Folded(layers[source.target], layers[node.target])
            node.replace_all_uses_with(source)
            new.erase_node(node)
    root = {node.target: replaced.get(node.target) or layers[node.target] for node in new.nodes if node.op == "call_module"}
    attributes = {node.target: _attribute(module, node.target) for node in new.nodes if node.op == "get_attr"}
    return fx.GraphModule({**root, **attributes}, new)


def split(module: fx.GraphModule, example: torch.Tensor) -> tuple[fx.GraphModule, fx.GraphModule] | None:
    """(front, back) of the graph with back(front(x)) = module(x), where all that front holds is frozen; None without such a place.

    Of the places where a single tensor crosses, the one with the smallest is taken, and of about equal ones the latest.
    """
    frozen = list(_frozen(module))
    with torch.inference_mode():
        ShapeProp(module).propagate(example)
    sizes = {node: _size(node) for node in frozen if node.op != "placeholder" and _crosses_alone(node, module)}
    if not sizes:
        return None
    least = min(sizes.values())
    last = [node for node, size in sizes.items() if size <= _WORTH * least][-1]
    return _part(module, None, last), _part(module, last, None)


def fast(front: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy of a frozen, folded part for inference in `dtype`: weights merged and cast once."""
    copied = copy.deepcopy(front).eval().requires_grad_(False)
    for name, module in list(copied.named_modules()):
        if isinstance(module, Folded):
            module.conv.weight, module.conv.bias = (nn.Parameter(t, requires_grad=False) for t in module.merged())
            copied.set_submodule(name, nn.Sequential(module.conv, *module.after))
    return copied.to(dtype)


def _is_layer(node: fx.Node, layers: dict[str, nn.Module], kinds: tuple[type, ...] | None) -> bool:
    if node.op != "call_module":
        return False
    layer = layers[node.target]
    return type(layer) in kinds if kinds else isinstance(layer, nn.Conv2d)


def _attribute(module: nn.Module, target: str) -> object:
    parent, _, leaf = target.rpartition(".")
    return getattr(module.get_submodule(parent), leaf)


def _frozen(module: fx.GraphModule) -> Iterator[fx.Node]:
    """The nodes before the first that holds something trainable."""
    for node in module.graph.nodes:
        owned: list[torch.Tensor] = []
        if node.op == "call_module":
            owned = list(module.get_submodule(node.target).parameters())
        elif node.op == "get_attr":
            found = _attribute(module, node.target)
            owned = [found] if isinstance(found, torch.Tensor) else []
        if any(tensor.requires_grad for tensor in owned) or node.op == "output":
            return
        yield node


def _crosses_alone(node: fx.Node, module: fx.GraphModule) -> bool:
    """Whether the value of `node` is all that the nodes after it need of those up to it."""
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
