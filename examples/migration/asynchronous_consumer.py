"""Before: a consumer on gst-signalling 1.1.2, asyncio and GStreamer's webrtcbin. After: `threaded_consumer.py`.

The numbers mark the same steps in both. To run it, with gst-signalling and GStreamer installed:

    gst-signalling-sync serve
    python examples/migration/asynchronous_consumer.py
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from typing import Any

from gst_signalling import GstSignallingConsumer
from gst_signalling.utils import async_find_producer_peer_id_by_name


async def consume(options: argparse.Namespace) -> None:
    """Print what the producer sends, and answer it."""
    # (1) The producer must be there already; KeyError if it is not.
    peer_id = await async_find_producer_peer_id_by_name(options.host, options.port, "data-producer")
    # (2) Where the server is, and whose session to join.
    consumer = GstSignallingConsumer(host=options.host, port=options.port, producer_peer_id=peer_id)
    channels = []

    def on_message(channel: Any, text: str) -> None:
        # (5) and (6) One of GStreamer's threads calls this.
        print(text, flush=True)
        channel.emit("send-string", "pong")

    def on_data_channel(webrtc: Any, channel: Any) -> None:
        # (4) The producer's channel.
        channel.connect("on-message-string", on_message)
        # A channel that nobody refers to emits no signals.
        channels.append(channel)

    consumer.on("new_session", lambda session: session.pc.connect("on-data-channel", on_data_channel))

    # (3) Returns when the session was requested; whether it will connect is not known yet.
    await consumer.connect()
    try:
        # (7) Until Ctrl-C.
        await consumer.consume()
    finally:
        # (8) Disconnect.
        await consumer.close()


def main() -> None:
    """Consume until Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(consume(parser.parse_args()))


if __name__ == "__main__":
    main()
