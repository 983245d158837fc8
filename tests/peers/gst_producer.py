"""A producer on gst-signalling 1.1.2 and webrtcbin that offers data channels, on which it echoes, and tracks.

Run in the virtual environment of gst-signalling, from the root of the repository: ``python -m tests.peers.gst_producer``.
`gst_peer` describes its events and commands.
"""

from __future__ import annotations

import asyncio

from gst_signalling import GstSignallingProducer

from .gst_peer import GstPeer, common_arguments


async def main() -> None:
    """Serve sessions until the test closes."""
    parser = common_arguments(__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--channel", action="append", default=[], help="label of a channel that every session gets")
    options = parser.parse_args()
    peer = GstPeer(GstSignallingProducer(options.host, options.port, options.name), options)
    peer.offer_channels(options.channel)
    await peer.run()


if __name__ == "__main__":
    asyncio.run(main())
