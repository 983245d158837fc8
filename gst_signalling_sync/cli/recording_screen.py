"""How ``record`` shows a recording while it goes on: a live line, lines in a pipe, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

from .output import counted, file_size

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.live import Live

    from .. import Session
    from .recorder_group import RecorderGroup

__all__ = ["Figures", "Lines", "LiveLine", "Screen", "Silence"]

_HINT: Final = "   Ctrl-C ends it"

_SPARE_COLUMNS: Final = 3
"""What stays free at the end of the live line: the terminal's ``^C`` shall not wrap it, for then a part would stay."""


_ABSENCES: Final[Mapping[str, str]] = {
    "interrupted": "nothing is heard from the producer",
    "resuming": "the producer is gone, waiting for it",
}
"""What is said in each state of a session in which nothing comes."""


class Figures:
    """What is known of a recording, as it is now.

    Args:
        session: What is recorded.
        recorder: Who records it.
        most: How many tracks of each kind are; None: all.
    """

    def __init__(self, session: Session, recorder: RecorderGroup, most: int | None) -> None:
        self._session = session
        self._videos = session.videos[:most]
        self._audios = session.audios[:most]
        self.recorder = recorder

    @property
    def packets_lost(self) -> int:
        """Of all tracks."""
        return sum(track.packets_lost for track in (*self._videos, *self._audios))

    @property
    def has_begun(self) -> bool:
        """Whether anything came at all."""
        return any(track.codec for track in (*self._videos, *self._audios))

    @property
    def absence(self) -> str | None:
        """What became of the producer, for people; None: it is there."""
        return _ABSENCES.get(self._session.state)

    def now(self) -> list[str]:
        """Size, frame rate and losses while it goes on, or why it does not, for people."""
        if self.absence is not None:
            return [file_size(self.recorder.size), self.absence]
        rates = [f"{video.fps:.1f} fps" for video in self._videos]
        return [file_size(self.recorder.size), *rates, self._losses()]

    def sentence(self) -> str:
        """All of a recording that has ended, for people."""
        frames = [counted(self.recorder.frames, "frame")] if self._videos else []
        notes = [f"re-encoded {what}" for what in self.recorder.transcodes]
        return ", ".join(
            [f"{self.recorder.seconds:.1f} s", file_size(self.recorder.size), *frames, self._losses(), *notes]
        )

    def document(self) -> dict[str, Any]:
        """All of it, as a JSON object."""
        return {
            "seconds": round(self.recorder.seconds, 3),
            "bytes": self.recorder.size,
            "frames": self.recorder.frames,
            "frames_dropped": self.recorder.frames_dropped,
            "packets_lost": self.packets_lost,
            "video": self._videos[0].codec if self._videos else None,
            "audio": self._audios[0].codec if self._audios else None,
            "transcodes": list(self.recorder.transcodes),
        }

    def _losses(self) -> str:
        return f"{counted(self.packets_lost, 'packet')} lost"


class Screen(Protocol):
    """Shows a recording while it goes on."""

    def showing(self, headline: str) -> AbstractContextManager[None]:
        """Begin, and end in order."""

    def update(self, figures: Figures, until: float) -> None:
        """Show the latest; `until` is how many seconds it shall become, infinity where nobody knows."""


class Silence:
    """Shows nothing."""

    @contextmanager
    def showing(self, headline: str) -> Iterator[None]:
        """Begin, and end in order."""
        yield

    def update(self, figures: Figures, until: float) -> None:
        """Show nothing."""


class Lines:
    """A line every second, for pipes and logs."""

    def __init__(self) -> None:
        self._next = 1
        self._absence: str | None = None

    @contextmanager
    def showing(self, headline: str) -> Iterator[None]:
        """Begin, and end in order."""
        click.echo(headline)
        yield

    def update(self, figures: Figures, until: float) -> None:
        """Show the latest."""
        seconds = int(figures.recorder.seconds)
        absence = figures.absence
        if absence == self._absence and (absence is not None or seconds < self._next):
            return
        self._absence = absence
        click.echo(f"{seconds:3} s: {', '.join(figures.now())}")
        self._next = seconds + 1


class LiveLine:
    """A line that changes in place, drawn by rich; it is gone when the recording is over."""

    def __init__(self) -> None:
        self._live: Live | None = None

    @contextmanager
    def showing(self, headline: str) -> Iterator[None]:
        """Begin, and end in order."""
        from rich.live import Live

        click.echo(headline)
        with Live(auto_refresh=False, transient=True) as self._live:
            yield

    def update(self, figures: Figures, until: float) -> None:
        """Show the latest."""
        from rich.text import Text

        if self._live is None:
            return
        whole = "" if until == float("inf") else f" of {_clock(until)}"
        line = Text.assemble(
            ("● ", "bold red"), (f"{_clock(figures.recorder.seconds)}{whole}", "bold"), "   ", "   ".join(figures.now())
        )
        columns = self._live.console.width - _SPARE_COLUMNS
        if line.cell_len + len(_HINT) <= columns:
            line.append(_HINT, "dim")
        line.truncate(columns, overflow="ellipsis")
        line.no_wrap = True
        self._live.update(line, refresh=True)


def _clock(seconds: float) -> str:
    """Such as ``1:05`` and ``1:00:05``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
