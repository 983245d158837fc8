"""`VideoCodec`, `AudioCodec`: describe one codec; each codec is in a file of its own."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, Protocol

import av
from av.video.codeccontext import VideoCodecContext

from ...engine.capabilities import CodecForm, Parameters
from ..encoded_frame import VIDEO_CLOCK_RATE
from .access_unit import UnitReader, VideoFormat
from .fragment import Fragment
from .frame_numbers import FrameNumbers

__all__ = [
    "AUDIO_FEEDBACK",
    "MAX_PAYLOAD",
    "VIDEO_FEEDBACK",
    "AudioCodec",
    "NewPacker",
    "Packer",
    "Recorded",
    "SendForm",
    "VideoCodec",
    "as_offered",
]

MAX_PAYLOAD: Final = 1100
"""Maximum size of an RTP payload: a UDP payload of 1200 bytes less the RTP header with its extensions (52), the original
sequence number of a retransmission (2), SRTP's tag (16) and the header of a TURN channel (4), rounded down."""

AUDIO_FEEDBACK: Final = (("transport-cc", ""),)
"""Feedback on audio: the arrival of packets (TWCC)."""

VIDEO_FEEDBACK: Final = (("nack", ""), ("nack", "pli"), ("goog-remb", ""), ("transport-cc", ""))
"""Feedback on video: lost packets and frames (NACK and PLI, RFC 4585), the receiver's estimate (REMB), and TWCC."""


Packer = Callable[[bytes], list[bytes]]


class NewPacker(Protocol):
    """Begins a stream of RTP payloads."""

    def __call__(self, *, numbers: FrameNumbers | None = None) -> Packer:
        """Return a function that makes payloads of at most `MAX_PAYLOAD` bytes from an encoded frame; used by one thread.

        Args:
            numbers: Numbers the frames, if the codec does that; shared by streams of the same thread that a receiver may
                change between. Defaults to None: there is no other stream.
        """


def as_offered(offered: Parameters) -> Parameters:
    """The answer of a codec without different forms: no parameters."""
    return {}


@dataclass(frozen=True)
class SendForm:
    """A way to encode a codec and to packetize it. Links that negotiated the same form share an encoder.

    Attributes:
        codec: Name of the codec.
        options: Options of the encoder, beside those that all forms have.
        new_packer: Begins a stream of RTP payloads.
    """

    codec: str
    options: tuple[tuple[str, str], ...]
    new_packer: NewPacker


@dataclass(frozen=True)
class Recorded:
    """How files hold a video codec.

    Attributes:
        suffixes: Suffixes of the files that hold it unchanged.
        probe_format: FFmpeg's name of a file format, for a file of one keyframe.
        probe_file: Makes such a file from a keyframe.
        matroska_codec: The ``CodecID`` (RFC 9559).
        matroska_private: Makes the ``CodecPrivate`` from the parameters that the probe found; empty: there is none.
        matroska_data: Makes the data of a block from an access unit.
        needs_parameters: Whether a file cannot begin with a keyframe without parameters.
        encoder_options: Options of the encoder, if another codec is re-encoded to this one: real time at constant quality, no
            frame held back.
        encoder_threads: Threads of that encoder.
        encoder_bits_per_pixel: Maximum bitrate in bit/s per pixel, if that encoder needs one; 0: it does not.
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
        name: Name as in ``a=rtpmap``.
        clock_rate: RTP clock rate in Hz.
        decoder: FFmpeg's name of the decoder.
        encoder: FFmpeg's name of the software encoder; empty: it is received only.
        marks_begin: Whether each packet says if it is the first of its frame.
        follows_durations: Whether the encoder shares its bitrate among frames by their durations.
        repeats_first_keyframe: Whether some receivers miss the first keyframe and do not request another.
        is_preferred: Whether it is sent if a program names no codec, and answered before the others, which take more processor
            time to encode and decode.
        has_baseline: Whether its encoders must be told to keep to Constrained Baseline, which every receiver takes.
        stream_filter: FFmpeg's name of the filter that makes access units from the packets of files; empty: they are access
            units.
        recorded: How files hold it.
        taken: Which of its forms can be decoded, for errors; empty: all.
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
        """The forms in which it is offered and answered."""

    def send_form(self, parameters: Parameters) -> SendForm:
        """The form in which it is sent to a receiver.

        Args:
            parameters: The negotiated ``a=fmtp``.

        Raises:
            NotImplementedError: It is received only.
        """
        raise NotImplementedError(f"{self.name} is received only")

    def received_as(self, parameters: Parameters) -> VideoCodec:
        """The codec that parses and assembles its payloads.

        Args:
            parameters: The negotiated ``a=fmtp``.
        """
        return self

    @abc.abstractmethod
    def parse(self, payload: bytes) -> Fragment:
        """Parse one RTP payload, which is not empty and may have any content."""

    def assemble(self, fragments: Sequence[Fragment]) -> bytes | None:
        """Assemble a frame for the decoder.

        Args:
            fragments: All fragments of the frame, in order, each with data.

        Returns:
            The frame; None: the fragments do not fit together.
        """
        return b"".join(fragment.data or b"" for fragment in fragments)

    def encoder_options(self, bitrate: int) -> dict[str, str]:
        """Options of the encoder for real time: no frame held back, no keyframe without a request.

        Args:
            bitrate: Bitrate in bit/s.

        Raises:
            NotImplementedError: It is received only.
        """
        raise NotImplementedError(f"{self.name} is received only")

    def unit_reader(self) -> UnitReader | None:
        """The reader of a stream that was encoded elsewhere. None: such a stream cannot be sent unchanged."""
        return None

    def takes(self, parameters: Parameters, stream: VideoFormat) -> bool:
        """Whether a receiver takes a stream that was encoded elsewhere unchanged.

        Args:
            parameters: The negotiated ``a=fmtp``.
            stream: Format of the stream, of this codec.
        """
        return True

    def is_promised(self, stream: VideoFormat) -> bool:
        """Whether a hardware encoder's stream suits every receiver that takes this library's software encoding.

        Args:
            stream: Format of the stream, of this codec.
        """
        return True

    @property
    def follows_bitrate(self) -> bool:
        """Whether the bitrate of an open encoder can be changed, by `set_bitrate`."""
        return False

    def set_bitrate(self, encoder: VideoCodecContext, bitrate: int) -> None:
        """Change the bitrate of an open encoder, without a keyframe.

        Args:
            encoder: An encoder opened with the options of `encoder_options`.
            bitrate: New bitrate in bit/s.

        Raises:
            NotImplementedError: The codec does not follow the bitrate.
        """
        raise NotImplementedError(f"{self.name} has no bitrate that can be set")

    def fitted(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Convert a frame in yuv420p to the size that the encoder takes."""
        return frame


@dataclass(frozen=True)
class AudioCodec:
    """One audio codec.

    Attributes:
        name: Name as in ``a=rtpmap``.
        clock_rate: RTP clock rate in Hz.
        payload_type: As in `CodecForm`.
        signalled_channels: Number of channels in ``a=rtpmap``.
        decoder: FFmpeg's name of the decoder.
        rate: Samples per second of the decoder's output.
        layout: FFmpeg's name of the channel layout of the decoder's output.
        is_recorded: Whether files hold it unchanged.
        concealing: Makes from the last packet one for which the decoder extrapolates a lost frame; None: it cannot.
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
        """The forms in which it is offered and answered."""
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
        """The form in which it is sent: an audio packet is one payload."""
        return SendForm(self.name, (), _whole_packets)


def _whole_packets(*, numbers: FrameNumbers | None = None) -> Packer:
    return lambda data: [data]
