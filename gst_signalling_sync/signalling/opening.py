"""`Opening`: connects to a signalling server: name resolution, TCP, proxy, TLS, WebSocket handshake (RFC 6455 section 4).

Each step has its own error message, because each has its own remedy.
"""

from __future__ import annotations

import os
import ssl
from typing import Final

from ..endpoint import Endpoint, access_of
from ..errors import ConnectError
from ..threads.interruption import Interruption
from ..threads.waiting import Deadline
from .http_head import NotHttp
from .opening_errors import OpeningErrors
from .proxies import Proxy, proxy_of, tunnel_http, tunnel_socks
from .resumption_key import ResumptionKey
from .stream import Stream, TcpStream, TlsStream
from .tcp import NoAddressAnswers, addresses_of, connect_tcp
from .tls import explain, tls_context
from .upgrade import Upgrade, authority_of

__all__ = ["Opening"]

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
        self._errors = OpeningErrors(endpoint.uri, deadline)
        self._errors.hide(self._access.secrets())
        if resumption_key is not None and resumption_key.secret is not None:
            self._errors.hide([resumption_key.secret])

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
            upgrade = Upgrade(self._endpoint, stream, self._deadline, self._errors)
            return stream, upgrade.shake_hands(authorization, self._resumption_key)
        except BaseException:
            tcp.close()
            raise

    def _authorization(self) -> str | None:
        if not self._access.asks_for_token:
            authorization = self._access.authorization()
        else:
            where = self._endpoint.uri.split("//", 1)[1]
            try:
                # Of this endpoint's callable, which the call keeps alive.
                key = "token", id(self._endpoint.token)
                answer = self._interruption.call(key, self._ask_for_token, f"token-{where}", self._deadline)
            except TimeoutError:
                raise self._errors.timeout("the token's callable did not return") from None
            if isinstance(answer, Exception):
                raise self._errors.error(f"the token's callable raised {_named(answer)}") from answer
            authorization = answer
        if authorization is not None:
            self._errors.hide([authorization, authorization.partition(" ")[2]])
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
            raise self._errors.error(str(error)) from None
        if proxy is not None:
            self._errors.goes_through(proxy)
            self._errors.hide(proxy.secrets())
        return proxy

    def _connect(self, proxy: Proxy | None) -> TcpStream:
        host, port = (self._endpoint.host, self._endpoint.port) if proxy is None else (proxy.host, proxy.port)
        whose = "that host name" if proxy is None else "the proxy's host name"
        try:
            addresses = addresses_of(host, port, self._deadline, self._interruption)
        except TimeoutError:
            raise self._errors.timeout(f"the address of {whose} was not found") from None
        except OSError as error:
            raise self._errors.error(
                f"no address is known for {whose}: {error.strerror or error}."
                f" Is {host!r} spelled right, and is there a network?"
            ) from error
        try:
            return TcpStream(connect_tcp(addresses, self._deadline, self._interruption), self._interruption)
        except TimeoutError as error:
            raise self._errors.timeout(
                f"TCP: nothing answered ({error})", "Is it switched on, and its port open?"
            ) from None
        except NoAddressAnswers as error:
            if not error.are_refused:
                raise self._errors.error(f"TCP: {error}") from error
            if proxy is not None:
                raise self._errors.error(f"no proxy listens there ({error})") from error
            raise self._errors.error(
                "nothing listens there. Start one by `gst-signalling-sync serve`, or set $GST_SIGNALLING_URI."
            ) from error
        except OSError as error:
            raise self._errors.error(f"TCP: {error.strerror or error}") from error

    def _tunnel(self, proxy: Proxy, stream: Stream) -> Stream:
        if proxy.scheme == "https":
            stream = self._secure(stream, proxy.host, "the proxy")
        try:
            if proxy.is_socks:
                self._tunnel_socks(proxy, stream)
                return stream
            head = tunnel_http(stream, proxy, authority_of(self._endpoint), self._deadline)
        except ConnectError:
            raise
        except NotHttp as error:
            raise self._errors.error(f"the proxy does not speak HTTP: {self._errors.shown(str(error))}") from None
        except EOFError:
            raise self._errors.error("the proxy closed the connection") from None
        except TimeoutError:
            raise self._errors.timeout("the proxy did not answer") from None
        except OSError as error:
            raise self._errors.error(f"the connection to the proxy broke: {error.strerror or error}") from error
        if not 200 <= head.status < 300:
            meaning = _PROXY_STATUSES.get(head.status, "it does not connect to this server")
            raise self._errors.error(f"the proxy refused: {self._errors.status(head)}: {meaning}", status=head.status)
        return stream

    def _tunnel_socks(self, proxy: Proxy, stream: Stream) -> None:
        try:
            from python_socks import ProxyError
        except ImportError:
            raise self._errors.error("SOCKS needs `pip install 'gst-signalling-sync[socks]'`") from None
        host, port = self._endpoint.host, self._endpoint.port
        if not proxy.resolves_names:
            try:
                host = addresses_of(host, port, self._deadline, self._interruption)[0][1][0]
            except TimeoutError:
                raise self._errors.timeout("the address of that host name was not found") from None
            except OSError as error:
                raise self._errors.error(
                    f"no address is known for that host name here: {error.strerror or error}."
                    f" {proxy.scheme[:6]}{'h' if '5' in proxy.scheme else 'a'}:// has the proxy look it up"
                ) from error
        try:
            tunnel_socks(stream, proxy, host, port, self._deadline)
        except ProxyError as error:
            raise self._errors.error(f"the proxy refused: {self._errors.shown(str(error))}") from None

    def _secure(self, stream: Stream, host: str, whose: str) -> Stream:
        try:
            context = tls_context(self._endpoint)
        except OSError as error:
            raise self._errors.error(
                f"the CA certificates {error.filename or self._endpoint.cafile!r}: {error.strerror}"
            ) from error
        try:
            secured = TlsStream(stream, context, host.partition("%")[0])
            secured.shake_hands(self._deadline)
        except ssl.SSLError as error:
            explanation = explain(error, host)
            raise self._errors.error(explanation if whose == "the server" else f"{whose}: {explanation}") from error
        except TimeoutError:
            raise self._errors.timeout(
                f"TLS: {whose} did not answer the handshake", "Does it speak TLS there?"
            ) from None
        except OSError as error:
            raise self._errors.error(f"TLS: {whose} broke off the handshake: {error.strerror or error}") from error
        return secured


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
