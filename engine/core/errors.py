"""The error type for a user's mistakes, and the one for a disk that cannot be written."""


class UserError(Exception):
    """Something the user can fix: a sentence on what is wrong, and a hint on what to do.

    The command line prints both and exits with 2; a page shows both. Anything else is a bug and keeps its traceback.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class DiskError(UserError, OSError):
    """A file could not be written: the disk is full, read-only, gone, or not ours (see `engine.core.disk`).

    It is an OSError as well, so that code which can do without the file handles it like the system's own error.
    `needed`: the size of the write in bytes, where it is known.
    """

    def __init__(self, message: str, hint: str = "", number: int = 0, reason: str = "", file: str = "", needed: int = 0) -> None:
        super().__init__(message, hint)
        self.errno, self.strerror, self.filename, self.needed = number, reason, file, needed

    def in_context(self, sentence: str, then: str = "") -> "DiskError":
        """The same error, with a sentence on what failed before its message, and what to do afterwards (`then`) behind its hint."""
        hint = f"{self.hint} {then}".strip()
        return DiskError(f"{sentence} {self.message}", hint, self.errno or 0, self.strerror or "", self.filename, self.needed)
