"""This library's signalling server in a process of its own: prints its URI, ends with its standard input."""

from __future__ import annotations

import sys

from gst_signalling_sync import SignallingServer

if __name__ == "__main__":
    with SignallingServer(port=0) as _server:
        print(_server.uri, flush=True)
        sys.stdin.read()
