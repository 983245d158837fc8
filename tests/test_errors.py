"""The exceptions that users catch."""

from __future__ import annotations

import copy
import pickle

import pytest

from gst_signalling_sync import SessionClosed
from gst_signalling_sync.errors import SESSION_CLOSED_REASONS, SessionClosedReason


@pytest.mark.parametrize("reason", SESSION_CLOSED_REASONS)
@pytest.mark.parametrize("through", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy])
def test_session_closed_keeps_its_reason(reason: SessionClosedReason, through: object) -> None:
    assert callable(through)
    error = through(SessionClosed("session 1 with peer 2: it is over", reason))
    assert (str(error), error.reason) == ("session 1 with peer 2: it is over", reason)
    assert isinstance(error, ConnectionError)


def test_every_reason_is_documented() -> None:
    assert SessionClosed.__doc__ is not None
    for reason in SESSION_CLOSED_REASONS:
        assert f'``"{reason}"``' in SessionClosed.__doc__
