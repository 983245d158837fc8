"""What villains do: peers that have no good intentions with the sessions of a `Stage`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from gst_signalling_sync import SignallingClient

from ..helpers.peer_ids import id_of
from ..helpers.waiting import Heard
from .stage import SECONDS, Stage


def end_of(peer_id: str | None, ended: Heard) -> object:
    """The error with which a role's session with a peer ended. Sessions of earlier tests may be reported first."""
    while (told := ended.next())["session"].peer_id != peer_id:
        pass
    return told["error"]


def on_request(villain: SignallingClient, act: Callable[[str], object]) -> None:
    """Register a villain as a producer that calls a function with the id of each session."""
    villain.session_requested.connect(lambda villain, peer_id, session_id, offer: act(session_id))
    villain.set_status(["producer"])


def meddle(
    stage: Stage,
    villain: SignallingClient,
    answers: Callable[[str], Iterable[tuple[str, str]]] = lambda answer: [("answer", answer)],
    candidates: Iterable[tuple[str, int]] = (),
) -> float:
    """Connect a session with the producer through a villain that adds its own candidates at both ends, and test that it works.

    Args:
        stage: The two ends.
        villain: Registers as the producer that the consumer asks for.
        answers: Changes the consumer's answer before the producer gets it.
        candidates: Candidates with the index of their media section, sent to both ends before and after the description.

    Returns:
        The seconds until it was connected.
    """
    candidates = list(candidates)
    with SignallingClient(stage.server.uri) as accomplice:
        sessions: dict[SignallingClient, str] = {}

        def say(client: SignallingClient, descriptions: Iterable[tuple[str, str]]) -> None:
            for candidate, index in candidates:
                client.send_ice(sessions[client], candidate, index)
            for kind, sdp in descriptions:
                client.send_sdp(sessions[client], kind, sdp)
            for candidate, index in candidates:
                client.send_ice(sessions[client], candidate, index)

        @villain.session_requested.connect
        def join(villain: SignallingClient, peer_id: str, session_id: str, offer: str | None) -> None:
            sessions[villain] = session_id
            accomplice.start_session(id_of(stage.producer))

        @accomplice.session_started.connect
        def note(accomplice: SignallingClient, peer_id: str, session_id: str) -> None:
            sessions[accomplice] = session_id

        @accomplice.sdp_received.connect
        def pass_offer(accomplice: SignallingClient, sdp: str, **_: object) -> None:
            say(villain, [("offer", sdp)])

        @villain.sdp_received.connect
        def pass_answer(villain: SignallingClient, sdp: str, **_: object) -> None:
            say(accomplice, answers(sdp))

        villain.set_status(["producer"])
        begin = time.monotonic()
        with stage.consumer.start_session(villain.peer_id, timeout=SECONDS) as session:
            seconds = time.monotonic() - begin
            channel = session.channel("echo")
            channel.send("through")
            assert channel.recv() == "through"
            assert stage.goes_on()
    return seconds
