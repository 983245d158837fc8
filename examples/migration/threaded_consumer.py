"""After: `asynchronous_consumer.py`, moved to gst-signalling-sync. The numbers mark the same steps in both.

Either consumer joins either producer. In three terminals:

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

    # (1), (2) and (3) Waits for a producer of that name, and returns when the session is connected; or raises what went
    # wrong. `with` ends the session and disconnects.
    with (
        contextlib.suppress(KeyboardInterrupt),
        connect(host=options.host, port=options.port, name="data-producer") as session,
    ):
        # (4) The producer's channel, open.
        chat = session.channel("chat")
        # (5) Each message, until Ctrl-C (7) or the producer ends the session.
        for text in chat:
            print(text, flush=True)
            # (6) The answer.
            chat.send("pong")
    # (8) What `with` did: the last answer has arrived, the session is ended, no thread is left.


if __name__ == "__main__":
    main()
