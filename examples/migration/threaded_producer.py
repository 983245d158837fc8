"""After: `asynchronous_producer.py` on gst-signalling-sync. The numbers mark the same steps in both programs.

Either producer works with either consumer. Run these in three terminals:

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

    # (1) The server, and this producer's name. Nothing connects yet.
    producer = Producer(host=options.host, port=options.port, name="data-producer")

    # (2), (3) Every session gets this channel. A channel that depends on the consumer is added in a receiver of
    # `producer.session_requested`. The offer is made after the receiver has returned, so that no channel is too late.
    chat = producer.add_channel("chat")

    # (6) The producer's callback thread calls this, in the order in which the messages came.
    @chat.message.connect
    def on_message(channel: BroadcastChannel, session: Session, data: str | bytes) -> None:
        print(data, flush=True)

    # (7), (8) `with` connects. At its end it closes the producer, when the last messages have arrived.
    with contextlib.suppress(KeyboardInterrupt), producer:
        start = time.monotonic()
        while True:
            # (4), (5) Send in all sessions that are connected now; callable from any thread. A consumer that is too slow for
            # 100 messages a second misses some of them.
            with contextlib.suppress(WaitTimeout):
                chat.send(f"ping: {time.monotonic() - start:.1f} s", timeout=0)
            time.sleep(0.01)


if __name__ == "__main__":
    main()
