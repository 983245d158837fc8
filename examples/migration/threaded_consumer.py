"""After: `asynchronous_consumer.py` on gst-signalling-sync. The numbers mark the same steps in both programs.

Either consumer works with either producer. Run these in three terminals:

    gst-signalling-sync serve
    python examples/migration/threaded_producer.py
    python examples/migration/threaded_consumer.py
"""

from __future__ import annotations

import argparse
import contextlib

from gst_signalling_sync import connect


def main() -> None:
    """Print what the producer sends, and answer it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443)
    options = parser.parse_args()

    # (1), (2), (3) `connect` waits for a producer of that name. It returns when the session is connected, or raises an error
    # that says what went wrong. `with` ends the session and disconnects.
    with (
        contextlib.suppress(KeyboardInterrupt),
        connect(host=options.host, port=options.port, name="data-producer") as session,
    ):
        # (4) The producer's channel is open.
        chat = session.channel("chat")
        # (5), (7) The loop gets each message, until Ctrl-C or until the producer ends the session.
        for text in chat:
            print(text, flush=True)
            # (6) Answer the message.
            chat.send("pong")
    # (8) When `with` is left, the last answer has arrived, the session has ended, and no thread is left.


if __name__ == "__main__":
    main()
