"""This library's signalling server in a process of its own, without limits. Prints its URI, and ends with its standard input.

Run as ``python -m benchmarks.embedded_server [PORT]``. Without a port it takes a free one.
"""

from __future__ import annotations

import sys

from gst_signalling_sync import ServerLimits, SignallingServer

if __name__ == "__main__":
    _port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with SignallingServer(port=_port, limits=ServerLimits.unlimited()) as _server:
        print(_server.uri, flush=True)
        sys.stdin.read()
