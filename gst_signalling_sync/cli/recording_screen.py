"""How ``record`` shows a running recording: a live line on a terminal, lines in a pipe, or nothing."""

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
"""Free columns at the end of the live line, so that the terminal's ``^C`` does not wrap it and leave a part behind."""


_ABSENCES: Final[Mapping[str, str]] = {
    "interrupted": "nothing is heard from the producer",
    "resuming": "the producer is gone, waiting for it",
}
"""Messages for the states of a session in which no media arrive."""


class Figures:
    """The present figures of a recording.

    Args:
        session: The session that is recorded.
        recorder: Its recorder.
        tracks: Number of recorded tracks of each kind; None: all.
    """

    def __init__(self, session: Session, recorder: RecorderGroup, tracks: int | None) -> None:
        self._session = session
        self._videos = session.videos[:tracks]
        self._audios = session.audios[:tracks]
        self.recorder = recorder

    @property
    def packets_lost(self) -> int:
        """Lost packets of all tracks."""
        return sum(track.packets_lost for track in (*self._videos, *self._audios))

    @property
    def has_begun(self) -> bool:
        """Whether any media arrived."""
        return any(track.codec for track in (*self._videos, *self._audios))

    @property
    def absence(self) -> str | None:
        """What happened to the producer, in words; None: it is there."""
        return _ABSENCES.get(self._session.state)

    def now(self) -> list[str]:
        """Size, frame rate and losses of the running recording, or why no media arrive, in words."""
        if self.absence is not None:
            return [file_size(self.recorder.size), self.absence]
        rates = [f"{video.fps:.1f} fps" for video in self._videos]
        return [file_size(self.recorder.size), *rates, self._losses()]

    def sentence(self) -> str:
        """The figures of a complete recording, in words."""
        frames = [counted(self.recorder.frames, "frame")] if self._videos else []
        notes = [f"re-encoded {what}" for what in self.recorder.transcodes]
        return ", ".join(
            [f"{self.recorder.seconds:.1f} s", file_size(self.recorder.size), *frames, self._losses(), *notes]
        )

    def document(self) -> dict[str, Any]:
        """All figures, as a JSON object."""
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
    """Shows a running recording."""

    def showing(self, headline: str) -> AbstractContextManager[None]:
        """Show a headline, and clean up at the end."""

    def update(self, figures: Figures, until: float) -> None:
        """Show the present figures; `until` is the planned length in seconds, or infinity."""


class Silence:
    """Shows nothing."""

    @contextmanager
    def showing(self, headline: str) -> Iterator[None]:
        """Show nothing."""
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
        """Print the headline."""
        click.echo(headline)
        yield

    def update(self, figures: Figures, until: float) -> None:
        """Print the present figures, if a second is over or the state has changed."""
        seconds = int(figures.recorder.seconds)
        absence = figures.absence
        if absence == self._absence and (absence is not None or seconds < self._next):
            return
        self._absence = absence
        click.echo(f"{seconds:3} s: {', '.join(figures.now())}")
        self._next = seconds + 1


class LiveLine:
    """A line that changes in place, drawn by rich, and disappears at the end of the recording."""

    def __init__(self) -> None:
        self._live: Live | None = None

    @contextmanager
    def showing(self, headline: str) -> Iterator[None]:
        """Print the headline, and show the line until the end."""
        from rich.live import Live

        click.echo(headline)
        with Live(auto_refresh=False, transient=True) as self._live:
            yield

    def update(self, figures: Figures, until: float) -> None:
        """Show the present figures."""
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
    """A duration such as ``1:05`` or ``1:00:05``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
