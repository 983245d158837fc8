"""Before: a producer on gst-signalling 1.1.2, asyncio and GStreamer's webrtcbin. After: `threaded_producer.py`.

The numbers mark the same steps in both. To run it, with gst-signalling and GStreamer installed:

    gst-signalling-sync serve
    python examples/migration/asynchronous_producer.py
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from typing import Any

from gst_signalling import GstSignallingProducer


async def serve(options: argparse.Namespace) -> None:
    """Send each consumer 100 messages a second, and print what it answers."""
    loop = asyncio.get_running_loop()
    # (1) Where the server is, and what this producer is called.
    producer = GstSignallingProducer(host=options.host, port=options.port, name="data-producer")
    channels = []

    def on_message(channel: Any, text: str) -> None:
        # (6) One of GStreamer's threads calls this.
        print(text, flush=True)

    async def send_pings(session: Any, channel: Any) -> None:
        start = time.monotonic()
        while session.session_id in producer.sessions:
            # (5) Send.
            channel.emit("send-string", f"ping: {time.monotonic() - start:.1f} s")
            await asyncio.sleep(0.01)

    def on_new_session(session: Any) -> None:
        def on_open(channel: Any) -> None:
            # (4) One of GStreamer's threads calls this too; sending goes on in the event loop.
            asyncio.run_coroutine_threadsafe(send_pings(session, channel), loop)

        # (3) The channel, in each session again.
        channel = session.pc.emit("create-data-channel", "chat", None)
        channel.connect("on-open", on_open)
        channel.connect("on-message-string", on_message)
        # A channel that nobody refers to emits no signals.
        channels.append(channel)

    # (2) A consumer asked for a session. This comes about when webrtcbin asks for the offer, which sometimes is made
    # first: such a session never connects.
    producer.on("new_session", on_new_session)

    try:
        # (7) Serve until Ctrl-C.
        await producer.serve4ever()
    finally:
        # (8) Disconnect; what was sent last may be lost.
        await producer.close()


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
