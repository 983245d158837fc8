from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from aioice import stun

from gst_signalling_sync.webrtc.engine.ice import IceConnection

from .pairs import SECONDS, connected_pair, until


def test_selected_pair_is_the_same_at_both_ends() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            (ours,) = pair.offerer.paths
            (theirs,) = pair.answerer.paths
            assert ours.selected_pair is not None
            assert theirs.selected_pair is not None

            assert ours.selected_pair.local_address == theirs.selected_pair.remote_address
            assert ours.selected_pair.remote_address == theirs.selected_pair.local_address
            assert ours.selected_pair.local_type == "host"

    asyncio.run(main())


def test_check_measures_the_round_trip() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            for end in (pair.offerer, pair.answerer):
                round_trip = await end.paths[0].check(SECONDS)

                assert round_trip is not None
                assert 0 < round_trip < SECONDS

    asyncio.run(main())


def test_consent_is_judged_without_a_task() -> None:
    # A task that waits would be left over if the connection is closed at the moment at which it is made.
    async def main() -> None:
        async with connected_pair():
            await asyncio.sleep(0)
            assert not [task for task in asyncio.all_tasks() if "query_consent" in repr(task.get_coro())]

    asyncio.run(main())


def test_check_of_a_peer_that_is_gone_has_no_answer() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            (path,) = pair.offerer.paths
            (theirs,) = pair.answerer.paths
            await theirs.close()

            assert await path.check(0.1) is None

    asyncio.run(main())


def test_many_checks_at_a_time_are_all_answered() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            (path,) = pair.offerer.paths

            round_trips = await asyncio.gather(*(path.check(SECONDS) for _ in range(50)))

            assert None not in round_trips

    asyncio.run(main())


def test_whatever_is_heard_is_noted_with_the_clock_that_was_given() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            (path,) = pair.answerer.paths
            assert path.heard_at is not None
            path.clock = lambda: 1234.5

            pair.sending.wire.transmit(["anything"])
            await pair.receiving.next()

            assert path.heard_at == 1234.5

    asyncio.run(main())


def test_request_of_the_peer_is_heard_too_and_so_is_its_answer() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            (ours,), (theirs,) = pair.offerer.paths, pair.answerer.paths
            ours.clock = theirs.clock = lambda: 1234.5

            assert await ours.check(SECONDS) is not None

            assert ours.heard_at == theirs.heard_at == 1234.5

    asyncio.run(main())


def test_consent_checks_are_replaced_for_one_connection() -> None:
    async def main() -> None:
        checked: list[IceConnection] = []

        async def consent(path: IceConnection) -> None:
            checked.append(path)

        async with connected_pair(prepare=lambda offerer, _: setattr(offerer.paths[0], "consent", consent)) as pair:
            await until(lambda: checked, "consent checked")

            assert checked == pair.offerer.paths

    asyncio.run(main())


def test_connection_whose_consent_expires_is_lost() -> None:
    async def main() -> None:
        withdrawn = asyncio.Event()

        async def consent(path: IceConnection) -> None:
            await withdrawn.wait()
            await path.expire()

        async with connected_pair(prepare=lambda offerer, _: setattr(offerer.paths[0], "consent", consent)) as pair:
            withdrawn.set()
            await until(lambda: pair.offerer.state in ("failed", "closed"), "the connection failed")

    asyncio.run(main())


def check_of(ours: IceConnection, theirs: IceConnection, password: str = "", **attributes: object) -> bytes:
    """A connectivity check of the other end, as the peer itself would sign it, or with another password."""
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{ours.local_username}:{theirs.local_username}"
    role = "ICE-CONTROLLED" if ours.ice_controlling else "ICE-CONTROLLING"
    request.attributes.update({role: 1, **attributes})
    request.add_message_integrity((password or ours.local_password).encode())
    return bytes(request)


@contextmanager
def ports_of_the_peer(ours: IceConnection, number: int) -> Iterator[list[socket.socket]]:
    """Further sockets of the peer, which send to our end."""
    assert ours.selected_pair is not None
    family = socket.AF_INET6 if ":" in ours.selected_pair.local_address[0] else socket.AF_INET
    with ExitStack() as stack:
        sockets = []
        for _ in range(number):
            sock = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            sock.setblocking(False)
            sock.connect(ours.selected_pair.local_address)
            sockets.append(sock)
        yield sockets


def received(sock: socket.socket) -> int:
    """The number of datagrams that wait."""
    count = 0
    try:
        while sock.recv(2000):
            count += 1
    except BlockingIOError:
        pass
    return count


def test_peer_that_comes_from_ever_other_ports_is_checked_at_the_newest_ones() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            (ours,), (theirs,) = pair.offerer.paths, pair.answerer.paths
            with ports_of_the_peer(ours, 200) as sockets:
                for sock in sockets:
                    sock.send(check_of(ours, theirs, PRIORITY=1))
                    await asyncio.sleep(0.001)
                await until(lambda: received(sockets[-1]), "the last one is answered")

                assert len(ours.remote_candidates) < 40
                assert ours.checks_under_way < 40
            assert await ours.check(SECONDS) is not None

    asyncio.run(main())


def test_check_without_a_priority_is_dropped() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            (ours,), (theirs,) = pair.offerer.paths, pair.answerer.paths
            failures: list[object] = []
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
            before = len(ours.remote_candidates)
            with ports_of_the_peer(ours, 1) as (sock,):
                sock.send(check_of(ours, theirs))
                assert await ours.check(SECONDS) is not None

            assert failures == []
            assert len(ours.remote_candidates) == before

    asyncio.run(main())


def test_stranger_is_no_sign_of_life() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            (ours,), (theirs,) = pair.offerer.paths, pair.answerer.paths
            heard_at = ours.heard_at
            unsigned = check_of(ours, theirs, "a guess", PRIORITY=1)
            with ports_of_the_peer(ours, 1) as (sock,):
                for datagram in (b"", b"\0\1" + bytes(30), b"\x80" + bytes(60), b"\x17\xfe\xfd" + bytes(60), unsigned):
                    sock.send(datagram)
                await until(lambda: received(sock), "the check is refused")

            assert ours.heard_at == heard_at

    asyncio.run(main())
