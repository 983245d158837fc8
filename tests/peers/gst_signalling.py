"""Producers and consumers of gst-signalling 1.1.2 on GStreamer's webrtcbin, as processes that a test controls.

`find_gst_signalling` tells whether they can run here; ``.ci/peers`` installs them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from .gst_pipelines import SentMedia, rtp_branches, saving_branches
from .peer_process import PeerProcess, peers_directory
from .received import SavedMedia

__all__ = ["GstProcess", "find_gst_signalling", "gst_consumer", "gst_producer"]

_NO_MEDIA: Final = SentMedia(video=None, frequency=None)


def find_gst_signalling() -> Path | None:
    """The Python of the virtual environment that ``.ci/peers`` made for gst-signalling; None: it is not installed."""
    python = peers_directory() / "gst-signalling" / "bin" / "python"
    return python if python.exists() else None


def gst_producer(
    uri: str,
    name: str,
    channels: Iterable[str] = ("data",),
    *options: str,
    media: SentMedia = _NO_MEDIA,
    save_to: Path | None = None,
) -> GstProcess:
    """Start a producer that offers channels and echoes messages.

    Args:
        uri: The signalling server's.
        name: The name that it registers.
        channels: Labels of the channels that every session gets. Defaults to ``data``.
        *options: Further options of `gst_peer.common_arguments`, such as ``--no-echo`` or ``--unordered``.
        media: The media that it sends in every session, on tracks that it offers as sendrecv. Defaults to none.
        save_to: An empty directory for what one consumer at a time sends back. Defaults to None: nothing is saved.

    Returns:
        The process, starting; wait for its event ``ready``.
    """
    labels = [f"--channel={label}" for label in channels]
    return GstProcess("gst_producer", uri, [f"--name={name}", *labels, *options], media, save_to)


def gst_consumer(
    uri: str,
    *options: str,
    producer_name: str | None = None,
    producer_id: str | None = None,
    media: SentMedia = _NO_MEDIA,
    save_to: Path | None = None,
) -> GstProcess:
    """Start a consumer that has a session with a producer and echoes on every channel of the session.

    Args:
        uri: The signalling server's.
        *options: Further options of `gst_peer.common_arguments`.
        producer_name: The producer's name; or give its id.
        producer_id: The producer's id; or give its name.
        media: The media that it sends back, where the producer offers to receive. Defaults to none. Its codec must be VP8,
            because webrtcbin 1.22 sends nothing to a producer with several profiles of H264.
        save_to: An empty directory for the producer's frames and sound. Defaults to None: nothing is saved.

    Returns:
        The process, starting; wait for its event ``ready`` or ``channel``.
    """
    producer = f"--producer-id={producer_id}" if producer_id else f"--producer-name={producer_name}"
    return GstProcess("gst_consumer", uri, [producer, *options], media, save_to)


class GstProcess(PeerProcess):
    """A peer program in the virtual environment of gst-signalling. `gst_peer` describes its events and commands.

    Args:
        program: ``gst_producer`` or ``gst_consumer``.
        uri: The signalling server's.
        options: Command line options.
        media: The media that it sends. Defaults to none.
        save_to: An empty directory for what it receives. Defaults to None: nothing is saved.
    """

    def __init__(
        self,
        program: str,
        uri: str,
        options: Iterable[str],
        media: SentMedia = _NO_MEDIA,
        save_to: Path | None = None,
    ) -> None:
        python = find_gst_signalling()
        if python is None:
            raise FileNotFoundError("gst-signalling is not installed: run .ci/peers")
        address = urlsplit(uri)
        branches = [f"--send={branch}" for branch in rtp_branches(media)]
        if save_to is not None:
            video, audio = saving_branches(save_to)
            branches += [f"--video-sink={video}", f"--audio-sink={audio}"]
        # Started with -m from the root, because a script's own folder would come first on its sys.path, where this
        # module hides the gst_signalling package.
        module = f"tests.peers.{program}"
        server = [f"--host={address.hostname}", f"--port={address.port}"]
        super().__init__(program, [python, "-m", module, *server, *options, *branches])
        self._received = None if save_to is None else SavedMedia(save_to, self)

    @property
    def received(self) -> SavedMedia:
        """The frames and the sound that arrive; only for a process that was started with `save_to`."""
        assert self._received is not None, "started without save_to"
        return self._received

    def wait_for_message(self, label: str = "data", timeout: float = 20.0) -> str | bytes:
        """Wait for the next message on a channel.

        Args:
            label: The channel's. Defaults to ``data``.
            timeout: Seconds. Defaults to 20.

        Returns:
            A string or bytes, as it was sent.
        """
        message = self.wait_for("message", timeout, label=label)
        return message["text"] if "text" in message else base64.b64decode(message["base64"])

    def send(self, data: str | bytes, label: str = "data") -> None:
        """Have the program send a message on a channel, in all of its sessions.

        Args:
            data: A string or bytes.
            label: The channel's. Defaults to ``data``.
        """
        if isinstance(data, str):
            self.command("send", label=label, text=data)
        else:
            self.command("send", label=label, base64=base64.b64encode(data).decode())
