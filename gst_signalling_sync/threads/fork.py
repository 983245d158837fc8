"""What a forked child does not keep of its parent's sockets.

A socket is open as long as any process has it. A child that lives on would hold its parent's ports, and keep its parent's
connections open after the parent was killed. So the child puts ``/dev/null`` in their places. The numbers stay taken, and
what is still written to one of them in the child, or done to it when objects are deleted, has no effect on the parent.
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
    """A socket, or what owns one."""

    def fileno(self) -> int:
        """The file descriptor; -1 when it is closed."""


class HasDescriptors(Protocol):
    """What owns many sockets, each of which a reference of its own would make dearer."""

    def descriptors(self) -> Iterable[int]:
        """The file descriptors; -1 for one that is closed. Called in the child."""


File = TypeVar("File", bound=HasDescriptor)

_files: Final[weakref.WeakSet[HasDescriptor]] = weakref.WeakSet()
_owners: Final[weakref.WeakSet[HasDescriptors]] = weakref.WeakSet()

# Held while a thread forks, and from the making of a socket until `_files` has it. Reentrant, because a signal handler may
# fork in a thread that holds it.
_lock: Final = threading.RLock()


def close_in_child(file: File) -> File:
    """Have a child that is forked from now on let go of a file, as long as the object lives and has a descriptor.

    Args:
        file: A socket, or what owns one.

    Returns:
        The same.
    """
    _files.add(file)
    return file


def close_all_in_child(owner: HasDescriptors) -> None:
    """Have a child that is forked from now on let go of all that an object owns then, as long as the object lives.

    Args:
        owner: Of sockets.
    """
    _owners.add(owner)


def new_socket(family: int, kind: int) -> socket.socket:
    """Make a socket that children let go of.

    Args:
        family: Such as `socket.AF_INET`.
        kind: Such as `socket.SOCK_STREAM`.

    Raises:
        OSError: There is none to be had.
    """
    with _lock:
        return close_in_child(socket.socket(family, kind))


def _let_go() -> None:
    """Replace the descriptors of the parent's files; in the child, which has one thread."""
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
