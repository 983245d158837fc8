"""`Examination`: the steps of ``gst-signalling-sync check`` and their findings, as values."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import gst_signalling_sync

from .. import ChannelClosed, ConnectError, SignallingError, WaitTimeout
from .echo import ECHO_PROTOCOL, ECHO_REFUSAL
from .output import counted
from .pinger import EchoRefused, check_refusal
from .session_options import SessionOptions

if TYPE_CHECKING:
    from .. import DataChannel, Peer, Session

__all__ = ["Examination", "Finding"]

_LABEL: Final = "check"
_MESSAGE_BYTES: Final = 1024
_UNDER_WAY_BYTES: Final = 256 * 1024
_MAX_SENT_BYTES: Final = 2 * 1024 * 1024
"""Half of what a producer sends back at once by default (``SessionLimits.echo_bytes``); it drops what is beyond that."""
_TRIPS: Final = 10
_WAIT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        step: The name of the step.
        is_good: Whether the finding is as it should be; None: it is neither good nor bad.
        text: The finding in words.
        details: The finding for programs.
    """

    step: str
    is_good: bool | None
    text: str
    details: dict[str, Any] = field(default_factory=dict)


class Examination:
    """Examines everything between this machine and one producer.

    Args:
        name: The name or the peer id of the producer.
        options: How to reach it.
        seconds: How long bit rates are measured.
    """

    def __init__(self, name: str, options: SessionOptions, seconds: float) -> None:
        self._name = name
        self._options = options
        self._seconds = seconds
        self.failure: SignallingError | None = None
        """The error that ended the examination early."""

    def run(self) -> Iterator[Finding]:
        """Go from step to step, as far as possible.

        Yields:
            Each finding as it is made.
        """
        producer: Peer | None = None
        try:
            yield from self._server()
            producer = self._options.find(self._name)
            yield Finding(
                "producer", True, f"{self._name} is {producer.id}", {"id": producer.id, "name": producer.name}
            )
        except SignallingError as error:
            self.failure = error
            yield Finding("server" if isinstance(error, ConnectError) else "producer", False, str(error))
        yield from self._ice_servers()
        if producer is None:
            return
        try:
            yield from self._session(producer)
        except SignallingError as error:
            self.failure = error
            yield Finding("session", False, str(error))

    def _server(self) -> Iterator[Finding]:
        began = time.perf_counter()
        endpoint = self._options.endpoint
        producers = gst_signalling_sync.list_producers(endpoint, timeout=self._options.timeout)
        seconds = time.perf_counter() - began
        text = f"{endpoint.uri} answers in {_milliseconds(seconds)}, {counted(len(producers), 'producer')}"
        yield Finding("server", True, text, {"uri": endpoint.uri, "seconds": seconds})
        if endpoint.token is not None:
            yield Finding("token", True, "accepted", {"given": True})
        else:
            yield Finding("token", None, "none given, none required", {"given": False})

    def _ice_servers(self) -> Iterator[Finding]:
        try:
            answers, candidates = gst_signalling_sync.ask_ice_servers(self._options.ice)
        except (ValueError, TypeError, OSError) as error:
            yield Finding("ICE server", False, str(error))
            return
        for answer in answers:
            in_time = "" if answer.seconds is None else f" in {_milliseconds(answer.seconds)}"
            details = {"server": answer.server, "outcome": answer.outcome, "seconds": answer.seconds}
            yield Finding("ICE server", answer.is_usable, f"{answer.server}: {answer.outcome}{in_time}", details)
        if not answers:
            yield Finding("ICE servers", None, "none; enough within one network", {"servers": []})
        text = ", ".join(candidates) or "none: no peer can reach this machine"
        yield Finding("candidates", bool(candidates), text, {"candidates": candidates})

    def _session(self, producer: Peer) -> Iterator[Finding]:
        began = time.perf_counter()
        with self._options.connect(producer) as session:
            seconds = time.perf_counter() - began
            yield Finding("session", True, f"connected in {_milliseconds(seconds)}", {"seconds": seconds})
            if session.videos:
                # Frame rates are those of the last second.
                session.video.read(timeout=self._options.timeout)
                time.sleep(self._seconds)
            quality = session.quality(self._options.timeout)
            route = quality.route
            yield Finding(
                "route",
                None if route is None or route.is_relayed else True,
                str(route or "unknown"),
                {} if route is None else quality.as_dict()["route"],
            )
            rates = str(quality).partition("; ")[2].rpartition("; ")[0]
            has_media = bool(session.videos or session.audios)
            yield Finding("media", None, rates if has_media else "the producer sends none", quality.as_dict())
            yield from self._echo(session)

    def _echo(self, session: Session) -> Iterator[Finding]:
        channel = session.create_channel(_LABEL, protocol=ECHO_PROTOCOL)
        try:
            yield from self._measure(channel)
        except (ChannelClosed, WaitTimeout, EchoRefused) as error:
            yield Finding("round trip", None, f"the producer sends nothing back: {error}")

    def _measure(self, channel: DataChannel) -> Iterator[Finding]:
        try:
            channel.wait_open(self._options.timeout)
            trips = sorted(_round_trips(channel))
            best, worst, middle = trips[0], trips[-1], trips[len(trips) // 2]
            text = (
                f"{_milliseconds(middle)} ({_milliseconds(best)} to {_milliseconds(worst)}), of {len(trips)} messages"
            )
            yield Finding("round trip", True, text, {"seconds": middle, "min": best, "max": worst})
            bitrate = _bitrate(channel, self._seconds)
            text = f"{bitrate / 1e6:.1f} Mbit/s out and back at the same time, as data"
            yield Finding("bit rate", True, text, {"bits_per_second": bitrate})
        except ChannelClosed:
            # A producer that refuses may have closed the channel before this end has read why.
            check_refusal(channel)
            raise


def _receive(channel: DataChannel) -> str | bytes:
    data = channel.recv(_WAIT_SECONDS)
    if data == ECHO_REFUSAL:
        raise EchoRefused
    return data


def _round_trips(channel: DataChannel) -> Iterator[float]:
    for _ in range(_TRIPS):
        began = time.perf_counter()
        channel.send(bytes(64))
        _receive(channel)
        yield time.perf_counter() - began


def _bitrate(channel: DataChannel, seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """Bits per second that come back, with no more bytes under way than the peer's queue takes.

    A fast link is measured for less than the given time, since the producer does not send any amount back.
    """
    message = bytes(_MESSAGE_BYTES)
    began = ended = clock()
    sent = received = 0
    while True:
        while sent - received < _UNDER_WAY_BYTES and sent < _MAX_SENT_BYTES and clock() < began + seconds:
            channel.send(message)
            sent += _MESSAGE_BYTES
        if received == sent:
            break
        try:
            received += len(_receive(channel))
        except WaitTimeout:
            if received == 0:
                raise
            # Its limit is lower than the default, and it has dropped the rest.
            break
        ended = clock()
    return 8 * received / (ended - began)


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"
