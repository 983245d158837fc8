"""Signalling servers, embedded and reference: sessions and relayed messages beside thousands of idle peers."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import resource
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.processes import ServerProcess, embedded_server, find_reference_server, reference_server

__all__ = ["ServerLoad", "ServerResult", "run"]

PAIRS: Final = 8
"""Number of producers and consumers that are busy at the same time."""

RELAY_WINDOW: Final = 32
"""Maximum number of messages of a session that are under way."""

CONNECTING_AT_ONCE: Final = 50
_CANDIDATE: Final = "candidate:1 1 UDP 2015363327 192.0.2.7 50001 typ host"


@dataclass(frozen=True)
class ServerLoad:
    """The load of a server beside some idle peers: medians of the rounds.

    Attributes:
        server: Its name.
        idle_peers: Number of registered producers that do nothing.
        sessions_per_s: Sessions that were opened, reported to both ends and ended again, per second.
        session_cpu_us: The server's processor time per session. The driver may limit the rate, but not this.
        relayed_per_s: ICE messages that arrived, per second.
        relayed_cpu_us: The server's processor time per message.
        memory_mib: Resident set size with the idle peers alone; None: the system does not report it.
        memory_per_idle_peer_kib: Growth of the resident set size per idle peer.
    """

    server: str
    idle_peers: int
    sessions_per_s: float
    session_cpu_us: float | None
    relayed_per_s: float
    relayed_cpu_us: float | None
    memory_mib: float | None
    memory_per_idle_peer_kib: float | None


@dataclass
class ServerResult:
    """The results of all servers.

    Attributes:
        loads: One for each server and number of idle peers.
        missing: A sentence for each server that could not take part.
    """

    loads: list[ServerLoad] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def run(
    rounds: int, idle_peers: Sequence[int], sessions: int, messages: int, progress: Callable[[str], None]
) -> ServerResult:
    """Measure both servers.

    Args:
        rounds: Number of rounds for each number of idle peers.
        idle_peers: Numbers of idle peers, ascending.
        sessions: Number of sessions that are opened in a round.
        messages: Number of messages that are relayed in a round.
        progress: Called with what is being measured.

    Returns:
        The measurements, and what is missing.
    """
    _raise_descriptor_limit(max(idle_peers) + 1000)
    result = ServerResult()
    servers = []
    if importlib.util.find_spec("gst_signalling_sync.server") is not None:
        servers.append(("embedded", embedded_server))
    else:
        result.missing.append("embedded server: gst_signalling_sync.server does not exist")
    if find_reference_server() is not None:
        servers.append(("reference", reference_server))
    else:
        result.missing.append("reference server: not installed (.ci/peers installs it)")
    for name, start in servers:
        with start() as server:
            driver = _Driver(name, server, rounds, sessions, messages, progress)
            result.loads += asyncio.run(driver.measure(idle_peers))
    return result


@dataclass(frozen=True)
class _Rate:
    per_s: float
    cpu_us: float | None


def _medians(rates: Sequence[_Rate]) -> tuple[float, float | None]:
    costs = [rate.cpu_us for rate in rates if rate.cpu_us is not None]
    return median(rate.per_s for rate in rates), median(costs) if costs else None


class _Driver:
    """Loads one server and measures it."""

    def __init__(
        self,
        name: str,
        server: ServerProcess,
        rounds: int,
        sessions: int,
        messages: int,
        progress: Callable[[str], None],
    ) -> None:
        self._name = name
        self._server = server
        self._rounds = rounds
        self._sessions = sessions
        self._messages = messages
        self._progress = progress

    async def measure(self, idle_peers: Sequence[int]) -> list[ServerLoad]:
        loads = []
        async with contextlib.AsyncExitStack() as stack:
            pairs = [await stack.enter_async_context(_connected_pair(self._server.uri)) for _ in range(PAIRS)]
            await self._open_sessions(pairs, self._sessions)
            await self._relay(pairs, self._messages)
            empty = _resident_kib(self._server.pid)
            idle: list[ClientConnection] = []
            stack.push_async_callback(_close_all, idle)
            for count in idle_peers:
                self._progress(f"{self._name} server: connecting up to {count} idle peers")
                await self._connect_idle(idle, count)
                resident = _resident_kib(self._server.pid)
                self._progress(f"{self._name} server: measuring beside {count} idle peers")
                sessions = [await self._open_sessions(pairs, self._sessions) for _ in range(self._rounds)]
                relayed = [await self._relay(pairs, self._messages) for _ in range(self._rounds)]
                loads.append(
                    ServerLoad(
                        self._name,
                        count,
                        *_medians(sessions),
                        *_medians(relayed),
                        resident / 1024 if resident is not None else None,
                        (resident - empty) / count if count and resident is not None and empty is not None else None,
                    )
                )
        return loads

    async def _connect_idle(self, idle: list[ClientConnection], count: int) -> None:
        while len(idle) < count:
            batch = min(CONNECTING_AT_ONCE, count - len(idle))
            peers = await asyncio.gather(*[_connect_producer(self._server.uri) for _ in range(batch)])
            idle += [connection for connection, _ in peers]

    async def _open_sessions(self, pairs: Sequence[_Pair], count: int) -> _Rate:
        share = count // len(pairs)
        return await self._rate(share * len(pairs), [pair.open_sessions(share) for pair in pairs])

    async def _relay(self, pairs: Sequence[_Pair], count: int) -> _Rate:
        share = count // len(pairs)
        ids = [await pair.start_session() for pair in pairs]
        rate = await self._rate(
            share * len(pairs), [pair.relay(id_, share) for pair, id_ in zip(pairs, ids, strict=True)]
        )
        for pair, id_ in zip(pairs, ids, strict=True):
            await pair.end_session(id_)
        return rate

    async def _rate(self, count: int, work: Sequence[Coroutine[Any, Any, None]]) -> _Rate:
        started, cpu_started = time.perf_counter(), _cpu_seconds(self._server.pid)
        await asyncio.gather(*work)
        seconds, cpu_ended = time.perf_counter() - started, _cpu_seconds(self._server.pid)
        if cpu_started is None or cpu_ended is None:
            return _Rate(count / seconds, None)
        return _Rate(count / seconds, (cpu_ended - cpu_started) / count * 1e6)


class _Pair:
    """A producer and a consumer that have sessions only with each other."""

    def __init__(self, producer: ClientConnection, producer_id: str, consumer: ClientConnection) -> None:
        self._producer = producer
        self._producer_id = producer_id
        self._consumer = consumer

    async def open_sessions(self, count: int) -> None:
        for _ in range(count):
            await self.end_session(await self.start_session())

    async def start_session(self) -> str:
        await _send(self._consumer, type="startSession", peerId=self._producer_id)
        session_id: str = (await _receive(self._consumer, "sessionStarted"))["sessionId"]
        await _receive(self._producer, "startSession")
        return session_id

    async def end_session(self, session_id: str) -> None:
        await _send(self._consumer, type="endSession", sessionId=session_id)
        await _receive(self._producer, "endSession")

    async def relay(self, session_id: str, count: int) -> None:
        text = json.dumps(
            {"type": "peer", "sessionId": session_id, "ice": {"candidate": _CANDIDATE, "sdpMLineIndex": 0}}
        )
        window = asyncio.Semaphore(RELAY_WINDOW)

        async def send() -> None:
            for _ in range(count):
                await window.acquire()
                await self._producer.send(text)

        sending = asyncio.create_task(send())
        for _ in range(count):
            await self._consumer.recv(decode=False)
            window.release()
        await sending


@contextlib.asynccontextmanager
async def _connected_pair(uri: str) -> AsyncIterator[_Pair]:
    producer, producer_id = await _connect_producer(uri)
    consumer, _ = await _connect(uri)
    try:
        yield _Pair(producer, producer_id, consumer)
    finally:
        await _close_all([producer, consumer])


async def _connect_producer(uri: str) -> tuple[ClientConnection, str]:
    connection, peer_id = await _connect(uri)
    await _send(connection, type="setPeerStatus", roles=["producer"], meta={"name": "idle"})
    return connection, peer_id


async def _connect(uri: str) -> tuple[ClientConnection, str]:
    connection = await connect(uri, compression=None, ping_interval=None, open_timeout=60)
    return connection, (await _receive(connection, "welcome"))["peerId"]


async def _close_all(connections: Sequence[ClientConnection]) -> None:
    for start in range(0, len(connections), CONNECTING_AT_ONCE):
        batch = connections[start : start + CONNECTING_AT_ONCE]
        await asyncio.gather(*[connection.close() for connection in batch])


async def _send(connection: ClientConnection, **message: Any) -> None:
    await connection.send(json.dumps(message))


async def _receive(connection: ClientConnection, type_: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await connection.recv())
    if message["type"] != type_:
        raise ValueError(f"the server said {message}, not {type_}")
    return message


def _raise_descriptor_limit(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise OSError(f"{wanted} open files are needed, the limit is {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _resident_kib(pid: int) -> int | None:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmRSS"].split()[0])


def _cpu_seconds(pid: int) -> float | None:
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    # The program's name may contain spaces. The fields of proc(5) after it begin with 3; utime and stime are 14 and 15.
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
