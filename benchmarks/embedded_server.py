"""This library's signalling server in a process of its own, without limits: prints its URI, ends with its stdin."""

from __future__ import annotations

import sys

from gst_signalling_sync import ServerLimits, SignallingServer

if __name__ == "__main__":
    with SignallingServer(port=0, limits=ServerLimits.unlimited()) as _server:
        print(_server.uri, flush=True)
        sys.stdin.read()
