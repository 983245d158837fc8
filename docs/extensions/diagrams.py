"""``.. diagram:: roles``: the states of a role or a session and what joins them, or what imports what, drawn from the code.

A transition of the code that has no place in the drawing is an error, and so is one that only the drawing has.
"""

from __future__ import annotations

import html
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from gst_signalling_sync.lifecycle import TRANSITIONS as OF_ROLES
from gst_signalling_sync.webrtc.session_state import TRANSITIONS as OF_SESSIONS
from tests.project.layers import imports_within, layers_of_imports

WIDTH: Final = 112
HEIGHT: Final = 34
"""Of the box of a state, in pixels."""

SAMPLES: Final = 100

Point = tuple[float, float]


@dataclass(frozen=True)
class Arrow:
    """A transition in the drawing.

    Attributes:
        text: What leads to it.
        bend: How far its middle is from the straight line, in pixels; to the right of its direction.
        at: Where on its way the text stands, 0 to 1.
        aside: How far to the right of that, in pixels.
    """

    text: str
    bend: float = 0.0
    at: float = 0.5
    aside: float = 0.0


@dataclass(frozen=True)
class Drawing:
    """Where the states are, and what joins them."""

    size: Point
    states: Mapping[str, Point]
    arrows: Mapping[tuple[str, str], Arrow]
    joined: frozenset[tuple[str, str]]
    width: float = WIDTH
    """Of a box, in pixels."""


def pairs(transitions: Mapping[Any, frozenset[Any]]) -> frozenset[tuple[str, str]]:
    """A table of transitions as pairs of states."""
    return frozenset((f"{state}", f"{after}") for state, follow in transitions.items() for after in follow)


