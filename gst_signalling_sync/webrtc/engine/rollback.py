"""`Snapshot`: rollback of descriptions (RFC 8829 section 4.1.10.2), which aiortc does not have."""

from __future__ import annotations

from typing import Any, Final

from aiortc import RTCDtlsTransport, RTCPeerConnection, RTCSctpTransport

__all__ = ["Snapshot"]

_OF_CONNECTION: Final = (
    "_RTCPeerConnection__currentLocalDescription",
    "_RTCPeerConnection__currentRemoteDescription",
    "_RTCPeerConnection__pendingLocalDescription",
    "_RTCPeerConnection__pendingRemoteDescription",
    "_RTCPeerConnection__signalingState",
    "_RTCPeerConnection__sctp",
    "_RTCPeerConnection__sctp_mline_index",
    "_RTCPeerConnection__sctpRemoteCaps",
    "_RTCPeerConnection__sctpRemotePort",
    "_sctpLegacySdp",
)

_CONTAINERS_OF_CONNECTION: Final = (
    "_RTCPeerConnection__dtlsTransports",
    "_RTCPeerConnection__iceTransports",
    "_RTCPeerConnection__remoteDtls",
    "_RTCPeerConnection__remoteIce",
    "_RTCPeerConnection__seenMids",
    "_RTCPeerConnection__transceivers",
)

_OF_TRANSCEIVER: Final = (
    "_RTCRtpTransceiver__currentDirection",
    "_RTCRtpTransceiver__direction",
    "_RTCRtpTransceiver__mid",
    "_RTCRtpTransceiver__mline_index",
    "_bundled",
    "_codecs",
    "_headerExtensions",
    "_offerDirection",
)


class Snapshot:
    """The state of a peer connection before a description is applied. Lives on the loop.

    Transports that were closed meanwhile, because their sections were bundled, stay closed. In a running session there are no
    such transports.

    Args:
        connection: The connection, which is not closed.
    """

    def __init__(self, connection: RTCPeerConnection) -> None:
        self._connection = connection
        self._values = _read(connection, _OF_CONNECTION)
        self._containers = {
            name: type(value)(value) for name, value in _read(connection, _CONTAINERS_OF_CONNECTION).items()
        }
        self._transceivers = [
            (each, _read(each, _OF_TRANSCEIVER), each.sender.transport, each.sender._enabled, each.receiver._enabled)
            for each in connection.getTransceivers()
        ]
        self._tracks = [(each.receiver, each.receiver._track) for each in connection.getTransceivers()]
        self._sctp = connection.sctp
        self._sctp_values = None if self._sctp is None else (self._sctp.mid, self._sctp._bundled, self._sctp.transport)
        self._roles = [(each, each._role) for each in _transports(connection)]

    async def restore(self) -> None:
        """Restore the state, and close transceivers and transports that were created since."""
        connection = self._connection
        added = _transports(connection) - self._containers["_RTCPeerConnection__dtlsTransports"]
        left = [each for each in connection.getTransceivers() if each not in {each for each, *_ in self._transceivers}]
        added_sctp = connection.sctp if connection.sctp is not self._sctp else None
        _write(connection, self._values)
        for name, value in self._containers.items():
            _write(connection, {name: type(value)(value)})
        for transceiver, values, transport, sends, receives in self._transceivers:
            _write(transceiver, values)
            transceiver.sender.setTransport(transport)
            transceiver.receiver.setTransport(transport)
            transceiver.sender._enabled, transceiver.receiver._enabled = sends, receives
        for receiver, track in self._tracks:
            receiver._track = track
        if self._sctp is not None and self._sctp_values is not None:
            self._sctp.mid, self._sctp._bundled, transport = self._sctp_values
            self._sctp.setTransport(transport)
        for transport, role in self._roles:
            transport._set_role(role)
        await _close(left, added_sctp, added)


def _transports(connection: RTCPeerConnection) -> set[RTCDtlsTransport]:
    found: set[RTCDtlsTransport] = connection._RTCPeerConnection__dtlsTransports  # type: ignore[attr-defined]
    return set(found)


def _read(owner: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in names}


def _write(owner: object, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(owner, name, value)


async def _close(transceivers: list[Any], sctp: RTCSctpTransport | None, transports: set[RTCDtlsTransport]) -> None:
    for transceiver in transceivers:
        await transceiver.stop()
    if sctp is not None:
        await sctp.stop()
    for transport in transports:
        await transport.stop()
        await transport.transport.stop()
