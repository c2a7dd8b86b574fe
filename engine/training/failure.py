"""What an error that ended a run means for the person who started it."""

import errno
import os
import re

from engine.errors import UserError

_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "can't start new thread",
    "could not create a primitive",
)
_GO_ON = "then resume: the run goes on from its last checkpoint."


def explain(error: Exception) -> tuple[str, str]:
    """A sentence and a way out."""
    if isinstance(error, UserError):
        return error.message, error.hint
    if _lacks_memory(error):
        return "The memory ran out.", "Set a smaller batch_size or image_size, or a smaller model."
    if system := _system_error(error):
        return _of_the_system(system)
    return f"Unexpected {type(error).__name__}: {str(error)[:300]}", "The traceback is at the end of train.log."


def _lacks_memory(error: Exception) -> bool:
    """torch raises a RuntimeError, on the processor in other words than on a GPU; the system an OSError."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _MEMORY)


def _system_error(error: Exception) -> OSError | None:
    """The system's error, where libraries pass on its text alone."""
    if isinstance(error, OSError) and error.strerror:
        return error
    text = str(error)
    if "disk is full" in text:  # SQLite
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    number = re.search(r"\berrno (\d+)", text, re.IGNORECASE)  # Arrow
    return OSError(int(number[1]), os.strerror(int(number[1]))) if number else None


def _of_the_system(error: OSError) -> tuple[str, str]:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full{where}.", f"Free some space, {_GO_ON}"
    if error.errno == errno.EFBIG:
        return f"A file may not become so large here{where}.", f"Raise the limit on the size of files, {_GO_ON}"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{error.strerror}{where}.", f"Make it writable, {_GO_ON}"
    return f"{error.strerror}{where}.", f"Mend that, {_GO_ON}"
