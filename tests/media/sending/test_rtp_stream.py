"""`RtpStream`: numbers, timestamps and markers of packets (RFC 3550), and their retransmissions (RFC 4588)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest
from aiortc import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from gst_signalling_sync.webrtc.engine.rtp_sender import RtpSender
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame, MediaKind
from gst_signalling_sync.webrtc.media.sending import rtp_stream
from gst_signalling_sync.webrtc.media.sending.header_extensions import HeaderExtensions
from gst_signalling_sync.webrtc.media.sending.negotiated_codecs import NegotiatedCodecs, StreamCodec
from gst_signalling_sync.webrtc.media.sending.playout_delay import PlayoutLimits
from gst_signalling_sync.webrtc.media.sending.rtp_stream import RtpStream

SSRC, RTX_SSRC = 1000, 2000
VP8 = RTCRtpCodecParameters("video/VP8", 90_000, None, 96)
RTX = RTCRtpCodecParameters("video/rtx", 90_000, None, 97, [], {"apt": 96})
H264 = RTCRtpCodecParameters("video/H264", 90_000, None, 98)
OPUS = RTCRtpCodecParameters("audio/opus", 48_000, 2, 111)


class Departures:
    """A transport without a pace, which has room for what it is told to."""

    def __init__(self) -> None:
        self.has_room = True
        self.has_room_for_obsolete = True
        self.repeats_repairs = False
        self.numbers = itertools.count(1)

    def wait(self) -> float:
        return 0.0

    def may_repair(self, is_obsolete: bool) -> bool:
        return self.has_room_for_obsolete if is_obsolete else self.has_room

    def next_number(self) -> int:
        return next(self.numbers)

    def sent(self, number: int, size: int, probe: int | None = None, is_repair: bool = False) -> None:
        pass


class Sender:
    """Keeps the packets that the stream sends."""

    ssrc = SSRC
    retransmission_ssrc = RTX_SSRC

    def __init__(self) -> None:
        self.departures = Departures()
        self.packets: list[RtpPacket] = []
        self.sent: list[bytes] = []
        self.error: Exception | None = None

    async def transmit(self, data: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.packets.append(RtpPacket.parse(data))
        self.sent.append(data)


def codec(*negotiated: RTCRtpCodecParameters) -> StreamCodec:
    return NegotiatedCodecs(negotiated).stream_codec(0)


def stream_of(chosen: StreamCodec, kind: MediaKind = "video") -> tuple[RtpStream, Sender]:
    sender = Sender()
    stream = RtpStream(cast(RtpSender, sender), kind)
    stream.use(chosen)
    return stream, sender


def send(stream: RtpStream, timestamp: int, payloads: Sequence[bytes], keyframe: bool = True) -> None:
    asyncio.run(stream.send(EncodedFrame("VP8", b"", timestamp, keyframe, 0.0), payloads))


def resend(stream: RtpStream, *numbers: int, round_trip: float = 0.0) -> None:
    stream.round_trip = round_trip
    asyncio.run(stream.resend(numbers))


def test_packets_are_numbered_and_the_last_one_of_a_frame_is_marked() -> None:
    stream, sender = stream_of(codec(VP8))

    send(stream, 0, [b"a", b"b"])
    send(stream, 3000, [b"c"])

    first = sender.packets[0]
    assert [(each.sequence_number - first.sequence_number) & 0xFFFF for each in sender.packets] == [0, 1, 2]
    assert [(each.timestamp - first.timestamp) & 0xFFFFFFFF for each in sender.packets] == [0, 0, 3000]
    assert [each.marker for each in sender.packets] == [0, 1, 1]
    assert {(each.payload_type, each.ssrc) for each in sender.packets} == {(96, SSRC)}
    assert (stream.packets, stream.octets, stream.newest_timestamp) == (3, 3, 3000)


def test_numbers_and_timestamps_wrap() -> None:
    stream, sender = stream_of(codec(VP8))

    send(stream, 0, [b""])
    send(stream, 2**32 + 5, [b""] * 2**16)

    assert sender.packets[-1].sequence_number == sender.packets[0].sequence_number
    assert (sender.packets[-1].timestamp - sender.packets[0].timestamp) & 0xFFFFFFFF == 5


def test_audio_has_no_marker() -> None:
    stream, sender = stream_of(codec(OPUS), "audio")

    send(stream, 0, [b"a"])

    assert [each.marker for each in sender.packets] == [0]


def test_a_retransmission_carries_the_original_number_on_a_stream_of_its_own() -> None:
    stream, sender = stream_of(codec(VP8, RTX))
    send(stream, 0, [b"a", b"b"])
    original = sender.packets[1]

    resend(stream, original.sequence_number)

    again = sender.packets[2]
    assert (again.payload_type, again.ssrc) == (97, RTX_SSRC)
    assert again.payload == original.sequence_number.to_bytes(2, "big") + b"b"
    assert (again.timestamp, again.marker) == (original.timestamp, original.marker)
    assert stream.packets == 2, "retransmissions do not count"


def test_a_packet_is_repeated_as_it_was_where_no_retransmissions_were_negotiated() -> None:
    stream, sender = stream_of(codec(VP8))
    send(stream, 0, [b"a"])

    resend(stream, sender.packets[0].sequence_number)

    assert sender.packets[0].serialize() == sender.packets[1].serialize()


def test_a_packet_is_not_sent_again_within_a_round_trip() -> None:
    stream, sender = stream_of(codec(VP8, RTX))
    send(stream, 0, [b"a"])
    number = sender.packets[0].sequence_number

    resend(stream, number, number, round_trip=60.0)

    assert len(sender.packets) == 2


def test_a_packet_is_sent_again_twice_where_the_link_loses_many() -> None:
    stream, sender = stream_of(codec(VP8, RTX))
    stream.is_counted = True
    sender.departures.repeats_repairs = True
    send(stream, 0, [b"a"])

    resend(stream, sender.packets[0].sequence_number)

    assert [each.payload_type for each in sender.packets] == [96, 97, 97]
    assert sender.packets[1].payload == sender.packets[2].payload
    assert sender.packets[1].sequence_number != sender.packets[2].sequence_number, "not dropped as a repetition"


def test_a_request_is_answered_with_64_packets_at_most() -> None:
    stream, sender = stream_of(codec(VP8, RTX))
    send(stream, 0, [b"a"] * 100)
    numbers = [each.sequence_number for each in sender.packets]

    resend(stream, *numbers)

    assert len(sender.packets) == 100 + 64


def test_packets_of_an_earlier_codec_are_not_sent_again() -> None:
    stream, sender = stream_of(codec(VP8, RTX))
    send(stream, 0, [b"a"])
    stream.use(codec(H264))

    resend(stream, sender.packets[0].sequence_number)

    assert len(sender.packets) == 1


@pytest.mark.parametrize(("chosen", "may_probe"), [(codec(VP8, RTX), True), (codec(VP8), False)], ids=["RTX", "none"])
def test_padding_needs_a_stream_that_no_decoder_gets(chosen: StreamCodec, may_probe: bool) -> None:
    stream, _ = stream_of(chosen)

    assert stream.may_probe is may_probe


def test_requests_on_a_closed_transport_are_dropped() -> None:
    stream, sender = stream_of(codec(VP8, RTX))
    send(stream, 0, [b"a"])
    sender.error = ConnectionError("closed")

    resend(stream, sender.packets[0].sequence_number)

    assert len(sender.packets) == 1


def counted_stream() -> tuple[RtpStream, Sender]:
    stream, sender = stream_of(codec(VP8, RTX))
    stream.is_counted = True
    return stream, sender


def test_link_without_room_gets_no_repairs() -> None:
    stream, sender = counted_stream()
    send(stream, 0, [b"a"])
    number = sender.packets[0].sequence_number
    sender.departures.has_room = False

    resend(stream, number)
    assert len(sender.packets) == 1
    # It was not sent, so that the next request is answered.
    sender.departures.has_room = True
    resend(stream, number, round_trip=60.0)
    assert len(sender.packets) == 2


def test_packets_before_the_newest_keyframe_are_repaired_if_there_is_much_room() -> None:
    stream, sender = counted_stream()
    send(stream, 0, [b"a", b"b"])
    send(stream, 3000, [b"c"], keyframe=False)
    send(stream, 6000, [b"d", b"e"])
    send(stream, 9000, [b"f"], keyframe=False)
    numbers = [each.sequence_number for each in sender.packets]
    sender.departures.has_room_for_obsolete = False

    resend(stream, *numbers)
    repaired = [each.payload[2:] for each in sender.packets[len(numbers) :]]
    assert repaired == [b"d", b"e", b"f"]

    sender.departures.has_room_for_obsolete = True
    resend(stream, *numbers[:3])
    assert [each.payload[2:] for each in sender.packets[-3:]] == [b"a", b"b", b"c"]


def test_no_packet_is_taken_for_obsolete_long_after_the_keyframe() -> None:
    stream, sender = counted_stream()
    send(stream, 0, [b"keyframe"])
    # More than half of the sequence numbers, so that the keyframe's seems to be ahead.
    send(stream, 3000, [b"x"] * 40_000, keyframe=False)
    sender.departures.has_room_for_obsolete = False
    count = len(sender.packets)

    resend(stream, sender.packets[-1].sequence_number)
    assert len(sender.packets) == count + 1


@pytest.mark.parametrize("identifier", [6, 0], ids=["negotiated", "not negotiated"])
def test_frames_tell_how_long_to_hold_them_once_packets_are_requested_again(
    identifier: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(rtp_stream, "time", SimpleNamespace(monotonic=lambda: now))
    stream, sender = stream_of(codec(VP8, RTX))
    stream.extensions = HeaderExtensions(playout=identifier)

    lengths = []
    for number in range(60):
        send(stream, 3000 * number, [b"a", b"b"])
        lengths.append([len(each) for each in sender.sent[-2:]])
        now += 0.05
        resend(stream, sender.packets[-1].sequence_number)
    hold = bytes([6 << 4 | 2]) + PlayoutLimits(6).pack()

    assert lengths[0] == [13, 13], "no extension"
    assert lengths[-1] == ([13 + 8, 13] if identifier else [13, 13])
    assert (hold in sender.sent[-3]) is bool(identifier)
