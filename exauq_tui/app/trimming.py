"""Memory that was needed for a moment, given back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_memory_back() -> None:
    """Give back what the C library keeps of freed memory, where it can: glibc's alone does so.

    It keeps some megabytes of each thread that worked with large lists, in case of more of that.
    """
    if sys.platform != "linux":
        return
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return  # another C library, such as musl
    trim(ctypes.c_size_t(0))
