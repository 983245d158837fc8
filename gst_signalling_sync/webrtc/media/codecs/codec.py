"""`VideoCodec`, `AudioCodec`: all that this library knows of one codec, which is in a file of its own."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

import av
from av.video.codeccontext import VideoCodecContext

from ...engine.capabilities import CodecForm, Parameters
from ..encoded_frame import VIDEO_CLOCK_RATE
from .access_unit import UnitReader, VideoFormat
from .fragment import Fragment

__all__ = [
    "AUDIO_FEEDBACK",
    "MAX_PAYLOAD",
    "VIDEO_FEEDBACK",
    "AudioCodec",
    "Packer",
    "Recorded",
    "SendForm",
    "VideoCodec",
    "as_offered",
]

MAX_PAYLOAD: Final = 1100
"""Bytes of an RTP payload: a UDP payload of 1200 bytes less what may stand around it, the RTP header with its extensions (48),
the original sequence number of a retransmission (2), SRTP's tag (16) and the header of a TURN channel (4)."""

AUDIO_FEEDBACK: Final = (("transport-cc", ""),)
"""When packets came (TWCC)."""

VIDEO_FEEDBACK: Final = (("nack", ""), ("nack", "pli"), ("goog-remb", ""), ("transport-cc", ""))
"""Told are lost packets and frames (RFC 4585), the receiver's estimate of the bitrate (REMB), and when packets came (TWCC)."""


Packer = Callable[[bytes], list[bytes]]


def as_offered(offered: Parameters) -> Parameters:
    """The answer of a codec whose forms do not differ: what this library says of it."""
    return {}


@dataclass(frozen=True)
class SendForm:
    """A way in which a codec is encoded and cut into packets: links that negotiated the same one share an encoder.

    Attributes:
        codec: Its name.
        options: Of the encoder, beside those that all forms have.
        new_packer: Begins a stream of RTP payloads; what it returns makes payloads, each of at most `MAX_PAYLOAD` bytes, of an
            encoded frame, and is used by one thread.
    """

    codec: str
    options: tuple[tuple[str, str], ...]
    new_packer: Callable[[], Packer]


@dataclass(frozen=True)
class Recorded:
    """How a video codec is kept in files.

    Attributes:
        suffixes: Of the files that hold it as it came.
        probe_format: FFmpeg's name of a file format, for a file of one keyframe.
        probe_file: Makes such a file of a keyframe.
        matroska_codec: The ``CodecID`` (RFC 9559).
        matroska_private: Makes the ``CodecPrivate`` of the parameters that the probe found; empty: there is none.
        matroska_data: Makes the data of a block of an access unit.
        needs_parameters: Whether a keyframe without parameters cannot begin a file.
        encoder_options: Of the encoder, where what came in another codec is re-encoded to this one: real time at constant
            quality, no frame held back.
        encoder_threads: Likewise.
        encoder_bits_per_pixel: Per second, where the encoder needs a maximum; 0: it does not.
    """

    suffixes: tuple[str, ...]
    probe_format: str
    probe_file: Callable[[bytes], bytes]
    matroska_codec: str
    matroska_private: Callable[[bytes], bytes]
    matroska_data: Callable[[bytes], bytes]
    needs_parameters: bool
    encoder_options: Mapping[str, str] = field(default_factory=dict)
    encoder_threads: int = 1
    encoder_bits_per_pixel: int = 0


