"""Several processes that train one model: `torchrun --nproc-per-node=2 -m engine.training.worker RUN_DIRECTORY`.

Each takes its share of every batch; gradients are added up, so the step is that of one process with the same batch. The
process of rank 0 writes the run directory, the others only compute.
"""

import datetime
import os

_joined = False
_TIMEOUT = datetime.timedelta(days=7)  # rank 0 may wait in the queue, or decode a million images


def process_count() -> int:
    """How many processes torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_leader() -> bool:
    return int(os.environ.get("RANK", "0")) == 0


def has_joined() -> bool:
    """Whether this process has met the others; True where there are none."""
    return process_count() == 1 or _joined


def join() -> None:
    """Wait until all processes are there; nothing where there are no others."""
    global _joined
    import torch
    import torch.distributed as dist

    if process_count() > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=_TIMEOUT)
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        _joined = True


def leave() -> None:
    """Leave the group: scoring, which follows, is the work of one process."""
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()
