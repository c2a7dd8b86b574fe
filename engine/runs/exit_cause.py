"""What became of a run whose written state claims to be active, and which no live process holds."""

import re
from pathlib import Path

import psutil

from engine.core.lease import boot_id, read_signature

_SAVED = "Resume it: it continues from its last checkpoint."
_CRASH = re.compile(r"^Fatal Python error: (.+)$", re.MULTILINE)
STARTED = "--- started "  # begins the line that a run's process prints first: what is above it is of an earlier one
_TAIL = 8192  # bytes of train.log in which the interpreter's last words are looked for


def diagnose_exit(run_path: Path, state: str, updated: float) -> tuple[str, str]:
    """A sentence and a hint. `state`: what was written last; `updated`: when, in seconds since 1970."""
    signed = read_signature(run_path / "lease")
    if _machine_restarted(signed, updated):
        return f"The machine was restarted while the run was {state}.", _SAVED
    if not signed and state == "queued":
        return "The run's process could not be started.", "Resume it to try again; train.log may say more."
    if not signed and (run_path / "lease").exists():
        # An orderly end empties the lease, and would have written a state.
        return f"The process ended while the run was {state}, and could not write why: the disk may be full or read-only.", (
            f"Free some space. {_SAVED}"
        )
    if crash := _CRASH.search(_log_tail(run_path)):
        return f"The process crashed ({crash[1]}) while the run was {state}.", f"{_SAVED} train.log says where it was."
    return (
        f"The process was killed, probably out of memory, while the run was {state}.",
        f"{_SAVED} A smaller batch_size needs less memory.",
    )


def _machine_restarted(signed: dict, updated: float) -> bool:
    if "boot" in signed:
        return signed["boot"] != boot_id()
    return psutil.boot_time() > updated > 0


def _log_tail(run_path: Path) -> str:
    try:
        with open(run_path / "train.log", "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            return file.read().decode("utf-8", "replace").rpartition(STARTED)[2]
    except OSError:
        return ""
