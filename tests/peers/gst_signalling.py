"""Producers and consumers of gst-signalling 1.1.2 on GStreamer's webrtcbin, as processes that a test talks to.

`find_gst_signalling` tells whether they can run here; ``.ci/peers`` installs them.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final
from urllib.parse import urlsplit

__all__ = ["GstProcess", "find_gst_signalling", "gst_consumer", "gst_producer"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_CLOSE_SECONDS: Final = 5.0


def find_gst_signalling() -> Path | None:
    """The Python of the virtualenv that ``.ci/peers`` made for gst-signalling, or None where there is none."""
    peers = Path(os.environ.get("GSS_PEERS") or Path.home() / ".cache" / "gst-signalling-sync")
    python = peers / "gst-signalling" / "bin" / "python"
    return python if python.exists() else None


def gst_producer(uri: str, name: str, channels: Iterable[str] = ("data",), *options: str) -> GstProcess:
    """Start a producer that offers channels and echoes.

    Args:
        uri: Of the signalling server.
        name: That it registers.
        channels: Labels of the channels that every session gets.
        *options: Further ones of `gst_peer.common_arguments`, such as ``--no-echo`` or ``--unordered``.

    Returns:
        The process, starting; wait for its ``ready``.
    """
    labels = [f"--channel={label}" for label in channels]
    return GstProcess("gst_producer", uri, [f"--name={name}", *labels, *options])


def gst_consumer(
    uri: str, *options: str, producer_name: str | None = None, producer_id: str | None = None
) -> GstProcess:
    """Start a consumer that joins a producer's session and echoes on every channel that it is given.

    Args:
        uri: Of the signalling server.
        *options: Further ones of `gst_peer.common_arguments`.
        producer_name: Whose session to join; or by id.
        producer_id: Whose session to join; or by name.

    Returns:
        The process, starting; wait for its ``ready`` or its ``channel``.
    """
    producer = f"--producer-id={producer_id}" if producer_id else f"--producer-name={producer_name}"
    return GstProcess("gst_consumer", uri, [producer, *options])


class GstProcess:
    """A peer program in the virtualenv of gst-signalling; what it says and obeys is described in `gst_peer`.

    Args:
        program: ``gst_producer`` or ``gst_consumer``.
        uri: Of the signalling server.
        options: Command line options.
    """

    def __init__(self, program: str, uri: str, options: Iterable[str]) -> None:
        python = find_gst_signalling()
        if python is None:
            raise FileNotFoundError("gst-signalling is not installed: run .ci/peers")
        address = urlsplit(uri)
        self._program = program
        self._events: list[dict[str, Any]] = []
        self._stderr: deque[str] = deque(maxlen=50)
        # Guards `_events` and `_ended`; notified when either changes.
        self._changed = threading.Condition()
        self._ended = False
        # From the root and by -m, because a script's own folder would come first on its sys.path, where this very
        # module hides the gst_signalling package.
        self._process = subprocess.Popen(
            [python, "-m", f"tests.peers.{program}", f"--host={address.hostname}", f"--port={address.port}", *options],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdin: IO[str] = self._process.stdin
        self._readers = [
            threading.Thread(target=self._read_events, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._stderr.extend, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_for(self, event: str, timeout: float = 20.0, **fields: Any) -> dict[str, Any]:
        """Wait for an event and take it; earlier ones that do not match stay for later calls.

        Args:
            event: Its name.
            timeout: In seconds.
            **fields: Values that the event must have.

        Returns:
            All of its fields.

        Raises:
            TimeoutError: No such event came in time.
            ChildProcessError: The program ended without it.
        """
        wanted = {"event": event, **fields}
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                for index, seen in enumerate(self._events):
                    if wanted.items() <= seen.items():
                        return self._events.pop(index)
                if self._ended:
                    raise ChildProcessError(f"{self._program} ended without {wanted}: {self._describe()}")
                remaining = end - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError(f"{self._program}: no {wanted} within {timeout:g} s: {self._describe()}")
                self._changed.wait(remaining)

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

    def command(self, name: str, **fields: Any) -> None:
        """Have the program do something; returns at once.

        Args:
            name: Of the command, see `gst_peer`.
            **fields: Its arguments.
        """
        self._stdin.write(json.dumps({"command": name, **fields}) + "\n")
        self._stdin.flush()

    def kill(self) -> None:
        """End the process as a crash would: no session is ended, no socket closed in order."""
        self._process.kill()
        self._process.wait(_CLOSE_SECONDS)

    def close(self) -> None:
        """Have the program end its sessions and itself, by force if it does not; idempotent."""
        with contextlib.suppress(OSError, ValueError):
            self.command("close")
        with contextlib.suppress(OSError):
            self._stdin.close()
        if not self._has_ended():
            self._process.terminate()
        if not self._has_ended():
            self.kill()
        for reader in self._readers:
            reader.join(_CLOSE_SECONDS)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> GstProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_events(self, stdout: IO[str]) -> None:
        for line in stdout:
            with self._changed:
                self._events.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _has_ended(self) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_CLOSE_SECONDS)
        return self._process.returncode is not None

    def _describe(self) -> str:
        return f"other events {self._events[-20:]}; stderr {''.join(self._stderr)!r}"
