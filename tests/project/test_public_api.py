"""The public API is that of ``tests/project/public_api.txt``."""

from __future__ import annotations

import difflib
import inspect

import pytest

import gst_signalling_sync

from .public_api import FILE, public_api

PUBLIC = [name for name in gst_signalling_sync.__all__ if name != "__version__"]


def test_public_api_is_the_announced_one() -> None:
    difference = list(difflib.unified_diff(FILE.read_text().splitlines(), public_api().splitlines(), lineterm="", n=0))

    assert not difference, "\n".join(
        [
            "the public API has changed. If that is meant: python -m tests.project.public_api, and a line in CHANGELOG.rst",
            *difference,
        ]
    )


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring(name: str) -> None:
    assert inspect.getdoc(getattr(gst_signalling_sync, name))


def test_tab_completion_shows_the_public_names() -> None:
    assert set(gst_signalling_sync.__all__) <= set(dir(gst_signalling_sync))
