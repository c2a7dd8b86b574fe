"""Settings of the C library and of OpenMP that the networks gain from; they only take effect before torch is loaded."""

import contextlib
import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEEP = 512 << 20  # bytes of freed memory that a process may hold on to


def tune() -> None:
    """Keep freed activations instead of returning them to the system, and let idle threads sleep instead of spin.

    Without it glibc maps every large tensor afresh, and the system zeroes its pages: on two cores, a third of the time of
    embedding images at 224. Threads that spin at OpenMP's barriers take the cores from the threads that decode images, and
    from every other process. Settings of the person's own in the environment win.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if sys.platform == "linux" and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        with contextlib.suppress(OSError, AttributeError):  # another C library, with another allocator
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
            libc.mallopt(_M_TRIM_THRESHOLD, _KEEP)


def return_freed_memory() -> None:
    """Return freed memory to the system, which a server keeps no use for: `tune` lets a process hold on to much of it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
