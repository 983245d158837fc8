"""`TransportDepartures`: counts and paces the packets that leave by one transport, and estimates its bandwidth (TWCC).

Lives on the loop.
"""

from __future__ import annotations

import struct
import time
from typing import Final, Protocol

from ..bwe.estimator import SendSideEstimator
from ..bwe.feedback_budget import FeedbackBudget
from ..bwe.pacer import Pacer
from ..bwe.probing import Probe
from ..bwe.repair_rate import RepairRate
from ..bwe.transport_feedback import TransportFeedback
from .codecs import RTCRtpSendParameters
from .header_extensions import TRANSPORT_SEQUENCE_NUMBER
from .rtp import TRANSPORT_LAYER_FEEDBACK, TRANSPORT_WIDE

__all__ = ["Departing", "TransportDepartures", "split_feedback"]

_NETWORK_BYTES: Final = 38
"""Bytes of IPv4, UDP and SRTP's tag around each packet."""

_PAYLOAD_SHARE: Final = 0.93
"""Fraction of a link's bitrate that is payload, for video packets of the usual size."""

_AUDIO_RATE: Final = 80_000
"""Bit/s of an audio track, with headers."""

_HEADROOM: Final = 1.3
"""Factor between the needed bitrate and the maximum of the estimate, so that a small dip does not reduce the bitrate."""

_PATIENCE_SECONDS: Final = 2.0
"""Seconds after which a peer that negotiated feedback and sent none counts as a peer without feedback."""

_REPEATED_LOSS: Final = 0.04
"""Share of lost packets from which retransmissions are sent twice: a frame whose retransmission is lost waits for another round
trip, and so do the frames behind it."""

_RTCP_HEADER_BYTES: Final = 4
_SSRC_BYTES: Final = 8


class Departing(Protocol):
    """A sender of one track."""

    @property
    def kind(self) -> str:
        """The kind of its media."""

    @property
    def needed(self) -> int | None:
        """Maximum bitrate of the track, in bit/s; None: it is not known yet."""

    def on_link_estimate(self, bitrate: int, is_confirmed: bool) -> None:
        """Handle a new bitrate for this track.

        Args:
            bitrate: The bitrate, in bit/s.
            is_confirmed: Whether the estimate was measured.
        """

    def send_probe(self, probe: Probe) -> bool:
        """Send a burst of padding.

        Returns:
            Whether the sender can do so.
        """


