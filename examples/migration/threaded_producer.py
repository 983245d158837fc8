"""After: `asynchronous_producer.py`, moved to gst-signalling-sync. The numbers mark the same steps in both.

Either producer serves either consumer. In three terminals:

    gst-signalling-sync serve
    python examples/migration/threaded_producer.py
    python examples/migration/threaded_consumer.py
"""

from __future__ import annotations

import argparse
import contextlib
import time

from gst_signalling_sync import BroadcastChannel, Producer, Session, WaitTimeout


def main() -> None:
    """Send each consumer 100 messages a second, and print what it answers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443)
    options = parser.parse_args()

    # (1) Where the server is, and what this producer is called. Nothing connects yet.
    producer = Producer(host=options.host, port=options.port, name="data-producer")

    # (2) and (3) The channel, once for every session to come. What depends on the consumer goes into a receiver of
    # `producer.session_requested`; the offer waits for it, so that no channel comes too late.
    chat = producer.add_channel("chat")

    # (6) The producer's one callback thread calls this, in the order in which things happened.
    @chat.message.connect
    def on_message(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
        print(data, flush=True)

    # (7) and (8) `with` connects, and closes however it ends, after what was sent last has arrived.
    with contextlib.suppress(KeyboardInterrupt), producer:
        start = time.monotonic()
        while True:
            # (4) and (5) Sends in all sessions that are connected now; from this thread, as from any other. One that is
            # too slow for 100 messages a second misses some.
            with contextlib.suppress(WaitTimeout):
                chat.send(f"ping: {time.monotonic() - start:.1f} s", timeout=0)
            time.sleep(0.01)


if __name__ == "__main__":
    main()
