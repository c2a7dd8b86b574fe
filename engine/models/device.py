"""Device and precision behind one interface: a context that may do nothing, so that no loop is written twice."""

import contextlib
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch
import torch.distributed as dist

from engine.core.errors import UserError
from engine.models.cpu_convolutions import FastGradients


@dataclass(frozen=True)
class Compute:
    """The device and precision of a network: float32 weights, `dtype` for the operations that autocast covers."""

    device: torch.device
    dtype: torch.dtype

    @property
    def name(self) -> str:
        return f"{self.device.type}-{str(self.dtype).removeprefix('torch.')}"

    @contextlib.contextmanager
    def autocast(self) -> Generator[None]:
        """Forward passes in `dtype`; on the CPU with the fast gradients of `engine.models.cpu_convolutions`."""
        with contextlib.ExitStack() as stack:
            if self.dtype != torch.float32:
                stack.enter_context(torch.autocast(self.device.type, dtype=self.dtype))
            if self.device.type == "cpu" and torch.is_grad_enabled():
                stack.enter_context(FastGradients())
            yield

    def place(self, module: torch.nn.Module) -> torch.nn.Module:
        """The module on the device, its convolutions in channels_last."""
        # cuDNN and oneDNN have their fastest convolutions for channels_last; torch's overloads of `to` leave the argument out.
        return module.to(self.device, memory_format=torch.channels_last)  # pyrefly: ignore[no-matching-overload]

    def batch(self, images: torch.Tensor) -> torch.Tensor:
        return images.to(self.device, memory_format=torch.channels_last, non_blocking=True)

    @property
    def rank(self) -> int:
        """The number of this process within a distributed training."""
        return dist.get_rank() if dist.is_initialized() else 0

    @property
    def world(self) -> int:
        """How many processes take part in the training."""
        return dist.get_world_size() if dist.is_initialized() else 1

    def sum_across(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace the tensors, in place, by their sums over all processes, in one message."""
        if self.world == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1).float() for tensor in tensors])
        try:
            dist.all_reduce(flat)
        except RuntimeError as error:
            raise UserError(
                "Another process of this training ended.", "Read its output, then start all processes again."
            ) from error
        for tensor, whole in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(whole.view(tensor.shape))

    def average_across(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace the tensors, in place, by their means over all processes."""
        self.sum_across(tensors)
        if self.world > 1:
            torch._foreach_div_(list(tensors), self.world)

    def any_process(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.world == 1:
            return flag
        count = torch.tensor([float(flag)], device=self.device)
        self.sum_across([count])
        return bool(count.item())

    @contextlib.contextmanager
    def leader_first(self) -> Generator[None]:
        """Rank 0 runs the block before the other processes do."""
        # `any_process` waits for all processes, so that it serves as a barrier.
        if self.rank > 0:
            self.any_process(False)
        yield
        if self.rank == 0:
            self.any_process(False)

    def memory(self) -> int:
        """Bytes: the peak on the GPU, or what this process holds now."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return psutil.Process().memory_info().rss

    def scaler(self) -> Any:
        """A gradient scaler, which does nothing unless the precision is float16."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)


def select_compute(device: str = "auto", precision: str = "auto") -> Compute:
    """The device and dtype for the names in the configuration. Raises UserError for a device that this machine does not have."""
    kind = device if device != "auto" else _best_device()
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[kind]:
        raise UserError(f"This machine has no {kind} device.", "Set device=auto.")
    dtype = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}.get(precision) or _gainful_dtype(kind)
    return Compute(torch.device(kind), dtype)


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _gainful_dtype(kind: str) -> torch.dtype:
    """bf16 where the processor multiplies it in hardware (AMX, AVX512-BF16, recent GPUs); float32 on MPS and older CPUs."""
    if kind == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if kind == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return torch.bfloat16
    return torch.float32


def enforce_determinism() -> None:
    """Make this process compute bit-identical results from now on; an operation that cannot raises RuntimeError."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads this at its first use
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
