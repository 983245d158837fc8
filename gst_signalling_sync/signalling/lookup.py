"""One-shot look-ups at a signalling server: connect, ask, close."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..endpoint import Endpoint
from ..errors import PeerNotFound
from ..protocol.messages import Peer
from ..threads.waiting import Deadline
from .client import DEFAULT_TIMEOUT, SignallingClient

__all__ = ["describe_producers", "find_producer", "list_consumers", "list_producers", "producer_named"]


def list_producers(
    uri: str | Endpoint | None = None, *, host: str | None = None, port: int | None = None, timeout: float | None = None
) -> list[Peer]:
    """The producers that are registered at a signalling server now.

    Example:
        for producer in list_producers("ws://robot.local:8443"):
            print(producer.id, producer.name)

    Args:
        uri: The server's `Endpoint` or URI. Defaults to ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        host: The server's host, instead of `uri`.
        port: The server's TCP port, instead of `uri`.
        timeout: Seconds for the whole call. Defaults to 10.

    Returns:
        The producers, in the server's order.

    Raises:
        ConnectError: The signalling server cannot be reached, or refused the connection.
        WaitTimeout: The server did not answer in time.
        ServerError: The server refused the request.
        ConnectionLost: The server closed the connection.
        ValueError: The address is not that of a signalling server.
        TypeError: The address is of another type.
        RuntimeError: gevent or eventlet has patched threads or sockets.
    """
    with _connected(uri, host, port, timeout) as (client, deadline):
        return client.list_producers(deadline.remaining())


def list_consumers(
    uri: str | Endpoint | None = None, *, host: str | None = None, port: int | None = None, timeout: float | None = None
) -> list[Peer]:
    """The passive consumers that are registered at a signalling server now.

    Example:
        [consumer] = list_consumers("ws://robot.local:8443")

    Args:
        uri: The server's `Endpoint` or URI. Defaults to ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        host: The server's host, instead of `uri`.
        port: The server's TCP port, instead of `uri`.
        timeout: Seconds for the whole call. Defaults to 10.

    Returns:
        The consumers, in the server's order.

    Raises:
        ConnectError: The signalling server cannot be reached, or refused the connection.
        WaitTimeout: The server did not answer in time.
        ServerError: The server refused the request.
        ConnectionLost: The server closed the connection.
        ValueError: The address is not that of a signalling server.
        TypeError: The address is of another type.
        RuntimeError: gevent or eventlet has patched threads or sockets.
    """
    with _connected(uri, host, port, timeout) as (client, deadline):
        return client.list_consumers(deadline.remaining())


def find_producer(
    name: str,
    uri: str | Endpoint | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    timeout: float | None = None,
) -> Peer:
    """The producer with a name, as registered now. `Listener.wait_for_producer` waits for one to come.

    Example:
        robot = find_producer("robot", "ws://robot.local:8443")

    Args:
        name: The ``name`` in the producer's meta.
        uri: The server's `Endpoint` or URI. Defaults to ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
        host: The server's host, instead of `uri`.
        port: The server's TCP port, instead of `uri`.
        timeout: Seconds for the whole call. Defaults to 10.

    Returns:
        The first producer with that name in the server's order.

    Raises:
        PeerNotFound: There is no such producer.
        ConnectError: The signalling server cannot be reached, or refused the connection.
        WaitTimeout: The server did not answer in time.
        ServerError: The server refused the request.
        ConnectionLost: The server closed the connection.
        ValueError: The address is not that of a signalling server.
        TypeError: The address is of another type.
        RuntimeError: gevent or eventlet has patched threads or sockets.
    """
    with _connected(uri, host, port, timeout) as (client, deadline):
        producers = client.list_producers(deadline.remaining())
        producer = producer_named(producers, name)
        if producer is None:
            raise PeerNotFound(f"no producer is named {name!r} at {client.uri}; {describe_producers(producers)}")
        return producer


def producer_named(producers: list[Peer], name: str | None) -> Peer | None:
    """The first producer with a name, or the first of all where the name is None; None: there is no such producer."""
    return next((producer for producer in producers if name is None or producer.name == name), None)


def describe_producers(producers: list[Peer]) -> str:
    """The producers that there are, for an error message."""
    if not producers:
        return "there are no producers"
    shown = ", ".join(repr(producer.name) if producer.name is not None else producer.id for producer in producers[:10])
    more = f" and {len(producers) - 10} more" if len(producers) > 10 else ""
    return f"there are {shown}{more}"


@contextmanager
def _connected(
    uri: str | Endpoint | None, host: str | None, port: int | None, timeout: float | None
) -> Iterator[tuple[SignallingClient, Deadline]]:
    """A client for one request, and the time that is left for it."""
    deadline = Deadline(DEFAULT_TIMEOUT if timeout is None else timeout)
    client = SignallingClient(uri, host=host, port=port)
    client.connect(deadline.remaining())
    try:
        yield client, deadline
    finally:
        client.close(deadline.remaining())
