"""`Opening`: connects to a signalling server: name resolution, TCP, proxy, TLS, WebSocket handshake (RFC 6455 section 4).

Each step has its own error message, because each has its own remedy.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from typing import Final, NoReturn
from urllib.parse import urljoin

from ..endpoint import Endpoint, access_of, redacted
from ..errors import ConnectError, ConnectTimeout
from ..threads.interruption import Interruption
from ..threads.waiting import Deadline
from .handshake import NotWebSocket, shake_hands
from .http_head import HttpHead, NotHttp
from .proxies import Proxy, proxy_of, tunnel_http, tunnel_socks
from .resumption_key import ResumptionKey
from .stream import Stream, TcpStream, TlsStream
from .tcp import NoAddressAnswers, addresses_of, connect_tcp
from .tls import explain, tls_context

__all__ = ["Opening"]

_BODY_SECONDS: Final = 1.0
"""How long a server may take to send the body of a refusal."""

_MAX_BODY_BYTES: Final = 4096

_MAX_SHOWN_CHARS: Final = 200

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

_PROXY_STATUSES: Final = {
    403: "it does not let connections through to this server",
    407: "it requires credentials: write its URI as http://user:password@host:port",
    502: "it cannot reach the server",
    503: "it cannot reach the server now",
    504: "the server does not answer it",
}


class Opening:
    """Opens one connection.

    Args:
        endpoint: The server.
        deadline: For all steps together.
        interruption: Ends the attempt from another thread.
        resumption_key: The key by which the peer resumes; updated by the response. Defaults to None: it does not resume.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        deadline: Deadline,
        interruption: Interruption,
        resumption_key: ResumptionKey | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._access = access_of(endpoint)
        self._deadline = deadline
        self._interruption = interruption
        self._resumption_key = resumption_key
        self._doing = f"connecting to the signalling server {endpoint.uri}"
        self._secrets = self._access.secrets()
        if resumption_key is not None and resumption_key.secret is not None:
            self._secrets = (*self._secrets, resumption_key.secret)
        self._has_credentials = False

    def open(self) -> tuple[Stream, bytes]:
        """Open the connection.

        Returns:
            The stream, and the bytes of the first frames that were received already.

        Raises:
            ConnectError: A step failed, or the server refused the connection.
            ConnectTimeout: A step took too long.
            Interrupted: The interruption was triggered.
        """
        authorization = self._authorization()
        proxy = self._proxy()
        tcp = self._connect(proxy)
        try:
            stream: Stream = tcp
            if proxy is not None:
                stream = self._tunnel(proxy, stream)
            if self._endpoint.is_secure:
                stream = self._secure(stream, self._endpoint.host, "the server")
            return stream, self._shake_hands(stream, authorization)
        except BaseException:
            tcp.close()
            raise

    def _authorization(self) -> str | None:
        if not self._access.asks_for_token:
            authorization = self._access.authorization()
        else:
            where = self._endpoint.uri.split("//", 1)[1]
            try:
                answer = self._interruption.call(self._ask_for_token, f"token-{where}", self._deadline)
            except TimeoutError:
                raise self._timeout("the token's callable did not return") from None
            if isinstance(answer, Exception):
                raise self._error(f"the token's callable raised {_named(answer)}") from answer
            authorization = answer
        if authorization is not None:
            self._has_credentials = True
            self._secrets = (*self._secrets, authorization, authorization.partition(" ")[2])
        return authorization

    def _ask_for_token(self) -> str | Exception | None:
        try:
            return self._access.authorization()
        except Exception as error:  # noqa: BLE001 - raised as the error of this attempt
            return error

    def _proxy(self) -> Proxy | None:
        try:
            proxy = proxy_of(self._endpoint, os.environ)
        except ValueError as error:
            raise self._error(str(error)) from None
        if proxy is not None:
            self._doing += f" through {proxy}"
            self._secrets = (*self._secrets, *proxy.secrets())
        return proxy

    def _connect(self, proxy: Proxy | None) -> TcpStream:
        host, port = (self._endpoint.host, self._endpoint.port) if proxy is None else (proxy.host, proxy.port)
        whose = "that host name" if proxy is None else "the proxy's host name"
        try:
            addresses = addresses_of(host, port, self._deadline, self._interruption)
        except TimeoutError:
            raise self._timeout(f"the address of {whose} was not found") from None
        except OSError as error:
            raise self._error(
                f"no address is known for {whose}: {error.strerror or error}."
                f" Is {host!r} spelled right, and is there a network?"
            ) from error
        try:
            return TcpStream(connect_tcp(addresses, self._deadline, self._interruption), self._interruption)
        except TimeoutError as error:
            raise self._timeout(f"TCP: nothing answered ({error})", "Is it switched on, and its port open?") from None
        except NoAddressAnswers as error:
            if not error.are_refused:
                raise self._error(f"TCP: {error}") from error
            if proxy is not None:
                raise self._error(f"no proxy listens there ({error})") from error
            raise self._error(
                "nothing listens there. Start one by `gst-signalling-sync serve`, or set $GST_SIGNALLING_URI."
            ) from error
        except OSError as error:
            raise self._error(f"TCP: {error.strerror or error}") from error

    def _tunnel(self, proxy: Proxy, stream: Stream) -> Stream:
        if proxy.scheme == "https":
            stream = self._secure(stream, proxy.host, "the proxy")
        try:
            if proxy.is_socks:
                self._tunnel_socks(proxy, stream)
                return stream
            head = tunnel_http(stream, proxy, self._authority(), self._deadline)
        except ConnectError:
            raise
        except NotHttp as error:
            raise self._error(f"the proxy does not speak HTTP: {self._shown(str(error))}") from None
        except EOFError:
            raise self._error("the proxy closed the connection") from None
        except TimeoutError:
            raise self._timeout("the proxy did not answer") from None
        except OSError as error:
            raise self._error(f"the connection to the proxy broke: {error.strerror or error}") from error
        if not 200 <= head.status < 300:
            meaning = _PROXY_STATUSES.get(head.status, "it does not connect to this server")
            raise self._error(f"the proxy refused: {self._status(head)}: {meaning}", status=head.status)
        return stream

    def _tunnel_socks(self, proxy: Proxy, stream: Stream) -> None:
        try:
            from python_socks import ProxyError
        except ImportError:
            raise self._error("SOCKS needs `pip install 'gst-signalling-sync[socks]'`") from None
        host, port = self._endpoint.host, self._endpoint.port
        if not proxy.resolves_names:
            try:
                host = addresses_of(host, port, self._deadline, self._interruption)[0][1][0]
            except TimeoutError:
                raise self._timeout("the address of that host name was not found") from None
            except OSError as error:
                raise self._error(
                    f"no address is known for that host name here: {error.strerror or error}."
                    f" {proxy.scheme[:6]}{'h' if '5' in proxy.scheme else 'a'}:// has the proxy look it up"
                ) from error
        try:
            tunnel_socks(stream, proxy, host, port, self._deadline)
        except ProxyError as error:
            raise self._error(f"the proxy refused: {self._shown(str(error))}") from None

    def _secure(self, stream: Stream, host: str, whose: str) -> Stream:
        try:
            context = tls_context(self._endpoint)
        except OSError as error:
            raise self._error(
                f"the CA certificates {error.filename or self._endpoint.cafile!r}: {error.strerror}"
            ) from error
        try:
            secured = TlsStream(stream, context, host.partition("%")[0])
            secured.shake_hands(self._deadline)
        except ssl.SSLError as error:
            explanation = explain(error, host)
            raise self._error(explanation if whose == "the server" else f"{whose}: {explanation}") from error
        except TimeoutError:
            raise self._timeout(f"TLS: {whose} did not answer the handshake", "Does it speak TLS there?") from None
        except OSError as error:
            raise self._error(f"TLS: {whose} broke off the handshake: {error.strerror or error}") from error
        return secured

    def _shake_hands(self, stream: Stream, authorization: str | None) -> bytes:
        """Do the WebSocket handshake.

        Returns:
            The bytes that were received after the server's response.
        """
        rest = b""

        def answer() -> HttpHead:
            nonlocal rest
            head, received = self._response(stream)
            rest = received[head.size :]
            if head.status != 101:
                self._refuse(head, stream, rest)
            return head

        endpoint = self._endpoint
        headers = [(name, value) for name, value in endpoint.headers if name.lower() != "host"]
        if authorization is not None:
            headers.insert(0, ("Authorization", authorization))
        if self._resumption_key is not None:
            headers.append(self._resumption_key.header)
        try:
            answered = shake_hands(
                self._access.request_uri,
                self._host_header(),
                headers,
                send=lambda data: stream.send(data, self._deadline),
                answer=answer,
            )
        except ConnectError:
            raise
        except NotWebSocket as error:
            raise self._error(f"this is not a WebSocket server: {self._shown(str(error))}") from None
        except TimeoutError:
            raise self._timeout("it did not answer", "Is this a signalling server?") from None
        except OSError as error:
            hint = "" if endpoint.is_secure else ". Does it speak TLS, so that its address is wss://?"
            raise self._error(f"the server broke off the connection: {error.strerror or error}{hint}") from error
        if self._resumption_key is not None:
            self._resumption_key.update(answered.headers)
        return rest

    def _host_header(self) -> str:
        for name, value in self._endpoint.headers:
            if name.lower() == "host":
                return value
        default_port = 443 if self._endpoint.is_secure else 80
        authority = self._authority()
        return authority.removesuffix(f":{default_port}") if self._endpoint.port == default_port else authority

    def _response(self, stream: Stream) -> tuple[HttpHead, bytes]:
        """The head of the server's response, and all bytes that were received."""
        received = b""
        try:
            while (head := HttpHead.of(received)) is None:
                data = stream.receive(self._deadline)
                if not data:
                    what = (
                        f"its response began with {received[:40]!r}"
                        if received
                        else "it sent nothing. Is its address wss://?"
                    )
                    raise self._error(f"this is not a WebSocket server: it closed the connection; {self._shown(what)}")
                received += data
        except NotHttp as error:
            # The record of a TLS alert (RFC 8446 section 5.1).
            if received.startswith(b"\x15\x03") and not self._endpoint.is_secure:
                raise self._error("the server speaks TLS there: write wss:// instead of ws://") from None
            raise self._error(f"this is not a WebSocket server: {self._shown(str(error))}") from None
        return head, received

    def _refuse(self, head: HttpHead, stream: Stream, body: bytes) -> NoReturn:
        said = self._said(head, stream, body)
        if 300 <= head.status < 400 and "location" in head.headers:
            target = urljoin(self._endpoint.uri.replace("ws", "http", 1), head.headers["location"])
            meaning = f"it is at {self._shown(target.replace('http', 'ws', 1))} instead: connect there"
        elif 200 <= head.status < 300:
            meaning = "this is not a WebSocket server, but one for web pages"
        elif head.status == 401 and self._has_credentials:
            meaning = "it does not accept the credentials that were sent: are they right, and still valid?"
        else:
            meaning = _STATUSES.get(head.status, "this is not a WebSocket server, or not a signalling server")
        raise self._error(f"the server refused: {self._status(head)}: {meaning}{said}", status=head.status)

    def _said(self, head: HttpHead, stream: Stream, body: bytes) -> str:
        """The first line of the server's own explanation, where it has one for people."""
        if not head.headers.get("content-type", "").lower().startswith("text/plain"):
            return ""
        length = head.headers.get("content-length", "")
        size = min(int(length), _MAX_BODY_BYTES) if length.isdecimal() else _MAX_BODY_BYTES
        deadline = Deadline(min(_BODY_SECONDS, self._deadline.remaining()))
        with contextlib.suppress(OSError):
            while len(body) < size and (data := stream.receive(deadline)):
                body += data
        first = body[:size].decode(errors="replace").strip().partition("\n")[0]
        return f'. It says: "{self._shown(first)}"' if first else ""

    def _status(self, head: HttpHead) -> str:
        return f"HTTP {head.status} {self._shown(head.reason)}".rstrip()

    def _authority(self) -> str:
        """The server's host and port as HTTP writes them."""
        host = self._endpoint.host.partition("%")[0]
        if ":" in host:
            host = f"[{host}]"
        elif not host.isascii():
            host = host.encode("idna").decode("ascii")
        return f"{host}:{self._endpoint.port}"

    def _shown(self, text: str) -> str:
        """A string from the network with secrets and control characters removed, and truncated."""
        text = redacted(text, self._secrets)
        printable = "".join(char if char.isprintable() else " " for char in text)
        return printable if len(printable) <= _MAX_SHOWN_CHARS else f"{printable[:_MAX_SHOWN_CHARS]}..."

    def _error(self, problem: str, status: int | None = None) -> ConnectError:
        return ConnectError(f"{self._doing}: {problem}", status)

    def _timeout(self, problem: str, hint: str = "") -> ConnectTimeout:
        return ConnectTimeout(f"{self._doing}: {problem} within {self._deadline}.{' ' if hint else ''}{hint}")


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
