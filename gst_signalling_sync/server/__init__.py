"""The embedded signalling server.

What a stranger's byte passes through, in this order:

1. `listening`: the socket that the server listens on.
2. `acceptor`: takes connections from it, or turns them away.
   Where there is a certificate, TLS is next (`tls`).
3. `connection`: one TCP connection, its WebSocket handshake, its frames and messages. Who has more to do than one turn allows
   waits for the next in `turns`. Complete frames are taken apart by `frames`; the handshake and all other frames go through
   the parser of `websockets` (`websocket`).
4. `reception`: what the request gets, a WebSocket or a `page`, by the rules of `origins` and `proxies`.
5. `door`: whether it gets that. `authorizer`: who it is, by the `credentials` of the request, and by tokens (`token_file`,
   `json_web_tokens`) or a callable.
6. `switchboard`: joins the connections to the decisions, which are in `protocol.registry` and do no I/O.
7. `framing`: what goes out as a WebSocket frame. `fan_out`: what goes to all listeners.

A busy server lets the robot's threads run in between, by its `breather`. `commons` is what all connections share,
`refusals` counts and logs what is refused, `tally` counts what passes, of which `metrics` is the page, and `reloading` reads
files again that change. `settings` is how the server was made, `running` holds all this together between
start and close, and `signalling_server` is what users hold.
"""

from ..protocol.grant import Grant
from ..protocol.limits import Rate, ServerLimits
from ..protocol.tokens import hashed
from .credentials import AuthorizationRequest
from .signalling_server import SignallingServer

__all__ = ["AuthorizationRequest", "Grant", "Rate", "ServerLimits", "SignallingServer", "hashed"]
