"""`Transactions`: STUN requests with retransmissions and long-term credentials (RFC 8489 sections 6.2 and 9.2).

No I/O and no clock: the owner sends what `send` is called with, and calls `advance` at `next_time`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .stun import Address, Attribute, Kind, Message, Method, long_term_key

__all__ = ["ANSWER_SECONDS", "Transactions", "TurnError"]

ANSWER_SECONDS: Final = 8.0
"""How long to wait for a response."""

FIRST_RETRANSMISSION_SECONDS: Final = 0.25
"""The RTO of libwebrtc, doubled with every retransmission."""

MAX_RETRANSMISSION_SECONDS: Final = 2.0

_ATTEMPTS: Final = 4
"""Maximum number of times that a request is sent with other credentials."""

_UNAUTHORIZED, _STALE_NONCE = 401, 438


class TurnError(Exception):
    """A TURN server refused a request, or did not answer.

    Attributes:
        code: The error code (RFC 8656 section 19, RFC 8489 section 14.8); None: there was no answer.
        alternate: The server to use instead (300 Try Alternate); None: the server names no other one.
    """

    def __init__(self, text: str, code: int | None = None, alternate: Address | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.alternate = alternate


@dataclass(slots=True, eq=False)
class _Request:
    message: Message
    began: float
    on_success: Callable[[Message, float], None]
    on_error: Callable[[TurnError, float], None]
    patience: float = ANSWER_SECONDS
    key: bytes | None = None
    attempts: int = 0
    retransmissions: int = 0
    due: float = math.inf
    data: bytes = b""


class Transactions:
    """The requests that wait for their responses.

    Args:
        username: The user of the long-term credentials.
        password: The password of the long-term credentials.
        send: Called with each message to send.
        is_reliable: Whether the transport is reliable, so that there are no retransmissions.
    """

    def __init__(self, username: str, password: str, send: Callable[[bytes], None], *, is_reliable: bool) -> None:
        self._username = username
        self._password = password
        self._send_message = send
        self._is_reliable = is_reliable
        self._realm: str | None = None
        self._nonce: bytes | None = None
        self._key: bytes | None = None
        self._requests: dict[bytes, _Request] = {}

    @property
    def next_time(self) -> float:
        """The time for the next `advance`; infinite where nothing is due."""
        return min((request.due for request in self._requests.values()), default=math.inf)

    def clear(self) -> None:
        """Forget all requests; their callables are not called any more."""
        self._requests.clear()

    def ask(
        self,
        message: Message,
        now: float,
        on_success: Callable[[Message, float], None],
        on_error: Callable[[TurnError, float], None],
        patience: float = ANSWER_SECONDS,
    ) -> None:
        """Send a request.

        Args:
            message: The request, without credentials.
            now: The time, in seconds.
            on_success: Called with the success response and its time.
            on_error: Called with the error, and its time.
            patience: Seconds to wait for a response. Defaults to `ANSWER_SECONDS`.
        """
        self._send(_Request(message, now, on_success, on_error, patience), now)

    def receive(self, message: Message, now: float) -> None:
        """Handle a response; one to no request is ignored."""
        request = self._requests.get(message.transaction)
        if request is not None and message.kind in (Kind.SUCCESS, Kind.ERROR):
            self._answer(request, message, now)

    def advance(self, now: float) -> None:
        """Retransmit and give up the requests that are due."""
        for request in [each for each in self._requests.values() if each.due <= now]:
            if now >= request.began + request.patience:
                del self._requests[request.message.transaction]
                request.on_error(TurnError(f"no answer within {request.patience:g} s"), now)
            else:
                self._transmit(request, now)

    def _send(self, request: _Request, now: float) -> None:
        message = request.message
        if self._key is not None and self._realm is not None and self._nonce is not None:
            credentials = (
                (Attribute.USERNAME, self._username.encode()),
                (Attribute.REALM, self._realm.encode()),
                (Attribute.NONCE, self._nonce),
            )
            message = Message(message.method, message.kind, message.transaction, (*message.attributes, *credentials))
        request.key = self._key
        request.data = message.encode(self._key)
        request.retransmissions = 0
        self._requests[message.transaction] = request
        self._transmit(request, now)

    def _transmit(self, request: _Request, now: float) -> None:
        end = request.began + request.patience
        if self._is_reliable and request.retransmissions:
            request.due = end
            return
        wait = min(FIRST_RETRANSMISSION_SECONDS * 2**request.retransmissions, MAX_RETRANSMISSION_SECONDS)
        request.retransmissions += 1
        request.due = min(end, math.inf if self._is_reliable else now + wait)
        self._send_message(request.data)

    def _answer(self, request: _Request, message: Message, now: float) -> None:
        code, phrase = message.error or (0, "")
        if message.kind is Kind.ERROR and code in (_UNAUTHORIZED, _STALE_NONCE):
            # These responses need no MESSAGE-INTEGRITY (RFC 8489 section 9.2.5).
            del self._requests[request.message.transaction]
            if not self._use_challenge(request, message, code):
                request.on_error(TurnError(_told(code, phrase), code), now)
                return
            fresh = Message.request(Method(request.message.method)).transaction
            # XOR attributes depend on the transaction ID.
            request.message = _with_transaction(request.message, fresh)
            request.attempts += 1
            self._send(request, now)
            return
        if request.key is not None and not message.is_signed_with(request.key):
            return
        del self._requests[request.message.transaction]
        if message.kind is Kind.SUCCESS:
            request.on_success(message, now)
        else:
            alternate = next(iter(message.addresses(Attribute.ALTERNATE_SERVER)), None)
            request.on_error(TurnError(_told(code, phrase), code, alternate), now)

    def _use_challenge(self, request: _Request, message: Message, code: int) -> bool:
        """Use the realm and the nonce of a response.

        Returns:
            Whether the request may succeed with them.
        """
        nonce, realm = message.value(Attribute.NONCE), message.text(Attribute.REALM)
        if nonce is None or request.attempts >= _ATTEMPTS:
            return False
        is_refused = code == _UNAUTHORIZED and request.key is not None and realm in (None, self._realm)
        self._nonce = nonce
        if realm is not None:
            self._realm = realm
        if self._realm is None:
            return False
        self._key = long_term_key(self._username, self._realm, self._password)
        return not is_refused


_PHRASES: Final = {
    300: "Try Alternate",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    420: "Unknown Attribute",
    437: "Allocation Mismatch",
    438: "Stale Nonce",
    440: "Address Family not Supported",
    441: "Wrong Credentials",
    442: "Unsupported Transport Protocol",
    486: "Allocation Quota Reached",
    500: "Server Error",
    508: "Insufficient Capacity",
}


def _told(code: int, phrase: str) -> str:
    # The server's own phrase may be anything.
    said = f"{code} {_PHRASES.get(code) or phrase[:60] or 'unknown error'}"
    return f"{said}: the user or the password is wrong" if code in (_UNAUTHORIZED, 441) else said


def _with_transaction(message: Message, transaction: bytes) -> Message:
    """A message with another transaction ID, on which its XOR attributes depend."""
    peers = message.addresses(Attribute.XOR_PEER_ADDRESS)
    plain = tuple(each for each in message.attributes if each[0] != Attribute.XOR_PEER_ADDRESS)
    changed = Message(message.method, message.kind, transaction, plain)
    for peer in peers:
        changed = changed.address(Attribute.XOR_PEER_ADDRESS, peer)
    return changed
