"""What a forked child must not free: codecs, filters and inputs of FFmpeg, which then waits for its threads.

These threads exist in the parent alone. A child that deletes such an object, at its exit at the latest, would wait for them
forever. So the child gives each one more reference, which is never given back.
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
    """Have a child that is forked from now on never free an object, nor what it has.

    Args:
        owner: What has objects of PyAV.
    """
    _owners.add(owner)


def _keep() -> None:
    # Of what is garbage already, in cycles: a collection in the child passes over what it inherited.
    gc.freeze()
    for owner in _owners:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner))
    _owners.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep)
