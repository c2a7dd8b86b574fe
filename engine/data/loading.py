"""Decodes many images to batches of squares, in threads that run ahead of the network."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.core.files import content_hash
from engine.data.decoding import ImageError, load_square

Source = Path | bytes | Callable[[int], np.ndarray]  # a file, its content, or a function of the size that returns the square
_AHEAD = 2  # batches that are decoded while the network works on one


@dataclass(frozen=True)
class Batch:
    """Decoded sources: `indices` into the sequence of sources, `images` (n, size, size, 3) uint8, `failures`: reason by index."""

    indices: np.ndarray
    images: np.ndarray
    failures: dict[int, str]


def decode_batches(
    sources: Sequence[Source], size: int, batch_size: int = 64, contents: Sequence[str] | None = None
) -> Iterator[Batch]:
    """Yield every source once, in order; a source that cannot be read is in `failures` with the reason.

    `contents`: the catalog's content hashes; a file whose content has changed since is a failure.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        pending: deque[tuple[range, list[Future]]] = deque()
        starts = iter(range(0, len(sources), batch_size))
        while True:
            while len(pending) <= _AHEAD and (start := next(starts, None)) is not None:
                span = range(start, min(start + batch_size, len(sources)))
                pending.append((span, [pool.submit(_decode, sources[i], size, contents[i] if contents else None) for i in span]))
            if not pending:
                return
            yield _collect(*pending.popleft(), size)


def _decode(source: Source, size: int, content: str | None) -> np.ndarray | str:
    try:
        if callable(source):
            return source(size)
        return load_square(_read_unchanged(source, content) if content and isinstance(source, Path) else source, size)
    except ImageError as error:
        return str(error)


def _read_unchanged(file: Path, content: str) -> bytes:
    """The file's bytes if they still match the hash: results are cached by hash, so other content would stay in the caches."""
    try:
        result = file.read_bytes()
    except FileNotFoundError:
        raise ImageError("the file is gone") from None
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror})") from None
    if content_hash(result) != content:
        raise ImageError("its content has changed since the dataset was scanned")
    return result


def _collect(span: range, futures: list[Future], size: int) -> Batch:
    results = [future.result() for future in futures]
    decoded = [i for i, result in enumerate(results) if isinstance(result, np.ndarray)]
    images = np.stack([results[i] for i in decoded]) if decoded else np.empty((0, size, size, 3), np.uint8)
    failures = {span[i]: result for i, result in enumerate(results) if isinstance(result, str)}
    return Batch(np.array([span[i] for i in decoded], dtype=np.int64), images, failures)
