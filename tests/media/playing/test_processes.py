"""Players at the exit of an interpreter, and in forked children."""

from __future__ import annotations

from pathlib import Path

import pytest

from gst_signalling_sync import SignallingServer
from gst_signalling_sync.webrtc.media.playing.player import Player, thread_of

from ...helpers.playing import playing, write_file
from ...helpers.processes import exit_of, in_child, start_script


@pytest.mark.parametrize("starter", ["player", "producer"])
def test_interpreter_exits_while_a_player_plays(
    embedded_server: SignallingServer, tmp_path: Path, starter: str
) -> None:
    script = """
        import sys
        from gst_signalling_sync import Producer
        from gst_signalling_sync.webrtc.media.playing.player import thread_of
        producer = Producer(sys.argv[1])
        player = producer.add_player(sys.argv[2], loop=True)
        (thread_of(player) if sys.argv[3] == "player" else producer).start()
        source = player.sources[0]
        while not source.frames_written:
            pass
        print("playing")
    """
    path = write_file(tmp_path / "film.mp4")
    with start_script(script, embedded_server.uri, str(path), starter) as process:
        output, errors = exit_of(process)

    assert (process.returncode, output, errors) == (0, "playing\n", "")


def test_forked_child_is_told_to_make_its_own(tmp_path: Path) -> None:
    player = Player(write_file(tmp_path / "film.mp4"))

    def use() -> bool:
        for call in (thread_of(player).start, player.wait, lambda: thread_of(player).close(1)):
            with pytest.raises(RuntimeError, match="inherited by fork"):
                call()
        return True

    with playing(player):
        assert in_child(use)
