"""A day of traffic on one association, in simulated time: all sequence numbers wrap, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

from gst_signalling_sync.testing.link import LinkProfile
from gst_signalling_sync.webrtc.sctp import Event, IncomingReset, OutgoingReset, Received, Settings

from ..helpers.proofs import short_and_long
from .simulation import End, Simulation

_HERTZ = 10
_COMMANDS, _VIDEO, _FILES = 0, 1, 2
"""Streams: reliable messages, messages that are abandoned after a while, and files, after each of which the stream is reset."""

_FILE_SECONDS = 600.0
_FILE = bytes(range(256)) * 800
_CUT_SECONDS = 5.0


class Program:
    """What one end sends and receives, and the assertions about it.

    Args:
        simulation: The simulation of both ends.
        end: This end.
        seconds: How long it sends.
    """

    def __init__(self, simulation: Simulation, end: End, seconds: float) -> None:
        self._simulation = simulation
        self._end = end
        self._until = simulation.now + seconds
        self.commands_sent = self.commands_received = 0
        self.video_sent = self.video_received = 0
        self._newest_video = -1
        self.files_sent = self.files_received = 0
        self.resets_answered = self.resets_received = 0
        end.on_event = self._on_event
        self._every(1 / _HERTZ, self._send_small)
        self._every(_FILE_SECONDS, self._send_file)

    def _every(self, seconds: float, call: Callable[[], None]) -> None:
        def repeat() -> None:
            if self._simulation.now < self._until:
                call()
                self._simulation.at(seconds, repeat)

        self._simulation.at(seconds, repeat)

    def _send_small(self) -> None:
        association = self._end.association
        association.send(_COMMANDS, 53, self.commands_sent.to_bytes(8, "big"))
        self.commands_sent += 1
        association.send(_VIDEO, 53, self.video_sent.to_bytes(8, "big"), expires_at=self._simulation.now + 0.2)
        self.video_sent += 1

    def _send_file(self) -> None:
        self._end.association.send(_FILES, 53, _FILE)
        self._end.association.reset([_FILES])
        self.files_sent += 1

    def _on_event(self, event: Event) -> None:
        # A day of events does not fit into memory.
        self._end.events.clear()
        match event:
            case Received(stream=0, data=data):
                assert int.from_bytes(data, "big") == self.commands_received
                self.commands_received += 1
            case Received(stream=1, data=data):
                assert int.from_bytes(data, "big") > self._newest_video
                self._newest_video = int.from_bytes(data, "big")
                self.video_received += 1
            case Received(data=data):
                assert data == _FILE
                self.files_received += 1
            case IncomingReset():
                self.resets_received += 1
            case OutgoingReset(is_performed=is_performed):
                assert is_performed
                self.resets_answered += 1


@short_and_long("hours", 0.25, 24)
def test_everything_arrives_once_and_in_order(hours: float) -> None:
    seconds = hours * 3600
    # The TSNs of one end wrap halfway, those of the other end at once, and so do the numbers of their reset requests.
    first_tsns = (2**32 - round(seconds * _HERTZ), 2**32 - 2)
    profile = LinkProfile(delay=0.02, jitter=0.005, loss=0.01, reordering=0.01)
    simulation = Simulation(profile, settings=Settings(max_retransmits=None), first_tsns=first_tsns).establish(
        both=True
    )
    began = simulation.now
    programs = [Program(simulation, end, seconds) for end in (simulation.a, simulation.b)]
    # Each hour the link is cut for some seconds.
    simulation.drops = lambda end, packet: (simulation.now - began + 3000) % 3600 < _CUT_SECONDS

    simulation.run(seconds + 1.0)
    ends = (simulation.a, simulation.b)
    assert simulation.run_until(lambda: all(end.association.is_acknowledged for end in ends), 60.0)
    simulation.run(5.0)

    for program, other in (programs, reversed(programs)):
        assert program.commands_sent == other.commands_received
        assert program.commands_sent > (seconds - 1) * _HERTZ
        assert program.files_sent == other.files_received == program.resets_answered == other.resets_received
        # Hardly more is abandoned than was sent while the link was cut.
        assert other.video_received > 0.97 * program.video_sent
