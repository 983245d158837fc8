"""Closing the parent's sockets in a forked child.

A socket is open as long as any process has it. A child that lives on would hold its parent's ports, and keep its parent's
connections open after the parent was killed. So the child replaces the descriptors by ``/dev/null``. The numbers stay taken,
so a write to one of them in the child, or a `close` when an object is deleted, has no effect on the parent.
"""

from __future__ import annotations

import os
import socket
import threading
import weakref
from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

__all__ = ["HasDescriptor", "HasDescriptors", "close_all_in_child", "close_in_child", "new_socket"]


class HasDescriptor(Protocol):
    """A socket, or an object that owns one."""

    def fileno(self) -> int:
        """The file descriptor; -1 when it is closed."""


class HasDescriptors(Protocol):
    """An object that owns many sockets, and saves a weak reference for each of them."""

    def descriptors(self) -> Iterable[int]:
        """The file descriptors; -1 for one that is closed. Called in the child."""


File = TypeVar("File", bound=HasDescriptor)

_files: Final[weakref.WeakSet[HasDescriptor]] = weakref.WeakSet()
_owners: Final[weakref.WeakSet[HasDescriptors]] = weakref.WeakSet()

# Held while a thread forks, and from the making of a socket until `_files` has it. Reentrant, because a signal handler may
# fork in a thread that holds it.
_lock: Final = threading.RLock()


def close_in_child(file: File) -> File:
    """Close a file in children that are forked from now on, as long as the object lives and has a descriptor.

    Args:
        file: A socket, or an object that owns one.

    Returns:
        The same object.
    """
    _files.add(file)
    return file


def close_all_in_child(owner: HasDescriptors) -> None:
    """Close all sockets of an object in children that are forked from now on, as long as the object lives.

    Args:
        owner: Asked for its descriptors in the child.
    """
    _owners.add(owner)


def new_socket(family: int, kind: int) -> socket.socket:
    """Make a socket that is closed in children.

    Args:
        family: Such as `socket.AF_INET`.
        kind: Such as `socket.SOCK_STREAM`.

    Raises:
        OSError: The system has no more sockets or descriptors.
    """
    with _lock:
        return close_in_child(socket.socket(family, kind))


def _let_go() -> None:
    """Replace the descriptors of the parent's files. Runs in the child, which has one thread."""
    try:
        owned = {descriptor for owner in _owners for descriptor in owner.descriptors()}
        descriptors = ({file.fileno() for file in _files} | owned) - {-1}
        if descriptors:
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in descriptors:
                os.dup2(nothing, descriptor, inheritable=False)
            os.close(nothing)
    finally:
        _files.clear()
        _owners.clear()
        _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_let_go)
