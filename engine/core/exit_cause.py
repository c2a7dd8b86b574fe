"""Why a process that claims to be at work is not alive: a sentence for the person who started it, and a way out."""

import re
from dataclasses import dataclass
from pathlib import Path

import psutil

from engine.core.lease import Signature, boot_id, read_signature
from engine.core.processes import STARTED, log_tail

_CRASH = re.compile(r"^Fatal Python error: (.+)$", re.MULTILINE)
_LINES = 200  # of the log in which the interpreter's crash message is looked for


@dataclass(frozen=True)
class DeadProcess:
    """What it has left behind. `updated`: when its status was written last, in seconds since 1970; `starting`: it was at its start.

    `activity`: what it was doing, such as "the run was training"; `resume`: how to continue; `save_memory`: how to need less of it.
    """

    lease: Path
    log: Path
    updated: float
    starting: bool
    activity: str
    resume: str
    save_memory: str = ""

    def diagnose(self) -> tuple[str, str]:
        """What happened, and what to do."""
        signature, log = read_signature(self.lease), self.log.name
        if self._machine_restarted(signature):
            return f"The machine was restarted while {self.activity}.", self.resume
        if not signature and self.starting:
            return "The process could not be started.", f"{self.resume} {log} may say more."
        if not signature and self.lease.exists():
            # An orderly end empties the lease; it would also have written a state, if it could.
            return f"The process ended while {self.activity}, and could not write why: the disk may be full or read-only.", (
                f"Free some space. {self.resume}"
            )
        if crash := _CRASH.search(log_tail(self.log, _LINES).rpartition(STARTED)[2]):
            return f"The process crashed ({crash[1]}) while {self.activity}.", f"{self.resume} {log} says where it was."
        hint = f"{self.resume} {self.save_memory}".strip()
        return f"The process was killed, probably out of memory, while {self.activity}.", hint

    def _machine_restarted(self, signature: Signature) -> bool:
        if "boot" in signature:
            return signature["boot"] != boot_id()
        # Unsigned: the process died before it signed its lease, or the disk was full.
        return psutil.boot_time() > self.updated > 0
