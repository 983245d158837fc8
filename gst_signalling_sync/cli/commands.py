"""The program with all its commands.

The names of `gst_signalling_sync` load on first use, and the modules here use them only in functions: a command without WebRTC
does not wait for aiortc. For the same reason, `rich` is imported where it draws.
"""

from __future__ import annotations

from .check import check
from .demo import demo
from .demo.peers import demo_consumer, demo_producer
from .list import list_
from .listen import listen
from .ping import ping
from .program import program as main
from .record import record
from .serve import serve
from .snapshot import snapshot
from .token import token

__all__ = ["main"]

for _command in (demo, serve, list_, listen, ping, check, record, snapshot, token, demo_producer, demo_consumer):
    main.add_command(_command)
