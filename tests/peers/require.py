"""What an interop test does when its peer is absent: skip with the reason, or fail under `REQUIRE_PEERS`."""

from __future__ import annotations

import os

import pytest

__all__ = ["require"]


def require(name: str, found: object, how_to_get: str) -> None:
    """Go on only if a peer is there.

    Args:
        name: Of the peer.
        found: True-ish when it is there.
        how_to_get: The command, or the sentence, that brings it.
    """
    if found:
        return
    reason = f"{name} is absent; to get it: {how_to_get}"
    if os.environ.get("REQUIRE_PEERS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
