"""Numbers as text for people: one function per kind, so that the same number reads the same everywhere.

Negative numbers have the minus sign (U+2212), like the axes of charts. A terminal that cannot show it gets a hyphen.
"""

import math
from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"


def count(number: int) -> str:
    """`1,294`."""
    return _minus(f"{number:,}")


def count_text(number: int, one: str, many: str = "") -> str:
    """`1 image`, `1,294 images`. `many`: the plural, by default `one` with an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def probability(share: float, digits: int = 0) -> str:
    """`84%`, for probabilities: never `0%` or `100%` unless it is exactly that, but `<1%` and `>99%`."""
    step, text = 10.0**-digits, percent(share, digits)
    if 0 < share < 1 and text == percent(0.0, digits):
        return f"<{decimal(step, digits)}%"
    return f">{decimal(100 - step, digits)}%" if 0 < share < 1 and text == percent(1.0, digits) else text


def percent(share: float, digits: int = 1) -> str:
    """`92.4%` for a share such as 0.924; `undefined` for NaN."""
    return "undefined" if math.isnan(share) else f"{decimal(100 * share, digits)}%"


def decimal(number: float, digits: int = 3) -> str:
    """`0.925`, `−0.3`; a number that rounds to zero has no sign."""
    text = f"{number:.{digits}f}"
    return text.removeprefix("-") if _is_zero(text) else _minus(text)


def signed(number: float, digits: int = 3) -> str:
    """A difference: `+0.012`, `−0.012`, and `0.000` without a sign."""
    text = f"{number:+.{digits}f}"
    return text[1:] if _is_zero(text) else _minus(text)


def points(difference: float, digits: int = 1) -> str:
    """A difference of two shares in percentage points: `+0.3`, without the unit."""
    return signed(100 * difference, digits)


def signed_percent(share: float, digits: int = 1) -> str:
    """A difference of shares, for axes and labels: `+5%`, `−5%`, `0%`."""
    return f"{signed(100 * share, digits)}%"


def encode_for_terminal(error: UnicodeError) -> tuple[str | bytes, int]:
    """An error handler for `codecs`: a hyphen for the minus sign, an escape for other characters that the encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing: Sequence[str] = error.object[error.start : error.end]
    return "".join("-" if sign == MINUS else _escape(sign) for sign in missing), error.end


def _escape(sign: str) -> str:
    return sign.encode("ascii", "backslashreplace").decode("ascii")


def _is_zero(text: str) -> bool:
    return not text.strip("+-0.")


def _minus(text: str) -> str:
    return text.replace("-", MINUS)


def duration(seconds: float | None) -> str:
    """`40 s`, `3 min`, `2 h 5 min`; empty where it is not known."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
