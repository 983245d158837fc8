from __future__ import annotations

import asyncio

from .pairs import connected_pair, until


def test_close_of_the_peer_is_told_in_band() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            assert pair.offerer.goodbye is None

            await pair.answerer.close()
            await until(lambda: pair.offerer.state == "closed", "closed")

            assert pair.offerer.goodbye is not None
            assert pair.answerer.goodbye is None

    asyncio.run(main())


def test_peer_that_is_cut_off_says_no_goodbye() -> None:
    async def main() -> None:
        async with connected_pair() as pair:
            await pair.answerer.paths[0].close()
            await pair.offerer.paths[0].close()
            await until(lambda: pair.offerer.state in ("failed", "closed"), "ended")

            assert pair.offerer.goodbye is None

    asyncio.run(main())
