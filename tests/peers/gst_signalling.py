"""Producers and consumers of gst-signalling 1.1.2 on GStreamer's webrtcbin, as processes that a test talks to.

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
    """The Python of the virtualenv that ``.ci/peers`` made for gst-signalling, or None where there is none."""
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
    """Start a producer that offers channels, and echoes.

    Args:
        uri: Of the signalling server.
        name: That it registers.
        channels: Labels of the channels that every session gets.
        *options: Further ones of `gst_peer.common_arguments`, such as ``--no-echo`` or ``--unordered``.
        media: What it sends in every session, on tracks that it offers as sendrecv.
        save_to: An empty directory for what consumers send back; for one session at a time.

    Returns:
        The process, starting; wait for its ``ready``.
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
    """Start a consumer that joins a producer's session and echoes on every channel that it is given.

    Args:
        uri: Of the signalling server.
        *options: Further ones of `gst_peer.common_arguments`.
        producer_name: Whose session to join; or by id.
        producer_id: Whose session to join; or by name.
        media: What it sends back, where the producer offers to receive it; VP8, because to a producer with several
            profiles of H264 webrtcbin 1.22 sends nothing.
        save_to: An empty directory for the pictures and the sound of the producer.

    Returns:
        The process, starting; wait for its ``ready`` or its ``channel``.
    """
    producer = f"--producer-id={producer_id}" if producer_id else f"--producer-name={producer_name}"
    return GstProcess("gst_consumer", uri, [producer, *options], media, save_to)


class GstProcess(PeerProcess):
    """A peer program in the virtualenv of gst-signalling; what it says and obeys is described in `gst_peer`.

    Args:
        program: ``gst_producer`` or ``gst_consumer``.
        uri: Of the signalling server.
        options: Command line options.
        media: What it sends.
        save_to: An empty directory for what it receives.
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
        # From the root and by -m, because a script's own folder would come first on its sys.path, where this very
        # module hides the gst_signalling package.
        module = f"tests.peers.{program}"
        server = [f"--host={address.hostname}", f"--port={address.port}"]
        super().__init__(program, [python, "-m", module, *server, *options, *branches])
        self._received = None if save_to is None else SavedMedia(save_to, self)

    @property
    def received(self) -> SavedMedia:
        """The pictures and the sound that arrive; of a process that was started with `save_to`."""
        assert self._received is not None, "started without save_to"
        return self._received

    def wait_for_message(self, label: str = "data", timeout: float = 20.0) -> str | bytes:
        """Wait for the next message on a channel.

        Args:
            label: The channel's.
            timeout: In seconds.

        Returns:
            A text or bytes, as it was sent.
        """
        message = self.wait_for("message", timeout, label=label)
        return message["text"] if "text" in message else base64.b64decode(message["base64"])

    def send(self, data: str | bytes, label: str = "data") -> None:
        """Have the program send a message on a channel, in all of its sessions.

        Args:
            data: A text or bytes.
            label: The channel's.
        """
        if isinstance(data, str):
            self.command("send", label=label, text=data)
        else:
            self.command("send", label=label, base64=base64.b64encode(data).decode())
