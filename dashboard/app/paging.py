"""Pages of a gallery. A few images that would be alone on a last page join the page before it."""

_SPARE = 10  # a last page needs more than one tenth of a page of images


def page_count(n: int, size: int) -> int:
    """The number of pages for `n` images, `size` per page; at least one."""
    whole, rest = divmod(n, size)
    return max(1, whole + (rest > (size // _SPARE if whole else 0)))


def page_slice(number: int, n: int, size: int) -> slice:
    """The positions of the images on page `number`, counted from 1."""
    start = (number - 1) * size
    return slice(start, n if number >= page_count(n, size) else start + size)
