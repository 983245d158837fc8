"""`require`: skip an interoperability test whose peer is not installed, or fail it under `REQUIRE_PEERS`."""

from __future__ import annotations

import os

import pytest

__all__ = ["require"]


def require(name: str, found: object, how_to_get: str) -> None:
    """Skip or fail the test unless a peer is there.

    Args:
        name: The peer's.
        found: True in a boolean context if the peer is there.
        how_to_get: The command or sentence that says how to install it.
    """
    if found:
        return
    reason = f"{name} is absent; to get it: {how_to_get}"
    if os.environ.get("REQUIRE_PEERS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
