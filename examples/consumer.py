"""A consumer of `producer.py`: it sends one command, prints the answer, and then prints each status of the producer.

Run these in three terminals:

    gst-signalling-sync serve
    python examples/producer.py
    python examples/consumer.py hello
"""

from __future__ import annotations

import argparse
import contextlib

from gst_signalling_sync import connect


def main() -> None:
    """Send the command, and print until Ctrl-C or until the producer ends the session."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", nargs="?", default="hello", help="any text (default: %(default)s)")
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--name", default="robot", help="of the producer, waited for (default: %(default)s)")
    options = parser.parse_args()

    with contextlib.suppress(KeyboardInterrupt), connect(options.uri, name=options.name) as session:
        commands = session.channel("commands")
        commands.send(options.command)
        print(commands.recv(), flush=True)
        for status in session.channel("status"):
            print(status, flush=True)


if __name__ == "__main__":
    main()
