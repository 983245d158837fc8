"""The statistics of a session, with the names, types and units of the W3C's "Identifiers for WebRTC's Statistics API".

aiortc's objects have other units: jitter in RTP ticks, fractions in 256ths, times as `datetime`. Here jitter is in seconds, a
fraction is between 0 and 1, a time is a ``DOMHighResTimeStamp`` (milliseconds since 1970), and unknown members are absent. The
statistics can be written as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from .engine.ice import IceConnection
from .engine.peer_connection import PeerConnection
from .engine.stats import RTCStats, current_datetime

__all__ = ["Statistics", "connection_statistics", "current_timestamp", "w3c_members"]

Statistics = dict[str, dict[str, Any]]
"""Statistics objects by identifier, each with its members by name."""

_Converter = Callable[[Any, Mapping[str, Any]], Any]

_CHECK_SECONDS: Final = 0.5
"""Seconds to wait for the first answer to a STUN check."""


def current_timestamp() -> float:
    """The present time as a ``DOMHighResTimeStamp``, in milliseconds since 1970."""
    return current_datetime().timestamp() * 1000


def _same(value: Any, members: Mapping[str, Any]) -> Any:
    return value


def _milliseconds(value: datetime | None, members: Mapping[str, Any]) -> Any:
    return None if value is None else value.timestamp() * 1000


def _seconds(ticks: int, members: Mapping[str, Any]) -> float:
    clock_rate: int = members["clockRate"]
    return ticks / clock_rate


def _fraction(value: int, members: Mapping[str, Any]) -> float:
    return value / 256


def _measured(value: float, members: Mapping[str, Any]) -> float | None:
    # aiortc has 0 before the first measurement.
    return value or None


_STREAM: Final[dict[str, _Converter]] = {"ssrc": _same, "kind": _same, "transportId": _same}
_RECEIVED: Final = {**_STREAM, "packetsReceived": _same, "packetsLost": _same, "jitter": _seconds}
_SENT: Final = {**_STREAM, "packetsSent": _same, "bytesSent": _same}

_MEMBERS: Final[dict[str, dict[str, _Converter]]] = {
    "inbound-rtp": _RECEIVED,
    "remote-inbound-rtp": {**_RECEIVED, "roundTripTime": _measured, "fractionLost": _fraction},
    "outbound-rtp": {**_SENT, "encoderImplementation": _same, "powerEfficientEncoder": _same, "targetBitrate": _same},
    "remote-outbound-rtp": {**_SENT, "remoteTimestamp": _milliseconds},
    "transport": {
        "packetsSent": _same,
        "packetsReceived": _same,
        "bytesSent": _same,
        "bytesReceived": _same,
        "iceRole": _same,
        "dtlsState": _same,
    },
}
"""By type: the members that are taken from aiortc's object, and the conversion of each."""

_OTHER_END: Final = {
    "inbound-rtp": ("remoteId", "remote-outbound-rtp"),
    "outbound-rtp": ("remoteId", "remote-inbound-rtp"),
    "remote-inbound-rtp": ("localId", "outbound-rtp"),
    "remote-outbound-rtp": ("localId", "inbound-rtp"),
}
"""By type: the member that refers to the other end's statistics of the same stream, and the type of these."""


def w3c_members(stats: RTCStats) -> dict[str, Any]:
    """Convert a statistics object of aiortc to the W3C's members."""
    members = vars(stats)
    converted = {
        name: convert(members[name], members) for name, convert in _MEMBERS[stats.type].items() if name in members
    }
    known = {name: value for name, value in converted.items() if value is not None}
    return {"id": stats.id, "type": stats.type, "timestamp": _milliseconds(stats.timestamp, members), **known}


async def connection_statistics(connection: PeerConnection) -> Statistics:
    """The statistics of streams, transports and the selected candidate pairs; on the loop."""
    report = {stats.id: w3c_members(stats) for stats in await connection.stats() if stats.type in _MEMBERS}
    _link(report.values())
    for transport, path in connection.paths_by_transport.items():
        pair = await _pair_statistics(transport, path)
        if pair:
            report[transport]["selectedCandidatePairId"] = next(iter(pair))
            report.update(pair)
    return report


def _link(report: Iterable[dict[str, Any]]) -> None:
    """Have the statistics of both ends of a stream refer to each other."""
    identifiers = {(each["type"], each["ssrc"]): each["id"] for each in report if "ssrc" in each}
    for each in report:
        member, kind = _OTHER_END.get(each["type"], ("", ""))
        if (kind, each.get("ssrc")) in identifiers:
            each[member] = identifiers[kind, each["ssrc"]]


async def _pair_statistics(transport: str, path: IceConnection) -> Statistics:
    """The selected candidate pair of a transport, which is the first entry, and its candidates; empty without a pair."""
    if path.selected_pair is not None and path.round_trip is None:
        await path.check(_CHECK_SECONDS)
    selected = path.selected_pair
    if selected is None:
        return {}
    now = current_timestamp()
    local, remote = f"local-candidate_{transport}", f"remote-candidate_{transport}"
    pair: dict[str, Any] = {
        "id": f"candidate-pair_{transport}",
        "type": "candidate-pair",
        "timestamp": now,
        "transportId": transport,
        "localCandidateId": local,
        "remoteCandidateId": remote,
        "state": "succeeded",
        "nominated": True,
        "bytesReceived": path.bytes_in,
        "bytesSent": path.bytes_out,
    }
    if path.round_trip is not None:
        pair |= {
            "currentRoundTripTime": path.round_trip,
            "totalRoundTripTime": path.round_trips,
            "responsesReceived": path.checks_answered,
        }
    ends = (
        ("local-candidate", local, selected.local_type, selected.local_address),
        ("remote-candidate", remote, selected.remote_type, selected.remote_address),
    )
    candidates = [
        {
            "id": identifier,
            "type": kind,
            "timestamp": now,
            "transportId": transport,
            "candidateType": candidate_type,
            "address": address[0],
            "port": address[1],
            "protocol": "udp",
        }
        for kind, identifier, candidate_type, address in ends
    ]
    if selected.relay_protocol is not None:
        candidates[0] |= {"relayProtocol": selected.relay_protocol, "url": selected.server}
    return {str(each["id"]): each for each in (pair, *candidates)}
