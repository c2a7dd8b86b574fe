"""Pages of a gallery. A few pictures that would be left alone on a last page stand on the one before it."""

_SPARE = 10  # a last page of less than this part of a page is none of its own


def page_count(n: int, size: int) -> int:
    """How many pages `n` pictures have, `size` on each; at least one."""
    whole, rest = divmod(n, size)
    return max(1, whole + (rest > (size // _SPARE if whole else 0)))


def page_slice(number: int, n: int, size: int) -> slice:
    """The places of the pictures on page `number`, which begins at 1."""
    start = (number - 1) * size
    return slice(start, n if number >= page_count(n, size) else start + size)
