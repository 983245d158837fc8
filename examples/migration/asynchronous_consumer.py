"""Before: a consumer on gst-signalling 1.1.2, asyncio and GStreamer's webrtcbin. After: `threaded_consumer.py`.

The numbers mark the same steps in both programs. Run these in two terminals, with gst-signalling and GStreamer installed:

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
    # (1) The producer must be there already, else this raises KeyError.
    peer_id = await async_find_producer_peer_id_by_name(options.host, options.port, "data-producer")
    # (2) The server, and the producer to start a session with.
    consumer = GstSignallingConsumer(host=options.host, port=options.port, producer_peer_id=peer_id)
    channels = []

    def on_message(channel: Any, text: str) -> None:
        # (5), (6) One of GStreamer's threads calls this.
        print(text, flush=True)
        channel.emit("send-string", "pong")

    def on_data_channel(webrtc: Any, channel: Any) -> None:
        # (4) The producer's channel is open.
        channel.connect("on-message-string", on_message)
        # A channel without a reference emits no signals.
        channels.append(channel)

    consumer.on("new_session", lambda session: session.pc.connect("on-data-channel", on_data_channel))

    # (3) This returns when the session was requested. It is not known yet whether the session will connect.
    await consumer.connect()
    try:
        # (7) Serve until Ctrl-C.
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
