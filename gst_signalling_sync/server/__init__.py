"""The embedded signalling server.

What a stranger's byte passes through, in this order:

1. `listening`: the socket that the server listens on.
2. `connection`: one TCP connection, its WebSocket handshake, its frames and messages.
3. `reception`: what the request gets, a WebSocket or a page, by the rules of `origins` and `proxies`.
4. `switchboard`: joins the connections to the decisions, which are in `protocol.registry` and do no I/O.

`settings` is how the server was made, `running` holds all this together between start and close, and `signalling_server` is
what users hold.
"""

from .signalling_server import SignallingServer

__all__ = ["SignallingServer"]
