"""`SignallingServer`: the embedded signalling server, as users hold it."""

from __future__ import annotations

import logging
import math
import os
import socket
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from ..errors import SessionClosedReason, WaitTimeout
from ..protocol.grant import Grant
from ..protocol.limits import ServerLimits
from ..protocol.registry import RegisteredPeer, RegisteredSession
from ..threads.native import check_native
from ..threads.one_at_a_time import OneAtATime
from ..threads.owner import Owner
from ..threads.waiting import MAX_WAIT_SECONDS, Deadline
from .authorizer import Authorize
from .listening import authority, connectable
from .running import RunningServer
from .settings import Settings

__all__ = ["SignallingServer"]

logger = logging.getLogger(__name__)

_DEFAULT_SECONDS: Final = 10.0

_DEFAULT_LIMITS: Final = ServerLimits()


class SignallingServer:
    """A signalling server inside this process, for tests, robots and small installations.

    It answers as the reference server ``gst-webrtc-signalling-server`` does, and speaks protocol 1.1 too. It runs in one
    thread, however many peers there are. Messages are not compressed. After `close` it can be started again, without any
    peers, and on a new port where `port` is 0.

    A browser lets every web page open WebSockets to this machine and its network, so a request with a foreign ``Origin`` or
    ``Host`` header is refused with status 403. Programs send no ``Origin``.

    On the same port, ``/healthz`` answers 200 while the server runs, ``/readyz`` until it closes, and ``/`` a page that says
    what this is.

    Example:
        with SignallingServer("0.0.0.0", hosts=["robot.example"], origins=["https://app.example"]) as server:
            ...

    Args:
        host: The address or host name to listen on. ``"0.0.0.0"`` or ``""``: every IPv4 address of this machine; ``"::"``:
            IPv6 too. Of a name with several addresses, the first usable one. Defaults to ``"127.0.0.1"``.
        port: The TCP port; 0 picks a free one. Defaults to 8443.
        origins: The origins of web pages that may connect, such as ``"https://app.example"``, ``"app.example"`` (with
            any scheme), ``"*.app.example"`` or ``"null"``; ``"*"``: every page. Ports are not compared. Defaults to
            localhost, `hosts`, and the name or address that the request was sent to.
        hosts: The names by which clients reach this server, besides localhost, every IP address and, for programs, names
            without a dot or in ``.local``; ``"*"``: every name. Defaults to this machine's names, and `host`.
        trusted_proxies: Addresses or networks of reverse proxies. The address of a client behind them is the last one in
            ``X-Forwarded-For`` that does not belong to one of them. Defaults to none.
        limits: What one peer, one address and all peers together may use. Defaults to those of `ServerLimits()`.
        lease: Seconds that a peer may leave pings unanswered; then it is removed, whatever TCP reports. It is pinged twice in
            that time. A client whose connection breaks may resume within it, and keep its id, registration and sessions, by a
            key in a header of its handshake (``docs/topics/protocol.rst``). Defaults to 20.
        cert: The PEM file with the certificate for TLS 1.2 or newer, and those between it and the root. Peers then connect by
            ``wss://``. It is read again when it changes, for new connections. Defaults to no TLS.
        key: The PEM file with the certificate's key. Defaults to `cert`.
        sockets: Listening TCP sockets in place of `host` and `port`, for example those that systemd hands over; they stay open
            when the server closes. Defaults to none.
        unique_names: Whether a producer is refused by an ``error`` while another one with its ``name`` is registered. Defaults
            to False.
        tokens: The bearer tokens that let clients in: a TOML file (``docs/deploy/tokens.rst``), which is read again when it
            changes, or a mapping from tokens, or their hashes as `hashed` makes them, to grants. Defaults to none:
            everybody comes in.
        authorize: Called with an `AuthorizationRequest` for each client whose token is not among `tokens`, on its own thread,
            within `ServerLimits.authorization_seconds`. Returns a `Grant`; None refuses the client, with status 401 where it
            sent no credentials and 403 where it did. If it raises, or does not return in time, the client is refused with
            status 503, and the reason is logged. Defaults to none.

    Raises:
        ValueError: `port` is not in 0..65535, `lease` is not positive, `cert` and `key` are not a certificate and its key,
            `key` is given without `cert`, `tokens` is malformed, an entry of a list is not of its form, or one of `sockets`
            does not listen.
        OSError: `cert`, `key` or `tokens` cannot be read.
        TypeError: A single string is given instead of a list, `authorize` cannot be called, or another argument is of another
            type.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 8443,
        *,
        origins: Sequence[str] | None = None,
        hosts: Sequence[str] | None = None,
        trusted_proxies: Sequence[str] = (),
        limits: ServerLimits = _DEFAULT_LIMITS,
        lease: float = 20.0,
        cert: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
        unique_names: bool = False,
        tokens: str | os.PathLike[str] | Mapping[str, Grant] | None = None,
        authorize: Authorize | None = None,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        self._settings = Settings.checked(
            host,
            port,
            origins=origins,
            hosts=hosts,
            trusted_proxies=trusted_proxies,
            limits=limits,
            lease=lease,
            cert=cert,
            key=key,
            unique_names=unique_names,
            tokens=tokens,
            authorize=authorize,
            sockets=sockets,
        )
        self._owner = Owner(f"SignallingServer on {authority(self._settings.host, self._settings.port)}")
        # Runs start() and close(), so that one of several threads does it and the others find it done.
        self._lifecycle = OneAtATime()
        self._running: RunningServer | None = None

    def __repr__(self) -> str:
        running = self._running
        state = "closed" if running is None else f"{len(running.switchboard.registry.peers)} peers"
        return f"<SignallingServer on {authority(self._settings.host, self.port)}, {state}>"

    @property
    def port(self) -> int:
        """The TCP port that the server listens on; while it does not run, the argument."""
        running = self._running
        return self._settings.port if running is None else running.port

    @property
    def uri(self) -> str:
        """The URI that a client of this machine connects to, such as ``ws://127.0.0.1:8443``.

        Raises:
            RuntimeError: The port is 0, and no free one was picked yet because the server does not run.
        """
        running = self._running
        port = self._settings.port if running is None else running.port
        if port == 0:
            raise RuntimeError("the server has no port yet: port=0 picks one in start()")
        scheme = "ws" if self._settings.certificate is None else "wss"
        return f"{scheme}://{authority(connectable(self._settings.host), port)}"

    @property
    def peers(self) -> dict[str, RegisteredPeer]:
        """The peers that are connected now, by id: each a `RegisteredPeer`. A snapshot; empty when closed.

        Raises:
            RuntimeError: This process inherited the server by `fork`.
        """
        self._owner.check()
        running = self._running
        return {} if running is None else running.switchboard.registry.peers

    @property
    def sessions(self) -> dict[str, RegisteredSession]:
        """The present sessions, by id: each a `RegisteredSession`. A snapshot; empty when closed.

        Raises:
            RuntimeError: This process inherited the server by `fork`.
        """
        self._owner.check()
        running = self._running
        return {} if running is None else running.switchboard.registry.sessions

    @property
    def refusals(self) -> dict[str, int]:
        """How often each rule has refused something since `start`, by the rule's name. A snapshot; empty when closed.

        A limit has its name in `ServerLimits`, and an option of this class its own; ``docs/reference/limits.rst`` lists all
        rules.

        Raises:
            RuntimeError: This process inherited the server by `fork`.
        """
        self._owner.check()
        running = self._running
        return {} if running is None else running.switchboard.refusals.counts

    def start(self) -> Self:
        """Listen and serve; clients can connect when this returns. Does nothing if the server runs already.

        Returns:
            The server.

        Raises:
            ConnectError: The address cannot be listened on.
            RuntimeError: This process inherited the server by `fork`, or gevent or eventlet has patched threads or sockets.
        """
        self._owner.check()
        check_native()
        self._lifecycle.run(self._run, Deadline(math.inf))
        return self

    def serve_forever(self) -> None:
        """Start unless the server runs already, and block until it is closed or interrupted.

        Example:
            with SignallingServer("0.0.0.0") as server:
                server.serve_forever()

        Raises:
            ConnectError: The address cannot be listened on.
            KeyboardInterrupt: Ctrl-C.
            RuntimeError: This process inherited the server by `fork`.
        """
        running = self.start()._running
        # In short waits, because CPython notices a signal that arrives just before a wait only after it.
        while running is not None and not running.closed.wait(MAX_WAIT_SECONDS):
            continue

    def end_session(self, session_id: str, mark: SessionClosedReason = "rejected") -> None:
        """End a session between two peers, by an operator's order for example.

        Both ends are told by ``endSession`` with the extra key ``mark``. It tells clients of this library that the server ended
        the session, and they close it at once. Other clients end it as usual.

        Args:
            session_id: The key of one of `sessions`.
            mark: The reason that `SessionClosed` has at both ends. Defaults to ``"rejected"``.

        Raises:
            LookupError: There is no such session, or the server does not run.
            WaitTimeout: The server's event loop does not respond.
            RuntimeError: This process inherited the server by `fork`.
        """
        self._owner.check()
        running = self._running
        if running is None:
            raise LookupError(f"cannot end session {session_id!r}: the server does not run")
        try:
            running.end_session(session_id, mark)
        except KeyError:
            raise LookupError(
                f"cannot end session {session_id!r}: it is not among the {len(self.sessions)} sessions of this server"
            ) from None

    def reload(self) -> None:
        """Schedule reading the certificate and the tokens again. An unusable file is logged, and its former content stays.

        Raises:
            RuntimeError: This process inherited the server by `fork`.
        """
        self._owner.check()
        running = self._running
        if running is not None:
            running.reload()

    def is_responsive(self, timeout: float = 1.0) -> bool:
        """Whether the server runs and responds, for a watchdog.

        Args:
            timeout: Seconds within which it must respond. Defaults to 1.

        Raises:
            RuntimeError: This process inherited the server by `fork`.
        """
        self._owner.check()
        running = self._running
        return running is not None and running.is_responsive(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Stop serving: peers get close code 1001, and those that do not answer are cut off.

        Idempotent, and callable from any thread. In a process that inherited the server by `fork` it does nothing.

        Args:
            timeout: Seconds that this may take. Defaults to 10. After a short timeout the server is closed too.

        Raises:
            WaitTimeout: Another thread has been starting or closing the server for that long.
        """
        if not self._owner.is_here:
            return
        deadline = Deadline(_DEFAULT_SECONDS if timeout is None else timeout)
        if not self._lifecycle.run(lambda: self._stop(deadline), deadline):
            raise WaitTimeout(
                f"closing the server on {authority(self._settings.host, self.port)}: another thread has been starting or"
                f" closing it for {deadline}"
            )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        if self._running is None:
            self._running = RunningServer(self._settings)
            logger.info("signalling server listens on %s", self.uri)
            if self._running.is_reachable_from_elsewhere:
                self._warn_of_strangers()

    def _stop(self, deadline: Deadline) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.close(deadline)

    def _warn_of_strangers(self) -> None:
        settings = self._settings
        if not settings.asks_for_tokens:
            logger.warning(
                "anybody who can reach %s can use this signalling server: give tokens=, or --tokens", self._where()
            )
        elif settings.certificate is None and not settings.proxies:
            logger.warning(
                "tokens travel unencrypted to %s: give cert=, or --cert, or trusted_proxies= if one encrypts",
                self._where(),
            )

    def _where(self) -> str:
        return authority(self._settings.host or "0.0.0.0", self.port)
