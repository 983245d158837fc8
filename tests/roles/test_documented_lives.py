"""The tables of ``docs/topics/lives.rst`` are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from gst_signalling_sync.lifecycle import TRANSITIONS
from gst_signalling_sync.webrtc.session_state import TRANSITIONS as SESSION_TRANSITIONS

PAGE = Path(__file__).parents[2] / "docs" / "topics" / "lives.rst"


def documented(subject: str) -> set[tuple[str, str]]:
    page = PAGE.read_text(encoding="utf-8")
    table = page.split(f".. transitions of {subject}\n")[1].split("\n.. end of transitions\n")[0]
    rows = re.findall(r"\* - ``(\w+)``\n     - ``(\w+)``\n", table)
    assert len(set(rows)) == len(rows), "a row twice"
    return set(rows)


def test_transitions_of_roles() -> None:
    assert documented("roles") == {
        (f"{state}", f"{after}") for state, follow in TRANSITIONS.items() for after in follow
    }


def test_transitions_of_sessions() -> None:
    assert documented("sessions") == {
        (f"{state}", f"{after}") for state, follow in SESSION_TRANSITIONS.items() for after in follow
    }
