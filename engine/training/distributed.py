"""Several processes that train one model: `torchrun --nproc-per-node=2 -m engine.training.worker RUN_DIRECTORY`.

Each takes its share of every batch; gradients are added up, so the step is that of one process with the same batch. The
process of rank 0 writes the run directory, the others compute and are silent.
"""

import datetime
import os
from collections.abc import Callable
from typing import Any

_joined = False
_PATIENCE = datetime.timedelta(days=7)  # rank 0 may wait in the queue, or decode a million images


def process_count() -> int:
    """How many processes torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_leader() -> bool:
    return int(os.environ.get("RANK", "0")) == 0


def has_joined() -> bool:
    """Whether this process is alone, or was together with the others."""
    return process_count() == 1 or _joined


def join() -> None:
    """Meet the other processes; nothing where there are none."""
    global _joined
    import torch
    import torch.distributed as dist

    if process_count() > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        _joined = True


def leave() -> None:
    """Part from the others: what follows is one process's work."""
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


class SilentRecorder:
    """Stands in for the recorder where another process writes the run directory."""

    def record(self, fact: Any) -> None:
        pass

    def event(self, event: dict[str, Any]) -> None:
        pass

    def state(self, state: str, detail: str = "", **more: Any) -> None:
        pass

    def retry_when_full(self, action: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        return action(*arguments, **named)

    def stop_requested(self) -> bool:
        return False

    def finish_requested(self) -> bool:
        return False
