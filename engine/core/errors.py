"""The one error type for a user's mistakes, and the one for a disk that cannot be written."""


class UserError(Exception):
    """Something the user can fix: a sentence that says what is wrong, and a hint of the way out.

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

    It is an OSError as well, so that whoever can do without the file passes over it as over the system's own error.
    `needed`: bytes that the write takes, where that is known.
    """

    def __init__(self, message: str, hint: str = "", number: int = 0, reason: str = "", file: str = "", needed: int = 0) -> None:
        super().__init__(message, hint)
        self.errno, self.strerror, self.filename, self.needed = number, reason, file, needed

    def in_context(self, sentence: str, then: str = "") -> "DiskError":
        """The same with what was being done in front, and what to do afterwards behind."""
        hint = f"{self.hint} {then}".strip()
        return DiskError(f"{sentence} {self.message}", hint, self.errno or 0, self.strerror or "", self.filename, self.needed)
