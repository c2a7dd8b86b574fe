"""The error that ended a run, explained to the person who started it."""

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
_GO_ON = "then resume: the run continues from its last checkpoint."


def explain(error: Exception) -> tuple[str, str]:
    """A sentence that says what happened, and a hint of the way out."""
    if isinstance(error, UserError) and not isinstance(error, DiskError):
        return error.message, error.hint
    if _lacks_memory(error):
        return "Out of memory.", "Set a smaller batch_size or image_size, or a smaller model."
    if problem := disk_error(error):
        return problem.message, f"{problem.hint.rstrip('.')}, {_GO_ON}"
    return f"Unexpected {type(error).__name__}: {str(error)[:300]}", "The traceback is at the end of train.log."


def _lacks_memory(error: Exception) -> bool:
    """Whether memory ran out: torch raises a RuntimeError, with one wording for the CPU and another for a GPU; the system an OSError."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _MEMORY)
