from __future__ import annotations

import pytest
from aioice import Candidate

from gst_signalling_sync.webrtc.engine.candidate import gathered, shown

BASE = "192.0.2.1"


@pytest.mark.parametrize(
    ("host", "expected"), [("192.0.2.1", "host 192.0.2.1:40000"), ("2001:db8::1", "host [2001:db8::1]:40000")]
)
def test_candidate_is_shown_with_its_type_and_address(host: str, expected: str) -> None:
    assert shown(gathered("host", (host, 40000), host, 65535)) == expected


def test_candidate_is_the_same_on_the_wire() -> None:
    made = gathered("relay", ("198.51.100.7", 3478), BASE, 100, through="udp0", related=(BASE, 40000))

    assert Candidate.from_sdp(made.to_sdp()).to_sdp() == made.to_sdp()


def test_direct_candidates_are_preferred_to_others() -> None:
    kinds = ["host", "srflx", "relay"]

    priorities = [gathered(kind, (BASE, 40000), BASE, 65535).priority for kind in kinds]

    assert priorities == sorted(priorities, reverse=True)


def test_relays_of_two_servers_have_foundations_of_their_own() -> None:
    first, second = (gathered("relay", (BASE, 40000), BASE, 65535, through=f"udp{number}") for number in range(2))

    assert first.foundation != second.foundation
