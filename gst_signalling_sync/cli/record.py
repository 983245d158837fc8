"""``gst-signalling-sync record``: records a producer's video and sound into a file."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Final, Literal

import click

from .. import RecordingError, SessionClosed, WaitTimeout
from .files import MediaFile, check_directory
from .logs import verbosity
from .numbers import SECONDS, FiniteRange
from .output import json_option, print_json, printable, stdout_is_terminal
from .producers import departure
from .program import treat_sigterm_as_interrupt
from .recorder_group import RecorderGroup, recorders_of_all
from .recording_screen import Figures, Lines, LiveLine, Screen, Silence
from .session_options import SessionOptions, session_options

__all__ = ["record"]

_SUFFIXES: Final = (".mp4", ".mkv", ".webm", ".mcap")
_SUFFIXES_OF_ALL: Final = (".mkv", ".mcap")
"""Of files that hold any number of tracks."""

_REFRESH_SECONDS: Final = 0.1

End = Literal["seconds", "interrupted", "left", "silence", "failed"]
"""What ended a recording: its length, Ctrl-C, the producer, too little media, or a write error."""


@click.command(
    short_help="Record a producer's video and sound.",
    epilog="""\b
Examples:
  gst-signalling-sync record robot drive.mp4
  gst-signalling-sync record robot drive.mkv --seconds 60
  gst-signalling-sync record robot drive.webm --seconds 5 --json
  gst-signalling-sync record robot drive.mkv --segment 60
  gst-signalling-sync record robot drive.mp4 --per-camera
""",
)
@click.argument("name")
@click.argument("file", type=MediaFile(_SUFFIXES))
@click.option(
    "--seconds",
    type=SECONDS,
    help="Stop when the recording has this length.  [default: at Ctrl-C]",
)
@click.option(
    "--segment",
    "segment_seconds",
    type=FiniteRange(min=1),
    metavar="SECONDS",
    help="Begin another file at the first keyframe after this time: FILE's name with -000, -001 and so on.",
)
@click.option(
    "--all",
    "has_all",
    is_flag=True,
    help="Record every track: MKV and MCAP hold them in one file anyway; of MP4 and WebM there is one for each camera.",
)
@click.option(
    "--per-camera",
    "is_per_camera",
    is_flag=True,
    help="Record every track, with a file for each camera, named after it: FILE's name with -wrist and so on.",
)
@json_option("Print one JSON object at the end.")
@session_options
def record(
    name: str,
    file: Path,
    options: SessionOptions,
    seconds: float | None,
    segment_seconds: float | None,
    has_all: bool,
    is_per_camera: bool,
    as_json: bool,
) -> None:
    """Record the media of producer NAME, a name or a peer id, into FILE: MP4, MKV, WebM or MCAP, by its suffix.

    MKV and MCAP hold all tracks, MP4 and WebM the first video and the first audio track, in sync, without re-encoding where
    the format supports their codecs. A camera with a file of its own is recorded together with the audio track of the same
    name, else the first camera with the first audio track; each file has its start time. MCAP has the messages of the data
    channels too. An existing file is overwritten. The files are playable, whatever ends the recording. If the producer
    crashes, restarts or is not heard any more, record waits for it and continues; it fails when the producer ends the session.
    """
    treat_sigterm_as_interrupt()
    check_directory(file)
    producer = options.find(name)
    timeout = options.timeout
    with options.connect(producer, resume=True) as session:
        is_whole = file.suffix.lower() in _SUFFIXES_OF_ALL
        if is_per_camera or (has_all and not is_whole):
            recorder = RecorderGroup(recorders_of_all(session, file, segment_seconds))
        else:
            recorder = RecorderGroup([session.record(file, segment_seconds=segment_seconds)])
        recorder.start()
        figures = Figures(session, recorder, None if has_all or is_per_camera or is_whole else 1)
        screen: Screen = Silence() if as_json else LiveLine() if stdout_is_terminal() and not verbosity() else Lines()
        with screen.showing(printable(f"recording {name} ({producer.id}) at {options.endpoint.uri} into {file}")):
            end = _wait_for_end(recorder, figures, screen, math.inf if seconds is None else seconds, timeout)
        failure = _close(recorder, file)
    if as_json:
        files = [str(path) for path in recorder.paths]
        about = {"file": str(file), "files": files, "name": producer.name, "id": producer.id, "end": end}
        print_json({**about, **figures.document()})
    elif recorder.seconds:
        click.echo(f"{printable(str(file))}: {figures.sentence()}")
    if failure is not None:
        raise failure
    if end == "silence":
        raise WaitTimeout(
            f"recording {name!r}: only {recorder.seconds:.1f} s of media came within {(seconds or 0) + timeout:g} s; {file} has"
            " them"
        )
    if end == "left":
        raise SessionClosed(f"{departure(name, session)}; {file} has the {recorder.seconds:.1f} s until then")


def _wait_for_end(recorder: RecorderGroup, figures: Figures, screen: Screen, seconds: float, timeout: float) -> End:
    """Show the recording until it ends.

    Returns:
        What ended it.
    """
    started = time.monotonic()
    try:
        while recorder.is_recording:
            if recorder.seconds >= seconds:
                return "seconds"
            waited = time.monotonic() - started
            # A producer may pause, but not forever where the length is given, and its media must have begun.
            if waited > seconds + timeout or (waited > timeout and not figures.has_begun):
                return "silence"
            screen.update(figures, seconds)
            time.sleep(_REFRESH_SECONDS)
    except KeyboardInterrupt:
        return "interrupted"
    return "failed" if isinstance(recorder.error, RecordingError) else "left"


def _close(recorder: RecorderGroup, file: Path) -> RecordingError | None:
    """Complete the file.

    Returns:
        Why the file could not be written, or is empty; None: it is complete.
    """
    try:
        recorder.close()
    except RecordingError as error:
        if error.errno is None:
            return error
        return RecordingError(f"cannot write {file}: {os.strerror(error.errno)}; what was written stays")
    return None
