"""What decoded images look like: a hash of their pixels and a small grey thumbnail, computed once per content and cached.

One SQLite file in `cache/audit/`, committed in chunks: an audit that was killed continues where it was.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from engine.core.content_cache import ContentCache
from engine.core.files import content_hash
from engine.core.paths import cache_dir
from engine.core.progress import Progress, ReportProgress
from engine.data.decoding import ImageError, open_image, read_content

SIDE = 64  # pixels of the thumbnail, whatever the image's shape
_CHUNK = 512  # images whose signatures a kill may lose


class Signature(NamedTuple):
    """`pixels`: 16 bytes, equal for equal decoded RGB images; `small`: SIDE * SIDE bytes of grey."""

    pixels: bytes
    small: bytes


class SignatureCache:
    """The signatures of image contents, cached on the disk in `folder` (default: that of the audits)."""

    def __init__(self, folder: Path | None = None) -> None:
        # The names of file and table are from before: the caches that exist stay valid.
        self._cache = ContentCache((folder or cache_dir("audit")) / f"looks-{SIDE}.sqlite", "looks", ["pixels", "small"])
        self._unsaved: dict[str, Signature] = {}  # what a full disk has not taken

    def complete(self, files: Sequence[Path], contents: Sequence[str], report: ReportProgress) -> None:
        """Compute what is not cached yet. A file that can no longer be read, or has another content by now, is skipped."""
        known = set(self.pixels(contents))
        waiting = list({content: file for content, file in zip(contents, files, strict=True) if content not in known}.items())
        done = len(contents) - len(waiting)
        report(Progress("reading the images", done, len(contents)))
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for start in range(0, len(waiting), _CHUNK):
                fresh: dict[str, Signature] = {}
                for content, signature in pool.map(_compute_from_file, waiting[start : start + _CHUNK]):
                    if signature is not None:
                        fresh[content] = signature
                    done += 1
                    report(Progress("reading the images", done, len(contents)))
                if not self._cache.put((content, *signature) for content, signature in fresh.items()):
                    self._unsaved |= fresh

    def pixels(self, contents: Sequence[str]) -> dict[str, bytes]:
        """The hash of the pixels of each content that is known."""
        unsaved = {content: self._unsaved[content].pixels for content in contents if content in self._unsaved}
        return dict(self._cache.get(contents, "pixels")) | unsaved

    def thumbnails(self, contents: Sequence[str]) -> np.ndarray:
        """The thumbnails of these contents, all of which must be known: (n, SIDE, SIDE) uint8."""
        small = dict(self._cache.get(contents, "small"))
        small |= {content: signature.small for content, signature in self._unsaved.items()}
        return _stack([small[content] for content in contents])


def compute_signature(image: Image.Image) -> Signature:
    """The signature of an RGB image."""
    # The size is part of it: a row of 4 pixels and a square of 4 have the same bytes.
    digest = hashlib.blake2b(f"{image.width}x{image.height}".encode(), digest_size=16)
    digest.update(image.tobytes())
    small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return Signature(digest.digest(), small.tobytes())


def stack_thumbnails(signatures: Sequence[Signature]) -> np.ndarray:
    """The thumbnails as one array: (n, SIDE, SIDE) uint8."""
    return _stack([signature.small for signature in signatures])


def _stack(small: Sequence[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(small), np.uint8).reshape(-1, SIDE, SIDE)


def _compute_from_file(item: tuple[str, Path]) -> tuple[str, Signature | None]:
    content, file = item
    try:
        data = read_content(file)[0]
        return content, compute_signature(open_image(data)) if content_hash(data) == content else None
    except (ImageError, OSError):
        return content, None
