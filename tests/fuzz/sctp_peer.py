"""`SctpPeer`: the other end of an SCTP association (RFC 9260), whose packets are decided by bytes."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Final

from gst_signalling_sync.webrtc.sctp import Association, MalformedPacket, Settings, State, chunks
from gst_signalling_sync.webrtc.sctp.chunks import ForwardTsn, Sack

__all__ = ["SctpPeer"]

_PORT: Final = 5000
_KINDS: Final = (*range(16), chunks.RE_CONFIG, chunks.FORWARD_TSN, 64, 255)
_MAX_PACKETS: Final = 600
"""Maximum of an answer: data that waited for the window, and answers to the chunks of a packet. 64 KiB hold fewer packets."""


def _first_tsn(seed: int) -> Callable[[int], bytes]:
    """Random bytes for an association whose first TSN is 1."""
    generator = random.Random(seed)
    drawn = 0

    def draw(size: int) -> bytes:
        nonlocal drawn
        drawn += 1
        # An association draws a secret first, then a tag, then the TSN.
        return (1).to_bytes(size, "big") if drawn == 3 else generator.randbytes(size)

    return draw


class SctpPeer:
    """A peer that does the steps that bytes describe. Most steps are packets with a correct tag and checksum.

    Args:
        data: The first byte decides whether the association is established; the steps follow.
    """

    def __init__(self, data: bytes) -> None:
        self._settings = Settings(window=64 * 1024, max_excess=64 * 1024)
        self._victim = Association(self._settings, _first_tsn(1))
        self._rest = data[1:]
        self._now = 1000.0
        self._tag = 0
        self._tsn = 0
        if data[:1] >= b"\x20":
            self._establish()

    def carry_on(self) -> None:
        """Do all steps; raises when a rule is broken."""
        steps = (
            self._send_chunk,
            self._send_data,
            self._send_sack,
            self._send_forward_tsn,
            self._send_several,
            self._send_raw,
            self._pass_time,
            self._use,
        )
        while self._rest:
            steps[self._byte() % len(steps)]()

    def _establish(self) -> None:
        peer = Association(self._settings, _first_tsn(2))
        peer.connect(self._now)
        for _ in range(2):
            for packet in peer.take_packets(self._now):
                # The tag of the COOKIE ECHO, which is the last packet.
                self._tag = int.from_bytes(packet[4:8], "big")
                self._victim.receive(packet, self._now)
            for packet in self._victim.take_packets(self._now):
                peer.receive(packet, self._now)
        assert self._victim.state is State.ESTABLISHED

    def _byte(self) -> int:
        return self._take(1)[0] if self._rest else 0

    def _take(self, size: int) -> bytes:
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def _signed(self) -> int:
        return (self._byte() ^ 0x80) - 0x80

    # Steps that send packets.

    def _send_chunk(self) -> None:
        self._give(self._any_chunk())

    def _any_chunk(self) -> bytes:
        kind = _KINDS[self._byte() % len(_KINDS)]
        flags, size = self._byte(), self._byte()
        return chunks.chunk(kind, flags, self._take(size))

    def _send_data(self) -> None:
        self._give(*(self._data() for _ in range(1 + self._byte() % 40)))

    def _data(self) -> bytes:
        step, flags, stream = self._signed(), self._byte(), self._byte()
        number, size = self._byte(), self._byte()
        self._tsn += 1 if flags & 0x80 else step
        return chunks.data_chunk(
            flags & 15, self._tsn & 0xFFFFFFFF, stream % 4, number, 50 + stream % 8, bytes(1 + size * 4)
        )

    def _send_sack(self) -> None:
        tsn, window, count = self._signed(), self._byte(), self._byte() % 32
        gaps = [(self._byte() << (self._byte() % 9), self._byte() << (self._byte() % 9)) for _ in range(count)]
        gaps = [(first & 0xFFFF, last & 0xFFFF) for first, last in gaps]
        self._give(Sack(tsn & 0xFFFFFFFF, window << 12, gaps, ()).serialize())

    def _send_forward_tsn(self) -> None:
        tsn, count = self._tsn + self._signed(), self._byte() % 8
        streams = [(self._byte() % 4, self._byte()) for _ in range(count)]
        self._give(ForwardTsn(tsn & 0xFFFFFFFF, streams).serialize())

    def _send_several(self) -> None:
        self._give(*(self._any_chunk() for _ in range(1 + self._byte() % 8)))

    def _send_raw(self) -> None:
        self._receive(self._take(self._byte()))

    def _give(self, *parts: bytes) -> None:
        self._receive(chunks.packet(_PORT, _PORT, self._tag, parts))

    def _receive(self, datagram: bytes) -> None:
        with contextlib.suppress(MalformedPacket):
            self._victim.receive(datagram, self._now)
        self._settle()

    # Other steps.

    def _pass_time(self) -> None:
        self._now += (1 + self._byte()) / 100
        self._victim.handle_timeout(self._now)
        self._settle()

    def _use(self) -> None:
        """Have the program at the victim's end call the association."""
        what, stream, size = self._byte(), self._byte() % 4, self._byte()
        victim = self._victim
        if victim.state not in (State.CLOSED, State.ESTABLISHED):
            return
        if what < 0xC0:
            victim.send(
                stream,
                51,
                bytes(1 + size * 40),
                ordered=not what & 1,
                expires_at=self._now + 0.05 if what & 2 else None,
                max_retransmits=what & 1 if what & 4 else None,
            )
        elif what < 0xE0:
            victim.reset([stream])
        elif what < 0xF0 and victim.state is State.ESTABLISHED:
            victim.heartbeat(self._now)
        elif what < 0xF4:
            victim.shutdown(self._now)
        elif victim.state is State.CLOSED:
            victim.connect(self._now)
        self._settle()

    def _settle(self) -> None:
        """Take what the association has to send and to report, as its driver does."""
        victim = self._victim
        packets = victim.take_packets(self._now)
        assert len(packets) <= _MAX_PACKETS
        assert all(len(packet) <= self._settings.max_packet for packet in packets)
        victim.take_events()
        due = victim.next_timeout()
        if due is not None and due <= self._now:
            victim.handle_timeout(self._now)
            victim.take_packets(self._now)
            again = victim.next_timeout()
            assert again is None or again > self._now, "a timer is due forever"
        if victim.state is State.ENDED:
            assert victim.next_timeout() is None
