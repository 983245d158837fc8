"""A robot's program that embeds the server, and reports on request how late its 100 Hz loop was.

Its argument is the server's limits as JSON, with ``descriptors`` (``RLIMIT_NOFILE``); ``null``: a robot without a server.
It prints the port, and a line of JSON for each line of its standard input. It ends with its standard input.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import threading
from typing import Any

from gst_signalling_sync.server import Rate, ServerLimits, SignallingServer

from .pace import Pace

PERIOD = 0.01


class Loop(threading.Thread):
    """A control loop that only measures how late it is."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.late: list[float] = []

    def run(self) -> None:
        pace = Pace(PERIOD)
        while True:
            self.late.append(pace.wait())


class Lines(logging.Handler):
    """Counts the lines of the log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def main() -> None:
    options: dict[str, Any] | None = json.loads(sys.argv[1])
    if options is None:
        tell(SignallingServer(port=0), Lines(), port=0)
        return
    if descriptors := options.pop("descriptors", None):
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    limits: dict[str, Any] = {
        name: Rate(*value) if isinstance(value, list) else value for name, value in options.items()
    }
    lines = Lines()
    logging.getLogger("gst_signalling_sync").addHandler(lines)
    logging.getLogger("gst_signalling_sync").propagate = False
    with SignallingServer(port=0, limits=ServerLimits(**limits)) as server:
        tell(server, lines, server.port)


def tell(server: SignallingServer, lines: Lines, port: int) -> None:
    loop = Loop()
    loop.start()
    print(port, flush=True)
    for _ in sys.stdin:
        late, loop.late = loop.late, []
        told = {
            "late": sorted(late),
            "peers": len(server.peers),
            "sessions": len(server.sessions),
            "refusals": server.refusals,
            "log_lines": lines.count,
            "blocks": sys.getallocatedblocks(),
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
