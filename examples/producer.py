"""One producer for any number of consumers: it sends its status to all of them, and answers the commands of each.

Run these in four terminals. The last two are consumers, of which there may be more:

    gst-signalling-sync serve
    python examples/producer.py
    python examples/consumer.py hello
    python examples/consumer.py goodbye
"""

from __future__ import annotations

import argparse
import contextlib
import time

from gst_signalling_sync import BroadcastChannel, Producer, Session, SessionClosed


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--name", default="robot", help="what consumers find it by (default: %(default)s)")
    options = parser.parse_args()

    producer = Producer(options.uri, name=options.name)
    status = producer.add_channel("status")
    commands = producer.add_channel("commands")

    @commands.message.connect
    def answer(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
        print(f"{session.peer_id} commands {data!r}", flush=True)
        channel.send(f"{options.name} did {data!r}", session=session)

    @producer.session_started.connect
    def greet(producer: Producer, session: Session) -> None:
        print(f"{session.peer_id} came", flush=True)

    @producer.session_ended.connect
    def part(producer: Producer, session: Session, error: SessionClosed | None) -> None:
        print(f"{session.peer_id} went" + (f": {error}" if error else ""), flush=True)

    with contextlib.suppress(KeyboardInterrupt), producer:
        print(f"serving as {options.name!r} at {producer.uri}", flush=True)
        while True:
            status.send(f"{len(producer.sessions)} consumers at {time.strftime('%X')}")
            time.sleep(1)


if __name__ == "__main__":
    main()
