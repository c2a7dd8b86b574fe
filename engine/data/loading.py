"""Many images -> batches of squares, decoded in threads ahead of the network that eats them."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.core.files import content_hash
from engine.data.decoding import ImageError, load_square

Source = Path | bytes
_AHEAD = 2


@dataclass(frozen=True)
class Batch:
    """Some of the sources, decoded: `indices` into the sequence given, `images` (n, size, size, 3) uint8, and the failures."""

    indices: np.ndarray
    images: np.ndarray
    failures: dict[int, str]


def decode_batches(
    sources: Sequence[Source], size: int, batch_size: int = 64, contents: Sequence[str] | None = None
) -> Iterator[Batch]:
    """Every source once, in order; one that cannot be read is in `failures` with its reason, and nothing stops.

    `contents`: the hashes that the catalog knows of the files; a file whose content is another by now is a failure.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        waiting: deque[tuple[range, list[Future]]] = deque()
        starts = iter(range(0, len(sources), batch_size))
        while True:
            while len(waiting) <= _AHEAD and (start := next(starts, None)) is not None:
                span = range(start, min(start + batch_size, len(sources)))
                waiting.append((span, [pool.submit(_decode, sources[i], size, contents[i] if contents else None) for i in span]))
            if not waiting:
                return
            yield _collect(*waiting.popleft(), size)


def _decode(source: Source, size: int, content: str | None) -> np.ndarray | str:
    try:
        return load_square(_unchanged(source, content) if content and isinstance(source, Path) else source, size)
    except ImageError as error:
        return str(error)


def _unchanged(file: Path, content: str) -> bytes:
    """What is in the file, if it is still what was scanned: under another content's key it would be found for ever."""
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
    good = [i for i, result in enumerate(results) if isinstance(result, np.ndarray)]
    images = np.stack([results[i] for i in good]) if good else np.empty((0, size, size, 3), np.uint8)
    failures = {span[i]: result for i, result in enumerate(results) if isinstance(result, str)}
    return Batch(np.array([span[i] for i in good], dtype=np.int64), images, failures)
