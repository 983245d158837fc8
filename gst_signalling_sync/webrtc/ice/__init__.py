"""Clients of STUN (RFC 8489) and TURN (RFC 8656) servers.

`stun`, `transactions` and `turn` have no I/O and no clock; `links` and `relay` are thin drivers of them on the event loop.
"""
