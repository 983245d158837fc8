"""`without_real_time`: keeps native code from giving threads a real-time scheduling policy (sched(7), capabilities(7))."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from typing import Final

__all__ = ["without_real_time"]

_VERSION: Final = 0x20080522
"""``_LINUX_CAPABILITY_VERSION_3``: 64 capabilities in two words."""

_SYS_NICE: Final = 1 << 23
"""``CAP_SYS_NICE`` in the first word."""


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("thread", ctypes.c_int))


class _Word(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


_Capabilities = _Word * 2


@contextlib.contextmanager
def without_real_time() -> Iterator[None]:
    """Keep the calling thread, and the threads that it starts in the block, from a real-time scheduling policy.

    In a root process native code can get such a policy, and then runs before the robot's control loop and the system's own
    threads. On Linux this removes the capability ``CAP_SYS_NICE`` from the calling thread until the end of the block.
    Elsewhere, and for other users than root, it does nothing.
    """
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "capset"):
        yield
        return
    header, before = _Header(_VERSION, 0), _Capabilities()
    if libc.capget(ctypes.byref(header), before) or not before[0].effective & _SYS_NICE:
        yield
        return
    without = _Capabilities.from_buffer_copy(before)
    without[0].effective &= ~_SYS_NICE
    libc.capset(ctypes.byref(header), without)
    try:
        yield
    finally:
        libc.capset(ctypes.byref(header), before)
