"""`keep_in_child`: objects of FFmpeg that a forked child must not free: codecs, filters and inputs.

Freeing them waits for FFmpeg's threads, which exist in the parent alone. A child that deletes such an object, at its exit at
the latest, would wait forever. So the child adds a reference to each object and never removes it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import weakref
from typing import Final

__all__ = ["keep_in_child"]

_owners: Final[weakref.WeakSet[object]] = weakref.WeakSet()


def keep_in_child(owner: object) -> None:
    """Prevent children that are forked from now on from freeing an object and its attributes.

    Args:
        owner: An object with PyAV objects as attributes.
    """
    _owners.add(owner)


def _keep() -> None:
    # For objects that are garbage in cycles already: a collection in the child skips what it inherited.
    gc.freeze()
    for owner in _owners:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner))
    _owners.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep)
