"""Refuses gevent's and eventlet's patches, which replace the standard library's threads by greenlets."""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["check_native"]

_GEVENT_MODULES: Final = ("threading", "queue", "socket", "select", "ssl")
_EVENTLET_MODULES: Final = ("thread", "socket", "select")


def check_native() -> None:
    """Refuse to run on a patched standard library, where a thread that waits for the network blocks all others.

    It costs two dictionary look-ups where neither gevent nor eventlet was imported.

    Raises:
        RuntimeError: gevent or eventlet has patched a module that this library's threads need as it is.
    """
    if (gevent := sys.modules.get("gevent.monkey")) is not None:
        patched = [name for name in _GEVENT_MODULES if gevent.is_module_patched(name)]
        if patched:
            raise RuntimeError(
                f"gevent has patched {', '.join(patched)}, and this library needs real threads and sockets. Either do without"
                " gevent here (with gunicorn: `--worker-class gthread`), or leave these modules as they are,"
                " `monkey.patch_all(thread=False, queue=False, socket=False, select=False, ssl=False)`, and make blocking"
                " calls by `gevent.get_hub().threadpool.apply(function, arguments)`."
            )
    if (eventlet := sys.modules.get("eventlet.patcher")) is not None:
        patched = [name for name in _EVENTLET_MODULES if eventlet.is_monkey_patched(name)]
        if patched:
            raise RuntimeError(
                f"eventlet has patched {', '.join(patched)}, and this library needs real threads and sockets. Either do without"
                " eventlet here (with gunicorn: `--worker-class gthread`), or leave these modules as they are,"
                " `eventlet.monkey_patch(thread=False, socket=False, select=False)`, and make blocking calls by"
                " `eventlet.tpool.execute(function, *arguments)`."
            )
