"""`Initialization`: the beginning of an association by INIT, INIT ACK, COOKIE ECHO and COOKIE ACK (RFC 9260 section 5)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from .chunks import (
    ABORT,
    COOKIE_ACK,
    COOKIE_ECHO,
    ERROR,
    FORWARD_TSN,
    INIT,
    INIT_ACK,
    RE_CONFIG,
    Init,
    MalformedPacket,
    chunk,
)
from .control_block import ControlBlock
from .cookies import Cookie, Cookies
from .events import Established
from .parameters import (
    FORWARD_TSN_SUPPORTED,
    STALE_COOKIE,
    STATE_COOKIE,
    SUPPORTED_EXTENSIONS,
    parameter,
    parse_parameters,
)
from .receiving import Receiving
from .reconfiguration import Reconfiguration
from .resets import Resets
from .serial import TSN_MASK
from .state import BEGINNING, State

__all__ = ["Initialization", "draw_number", "draw_tag"]

_NUMBER: Final = struct.Struct("!L")
_EXTENSIONS: Final = bytes((RE_CONFIG, FORWARD_TSN))


def draw_number(draw: Callable[[int], bytes]) -> int:
    """Draw a number of 32 bits."""
    number: int = _NUMBER.unpack(draw(_NUMBER.size))[0]
    return number


def draw_tag(draw: Callable[[int], bytes]) -> int:
    """Draw a verification tag, which must not be 0 (RFC 9260 section 5.3.1)."""
    tag = 0
    while not tag:
        tag = draw_number(draw)
    return tag


class Initialization:
    """Begins an association. The peer may begin it at the same time.

    Args:
        block: The state of the association.
        cookies: Makes the cookies of this end.
        draw: Returns a number of unpredictable random bytes.
        resets: The resets of streams, which may be requested before the association is established.
    """

    def __init__(self, block: ControlBlock, cookies: Cookies, draw: Callable[[int], bytes], resets: Resets) -> None:
        self._block = block
        self._cookies = cookies
        self._draw = draw
        self._resets = resets

    def begin(self, now: float, count: int = 0) -> None:
        """Send an INIT.

        Args:
            now: The time, in seconds.
            count: How often it was sent before. Defaults to 0.
        """
        block = self._block
        block.state = State.COOKIE_WAIT
        init = self._own_init(block.tag, block.first_tsn).serialize(INIT)
        block.start_timer(init, now, count)
        block.send_alone(0, init)

    def _own_init(self, tag: int, first_tsn: int, more: bytes = b"") -> Init:
        settings = self._block.settings
        known = parameter(FORWARD_TSN_SUPPORTED) + parameter(SUPPORTED_EXTENSIONS, _EXTENSIONS)
        return Init(tag, settings.window, settings.streams, settings.streams, first_tsn, more + known)

    def on_init(self, init: Init, now: float) -> None:
        """Answer an INIT without keeping any state for it (RFC 9260 sections 5.1, B and 5.2.1, 5.2.2)."""
        block = self._block
        if block.state is State.SHUTDOWN_ACK_SENT:
            assert block.timer is not None
            block.control.append(block.timer.chunk)
            return
        cookie = self._read(init, now)
        if block.state not in BEGINNING:
            assert block.peer is not None
            cookie = cookie._replace(
                tag=draw_tag(self._draw),
                first_tsn=draw_number(self._draw),
                tie_tag=block.tag,
                peer_tie_tag=block.peer.peer_tag,
            )
        sealed = parameter(STATE_COOKIE, self._cookies.seal(cookie))
        block.send_alone(init.tag, self._own_init(cookie.tag, cookie.first_tsn, sealed).serialize(INIT_ACK))

    def _read(self, init: Init, now: float) -> Cookie:
        """What an INIT or INIT ACK says of the peer, for an association with the tag and the first TSN of this end."""
        supports_forward_tsn = supports_re_config = False
        for kind, value in parse_parameters(init.parameters):
            if kind == FORWARD_TSN_SUPPORTED:
                supports_forward_tsn = True
            elif kind == SUPPORTED_EXTENSIONS:
                supports_re_config = RE_CONFIG in value
                supports_forward_tsn = supports_forward_tsn or FORWARD_TSN in value
        return Cookie(
            made_at=now,
            tag=self._block.tag,
            first_tsn=self._block.first_tsn,
            peer_tag=init.tag,
            peer_first_tsn=init.first_tsn,
            peer_window=init.window,
            outgoing_streams=init.outgoing_streams,
            incoming_streams=init.incoming_streams,
            supports_forward_tsn=supports_forward_tsn,
            supports_re_config=supports_re_config,
            tie_tag=0,
            peer_tie_tag=0,
        )

    def on_init_ack(self, init: Init, now: float) -> None:
        """Send the cookie of an INIT ACK back (RFC 9260 section 5.1, C).

        Raises:
            MalformedPacket: It has no cookie.
        """
        block = self._block
        if block.state is not State.COOKIE_WAIT:
            return
        found = (value for kind, value in parse_parameters(init.parameters) if kind == STATE_COOKIE)
        cookie = next(found, None)
        if cookie is None:
            raise MalformedPacket("an INIT ACK must have a cookie")
        block.peer = self._read(init, now)
        block.on_answer(now)
        block.state = State.COOKIE_ECHOED
        echo = chunk(COOKIE_ECHO, 0, cookie)
        block.start_timer(echo, now)
        block.control.append(echo)

    def on_cookie_echo(self, value: bytes, tag: int, now: float) -> bool:
        """Handle a COOKIE ECHO by the table of RFC 9260 section 5.2.4.

        Args:
            value: The cookie.
            tag: The verification tag of its packet.
            now: The time, in seconds.

        Returns:
            Whether it belongs to this association.
        """
        block = self._block
        cookie = self._cookies.open(value)
        if cookie is None or cookie.tag != tag:
            return False
        is_own = cookie.tag == block.tag
        if block.state in BEGINNING:
            age = now - cookie.made_at
            if age > block.settings.cookie_life:
                stale = parameter(STALE_COOKIE, _NUMBER.pack(int(age * 1e6) & TSN_MASK))
                block.send_alone(cookie.peer_tag, chunk(ERROR, 0, stale))
                return False
            if not is_own:
                return False
            self._establish(cookie)
        else:
            assert block.peer is not None
            if not is_own:
                if (cookie.tie_tag, cookie.peer_tie_tag) == (block.tag, block.peer.peer_tag):
                    # Action A: the peer has forgotten the association and its data channels, so this one cannot go on.
                    block.send_alone(cookie.peer_tag, chunk(ABORT))
                    block.end("the peer has begun another association")
                return False
            # Actions B and D: the peer repeats the chunk, since it has not got the answer.
            block.peer = block.peer._replace(peer_tag=cookie.peer_tag)
        block.control.append(chunk(COOKIE_ACK))
        return True

    def on_cookie_ack(self, now: float) -> None:
        """Handle a COOKIE ACK (RFC 9260 section 5.1, E)."""
        block = self._block
        if block.state is State.COOKIE_ECHOED:
            assert block.peer is not None
            block.on_answer(now)
            self._establish(block.peer)

    def _establish(self, peer: Cookie) -> None:
        block = self._block
        block.peer = peer
        block.timer = None
        block.control.clear()
        block.state = State.ESTABLISHED
        block.receiving = Receiving(block.settings, peer.peer_first_tsn)
        block.sending.start(peer.peer_window, peer.supports_forward_tsn)
        wanted = block.reconfiguration.wanted
        block.reconfiguration = Reconfiguration(block.first_tsn, peer.peer_first_tsn, block.round_trips)
        block.events.append(Established(block.streams))
        if wanted:
            self._resets.request(wanted)

    def on_error(self, value: bytes, now: float) -> None:
        """Begin again if an ERROR says that the cookie was stale (RFC 9260 section 5.2.6, alternative 1)."""
        block = self._block
        causes = [cause for cause, _ in parse_parameters(value)]
        if STALE_COOKIE in causes and block.state is State.COOKIE_ECHOED:
            assert block.timer is not None
            block.control.clear()
            self.begin(now, block.timer.repetitions + 1)
