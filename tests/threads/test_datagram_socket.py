"""UDP sockets on an event loop: several datagrams per system call, or one by one if the kernel cannot send them together."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gst_signalling_sync.threads.datagram_socket import DatagramSocket
from gst_signalling_sync.threads.event_loops import AsyncioLoop

SECONDS = 10.0


class Receiver(asyncio.DatagramProtocol):
    """Keeps what it receives."""

    def __init__(self) -> None:
        self.datagrams: asyncio.Queue[bytes] = asyncio.Queue()
        self.senders: list[Any] = []
        self.errors: asyncio.Queue[Exception] = asyncio.Queue()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.senders.append(addr)
        self.datagrams.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        self.errors.put_nowait(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)

    async def take(self, count: int) -> list[bytes]:
        """Wait for the next datagrams."""
        return [await asyncio.wait_for(self.datagrams.get(), SECONDS) for _ in range(count)]


class BatchReceiver(Receiver):
    """Also keeps which datagrams came together."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def datagrams_received(self, datagrams: list[bytes], addr: Any) -> None:
        self.batches.append(len(datagrams))
        for datagram in datagrams:
            self.datagram_received(datagram, addr)


class Refusing:
    """A socket that fails to send at first.

    Args:
        sock: The socket.
        errors: The errors to raise, in order; afterwards it sends.
        cuts: Whether it supports several datagrams in one call.
    """

    def __init__(self, sock: socket.socket, errors: list[OSError], cuts: bool = False) -> None:
        self._sock = sock
        self._errors = errors
        self._cuts = cuts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendto(self, data: bytes, addr: Any) -> int:
        if self._errors:
            raise self._errors.pop(0)
        return self._sock.sendto(data, addr)

    def sendmsg(self, *arguments: Any) -> int:
        if not self._cuts:
            raise OSError(errno.EIO, "no checksums")
        return self._sock.sendmsg(*arguments)


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    return sock


def opened(protocol: asyncio.DatagramProtocol, sock: Any = None) -> DatagramSocket:
    return DatagramSocket(asyncio.get_running_loop(), sock or bound(), protocol)


def address_of(transport: DatagramSocket) -> Any:
    return transport.get_extra_info("sockname")


def new_loops() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": AsyncioLoop}
    try:
        from gst_signalling_sync.threads.uvloop_loop import UvloopLoop
    except ModuleNotFoundError:
        return loops
    return loops | {"uvloop": UvloopLoop}


@pytest.fixture(params=list(new_loops().values()), ids=list(new_loops()))
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[None]]], None]:
    """Runs a coroutine on a loop of each kind."""

    def run_on_loop(main: Callable[[], Awaitable[None]]) -> None:
        async def bounded() -> None:
            await main()

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(bounded())

    return run_on_loop


Run = Callable[[Callable[[], Awaitable[None]]], None]


def test_datagrams_go_both_ways(run: Run) -> None:
    async def main() -> None:
        near, far = Receiver(), Receiver()
        a, b = opened(near), opened(far)
        for number in range(100):
            a.sendto(b"%d" % number, address_of(b))

        assert await far.take(100) == [b"%d" % number for number in range(100)]
        assert set(far.senders) == {address_of(a)}
        b.sendto(b"", address_of(a))
        assert await near.take(1) == [b""]
        a.close()
        b.close()
        await asyncio.gather(near.lost, far.lost)

    run(main)


@pytest.mark.parametrize("cuts", [True, False], ids=["one call", "a call each"])
def test_segments_arrive_as_datagrams(run: Run, cuts: bool) -> None:
    async def main() -> None:
        far = Receiver()
        a, b = opened(Receiver(), Refusing(bound(), [], cuts)), opened(far)

        for _ in range(2):
            a.send_segments(b"a" * 1000 + b"b" * 1000 + b"c" * 999, 1000, address_of(b))
            assert await far.take(3) == [b"a" * 1000, b"b" * 1000, b"c" * 999]
        a.close()
        b.close()
        await far.lost

    run(main)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone joins datagrams")
def test_what_came_together_is_told_together(run: Run) -> None:
    async def main() -> None:
        far = BatchReceiver()
        a, b = opened(Receiver()), opened(far)

        a.send_segments(bytes(4000), 1000, address_of(b))
        a.sendto(b"alone", address_of(b))

        assert await far.take(5) == 4 * [bytes(1000)] + [b"alone"]
        assert far.batches == [4]
        a.close()
        b.close()
        await far.lost

    run(main)


def test_what_the_system_has_no_room_for_waits_in_order(run: Run) -> None:
    async def main() -> None:
        far = Receiver()
        full: list[OSError] = [BlockingIOError() for _ in range(3)]
        a, b = opened(Receiver(), Refusing(bound(), full)), opened(far)

        for number in range(5):
            a.sendto(b"%d" % number, address_of(b))

        assert await far.take(5) == [b"0", b"1", b"2", b"3", b"4"]
        a.close()
        b.close()
        await far.lost

    run(main)


def test_no_more_than_some_wait(run: Run) -> None:
    async def main() -> None:
        far = Receiver()
        a, b = opened(Receiver(), Refusing(bound(), [BlockingIOError()])), opened(far)

        for number in range(1000):
            a.sendto(b"%d" % number, address_of(b))

        assert await far.take(256) == [b"%d" % number for number in range(256)]
        a.close()
        b.close()
        await far.lost

    run(main)


def test_error_is_told_and_ends_nothing(run: Run) -> None:
    async def main() -> None:
        near, far = Receiver(), Receiver()
        a, b = opened(near, Refusing(bound(), [OSError(errno.ENETUNREACH, "no route")])), opened(far)

        a.sendto(b"lost", address_of(b))
        a.sendto(b"arrives", address_of(b))

        assert await far.take(1) == [b"arrives"]
        assert isinstance(near.errors.get_nowait(), OSError)
        a.close()
        b.close()
        await far.lost

    run(main)


def test_refusal_by_the_other_end_is_told(run: Run) -> None:
    async def main() -> None:
        nobody, sock = bound(), bound()
        sock.connect(nobody.getsockname())
        nobody.close()
        near = Receiver()
        a = opened(near, sock)

        a.sendto(b"hello")

        assert isinstance(await asyncio.wait_for(near.errors.get(), SECONDS), ConnectionRefusedError)
        a.close()
        await near.lost

    run(main)


def test_nothing_is_told_after_close_in_a_receiver(run: Run) -> None:
    class Closing(Receiver):
        transport: DatagramSocket

        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.transport.close()

    async def main() -> None:
        far = Closing()
        a, b = opened(Receiver()), opened(far)
        far.transport = b
        a.sendto(b"first", address_of(b))
        a.sendto(b"second", address_of(b))

        await asyncio.wait_for(far.lost, SECONDS)

        assert far.datagrams.qsize() == 1
        assert b.is_closing()
        b.close()
        b.sendto(b"too late", address_of(a))
        a.close()
        await asyncio.sleep(0)

    run(main)


def test_receiver_that_raises_costs_its_datagram(run: Run) -> None:
    class Failing(Receiver):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            if data == b"bad":
                raise ValueError("cannot take it")
            super().datagram_received(data, addr)

    async def main() -> None:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        far = Failing()
        a, b = opened(Receiver()), opened(far)
        a.sendto(b"bad", address_of(b))
        a.sendto(b"good", address_of(b))

        assert await far.take(1) == [b"good"]
        assert isinstance(complaints[0]["exception"], ValueError)
        a.close()
        b.close()
        await far.lost

    run(main)
