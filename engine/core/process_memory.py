"""Settings of the C library and OpenMP that speed up networks; they only take effect before torch is imported."""

import contextlib
import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_RETAINED = 512 << 20  # bytes of freed memory that a process may retain


def tune() -> None:
    """Retain freed activations instead of returning them to the system, and let idle threads sleep instead of spin.

    Otherwise glibc maps every large tensor anew and the system zeroes its pages: on two cores, a third of the time of
    embedding images at 224 pixels. Threads that spin at OpenMP's barriers take the cores from the threads that decode images,
    and from every other process. Variables that are set in the environment take precedence.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if sys.platform == "linux" and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        with contextlib.suppress(OSError, AttributeError):  # not glibc (musl, for example)
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
            libc.mallopt(_M_TRIM_THRESHOLD, _RETAINED)


def return_freed_memory() -> None:
    """Return freed memory to the system: `tune` lets a process retain much of it, for which an idle server has no use."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