class VideoCodec(abc.ABC):
    """One video codec.

    Attributes:
        name: As in ``a=rtpmap``.
        clock_rate: RTP ticks per second.
        decoder: FFmpeg's name of what decodes it.
        encoder: FFmpeg's name of what encodes it; empty: it is received only.
        marks_begin: Whether each packet tells if it is the first of its frame.
        follows_durations: Whether the encoder shares its bitrate among frames by how long each is shown.
        repeats_first_keyframe: Whether receivers exist that miss the first keyframe and do not ask for another.
        is_preferred: Whether it is sent where a program names no codec, and answered before those that are not: encoding and
            decoding the others takes more of a processor.
        has_baseline: Whether its encoders have to be told to keep to Constrained Baseline, which every receiver takes.
        stream_filter: FFmpeg's name of what makes access units of the packets of files; empty: they are access units.
        recorded: How files keep it.
        taken: Which of its forms can be decoded, for errors; empty: all of them.
    """

    kind: ClassVar[Literal["video"]] = "video"
    clock_rate: ClassVar[int] = VIDEO_CLOCK_RATE
    name: ClassVar[str]
    decoder: ClassVar[str]
    encoder: ClassVar[str] = ""
    marks_begin: ClassVar[bool]
    follows_durations: ClassVar[bool] = False
    repeats_first_keyframe: ClassVar[bool] = False
    is_preferred: ClassVar[bool] = False
    has_baseline: ClassVar[bool] = False
    stream_filter: ClassVar[str] = ""
    recorded: ClassVar[Recorded]
    taken: ClassVar[str] = ""

    @property
    @abc.abstractmethod
    def forms(self) -> Sequence[CodecForm]:
        """How it is offered and answered."""

    def send_form(self, parameters: Parameters) -> SendForm:
        """How it is sent to a receiver.

        Args:
            parameters: The ``a=fmtp`` that was negotiated.

        Raises:
            NotImplementedError: It is received only.
        """
        raise NotImplementedError(f"{self.name} is received only")

    def received_as(self, parameters: Parameters) -> VideoCodec:
        """What parses and assembles its payloads.

        Args:
            parameters: The ``a=fmtp`` that was negotiated.
        """
        return self

    @abc.abstractmethod
    def parse(self, payload: bytes) -> Fragment:
        """What one RTP payload holds; not empty, of any content."""

    def assemble(self, fragments: Sequence[Fragment]) -> bytes | None:
        """What the decoder takes of a frame.

        Args:
            fragments: All of the frame, in order, each with data.

        Returns:
            None: they do not fit together.
        """
        return b"".join(fragment.data or b"" for fragment in fragments)

    def encoder_options(self, bitrate: int) -> dict[str, str]:
        """Options of the encoder for real time: no frame held back, no keyframe that was not asked for.

        Args:
            bitrate: Bits per second.

        Raises:
            NotImplementedError: It is received only.
        """
        raise NotImplementedError(f"{self.name} is received only")

    def unit_reader(self) -> UnitReader | None:
        """What reads a stream that was encoded elsewhere. None: such a stream cannot be sent as it is."""
        return None

    def takes(self, parameters: Parameters, stream: VideoFormat) -> bool:
        """Whether a receiver takes a stream that was encoded elsewhere as it is.

        Args:
            parameters: The ``a=fmtp`` that was negotiated.
            stream: Of this codec.
        """
        return True

    def is_promised(self, stream: VideoFormat) -> bool:
        """Whether every receiver that takes what is encoded here takes a stream of an encoder in hardware too.

        Args:
            stream: Of this codec.
        """
        return True

    @property
    def follows_bitrate(self) -> bool:
        """Whether the bitrate of an open encoder can be changed, by `set_bitrate`."""
        return False

    def set_bitrate(self, encoder: VideoCodecContext, bitrate: int) -> None:
        """Have an open encoder go on with another bitrate, without a keyframe.

        Args:
            encoder: Opened with the options of `encoder_options`.
            bitrate: Bits per second.

        Raises:
            NotImplementedError: The codec does not follow the bitrate.
        """
        raise NotImplementedError(f"{self.name} has no bitrate that can be set")

    def fitted(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A frame in yuv420p as the encoder takes it."""
        return frame


@dataclass(frozen=True)
class AudioCodec:
    """One audio codec.

    Attributes:
        name: As in ``a=rtpmap``.
        clock_rate: RTP ticks per second.
        payload_type: As in `CodecForm`.
        signalled_channels: In ``a=rtpmap``.
        decoder: FFmpeg's name of what decodes it.
        rate: Samples per second that it decodes to.
        layout: FFmpeg's name of the channels that it decodes to.
        is_recorded: Whether files hold it as it came.
        concealing: Makes of the last packet one of which the decoder makes up a frame for a lost one; None: it cannot.
    """

    name: str
    clock_rate: int
    payload_type: int
    signalled_channels: int
    decoder: str
    rate: int
    layout: str
    is_recorded: bool = False
    concealing: Callable[[bytes], bytes] | None = None

    kind: ClassVar[Literal["audio"]] = "audio"

    @property
    def forms(self) -> Sequence[CodecForm]:
        """How it is offered and answered."""
        return (
            CodecForm(
                self.kind,
                self.name,
                self.clock_rate,
                self.payload_type,
                self.signalled_channels,
                {},
                AUDIO_FEEDBACK,
                False,
                as_offered,
            ),
        )

    def send_form(self, parameters: Parameters) -> SendForm:
        """How it is sent: a packet of sound is one payload."""
        return SendForm(self.name, (), _whole_packets)


def _whole_packets() -> Packer:
    return lambda data: [data]
