"""The one error type for a user's mistakes."""


class UserError(Exception):
    """Something the user can mend: a sentence that says what is wrong, and a hint of the way out.

    The command line prints both and exits with 2; a page shows both. Anything else is a bug and keeps its traceback.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()