class TransportDepartures:
    """The packets that leave by one transport, and their senders."""

    def __init__(self) -> None:
        self._estimator = SendSideEstimator()
        self._budget = FeedbackBudget()
        self._pacer = Pacer()
        self._repairs = RepairRate()
        self._number = 0
        self._senders: dict[Departing, None] = {}
        self._began: float | None = None

    def is_counted(self, parameters: RTCRtpSendParameters) -> bool:
        """Whether the packets of a track are counted.

        Args:
            parameters: The negotiated parameters of the track.
        """
        return any(each.uri == TRANSPORT_SEQUENCE_NUMBER for each in parameters.headerExtensions) and any(
            each.type == "transport-cc" for codec in parameters.codecs for each in codec.rtcpFeedback
        )

    def add(self, sender: Departing) -> None:
        """Give a sender, whose packets are counted, a share of the link.

        Args:
            sender: The sender.
        """
        self._senders[sender] = None

    def remove(self, sender: Departing) -> None:
        """Remove a sender."""
        self._senders.pop(sender, None)
        self._share()

    @property
    def has_feedback(self) -> bool:
        """Whether the peer sends feedback, or may still begin to."""
        waited = 0.0 if self._began is None else time.monotonic() - self._began
        return self._estimator.has_feedback or waited < _PATIENCE_SECONDS

    @property
    def round_trip(self) -> float:
        """Seconds from sending a packet to the feedback about it."""
        return self._estimator.round_trip

    def wait(self) -> float:
        """Seconds until the next packet of video may be sent; 0: now."""
        return self._pacer.wait(time.monotonic()) if self.has_feedback else 0.0

    def may_repair(self, is_obsolete: bool) -> bool:
        """Whether a lost packet may be retransmitted. If not, the receiver requests it again, or a keyframe.

        Args:
            is_obsolete: Whether a keyframe has followed the packet.
        """
        if not self.has_feedback:
            return True
        return self._repairs.has_room(self._estimator.bitrate, is_obsolete, time.monotonic())

    @property
    def repeats_repairs(self) -> bool:
        """Whether a retransmission is sent twice, because the link loses many packets at any rate."""
        return self._estimator.own_loss >= _REPEATED_LOSS

    def next_number(self) -> int:
        """The transport-wide sequence number of the next packet."""
        self._number = (self._number + 1) & 0xFFFF
        return self._number

    def sent(self, number: int, size: int, probe: int | None = None, is_repair: bool = False) -> None:
        """Record a sent packet.

        Args:
            number: Its number, from `next_number`.
            size: Size of the RTP packet, in bytes.
            probe: The burst of padding that it belongs to. Defaults to None: it belongs to none.
            is_repair: Whether it is a retransmission. Defaults to False.
        """
        now = time.monotonic()
        if self._began is None:
            self._began = now
            self._pacer.pace(self._estimator.bitrate)
        self._budget.sent()
        self._estimator.on_sent(number, size + _NETWORK_BYTES, now, probe)
        self._pacer.sent((size + _NETWORK_BYTES) * 8, now)
        if is_repair:
            self._repairs.add((size + _NETWORK_BYTES) * 8, now)

    def poll(self) -> None:
        """Begin a burst of padding, if one is due."""
        self._follow_need()
        probe = self._estimator.probe(time.monotonic())
        if probe is not None:
            any(sender.send_probe(probe) for sender in self._senders)

    def on_feedback(self, data: bytes) -> None:
        """Handle the feedback control information of a message.

        Raises:
            ValueError: It is malformed, or reports far more packets than were sent.
        """
        packets = TransportFeedback.packets_in(data)
        if not self._budget.spend(packets):
            raise ValueError(f"transport-wide feedback reports {packets} packets, far more than were sent")
        self._estimator.on_feedback(TransportFeedback.parse(data), time.monotonic())
        self._pacer.pace(self._estimator.bitrate)
        self._share()
        self.poll()

    def start_rate(self) -> None:
        """Tell the senders their initial bitrates."""
        self._share()

    def _follow_need(self) -> None:
        needs = [sender.needed for sender in self._senders if sender.kind == "video"]
        known = [need for need in needs if need is not None]
        if known and len(known) == len(needs):
            self._estimator.maximum = sum(known) / _PAYLOAD_SHARE * _HEADROOM + _AUDIO_RATE * self._audio_tracks

    @property
    def _audio_tracks(self) -> int:
        return sum(sender.kind == "audio" for sender in self._senders)

    def _share(self) -> None:
        videos = [sender for sender in self._senders if sender.kind == "video"]
        if not videos:
            return
        rest = self._repairs.rest(self._estimator.bitrate, time.monotonic())
        rate = (rest - _AUDIO_RATE * self._audio_tracks) * _PAYLOAD_SHARE / len(videos)
        for sender in videos:
            sender.on_link_estimate(max(1, round(rate)), self._estimator.is_confirmed)


def split_feedback(data: bytes) -> tuple[bytes, list[bytes]]:
    """Separate the transport-wide feedback from the rest of a compound RTCP packet (RFC 3550 section 6.1).

    Args:
        data: The decrypted packet.

    Returns:
        The rest, and the feedback control information of each message.
    """
    rest: list[bytes] = []
    feedback: list[bytes] = []
    position = 0
    while position + _RTCP_HEADER_BYTES <= len(data):
        first, kind, words = struct.unpack_from("!BBH", data, position)
        end = position + _RTCP_HEADER_BYTES + 4 * words
        if kind == TRANSPORT_LAYER_FEEDBACK and first & 0x1F == TRANSPORT_WIDE and end <= len(data):
            feedback.append(data[position + _RTCP_HEADER_BYTES + _SSRC_BYTES : end])
        else:
            rest.append(data[position:end])
        position = end
    rest.append(data[position:])
    return b"".join(rest), feedback
