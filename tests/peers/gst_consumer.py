"""A consumer on gst-signalling 1.1.2 and webrtcbin that echoes what arrives on its channels.

Run in the virtual environment of gst-signalling, from the root of the repository: ``python -m tests.peers.gst_consumer``.
`gst_peer` describes its events and commands.
"""

from __future__ import annotations

import asyncio

from gst_signalling import GstSignallingConsumer
from gst_signalling.utils import async_find_producer_peer_id_by_name

from .gst_peer import GstPeer, common_arguments


async def main() -> None:
    """Have a session with one producer until the test closes."""
    parser = common_arguments(__doc__)
    producer = parser.add_mutually_exclusive_group(required=True)
    producer.add_argument("--producer-id")
    producer.add_argument("--producer-name")
    options = parser.parse_args()
    producer_id = options.producer_id or await async_find_producer_peer_id_by_name(
        options.host, options.port, options.producer_name
    )
    await GstPeer(GstSignallingConsumer(options.host, options.port, producer_id), options).run()


if __name__ == "__main__":
    asyncio.run(main())
