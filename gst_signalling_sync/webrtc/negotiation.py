"""Offer, answer and candidates of one peer connection. Lives on the loop; what it says to the peer goes through `send`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from ..errors import ProtocolError, SessionClosed
from ..protocol.messages import SdpType
from .description import (
    DEFAULT_MAX_MESSAGE_SIZE,
    check_description,
    has_candidates,
    leaves_setup_open,
    max_message_size,
    media_codecs,
    parse_candidate,
    with_passive_setup,
)
from .engine.peer_connection import NoCommonCodec, PeerConnection
from .media.capture_time import with_capture_time
from .media.tracks import Tracks

__all__ = ["Negotiation"]

logger = logging.getLogger(__name__)


class Negotiation:
    """The signalling state of a peer connection.

    Args:
        connection: Not negotiated yet.
        tracks: The connection's.
        named: The session as log lines and errors name it.
        send: Sends a description to the peer; must not block.
        early_candidates: The peer's, which came before the negotiation began, as in `add_candidate`.
    """

    def __init__(
        self,
        connection: PeerConnection,
        tracks: Tracks,
        named: str,
        send: Callable[[SdpType, str], None],
        early_candidates: Iterable[tuple[str, int]],
    ) -> None:
        self._connection = connection
        self._tracks = tracks
        self._named = named
        self._send = send
        self._early_candidates = list(early_candidates)
        # Descriptions are applied one after another: applying one awaits, and another may arrive meanwhile.
        self._lock = asyncio.Lock()
        self._stopped = False
        self.max_message_size: int | None = DEFAULT_MAX_MESSAGE_SIZE

    async def make_offer(self) -> str:
        """Make an offer with all candidates of this end.

        Returns:
            The SDP.

        Raises:
            SessionClosed: This machine has no address that aiortc can use, or the session ended.
        """
        async with self._lock:
            self._check_open()
            self._connection.ensure_data_section()
            await self._connection.offer(with_capture_time)
            return self._local_description()

    async def receive(self, kind: SdpType, sdp: str) -> None:
        """Apply the peer's description; an offer is answered.

        Raises:
            ProtocolError: aiortc can make nothing of it.
            SessionClosed: This machine has no address that aiortc can use, or the session ended.
        """
        async with self._lock:
            self._check_open()
            if kind is SdpType.OFFER and self._connection.signaling_state != "stable":
                logger.warning("%s: ignored an offer that crossed ours", self._named)
                return
            if kind is SdpType.ANSWER and self._connection.signaling_state != "have-local-offer":
                logger.warning("%s: ignored an answer to no offer", self._named)
                return
            await self._apply(kind, sdp)
            for text, index in self._early_candidates:
                await self.add_candidate(text, index)
            self._early_candidates.clear()
            if kind is SdpType.OFFER:
                await self._answer(sdp)
                self._send(SdpType.ANSWER, self._local_description())

    async def stop(self) -> None:
        """Wait for the step under way, and have every later one raise.

        aiortc must not be closed in the middle of one: sockets that it opens after its close() stay open for ever.
        """
        async with self._lock:
            self._stopped = True

    async def add_candidate(self, text: str, sdp_m_line_index: int) -> None:
        """Add a trickled candidate, or keep it until there is a description that it belongs to.

        One that cannot be used is logged and dropped: the others may do.
        """
        if self._connection.signaling_state == "closed":
            return
        if not self._connection.has_remote_description:
            self._early_candidates.append((text, sdp_m_line_index))
            return
        try:
            if not text.strip():
                await self._connection.add_candidate(None)
                return
            candidate = parse_candidate(text, sdp_m_line_index)
            if candidate is not None:
                await self._connection.add_candidate(candidate)
        except ProtocolError as error:
            logger.warning("%s: dropped a candidate: %s", self._named, error)
        except (OSError, ValueError, AssertionError) as error:
            logger.warning("%s: could not use candidate %r: %s", self._named, text[:200], error)

    def _check_open(self) -> None:
        if self._stopped:
            raise SessionClosed(f"{self._named}: it ended during the negotiation")

    async def _apply(self, kind: SdpType, sdp: str) -> None:
        try:
            check_description(sdp)
            await self._connection.apply(kind, sdp)
        except NoCommonCodec as error:
            raise ProtocolError(f"{self._named}: {_without_common_codec(kind, sdp)}") from error
        # The peer is not trusted, and aiortc raises whatever the text makes its parser stumble over.
        except Exception as error:
            raise self._unusable(kind, sdp, error) from error
        # Before anything is awaited: aiortc starts what it finds in the transceivers as soon as it can.
        self._tracks.on_remote_description(sdp)
        self.max_message_size = max_message_size(sdp)

    async def _answer(self, offer: str) -> None:
        def change(answer: str) -> str:
            # In a running session either end stays what it is (RFC 8842 section 5.5).
            if leaves_setup_open(offer) and self._connection.state in ("new", "connecting"):
                return with_passive_setup(answer)
            return answer

        try:
            await self._connection.answer(change)
        # Some offers aiortc can read and not answer.
        except Exception as error:
            raise self._unusable(SdpType.OFFER, offer, error) from error

    def _unusable(self, kind: SdpType, sdp: str, error: Exception) -> ProtocolError:
        reason = str(error) or type(error).__name__
        return ProtocolError(f"{self._named}: unusable {kind} from the peer: {reason}: {sdp[:200]!r}")

    def _local_description(self) -> str:
        sdp = self._connection.local_sdp
        if not has_candidates(sdp):
            raise SessionClosed(
                f"{self._named}: this machine has no network address that WebRTC can use, not even 127.0.0.1."
                " Bring a network interface up."
            )
        return sdp


def _without_common_codec(kind: SdpType, sdp: str) -> str:
    codecs = "; ".join(f"{media} as {', '.join(names) or 'nothing'}" for media, names in media_codecs(sdp).items())
    what = "offers" if kind is SdpType.OFFER else "accepts"
    return (
        f"no codec that both ends have: the peer {what} {codecs}. Here it can be VP8 and H264 for video and Opus, G.722 and"
        " G.711 for audio, or what `codecs` of the source restricts it to."
    )
