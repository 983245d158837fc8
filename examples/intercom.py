"""Audio in both directions over one session: each end sends a tone, or plays a file, and prints what it hears.

Run these in three terminals:

    gst-signalling-sync serve
    python examples/intercom.py answer --tone 440
    python examples/intercom.py call --tone 880

With ``--file speech.wav`` instead of ``--tone``, an end plays that file in a loop.
"""

from __future__ import annotations

import argparse
import contextlib
import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gst_signalling_sync import Consumer, Producer, Session, SessionClosed

NAME = "intercom"
RATE = 48_000
"""Samples per second of the audio that is written and read here."""

BLOCK = RATE // 50
"""Samples that are written at once."""

HEARD = RATE // 2
"""Samples that are read at once."""


def speak(write: Callable[[NDArray[np.float64]], None], frequency: float, ended: threading.Event) -> None:
    """Write a tone in real time, block by block, as a sound card gives its samples."""
    start = time.monotonic()
    samples = 0
    while not ended.wait(max(0.0, start + samples / RATE - time.monotonic())):
        angle = 2 * np.pi * frequency * (samples + np.arange(BLOCK)) / RATE
        write(0.3 * np.sin(angle))
        samples += BLOCK


def loudest_frequency(samples: NDArray[np.int16]) -> float:
    """The strongest frequency, in Hz, of audio with the shape ``(samples, channels)``."""
    spectrum = np.abs(np.fft.rfft(samples.mean(axis=1) * np.hanning(len(samples))))
    return float(spectrum[1:].argmax() + 1) * RATE / len(samples)


def listen(session: Session) -> None:
    """Print twice a second what is heard, until the other end ends the session."""
    print(f"talking to {session.peer_id}", flush=True)
    while True:
        samples = session.audio.read(HEARD)
        loudness = np.sqrt(np.mean(np.square(samples / 32768)))
        heard = f"{loudest_frequency(samples):.0f} Hz" if loudness > 0.001 else "silence"
        print(f"hears {heard}, loudness {loudness:.3f}", flush=True)


def main() -> None:
    """Talk until Ctrl-C, or until the other end ends the session."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("answer", "call"), help="answer waits for one that calls")
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--tone", type=float, default=440.0, help="to speak, in Hz (default: %(default)g)")
    parser.add_argument("--file", help="to play instead, of any kind that has sound")
    options = parser.parse_args()

    end: Producer | Consumer = Producer(options.uri, name=NAME) if options.mode == "answer" else Consumer(options.uri)
    ended = threading.Event()
    if options.file:
        end.add_player(options.file, loop=True)
    else:
        voice = end.add_audio(RATE)
        threading.Thread(target=speak, args=(voice.write, options.tone, ended), daemon=True).start()

    with contextlib.suppress(KeyboardInterrupt, SessionClosed), end:
        if isinstance(end, Consumer):
            listen(end.start_session(name=NAME))
        else:
            print(f"waiting for a call at {end.uri}", flush=True)
            listen(end.wait_for_session(timeout=3600))
    ended.set()


if __name__ == "__main__":
    main()
