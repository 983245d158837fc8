"""`Upgrade`: asks a server for a WebSocket, and says what its refusal means (RFC 6455 section 4)."""

from __future__ import annotations

import contextlib
from typing import Final, NoReturn
from urllib.parse import urljoin

from ..endpoint import Endpoint, access_of
from ..errors import ConnectError
from ..threads.waiting import Deadline
from .handshake import NotWebSocket, shake_hands
from .http_head import HttpHead, NotHttp
from .opening_errors import OpeningErrors
from .resumption_key import ResumptionKey
from .stream import Stream

__all__ = ["Upgrade", "authority_of"]

_BODY_SECONDS: Final = 1.0
"""How long a server may take to send the body of a refusal."""

_MAX_BODY_BYTES: Final = 4096

_STATUSES: Final = {
    400: "the server took it for a bad request: is this the address of a signalling server?",
    401: "it requires credentials: Endpoint(token=...), $GST_SIGNALLING_TOKEN, --token-file, or a user and password in the URI",
    403: "it does not let this client in: ask its operator what the token, the origin or the address may do",
    404: "there is an HTTP server, but no signalling at this path: this is not a WebSocket server's",
    426: "the server requires another version of HTTP or WebSocket",
    429: "too many connections: try again later",
    502: "the server behind it does not answer: try again later",
    503: "it accepts no more connections now: try again later",
    504: "the server behind it does not answer in time: try again later",
}
"""The meaning of a server's refusal, and what to do, by HTTP status."""


class Upgrade:
    """The WebSocket handshake of one attempt to connect.

    Args:
        endpoint: The server.
        stream: Connected to the server.
        deadline: For the attempt.
        errors: Makes its errors.
    """

    def __init__(self, endpoint: Endpoint, stream: Stream, deadline: Deadline, errors: OpeningErrors) -> None:
        self._endpoint = endpoint
        self._stream = stream
        self._deadline = deadline
        self._errors = errors
        self._has_credentials = False

    def shake_hands(self, authorization: str | None, resumption_key: ResumptionKey | None) -> bytes:
        """Do the handshake.

        Args:
            authorization: The header by which the client identifies itself; None: it has no credentials.
            resumption_key: The key by which the peer resumes; updated by the response. None: it does not resume.

        Returns:
            The bytes that were received after the server's response.

        Raises:
            ConnectError: The server refused the connection, or is not a WebSocket server.
            ConnectTimeout: The server did not answer in time.
            Interrupted: The stream's interruption was triggered.
        """
        self._has_credentials = authorization is not None
        rest = b""

        def answer() -> HttpHead:
            nonlocal rest
            head, received = self._response()
            rest = received[head.size :]
            if head.status != 101:
                self._refuse(head, rest)
            return head

        endpoint = self._endpoint
        headers = [(name, value) for name, value in endpoint.headers if name.lower() != "host"]
        if authorization is not None:
            headers.insert(0, ("Authorization", authorization))
        if resumption_key is not None:
            headers.append(resumption_key.header)
        try:
            answered = shake_hands(
                access_of(endpoint).request_uri,
                self._host_header(),
                headers,
                send=lambda data: self._stream.send(data, self._deadline),
                answer=answer,
            )
        except ConnectError:
            raise
        except NotWebSocket as error:
            raise self._errors.error(f"this is not a WebSocket server: {self._errors.shown(str(error))}") from None
        except TimeoutError:
            raise self._errors.timeout("it did not answer", "Is this a signalling server?") from None
        except OSError as error:
            hint = "" if endpoint.is_secure else ". Does it speak TLS, so that its address is wss://?"
            raise self._errors.error(f"the server broke off the connection: {error.strerror or error}{hint}") from error
        if resumption_key is not None:
            resumption_key.update(answered.headers)
        return rest

    def _host_header(self) -> str:
        for name, value in self._endpoint.headers:
            if name.lower() == "host":
                return value
        default_port = 443 if self._endpoint.is_secure else 80
        authority = authority_of(self._endpoint)
        return authority.removesuffix(f":{default_port}") if self._endpoint.port == default_port else authority

    def _response(self) -> tuple[HttpHead, bytes]:
        """The head of the server's response, and all bytes that were received."""
        received = b""
        try:
            while (head := HttpHead.of(received)) is None:
                data = self._stream.receive(self._deadline)
                if not data:
                    what = (
                        f"its response began with {received[:40]!r}"
                        if received
                        else "it sent nothing. Is its address wss://?"
                    )
                    raise self._errors.error(
                        f"this is not a WebSocket server: it closed the connection; {self._errors.shown(what)}"
                    )
                received += data
        except NotHttp as error:
            # The record of a TLS alert (RFC 8446 section 5.1).
            if received.startswith(b"\x15\x03") and not self._endpoint.is_secure:
                raise self._errors.error("the server speaks TLS there: write wss:// instead of ws://") from None
            raise self._errors.error(f"this is not a WebSocket server: {self._errors.shown(str(error))}") from None
        return head, received

    def _refuse(self, head: HttpHead, body: bytes) -> NoReturn:
        said = self._said(head, body)
        if 300 <= head.status < 400 and "location" in head.headers:
            target = urljoin(self._endpoint.uri.replace("ws", "http", 1), head.headers["location"])
            meaning = f"it is at {self._errors.shown(target.replace('http', 'ws', 1))} instead: connect there"
        elif 200 <= head.status < 300:
            meaning = "this is not a WebSocket server, but one for web pages"
        elif head.status == 401 and self._has_credentials:
            meaning = "it does not accept the credentials that were sent: are they right, and still valid?"
        else:
            meaning = _STATUSES.get(head.status, "this is not a WebSocket server, or not a signalling server")
        raise self._errors.error(
            f"the server refused: {self._errors.status(head)}: {meaning}{said}", status=head.status
        )

    def _said(self, head: HttpHead, body: bytes) -> str:
        """The first line of the server's own explanation, where it has one for people."""
        if not head.headers.get("content-type", "").lower().startswith("text/plain"):
            return ""
        length = head.headers.get("content-length", "")
        size = min(int(length), _MAX_BODY_BYTES) if length.isdecimal() else _MAX_BODY_BYTES
        deadline = Deadline(min(_BODY_SECONDS, self._deadline.remaining()))
        with contextlib.suppress(OSError):
            while len(body) < size and (data := self._stream.receive(deadline)):
                body += data
        first = body[:size].decode(errors="replace").strip().partition("\n")[0]
        return f'. It says: "{self._errors.shown(first)}"' if first else ""


def authority_of(endpoint: Endpoint) -> str:
    """The server's host and port as HTTP writes them."""
    host = endpoint.host.partition("%")[0]
    if ":" in host:
        host = f"[{host}]"
    elif not host.isascii():
        host = host.encode("idna").decode("ascii")
    return f"{host}:{endpoint.port}"
