"""The bundle of a running session (RFC 9143), whose sections may change.

aiortc closes the bundle's transport when another section becomes the first one, and never forgets a section.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aiortc import RTCPeerConnection, RTCRtpTransceiver

__all__ = ["bundled_mids", "forget", "keep_transport"]

_BUNDLE: Final = "a=group:BUNDLE"

_DESCRIPTIONS: Final = (
    "_RTCPeerConnection__currentLocalDescription",
    "_RTCPeerConnection__currentRemoteDescription",
    "_RTCPeerConnection__pendingLocalDescription",
    "_RTCPeerConnection__pendingRemoteDescription",
)


def bundled_mids(sdp: str) -> list[str]:
    """The mids of the first bundle of a description. The first mid is that of the tagged section."""
    found = (line.split()[1:] for line in sdp.splitlines() if line.split()[:1] == [_BUNDLE])
    return next(found, [])


def keep_transport(connection: RTCPeerConnection, bundle: Sequence[str]) -> None:
    """Have the sections that share a transport keep it, whichever section the next description's bundle begins with.

    Args:
        connection: The connection, before the description is applied.
        bundle: The mids of the description's bundle.
    """
    sections: list[tuple[Any, Any]] = [(each, each.receiver.transport) for each in connection.getTransceivers()]
    if connection.sctp is not None:
        sections.append((connection.sctp, connection.sctp.transport))
    first = next(((each, transport) for each, transport in sections if bundle and each.mid == bundle[0]), None)
    if first is None:
        return
    for each, transport in sections:
        if each is first[0]:
            each._bundled = False
        elif transport is first[1]:
            each._bundled = True


async def forget(connection: RTCPeerConnection, transceiver: RTCRtpTransceiver) -> None:
    """Remove a transceiver from a connection, and its section from the descriptions. Other sections keep its transport.

    Args:
        connection: The connection, which must be in a stable signalling state.
        transceiver: The transceiver, which must not be sending.
    """
    private: Any = connection
    mid = transceiver.mid
    private._RTCPeerConnection__transceivers.remove(transceiver)
    private._RTCPeerConnection__remoteDtls.pop(transceiver, None)
    private._RTCPeerConnection__remoteIce.pop(transceiver, None)
    for name in _DESCRIPTIONS:
        description = getattr(connection, name)
        if description is None:
            continue
        description.media = [media for media in description.media if media.rtp.muxId != mid]
        for group in description.group:
            group.items = [each for each in group.items if each != mid]
    local = private._RTCPeerConnection__pendingLocalDescription or private._RTCPeerConnection__currentLocalDescription
    media = [] if local is None else local.media
    places = {each.rtp.muxId: place for place, each in enumerate(media)}
    for each in connection.getTransceivers():
        if each.mid in places:
            each._set_mline_index(places[each.mid])
    if connection.sctp is not None and connection.sctp.mid in places:
        private._RTCPeerConnection__sctp_mline_index = places[connection.sctp.mid]
    await transceiver.stop()
