"""How images look once decoded: a hash of their pixels and a small grey picture, computed once a content and cached.

One SQLite file in `cache/audit/`, committed as it goes: an audit that was killed goes on where it was.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from engine.core.content_cache import ContentCache
from engine.core.files import content_hash
from engine.core.paths import cache_dir
from engine.data.decoding import ImageError, open_image, read_content

SIDE = 64  # pixels of the small grey picture, whatever the image's shape
_CHUNK = 512  # images that a kill may cost


class Signature(NamedTuple):
    """`pixels`: 16 bytes, the same for the same decoded RGB picture; `small`: SIDE * SIDE bytes of grey."""

    pixels: bytes
    small: bytes


class SignatureCache:
    """The looks of image contents, from the cache, or from another `folder`."""

    def __init__(self, folder: Path | None = None) -> None:
        self._kept = ContentCache((folder or cache_dir("audit")) / f"looks-{SIDE}.sqlite", "looks", ["pixels", "small"])
        self._held: dict[str, tuple[bytes, bytes]] = {}  # what a disk without room has not taken

    def complete(self, files: Sequence[Path], contents: Sequence[str], report: Callable[[int, int], None]) -> None:
        """Look at the contents that are not known yet; a file that cannot be read any more, or holds another, is passed over."""
        known = set(self.pixels(contents))
        waiting = list({content: file for content, file in zip(contents, files, strict=True) if content not in known}.items())
        had = len(contents) - len(waiting)
        report(had, len(contents))
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for start in range(0, len(waiting), _CHUNK):
                looked = []
                for content, look in pool.map(_look, waiting[start : start + _CHUNK]):
                    looked += [(content, *look)] if look else []
                    report(had := had + 1, len(contents))
                if not self._kept.put(looked):
                    self._held.update((content, look) for content, *look in looked)

    def pixels(self, contents: Sequence[str]) -> dict[str, bytes]:
        """The hash of the pixels of each content that is known."""
        held = {content: self._held[content][0] for content in contents if content in self._held}
        return dict(self._kept.get(contents, "pixels")) | held

    def pictures(self, contents: Sequence[str]) -> np.ndarray:
        """The small grey pictures of these contents, all of which are known: (n, SIDE, SIDE) uint8."""
        small = dict(self._kept.get(contents, "small")) | {content: look[1] for content, look in self._held.items()}
        return _stacked([small[content] for content in contents])


def compute_signature(image: Image.Image) -> Signature:
    """The look of an RGB picture."""
    digest = hashlib.blake2b(f"{image.width}x{image.height}".encode(), digest_size=16)
    digest.update(image.tobytes())
    small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return Signature(digest.digest(), small.tobytes())


def stack_thumbnails(of: Sequence[Signature]) -> np.ndarray:
    """Their small grey pictures: (n, SIDE, SIDE) uint8."""
    return _stacked([each.small for each in of])


def _stacked(small: Sequence[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(small), np.uint8).reshape(-1, SIDE, SIDE)


def _look(item: tuple[str, Path]) -> tuple[str, Signature | None]:
    content, file = item
    try:
        result = read_content(file)[0]
        return content, compute_signature(open_image(result)) if content_hash(result) == content else None
    except (ImageError, OSError):
        return content, None
