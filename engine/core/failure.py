"""The error that ended a process, explained to the person who started it."""

import errno

from engine.core.disk import disk_error
from engine.core.errors import DiskError, UserError

_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "can't start new thread",
    "could not create a primitive",
)


def explain(error: Exception, resume: str, save_memory: str, log: str) -> tuple[str, str]:
    """A sentence that says what happened, and a hint of the way out.

    `resume`: how to continue once there is space, as the end of a sentence; `save_memory`: how to need less of it; `log`: where the
    traceback is.
    """
    if isinstance(error, UserError) and not isinstance(error, DiskError):
        return error.message, error.hint
    if _lacks_memory(error):
        return "Out of memory.", save_memory
    if problem := disk_error(error):
        return problem.message, f"{problem.hint.rstrip('.')}, {resume}"
    return f"Unexpected {type(error).__name__}: {str(error)[:300]}", f"The traceback is at the end of {log}."


def _lacks_memory(error: Exception) -> bool:
    """Whether memory ran out: torch raises a RuntimeError, with one wording for the CPU and another for a GPU; the system an OSError."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _MEMORY)
