"""Diagnoses why a run that claims to be active has no live process."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from engine.core.lease import boot_id, read_signature

_RESUME = "Resume it: it continues from its last checkpoint."
_CRASH = re.compile(r"^Fatal Python error: (.+)$", re.MULTILINE)
STARTED = "--- started "  # begins the line that a run's process prints first: what is above it was printed by an earlier one
_TAIL = 8192  # bytes of train.log in which the interpreter's crash message is looked for


def diagnose_exit(run_path: Path, state: str, updated: float) -> tuple[str, str]:
    """A sentence and a hint. `state`: the one that was written last; `updated`: when, in seconds since 1970."""
    signature = read_signature(run_path / "lease")
    if _machine_restarted(signature, updated):
        return f"The machine was restarted while the run was {state}.", _RESUME
    if not signature and state == "queued":
        return "The run's process could not be started.", "Resume it to try again; train.log may say more."
    if not signature and (run_path / "lease").exists():
        # An orderly end empties the lease; it would also have written a state, if it could.
        return f"The process ended while the run was {state}, and could not write why: the disk may be full or read-only.", (
            f"Free some space. {_RESUME}"
        )
    if crash := _CRASH.search(_log_tail(run_path)):
        return f"The process crashed ({crash[1]}) while the run was {state}.", f"{_RESUME} train.log says where it was."
    return (
        f"The process was killed, probably out of memory, while the run was {state}.",
        f"{_RESUME} A smaller batch_size needs less memory.",
    )


def _machine_restarted(signature: Mapping[str, Any], updated: float) -> bool:
    if "boot" in signature:
        return signature["boot"] != boot_id()
    # Unsigned: the process died before it signed its lease, or the disk was full.
    return psutil.boot_time() > updated > 0


def _log_tail(run_path: Path) -> str:
    try:
        with open(run_path / "train.log", "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            return file.read().decode("utf-8", "replace").rpartition(STARTED)[2]
    except OSError:
        return ""
