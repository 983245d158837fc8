"""The embedded signalling server.

A stranger's byte passes through these modules, in this order:

1. `listening`: the socket that the server listens on.
2. `acceptor`: accepts connections from it, or turns them away. `connections`: how many there may be, from accept to loss.
   Where there is a certificate, TLS is next (`tls`).
3. `tcp_connection`: when one connection is read, and what is written to it. `connection`: its WebSocket, over that: frames,
   messages, and what it reports to its `observer`. One with more work than one turn allows waits for the next turn in `turns`.
   `incoming` makes frames and messages of bytes: `frames` takes whole frames apart, and the parser of `websockets`
   (`websocket`) handshakes and all other frames.
4. `handshake`: the request, until it is answered. `reception`: the response, a WebSocket or a `page`, by the rules of `origins`
   and `proxies`.
5. `door`: whether the client gets that. `authorizer`: its identity, by the `credentials` of the request, and by tokens
   (`token_file`, `json_web_tokens`) or a callable.
6. `switchboard`: connects the connections with the decisions, which do no I/O: `protocol.registry` gives a message to
   `protocol.sessions` or `protocol.statuses`. `protocol.presence` knows which peers are there, and which may come back.
7. `framing`: outgoing messages as WebSocket frames. `fan_out`: statuses for all listeners. `mailbox`: messages for a peer that
   may resume.

A busy server lets the robot's threads run in between, by its `breather`. `commons` has what all connections share. `refusals`
counts and logs what is refused, `tally` counts what passes, and `metrics` makes a page of both. `housekeeping` does what is due
at intervals: pings, leases and grants that end, and `reloading`, which reads files again that have changed. What takes a while
has an `own_thread`. `settings` checks and keeps the server's arguments, `running` is all of this between start and close, and
`signalling_server` the public class.
"""

from ..protocol.grant import Grant
from ..protocol.limits import Rate, ServerLimits
from ..protocol.tokens import hashed
from .credentials import AuthorizationRequest
from .signalling_server import SignallingServer

__all__ = ["AuthorizationRequest", "Grant", "Rate", "ServerLimits", "SignallingServer", "hashed"]
