"""No address, token, certificate or proxy of the environment reaches these tests."""

from __future__ import annotations

import pytest

from gst_signalling_sync.endpoint import CAFILE_VARIABLE, TOKEN_VARIABLE, URI_VARIABLE


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (URI_VARIABLE, TOKEN_VARIABLE, CAFILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