def essential(joined: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """The pairs that do not follow from others, as the first and the last of a longer way do."""
    reached = set(joined)
    while longer := {(a, d) for a, b in reached for c, d in joined if b == c} - reached:
        reached |= longer
    beyond = {(a, d) for a, b in joined for c, d in reached if b == c}
    return frozenset(joined) - beyond


IMPORTS: Final = essential(layers_of_imports())

SESSION: Final = {
    "session": (430, 40),
    "live_session": (470, 110),
    "link": (470, 180),
    "server_messages": (470, 250),
    "termination": (470, 320),
    "farewell": (470, 390),
    "session_connection": (730, 390),
    "linked_session": (270, 470),
    "drain": (470, 470),
    "changes": (730, 470),
    "channels": (270, 560),
    "signalling_path": (730, 560),
    "channel": (90, 610),
    "live_channel": (470, 650),
    "session_status": (730, 650),
    "inbox": (370, 730),
    "outbox": (570, 730),
}
"""Modules of ``webrtc/``, and where they are in the drawing."""

OF_SESSION: Final = essential(
    {
        (name, other)
        for name, others in imports_within("webrtc").items()
        for other in others
        if {name, other} <= set(SESSION)
    }
)

DRAWINGS: Final = {
    "roles": Drawing(
        (800, 390),
        {
            "new": (70, 50),
            "connecting": (330, 50),
            "registered": (610, 50),
            "suspended": (610, 200),
            "closing": (330, 350),
            "closed": (610, 350),
        },
        {
            ("new", "connecting"): Arrow("start()"),
            ("new", "closing"): Arrow("close()", at=0.4),
            ("connecting", "registered"): Arrow("registered"),
            ("connecting", "closing"): Arrow("failed, close()", 60, at=0.45),
            ("connecting", "closed"): Arrow("failed after a loss", 20, at=0.3),
            ("registered", "suspended"): Arrow("lost", -18, aside=20),
            ("registered", "closed"): Arrow("lost, retry=None", -75, aside=46),
            ("registered", "closing"): Arrow("close()", at=0.6),
            ("suspended", "registered"): Arrow("registered again", -18, aside=-52),
            ("suspended", "closed"): Arrow("gave up"),
            ("suspended", "closing"): Arrow("close()", at=0.5),
            ("closing", "closed"): Arrow("all has ended", -24),
            ("closed", "connecting"): Arrow("start()", 30, at=0.75),
            ("closed", "closing"): Arrow("close()", -24),
        },
        pairs(OF_ROLES),
    ),
    "sessions": Drawing(
        (770, 300),
        {
            "connecting": (70, 50),
            "connected": (330, 50),
            "interrupted": (650, 50),
            "resuming": (650, 250),
            "closed": (330, 250),
        },
        {
            ("connecting", "connected"): Arrow("first packet"),
            ("connecting", "closed"): Arrow("rejected, not connected"),
            ("connected", "interrupted"): Arrow("2 s of silence", -22),
            ("interrupted", "connected"): Arrow("heard again", -22),
            ("connected", "resuming"): Arrow("broken, resume=True", -18, at=0.42, aside=62),
            ("resuming", "connected"): Arrow("found again", -18, at=0.25, aside=-34),
            ("connected", "closed"): Arrow("closed, left"),
            ("interrupted", "resuming"): Arrow("30 s, resume=True"),
            ("interrupted", "closed"): Arrow("30 s of silence", 34, at=0.72, aside=-8),
            ("resuming", "closed"): Arrow("gave up, close()"),
        },
        pairs(OF_SESSIONS),
    ),
    "layers": Drawing(
        (800, 420),
        {
            "cli": (200, 40),
            "testing": (400, 40),
            "public names": (300, 120),
            "server": (560, 230),
            "roles": (300, 190),
            "webrtc": (300, 250),
            "signalling": (300, 310),
            "protocol": (300, 385),
            "threads": (560, 385),
        },
        {pair: Arrow("") for pair in IMPORTS},
        IMPORTS,
    ),
    "session": Drawing(
        (820, 770),
        SESSION,
        {pair: Arrow("", bend={("session", "channel"): 90}.get(pair, 0)) for pair in OF_SESSION},
        OF_SESSION,
        164,
    ),
}


def is_inside(point: Point, state: Point, width: float) -> bool:
    """Whether a point is in the box of a state."""
    return abs(point[0] - state[0]) <= width / 2 + 2 and abs(point[1] - state[1]) <= HEIGHT / 2 + 2


def curve(begin: Point, end: Point, bend: float, width: float) -> list[Point]:
    """Points of a quadratic curve between two boxes, which begins and ends at their edges."""
    length = math.dist(begin, end)
    aside = ((begin[1] - end[1]) / length, (end[0] - begin[0]) / length)
    control = tuple((begin[axis] + end[axis]) / 2 + 2 * bend * aside[axis] for axis in (0, 1))
    points = []
    for sample in range(SAMPLES + 1):
        t = sample / SAMPLES
        x, y = ((1 - t) ** 2 * begin[axis] + 2 * t * (1 - t) * control[axis] + t**2 * end[axis] for axis in (0, 1))
        if not is_inside((x, y), begin, width) and not is_inside((x, y), end, width):
            points.append((x, y))
    return points


def svg(name: str) -> str:
    """The drawing, in the colours of the page."""
    drawing = DRAWINGS[name]
    if drawing.joined != set(drawing.arrows):
        raise ValueError(f"the drawing of {name} and the code differ in {sorted(drawing.joined ^ set(drawing.arrows))}")
    arrows, labels = [], []
    for (state, after), arrow in drawing.arrows.items():
        points = curve(drawing.states[state], drawing.states[after], arrow.bend, drawing.width)
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        arrows.append(f'<polyline points="{path}" marker-end="url(#{name}-arrow)"/>')
        x, y = points[round(arrow.at * (len(points) - 1))]
        labels.append(f'<text x="{x + arrow.aside:.1f}" y="{y + 4:.1f}">{html.escape(arrow.text)}</text>')
    boxes = [
        f'<rect x="{x - drawing.width / 2}" y="{y - HEIGHT / 2}" width="{drawing.width}" height="{HEIGHT}" rx="6"/>'
        f'<text class="state" x="{x}" y="{y + 5}">{state}</text>'
        for state, (x, y) in drawing.states.items()
    ]
    width, height = drawing.size
    marker = (
        f'<marker id="{name}-arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 10 5 0 10z"/></marker>'
    )
    parts = "\n".join([f"<defs>{marker}</defs>", *arrows, *labels, *boxes])
    return f'<svg class="states" viewBox="0 0 {width} {height}" role="img" aria-label="A diagram of {name}">\n{parts}\n</svg>'


class Diagram(SphinxDirective):
    """Shows a drawing; the page has the same as a table, for readers without images."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the drawing."""
        return [nodes.raw("", svg(self.arguments[0]), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("diagram", Diagram)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
