"""`MediaReceiver`: one track from RTP packets to encoded frames, and the RTCP feedback to its sender."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    unpack_remb_fci,
)

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.receiving.bandwidth import Bandwidth
from gst_signalling_sync.webrtc.media.receiving.media_receiver import MediaReceiver

from ...helpers.receiving import OWN_SSRC, Received
from ...helpers.rtp_streams import RTX_PAYLOAD_TYPES, Packet, Stream
from ...helpers.waiting import wait_until

SECONDS = 5.0
UNIX_EPOCH_IN_NTP = 2_208_988_800


@pytest.fixture
def video(loop: LoopThread) -> Iterator[Received]:
    received = Received(loop, "video", ["VP8", "H264"])
    yield received
    received.stop()


@pytest.fixture
def audio(loop: LoopThread) -> Iterator[Received]:
    received = Received(loop, "audio", ["opus", "PCMU"])
    yield received
    received.stop()


def keyframe_requests(received: Received) -> list[Any]:
    return received.transport.of(RtcpPsfbPacket, RTCP_PSFB_PLI)


def packet_requests(received: Received) -> list[Any]:
    return received.transport.of(RtcpRtpfbPacket, RTCP_RTPFB_NACK)


def sender_report(timestamp: int, seconds: float, ssrc: int = 1) -> RtcpSrPacket:
    ntp = int((seconds + UNIX_EPOCH_IN_NTP) * (1 << 32))
    return RtcpSrPacket(ssrc, RtcpSenderInfo(ntp, timestamp, packet_count=10, octet_count=1000))


def test_frames_go_to_every_tap_in_order(video: Received) -> None:
    stream = Stream("VP8")
    others: list[EncodedFrame] = []
    video.receiver.add_tap(others.append)
    packets = [stream.frame(keyframe=True), stream.frame(), stream.frame()]

    video.give(*packets[0], *packets[1])
    video.receiver.remove_tap(others.append)
    video.give(*packets[2])

    assert [frame.data for frame in video.frames] == [stream.data_of(each) for each in packets]
    assert others == video.frames[:2]
    assert (video.receiver.codec, video.receiver.frames_received, video.receiver.packets_received) == ("VP8", 3, 9)


def test_tap_that_raises_gets_no_more_and_harms_nobody(video: Received, caplog: pytest.LogCaptureFixture) -> None:
    stream = Stream("VP8")
    calls: list[EncodedFrame] = []

    def fail(frame: EncodedFrame) -> None:
        calls.append(frame)
        raise KeyError("broken")

    video.receiver.add_tap(fail)
    video.give(*stream.frame(keyframe=True), *stream.frame())

    assert (len(calls), len(video.frames)) == (1, 2)
    assert "broken" in caplog.text


def test_sound_is_handed_on_in_order(audio: Received) -> None:
    stream = Stream("opus", ticks=960)
    first, second, third = (stream.audio() for _ in range(3))

    audio.give(first, third, second)

    assert [frame.data for frame in audio.frames] == [each.payload for each in (first, second, third)]
    assert audio.frames[0].codec == "opus"


def test_sound_behind_a_gap_comes_by_itself(audio: Received) -> None:
    stream = Stream("opus", ticks=960)
    audio.give(stream.audio())
    stream.audio()
    audio.give(stream.audio())

    wait_until(lambda: len(audio.frames) == 2, "the gap is given up")
    assert audio.receiver.packets_lost == 1


# Requests to the sender (NACK, PLI)


def test_missing_packets_are_asked_for_until_they_come(video: Received) -> None:
    stream = Stream("VP8", sequence_number=65534)
    video.give(*stream.frame(keyframe=True, parts=1))
    lost, *rest = stream.frame()

    video.give(*rest)
    first = packet_requests(video)[0]
    assert (first.ssrc, first.media_ssrc, first.lost) == (OWN_SSRC, 1, [65535])
    wait_until(lambda: len(packet_requests(video)) >= 3, "it is asked for again")
    video.give(lost)

    assert len(video.frames) == 2
    assert keyframe_requests(video) == []


def test_retransmissions_come_on_whatever_stream_the_sender_takes(video: Received) -> None:
    stream = Stream("VP8")
    video.give(*stream.frame(keyframe=True))
    packets = stream.frame()
    resent = packets[0].as_rtp(ssrc=99, rtx_sequence_number=7), packets[1].as_rtp(ssrc=98, rtx_sequence_number=1)

    video.give(packets[2], *resent)

    assert [frame.data for frame in video.frames[1:]] == [stream.data_of(packets)]
    assert video.receiver.packets_repaired == 2


def test_padding_on_the_stream_of_retransmissions_is_ignored(video: Received) -> None:
    stream = Stream("VP8")
    video.give(*stream.frame(keyframe=True))
    probe = stream.padding().as_rtp(ssrc=99)
    probe.payload_type = RTX_PAYLOAD_TYPES["VP8"]

    video.give(probe, *stream.frame())

    assert len(video.frames) == 1


def test_keyframe_is_asked_for_at_once_and_every_quarter_of_a_second(video: Received) -> None:
    stream = Stream("VP8")
    began = time.monotonic()
    video.give(*stream.frame())
    asked = len(keyframe_requests(video))
    assert 1 <= asked <= 1 + (time.monotonic() - began) / 0.25

    for _ in range(5):
        video.give(*stream.frame())
        video.receiver.request_keyframe()
    wait_until(lambda: len(keyframe_requests(video)) >= 4, "it is asked for again")
    asked = len(keyframe_requests(video))
    elapsed = time.monotonic() - began
    assert elapsed >= 0.75
    assert asked <= 1 + elapsed / 0.25
    assert {request.media_ssrc for request in keyframe_requests(video)} == {1}


def test_keyframe_is_asked_for_until_it_comes(video: Received) -> None:
    stream = Stream("VP8")
    video.give(*stream.frame(keyframe=True))
    assert keyframe_requests(video) == []

    video.receiver.request_keyframe()
    wait_until(lambda: len(keyframe_requests(video)) >= 2, "it is asked for again")
    video.give(*stream.frame(keyframe=True))
    asked = len(keyframe_requests(video))

    assert not threading.Event().wait(0.35)
    assert len(keyframe_requests(video)) == asked


def test_request_before_the_first_packet_is_kept(video: Received) -> None:
    stream = Stream("VP8")
    video.receiver.request_keyframe()
    assert keyframe_requests(video) == []

    video.give(*stream.frame(keyframe=True)[:1])

    assert keyframe_requests(video)


def test_gap_that_stays_is_given_up_for_a_keyframe(video: Received) -> None:
    stream = Stream("VP8")
    video.give(*stream.frame(keyframe=True))
    video.give(*stream.frame()[1:])

    wait_until(lambda: keyframe_requests(video), "the gap is given up")

    assert video.receiver.packets_lost == 1


def test_nothing_is_asked_for_that_was_not_negotiated(loop: LoopThread) -> None:
    video = Received(loop, "video", ["VP8"], feedback=False)
    stream = Stream("VP8")
    video.give(*stream.frame(), *stream.frame()[1:], send_time=1)
    video.receiver.request_keyframe()

    wait_until(lambda: video.receiver.packets_lost == 1, "the gap is given up")

    assert video.transport.of(RtcpPsfbPacket) == []
    assert video.transport.of(RtcpRtpfbPacket) == []
    video.stop()


# Reports


def test_reports_tell_what_was_lost_and_answer_the_senders(video: Received) -> None:
    stream = Stream("VP8", sequence_number=65535)
    video.give(*stream.frame(keyframe=True, parts=1))
    stream.frame(parts=1)
    video.give(*stream.frame(parts=2))
    video.give_feedback(sender_report(3000, 1_700_000_000.0))

    wait_until(lambda: video.transport.of(RtcpRrPacket), "a report is sent")

    (report,) = video.transport.of(RtcpRrPacket)[0].reports
    assert (report.ssrc, report.packets_lost, report.highest_sequence) == (1, 1, (1 << 16) + 2)
    assert report.fraction_lost == 256 // 4
    assert report.lsr == ((1_700_000_000 + UNIX_EPOCH_IN_NTP) << 16) & 0xFFFFFFFF
    assert 0 < report.dlsr < 2 * 65536


def test_statistics_have_the_names_of_the_w3c(video: Received) -> None:
    video.give(*Stream("VP8").frame(keyframe=True))
    video.give_feedback(sender_report(0, 1_700_000_000.0))

    report = video.loop.run(video.receiver.getStats(), Deadline(SECONDS), "reading statistics")

    by_type = {entry.type: vars(entry) for entry in report.values()}
    assert by_type["inbound-rtp"]["packetsReceived"] == 3
    assert by_type["inbound-rtp"]["kind"] == "video"
    assert by_type["remote-outbound-rtp"]["packetsSent"] == 10


def test_wild_timestamps_do_not_break_the_reports(video: Received) -> None:
    stream = Stream("VP8")
    for number in range(40):
        stream.timestamp = number * 0x7FFFFFFF
        video.give(*stream.frame(keyframe=True))
    video.give_feedback(sender_report(1 << 31, 1e9))

    before = len(video.transport.of(RtcpRrPacket))
    wait_until(lambda: len(video.transport.of(RtcpRrPacket)) >= before + 2, "two reports are sent")


def test_sender_reports_set_the_clock(video: Received) -> None:
    stream = Stream("VP8", timestamp=(1 << 32) - 1000)
    video.give(*stream.frame(keyframe=True), *stream.frame())
    video.give_feedback(sender_report((1 << 32) - 1000, 1_700_000_000.0))

    assert [video.receiver.clock.seconds(frame.timestamp) for frame in video.frames] == pytest.approx(
        [1_700_000_000.0, 1_700_000_000.0 + 1 / 30], abs=1e-5
    )


def test_sender_report_before_the_first_frame_is_kept(video: Received) -> None:
    stream = Stream("VP8", timestamp=5000)
    video.give_feedback(sender_report(5000 - 90000, 1_700_000_000.0))
    assert video.receiver.clock.seconds(5000) is None

    video.give(*stream.frame(keyframe=True))

    assert video.receiver.clock.seconds(5000) == pytest.approx(1_700_000_001.0)


def test_bitrate_that_the_way_bears_is_told(video: Received) -> None:
    # The estimator takes 3 s to begin unless the path is overused.
    stream = Stream("VP8")
    video.give(*stream.frame(keyframe=True))
    deadline = time.monotonic() + SECONDS
    send_time = 0
    while not (told := video.transport.of(RtcpPsfbPacket, RTCP_PSFB_APP)):
        assert time.monotonic() < deadline
        video.give(*stream.frame(parts=1), send_time=send_time & 0xFFFFFF)
        send_time += 262 * 10
        threading.Event().wait(0.01)

    bitrate, ssrcs = unpack_remb_fci(told[0].fci)
    assert ssrcs == [1]
    assert bitrate > 0


@pytest.mark.parametrize("seed", range(4))
def test_estimator_bears_any_send_times(seed: int) -> None:
    chance = random.Random(seed)
    bandwidth = Bandwidth()
    now = 0.0
    for _ in range(5000):
        now += chance.choice((0.0, 0.001, 0.03, 0.2)) if chance.random() < 0.999 else 1e6
        bitrate = bandwidth.add(chance.randrange(1 << 24), chance.choice((0, 0, 1200)), now)
        assert bitrate is None or bitrate >= 0


def test_estimate_does_not_change_where_send_times_wrap() -> None:
    # They do every 64 s.
    bandwidth = Bandwidth()
    told = []
    for frame in range(150 * 30):
        now = 1000 + frame / 30
        for _ in range(3):
            told.append((frame / 30, bandwidth.add(round(now * (1 << 18)) & 0xFFFFFF, 1000, now)))

    late = [bitrate for seconds, bitrate in told if bitrate is not None and seconds > 55]
    assert len(late) > 80
    assert min(late) > 0.95 * max(late)


# Streams


def test_stream_with_another_ssrc_replaces_the_first(video: Received) -> None:
    first, second = Stream("VP8", 10), Stream("VP8", 40000, timestamp=1 << 31)
    video.give(*first.frame(keyframe=True))

    video.give(*second.frame(keyframe=True), ssrc=2)
    video.give(*first.frame(), ssrc=1)
    video.give(*second.frame(), ssrc=2)

    assert len(video.frames) == 3
    timestamps = [frame.timestamp for frame in video.frames]
    assert timestamps == sorted(set(timestamps))
    assert timestamps[-1] - timestamps[0] < 90000


def test_streams_that_a_peer_thinks_of_are_bounded(video: Received) -> None:
    stream = Stream("VP8")
    for ssrc in range(1000):
        video.transport.routes[ssrc] = video.receiver
        video.give(*stream.frame(keyframe=True, parts=1), ssrc=ssrc)
        video.give(*(each.as_rtp(ssrc + 5000, 1) for each in stream.frame(parts=1)))

    assert len(video.transport.routes) <= 65
    wait_until(lambda: video.transport.of(RtcpRrPacket), "a report is sent")
    assert len(video.transport.of(RtcpRrPacket)[0].reports) <= 8


def test_codec_of_sound_may_change_with_its_clock_rate(audio: Received) -> None:
    opus, pcmu = Stream("opus", ticks=960), Stream("PCMU", 2000, timestamp=7, ticks=160)
    audio.give(opus.audio(), opus.audio())
    audio.give(pcmu.audio(), pcmu.audio(), ssrc=2)

    assert [frame.codec for frame in audio.frames] == ["opus", "opus", "PCMU", "PCMU"]
    assert audio.frames[3].timestamp - audio.frames[2].timestamp == 160
    assert audio.receiver.clock.clock_rate == 8000


def test_unknown_payload_types_are_ignored(video: Received) -> None:
    packet = Stream("VP8").frame(keyframe=True, parts=1)[0].as_rtp()
    packet.payload_type = 50

    video.give(packet)

    assert video.frames == []


def test_disabled_receiver_receives_nothing(video: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MediaReceiver, "is_enabled", False)

    video.give(*Stream("VP8").frame(keyframe=True))

    assert video.receiver.packets_received == 0


@pytest.mark.parametrize("seed", range(4))
def test_any_packets_leave_the_receiver_working(video: Received, seed: int) -> None:
    chance = random.Random(seed)
    stream = Stream("VP8")
    video.give(*stream.frame(keyframe=True))
    for _ in range(300):
        packet = Packet(
            chance.choice(("VP8", "H264")),
            chance.randrange(1 << 16),
            chance.randrange(1 << 32),
            chance.random() < 0.5,
            chance.randbytes(chance.choice((0, 1, 2, 3, 5, 40))),
        )
        rtx = chance.choice((None, 5))
        video.give(packet.as_rtp(chance.choice((1, 2)), rtx), send_time=chance.randrange(1 << 24))
        if chance.random() < 0.05:
            video.give_feedback(sender_report(chance.randrange(1 << 32), chance.uniform(-1e9, 3e9)))

    video.give(*stream.frame(), *stream.frame(keyframe=True, parts=2), ssrc=3)

    assert video.frames[-1].keyframe


# Closing


def test_receiver_ends_with_its_transport(video: Received) -> None:
    async def disconnect() -> None:
        video.receiver.on_disconnect()
        video.receiver.on_disconnect()

    track = video.receiver.track
    waiting = video.loop.submit(track.recv())
    video.loop.run(disconnect(), Deadline(SECONDS), "disconnecting")

    with pytest.raises(MediaStreamError):
        waiting.result(SECONDS)
    assert track.readyState == "ended"
    video.give(*Stream("VP8").frame(keyframe=True))
    video.receiver.request_keyframe()
    assert video.frames == []


def test_sender_that_says_goodbye_may_come_back(video: Received) -> None:
    video.give(*Stream("VP8").frame(keyframe=True))
    video.give_feedback(RtcpByePacket(sources=[1]))

    video.give(*Stream("VP8", 300).frame(keyframe=True), ssrc=2)

    assert len(video.frames) == 2


def test_stopped_receiver_asks_for_nothing_more(video: Received) -> None:
    stream = Stream("VP8")
    video.give(*stream.frame(keyframe=True), *stream.frame()[1:])
    video.stop()
    video.transport.sent.clear()

    assert not threading.Event().wait(0.2)
    assert video.transport.sent == []
    assert video.transport.receivers == []


def test_feedback_on_a_closed_transport_is_dropped(video: Received) -> None:
    video.transport.state = "closed"

    video.give(*Stream("VP8").frame())

    assert video.transport.sent == []


def test_keyframe_may_be_asked_for_when_the_loop_is_gone(loop: LoopThread) -> None:
    video = Received(loop, "video", ["VP8"])
    video.stop()
    loop.close()

    video.receiver.request_keyframe()
