"""The embedded signalling server.

What a stranger's byte passes through, in this order:

1. `listening`: the socket that the server listens on.
2. `connection`: one TCP connection, its WebSocket handshake, its frames and messages.
3. `switchboard`: joins the connections to the decisions, which are in `protocol.registry` and do no I/O.

`running` holds these together between start and close; `signalling_server` is what users hold.
"""

from .signalling_server import SignallingServer

__all__ = ["SignallingServer"]
