"""The roles for tests of all of them, and a `Retry` that makes them fast."""

from __future__ import annotations

from gst_signalling_sync import Consumer, Listener, Producer, Retry

QUICK = Retry(first=0.05, maximum=0.2)

RoleClass = type[Producer] | type[Consumer] | type[Listener]

ROLES: list[RoleClass] = [Producer, Consumer, Listener]
