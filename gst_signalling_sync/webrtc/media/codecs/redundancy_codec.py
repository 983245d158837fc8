"""`RedundancyCodec`: what this library knows of a format whose packets carry the payloads of other codecs, earlier ones too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from ...engine.capabilities import CodecForm, Parameters
from .codec import AUDIO_FEEDBACK

__all__ = ["RedundancyCodec", "RedundantBlock"]


@dataclass(frozen=True, slots=True)
class RedundantBlock:
    """What a packet repeats of an earlier one.

    Attributes:
        payload_type: Of its data.
        offset: RTP ticks by which it is older than the packet.
        data: The payload that the earlier packet had.
    """

    payload_type: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class RedundancyCodec:
    """A format of packets of sound that carry the payloads of other codecs, earlier ones too.

    Attributes:
        name: As in ``a=rtpmap``.
        clock_rate: RTP ticks per second.
        payload_type: As in `CodecForm`.
        signalled_channels: In ``a=rtpmap``.
        carries: The payload type that it carries in our offers.
        carried_in: The payload types that packets carry, by the negotiated ``a=fmtp``.
        pack: Makes a payload of redundant blocks, the oldest first, and payload type and data of the primary one.
        unpack: The reverse, of any content; `ValueError` where it is no such payload.
        max_offset: By how much a redundant block may be older, in RTP ticks.
        max_bytes: Of a redundant block.
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
        """How it is offered and answered."""
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
        """Whether a packet has room for what an earlier one had.

        Args:
            offset: RTP ticks by which it is older.
            data: Its payload.
        """
        return 0 < offset <= self.max_offset and 0 < len(data) <= self.max_bytes

    def _answer(self, offered: Parameters) -> Parameters | None:
        return offered if self.carried_in(offered) else None
