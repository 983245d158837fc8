"""The exceptions that users catch."""

from __future__ import annotations

import copy
import pickle

import pytest

from gst_signalling_sync import ConnectError, ConnectTimeout, ServerError, SessionClosed
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


@pytest.mark.parametrize("kind", [ConnectError, ConnectTimeout])
def test_pickled_connect_error_keeps_its_status(kind: type[ConnectError]) -> None:
    error = pickle.loads(pickle.dumps(kind("refused: HTTP 401", 401)))

    assert (type(error), str(error), error.status) == (kind, "refused: HTTP 401", 401)


def test_connect_error_without_an_answer_has_no_status() -> None:
    assert ConnectError("nothing listens there").status is None


def test_pickled_server_error_keeps_the_server_s_words() -> None:
    error = pickle.loads(pickle.dumps(ServerError("registering: no", "no")))

    assert (type(error), str(error), error.details) == (ServerError, "registering: no", "no")
