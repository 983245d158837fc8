"""`RedundancyCodec`: describes a format whose packets carry payloads of other codecs, including earlier ones (RFC 2198)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from ...engine.capabilities import CodecForm, Parameters
from .codec import AUDIO_FEEDBACK

__all__ = ["RedundancyCodec", "RedundantBlock"]


@dataclass(frozen=True, slots=True)
class RedundantBlock:
    """The payload of an earlier packet that a packet repeats.

    Attributes:
        payload_type: Payload type of the data.
        offset: Difference of the RTP timestamps, in ticks.
        data: Payload of the earlier packet.
    """

    payload_type: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class RedundancyCodec:
    """A format of audio packets that carry payloads of other codecs, including earlier ones.

    Attributes:
        name: Name as in ``a=rtpmap``.
        clock_rate: RTP clock rate in Hz.
        payload_type: As in `CodecForm`.
        signalled_channels: Number of channels in ``a=rtpmap``.
        carries: The payload type that its packets carry in offers of this library.
        carried_in: Returns the payload types that packets carry, by the negotiated ``a=fmtp``.
        pack: Makes a payload from redundant blocks, the oldest first, and payload type and data of the primary block.
        unpack: The reverse, for any content; raises `ValueError` if it is not such a payload.
        max_offset: Maximum age of a redundant block, in RTP ticks.
        max_bytes: Maximum size of a redundant block.
    """

    name: str
    clock_rate: int
    payload_type: int
    signalled_channels: int
    carries: int
    carried_in: Callable[[Parameters], Sequence[int]]
    pack: Callable[[Sequence[RedundantBlock], int, bytes], bytes]
    unpack: Callable[[bytes], tuple[list[RedundantBlock], int, bytes]]
    max_offset: int
    max_bytes: int

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
                {f"{self.carries}/{self.carries}": None},
                AUDIO_FEEDBACK,
                False,
                self._answer,
                carried_in=self.carried_in,
            ),
        )

    def can_repeat(self, offset: int, data: bytes) -> bool:
        """Whether a packet can repeat an earlier payload.

        Args:
            offset: Age of the payload, in RTP ticks.
            data: The payload.
        """
        return 0 < offset <= self.max_offset and 0 < len(data) <= self.max_bytes

    def _answer(self, offered: Parameters) -> Parameters | None:
        return offered if self.carried_in(offered) else None
