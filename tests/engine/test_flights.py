from __future__ import annotations

import asyncio
from collections.abc import Callable

from gst_signalling_sync.webrtc.engine.flights import REPEAT_SECONDS, Flights

SECONDS = 10.0


class Network:
    """What was sent, and when."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.times: list[float] = []
        self.fails = False
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    async def send(self, datagram: bytes) -> None:
        if self.fails:
            raise ConnectionError("it is closed")
        self.sent.append(datagram)
        self.times.append(asyncio.get_running_loop().time())
        for count, waiting in self._waiting:
            if len(self.sent) == count:
                waiting.set_result(None)

    async def wait_for(self, count: int) -> None:
        """Wait until a number of datagrams was sent."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((count, waiting))
        await asyncio.wait_for(waiting, SECONDS)


def never() -> bool:
    return False


def run(test: Callable[[Network], object]) -> Network:
    """Run a coroutine function with a network."""
    network = Network()

    async def main() -> None:
        result = test(network)
        assert asyncio.iscoroutine(result)
        await result

    asyncio.run(main())
    return network


def test_flight_without_an_answer_is_repeated_a_few_times_at_growing_intervals() -> None:
    async def repeat(network: Network) -> None:
        began = asyncio.get_running_loop().time()
        Flights(network.send, never).repeat([b"hello", b"finished"])
        await network.wait_for(2 * len(REPEAT_SECONDS))

        expected = [sum(REPEAT_SECONDS[: number + 1]) for number in range(len(REPEAT_SECONDS))]
        times = network.times[::2]
        assert all(time - began >= minimum - 0.005 for time, minimum in zip(times, expected, strict=True))

    network = run(repeat)
    assert network.sent == [b"hello", b"finished"] * len(REPEAT_SECONDS)


def test_next_flight_is_repeated_instead() -> None:
    async def repeat(network: Network) -> None:
        flights = Flights(network.send, never)
        flights.repeat([b"first"])
        flights.repeat([b"second"])
        await network.wait_for(1)
        flights.stop()

    assert run(repeat).sent == [b"second"]


def test_answered_flight_is_not_repeated() -> None:
    asked: list[bool] = []

    async def repeat(network: Network) -> None:
        answered = asyncio.Event()

        def is_answered() -> bool:
            asked.append(True)
            answered.set()
            return True

        Flights(network.send, is_answered).repeat([b"flight"])
        await asyncio.wait_for(answered.wait(), SECONDS)

    assert run(repeat).sent == []
    assert asked == [True]


def test_closed_connection_ends_the_repetitions() -> None:
    asked: list[bool] = []

    async def repeat(network: Network) -> None:
        network.fails = True
        tried = asyncio.Event()

        def is_answered() -> bool:
            asked.append(True)
            tried.set()
            return False

        flights = Flights(network.send, is_answered)
        flights.repeat([b"flight"])
        await asyncio.wait_for(tried.wait(), SECONDS)
        # The time in which it would be tried again.
        await asyncio.sleep(2 * REPEAT_SECONDS[1])

    run(repeat)
    assert asked == [True]
