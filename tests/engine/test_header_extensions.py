from __future__ import annotations

import struct

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import pack_header_extensions

from gst_signalling_sync.webrtc.engine.header_extensions import ABS_CAPTURE_TIME, MID, ExtensionsMap, capture_time_of
from gst_signalling_sync.webrtc.engine.rtp import RtpPacket

CAPTURE_TIME = 0x0123456789ABCDEF
OFFSET = bytes(8)


def packet(*extensions: tuple[int, bytes], negotiated: bool = True) -> RtpPacket:
    """A packet with extensions, as an end reads it for which mid is 1 and abs-capture-time is 2."""
    uris = [(1, MID), *([(2, ABS_CAPTURE_TIME)] if negotiated else [])]
    known = ExtensionsMap()
    known.configure(
        RTCRtpParameters(headerExtensions=[RTCRtpHeaderExtensionParameters(id=number, uri=uri) for number, uri in uris])
    )
    made = RtpPacket(payload_type=96)
    made.extensions = known.get(*pack_header_extensions(list(extensions)))
    return made


@pytest.mark.parametrize("rest", [b"", OFFSET], ids=["short form", "with an offset"])
def test_capture_time_is_read(rest: bytes) -> None:
    found = packet((1, b"front"), (2, struct.pack("!Q", CAPTURE_TIME) + rest))

    assert capture_time_of(found) == CAPTURE_TIME
    assert found.extensions.mid == "front"


def test_packet_without_it_has_none() -> None:
    found = packet((1, b"a section with a long name"))

    assert capture_time_of(found) is None
    assert found.extensions.mid == "a section with a long name"


def test_truncated_capture_time_is_ignored() -> None:
    assert capture_time_of(packet((1, b"front"), (2, bytes(4)))) is None


def test_extension_that_was_not_negotiated_is_ignored() -> None:
    assert capture_time_of(packet((2, struct.pack("!Q", CAPTURE_TIME)), negotiated=False)) is None
