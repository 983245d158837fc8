"""``gst-signalling-sync snapshot``: saves one frame of a producer's camera as an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

import gst_signalling_sync

from .. import RecordingError
from .files import MediaFile, check_directory
from .output import file_size, json_option, print_json, printable
from .program import treat_sigterm_as_interrupt
from .session_options import SessionOptions, session_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["IMAGE_SUFFIXES", "snapshot"]

IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg")
"""The suffixes of image files."""


@click.command(
    short_help="Save one frame of a producer's camera.",
    epilog="""\b
Examples:
  gst-signalling-sync snapshot robot robot.png
  gst-signalling-sync snapshot robot robot.jpg --uri ws://robot.local:8443
  gst-signalling-sync snapshot robot robot.png --json
""",
)
@click.argument("name")
@click.argument("file", type=MediaFile(IMAGE_SUFFIXES))
@json_option("Print one JSON object with file, bytes, width, height, and the producer's name and id.")
@session_options
def snapshot(name: str, file: Path, options: SessionOptions, as_json: bool) -> None:
    """Save the first frame from producer NAME, a name or a peer id, as FILE: PNG or JPEG, by its suffix.

    An existing file is overwritten.
    """
    treat_sigterm_as_interrupt()
    check_directory(file)
    producer = options.find(name)
    with options.connect(producer) as session:
        frame = session.video.read(timeout=options.timeout)
    height, width = frame.shape[:2]
    size = _save(file, frame)
    if as_json:
        about = {"name": producer.name, "id": producer.id}
        print_json({"file": str(file), "bytes": size, "width": width, "height": height, **about})
    else:
        click.echo(f"{printable(str(file))}: {width}x{height}, {file_size(size)}")


def _save(file: Path, frame: NDArray[np.uint8]) -> int:
    try:
        return gst_signalling_sync.save_still(file, frame)
    except OSError as error:
        raise RecordingError(f"cannot write {file}: {error.strerror}") from error
