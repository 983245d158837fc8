"""Before: a producer on gst-signalling 1.1.2, asyncio and GStreamer's webrtcbin. After: `threaded_producer.py`.

The numbers mark the same steps in both programs. Run these in two terminals, with gst-signalling and GStreamer installed:

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
    # (1) The server, and this producer's name.
    producer = GstSignallingProducer(host=options.host, port=options.port, name="data-producer")
    channels = []

    def on_message(channel: Any, text: str) -> None:
        # (6) One of GStreamer's threads calls this.
        print(text, flush=True)

    async def send_pings(session: Any, channel: Any) -> None:
        start = time.monotonic()
        while session.session_id in producer.sessions:
            # (5) Send a message.
            channel.emit("send-string", f"ping: {time.monotonic() - start:.1f} s")
            await asyncio.sleep(0.01)

    def on_new_session(session: Any) -> None:
        def on_open(channel: Any) -> None:
            # (4) One of GStreamer's threads calls this too. The messages are sent from the event loop.
            asyncio.run_coroutine_threadsafe(send_pings(session, channel), loop)

        # (3) Each session needs a channel of its own.
        channel = session.pc.emit("create-data-channel", "chat", None)
        channel.connect("on-open", on_open)
        channel.connect("on-message-string", on_message)
        # A channel without a reference emits no signals.
        channels.append(channel)

    # (2) A consumer asked for a session. The receiver is called at about the time at which webrtcbin asks for the offer. If
    # the offer is made first, the session never connects.
    producer.on("new_session", on_new_session)

    try:
        # (7) Serve until Ctrl-C.
        await producer.serve4ever()
    finally:
        # (8) Disconnect. The last messages may be lost.
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
