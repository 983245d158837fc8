"""What a session asks STUN and TURN servers: messages (RFC 8489), relays (RFC 8656) and the ways to the servers.

`stun` and `turn` are without I/O and without a clock; `links` and `relay` are thin drivers of them on the event loop.
"""
