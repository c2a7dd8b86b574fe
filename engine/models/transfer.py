"""Starting from trained weights: a state-dict file or a run, with a report of the tensors that fitted."""

import itertools
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from engine.core.errors import UserError
from engine.core.safetensors_header import read_header
from engine.core.sandbox import check_ordinary

RUN = "run:"
LARGEST = 8 << 30  # bytes of a weights file
_WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights")
# What trainers prepend to a name: DataParallel, torch.compile, and classes that hold a backbone.
_PREFIXES = ("", "module.", "_orig_mod.", "model.", "backbone.", "trunk.", "encoder.", "net.")
_TYPES = frozenset((
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8,
    torch.bool,
))  # fmt: skip
_SHOWN = 3
_LEAST = 0.5  # share of the tensors that must fit: with fewer, the file belongs to another model


@dataclass(frozen=True)
class TransferReport:
    """Which tensors of a state dict went into a backbone, by name.

    `head`: the classification layer (weight, bias) of the state dict, if it has one; `classes`: the classes of that head, if known.
    """

    source: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    other_shape: tuple[str, ...]
    head: Mapping[str, torch.Tensor]
    classes: tuple[str, ...] = ()

    def head_for(self, classes: Sequence[str]) -> dict[str, torch.Tensor] | None:
        """The classification layer for these classes, in their order; None where it is for other classes, or another number of them."""
        if self.head.keys() != {"weight", "bias"} or len(self.head["weight"]) != len(classes):
            return None
        if not self.classes:
            return dict(self.head)
        if set(self.classes) != set(classes):
            return None
        rows = [self.classes.index(name) for name in classes]
        return {name: tensor[rows] for name, tensor in self.head.items()}

    def __str__(self) -> str:
        total = len(self.loaded) + len(self.missing) + len(self.other_shape)
        parts = [f"Loaded {len(self.loaded)} of {total} tensors of the backbone from {self.source}."]
        for names, meaning in (
            (self.missing, "missing there, left unchanged"),
            (self.other_shape, "of another shape, left unchanged"),
            (self.unexpected, "not part of this model, ignored"),
        ):
            if names:
                parts.append(f"{len(names)} {meaning}: {_listed(names)}.")
        return " ".join(parts)


def load_state(
    module: nn.Module, state: Mapping[str, torch.Tensor], source: str, head: Sequence[str] = (), classes: tuple[str, ...] = ()
) -> TransferReport:
    """Load the tensors that fit into the backbone; `head` names those of its original classification layer.

    Raises UserError, and changes nothing, where less than half of the backbone's tensors fit.
    """
    # `strict=False` would load a wrong file without a word; hence the check before anything is changed.
    own = module.state_dict()
    state = _unprefixed(state, [*own, *head])
    known = {name: tensor for name, tensor in state.items() if name in own}
    fitting = {name: tensor for name, tensor in known.items() if own[name].shape == tensor.shape}
    if len(fitting) < _LEAST * len(own):
        raise UserError(
            f"Only {len(fitting)} of {len(own)} tensors in {source} fit this model.",
            "Choose the model that it was saved from.",
        )
    module.load_state_dict(fitting, strict=False)
    of_head = {name: tensor for name, tensor in state.items() if name in (*head, "head.weight", "head.bias") and name not in own}
    return TransferReport(
        source,
        tuple(fitting),
        tuple(name for name in own if name not in known),
        tuple(name for name in state if name not in known and name not in of_head),
        tuple(name for name in known if name not in fitting),
        {name.rpartition(".")[2]: tensor for name, tensor in of_head.items()},
        classes,
    )


def read_state(file: Path) -> Mapping[str, torch.Tensor]:
    """The tensors of a safetensors file, or of a pickle that is read with `weights_only`. Raises UserError for anything else."""
    if not file.exists():
        raise UserError(f"There is no weights file {str(file)!r}.")
    check_ordinary(file, LARGEST)
    try:
        state = _tensors(file)
    except MemoryError:
        raise
    except Exception as error:  # a broken pickle may raise anything at all
        raise _not_a_state(file) from error
    for wrapper in _WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
            break
    if (
        not isinstance(state, dict)
        or not state
        or not all(isinstance(name, str) and _is_plain(value) for name, value in state.items())
    ):
        raise _not_a_state(file)
    check_finite(state, repr(str(file)))
    return state


def _tensors(file: Path) -> object:
    """The content of the file. Raises whatever its reader does."""
    from safetensors.torch import load_file

    if file.suffix.lower() == ".safetensors":
        read_header(file)
        return load_file(file)
    if zipfile.is_zipfile(file):
        check_growth(file)
    return torch.load(file, map_location="cpu", weights_only=True)


def check_growth(file: Path) -> None:
    """Raises ValueError for an archive that unpacks to more than its size: torch never compresses tensors, a zip bomb does."""
    with zipfile.ZipFile(file) as opened:
        if sum(member.file_size for member in opened.infolist()) > file.stat().st_size:
            raise ValueError("the archive unpacks to more than its own size")


def _is_plain(value: object) -> bool:
    """Whether it is a dense CPU tensor that stores all of its values, and not one value expanded a billion times."""
    return (
        isinstance(value, torch.Tensor) and value.layout is torch.strided and value.device.type == "cpu" and value.dtype in _TYPES
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )  # fmt: skip


def check_finite(state: Mapping[str, torch.Tensor], source: str) -> None:
    """Raises UserError where a weight is NaN or infinite."""
    for name, tensor in state.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise UserError(
                f"The weights in {source} are not all numbers: {name[:100]!r} holds NaN or infinity.",
                "Take a checkpoint from before the training diverged.",
            )


def _unprefixed(state: Mapping[str, torch.Tensor], wanted: Sequence[str]) -> Mapping[str, torch.Tensor]:
    """The state with those prefixes removed from its names that gives the most wanted names; up to two prefixes may precede a name."""
    prefixes = [first + second for first, second in itertools.product(_PREFIXES, _PREFIXES)]
    options = ({name.removeprefix(prefix): tensor for name, tensor in state.items()} for prefix in prefixes)
    return max(options, key=lambda renamed: len(set(wanted) & renamed.keys()))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _not_a_state(file: Path) -> UserError:
    return UserError(
        f"{str(file)!r} holds no state dict that can be read safely.",
        "Save it with safetensors or torch.save(model.state_dict()).",
    )
