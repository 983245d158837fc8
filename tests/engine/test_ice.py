from __future__ import annotations

import asyncio

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
