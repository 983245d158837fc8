"""`Quality`: the quality of a session's link in one value, computed from two samples. No I/O and no clock."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from .path_size import PAYLOAD

__all__ = ["Quality", "Route", "Sample", "Stream", "quality_between"]

_UNITS: Final = ((1e6, "Mbit/s"), (1e3, "kbit/s"))


@dataclass(frozen=True, slots=True)
class Route:
    """The selected candidate pair (RFC 8445).

    Attributes:
        local_type: Type of this end's candidate: ``"host"``, ``"srflx"``, ``"prflx"`` or ``"relay"``.
        local_address: Host and port of this end's candidate.
        remote_type: Type of the peer's candidate.
        remote_address: Host and port of the peer's candidate.
        protocol: Protocol between the candidates, which is always ``"udp"``.
        relay_protocol: Protocol between this end and its TURN server: ``"udp"``, ``"tcp"`` or ``"tls"``; None: this end's
            candidate is not relayed.
    """

    local_type: str
    local_address: tuple[str, int]
    remote_type: str
    remote_address: tuple[str, int]
    protocol: str = "udp"
    relay_protocol: str | None = None

    @property
    def is_relayed(self) -> bool:
        """Whether packets go through a TURN server of either end."""
        return "relay" in (self.local_type, self.remote_type)

    def __str__(self) -> str:
        how = f"relay over {self.relay_protocol}" if self.relay_protocol else "relay" if self.is_relayed else "direct"
        ends = (_shown(self.local_type, self.local_address), _shown(self.remote_type, self.remote_address))
        return f"{how}, {ends[0]} to {ends[1]}"


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality of a session's link. `str` makes one line of it, and the result of `as_dict` can be written as JSON.

    Example:
        quality = session.quality()
        print(quality)  # round trip 12.1 ms; in 1.2 Mbit/s, 30 frames/s, 0.2 % lost; ...
        if quality.route is not None and quality.route.is_relayed:
            print("by a TURN server")

    Attributes:
        round_trip: Round trip of the last answered STUN check, in seconds; None: no check was answered yet.
        loss_in: Fraction of the peer's media packets that were lost, 0 to 1; None: no media packets arrived.
        loss_out: Fraction of this end's media packets that were lost, 0 to 1, as the peer reports; None: no report came.
        bitrate_in: Received bit/s, without headers of UDP and IP.
        bitrate_out: Sent bit/s, without headers of UDP and IP.
        frame_rates_in: Frames per second of each received video track, in the order of `Session.videos`.
        frame_rates_out: Frames per second of each video source that is sent.
        route: The selected candidate pair; None: there is no connection.
        largest_payload: Largest UDP payload that the path takes, in bytes, up to 1200; None: it is not known yet.
        seconds: Seconds over which the rates and the incoming loss were measured.
    """

    round_trip: float | None
    loss_in: float | None
    loss_out: float | None
    bitrate_in: float
    bitrate_out: float
    frame_rates_in: tuple[float, ...]
    frame_rates_out: tuple[float, ...]
    route: Route | None
    largest_payload: int | None
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The attributes by their names. The route is a dictionary too."""
        return asdict(self)

    def __str__(self) -> str:
        trip = "unknown" if self.round_trip is None else f"{1e3 * self.round_trip:.1f} ms"
        ways = (
            f"{way} {_bitrate(bitrate)}{_frames(rates)}{_loss(loss)}"
            for way, bitrate, rates, loss in (
                ("in", self.bitrate_in, self.frame_rates_in, self.loss_in),
                ("out", self.bitrate_out, self.frame_rates_out, self.loss_out),
            )
        )
        is_small = self.largest_payload is not None and self.largest_payload < PAYLOAD
        warning = (f"the path loses packets over {self.largest_payload} bytes",) if is_small else ()
        return "; ".join((f"round trip {trip}", *ways, *warning, str(self.route or "not connected")))


@dataclass(frozen=True, slots=True)
class Stream:
    """Counts of the media packets of a session.

    Attributes:
        received: Number of packets that arrived.
        lost: Number of packets that were lost.
        fraction_lost: Fraction of this end's packets that were lost, 0 to 1, in the peer's last report; None: no report came.
    """

    received: int
    lost: int
    fraction_lost: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    """The counts of a session at one time.

    Attributes:
        at: The time, in seconds.
        bytes_in: Bytes of UDP payload that arrived.
        bytes_out: Bytes of UDP payload that were sent.
        stream: Counts of media packets.
        frames_in: Frames per second of each received video track.
        frames_out: Number of frames that each video source has encoded.
        round_trip: See `Quality`.
        route: See `Quality`.
        largest_payload: See `Quality`.
    """

    at: float
    bytes_in: int
    bytes_out: int
    stream: Stream
    frames_in: tuple[float, ...]
    frames_out: tuple[int, ...]
    round_trip: float | None
    route: Route | None
    largest_payload: int | None = None


def quality_between(before: Sample, now: Sample) -> Quality:
    """The quality of the link between the times of two samples.

    Args:
        before: The earlier sample.
        now: The later sample.
    """
    seconds = max(now.at - before.at, 1e-9)
    received = now.stream.received - before.stream.received
    lost = max(now.stream.lost - before.stream.lost, 0)
    # A source that was added meanwhile has no earlier count.
    earlier = before.frames_out + (0,) * (len(now.frames_out) - len(before.frames_out))
    return Quality(
        round_trip=now.round_trip,
        loss_in=lost / (received + lost) if received > 0 else None,
        loss_out=now.stream.fraction_lost,
        bitrate_in=8 * max(now.bytes_in - before.bytes_in, 0) / seconds,
        bitrate_out=8 * max(now.bytes_out - before.bytes_out, 0) / seconds,
        frame_rates_in=now.frames_in,
        frame_rates_out=tuple(
            max(after - count, 0) / seconds for count, after in zip(earlier, now.frames_out, strict=False)
        ),
        route=now.route,
        largest_payload=now.largest_payload,
        seconds=seconds,
    )


def _shown(kind: str, address: tuple[str, int]) -> str:
    host, port = address
    return f"{kind} [{host}]:{port}" if ":" in host else f"{kind} {host}:{port}"


def _bitrate(bits: float) -> str:
    for unit, name in _UNITS:
        if bits >= unit:
            return f"{bits / unit:.1f} {name}"
    return f"{bits:.0f} bit/s"


def _frames(rates: tuple[float, ...]) -> str:
    return f", {' + '.join(f'{rate:.0f}' for rate in rates)} frames/s" if rates else ""


def _loss(loss: float | None) -> str:
    return "" if loss is None else f", {100 * loss:.1f} % lost"
