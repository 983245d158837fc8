"""The exit of programs that close nothing, and what is left of closed objects, with both event loops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ..helpers.processes import exit_of, wait_until_blocked
from ..helpers.proofs import short_and_long

pytestmark = pytest.mark.slow

EXIT_SECONDS = 8.0
"""Maximum for the exit of a program on a busy machine: two seconds for all objects in the worst case."""

BUSY = """
import signal, sys, threading, time
import numpy
from gst_signalling_sync import *

def send_forever():
    while True:
        try:
            channel.send(bytes(10_000))
        except ChannelClosed:
            return

def film_forever():
    while True:
        video.write(numpy.zeros((120, 160, 3), numpy.uint8))
        time.sleep(0.01)

server = SignallingServer(port=0).start()
producer = Producer(server.uri, name="robot")
data = producer.add_channel("data")
data.message.connect(lambda channel, session, data: None)
video = producer.add_video()
producer.start()
listener = Listener(server.uri).start()
session = connect(server.uri, name="robot")
channel = session.channel("data")
for work in (send_forever, film_forever):
    threading.Thread(target=work, daemon=True).start()
session.video.read()
"""

loops = pytest.mark.parametrize("event_loop", ["uvloop", "asyncio"])


@contextmanager
def started(script: str, event_loop: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script, and kill it when the block ends."""
    environment = {**os.environ, "GST_SIGNALLING_EVENT_LOOP": event_loop}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def program(script: str, event_loop: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script, and wait until it prints ``end`` before its exit."""
    with started(script, event_loop) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "end\n", exit_of(process)
        yield process


ENDS = {
    "its last line": ("", 0, ""),
    "sys.exit": ("sys.exit(3)", 3, ""),
    "exception": ("raise KeyError('mine')", 1, "KeyError: 'mine'"),
    "sys.exit in a thread": ("threading.Thread(target=sys.exit).start()", 0, ""),
    "SIGTERM": ("signal.raise_signal(signal.SIGTERM)", -signal.SIGTERM, ""),
    "SIGTERM as an exit": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); signal.raise_signal(signal.SIGTERM)",
        5,
        "",
    ),
}


@loops
@pytest.mark.parametrize("name", ENDS)
def test_busy_program_ends_by(name: str, event_loop: str) -> None:
    last, code, said = ENDS[name]

    with program(f"{BUSY}\nprint('end', flush=True)\n{last}", event_loop) as process:
        begin = time.monotonic()
        _, complaints = exit_of(process)

    assert process.returncode == code, complaints
    # What could not be delivered in time is logged.
    lines = [line for line in complaints.splitlines() if not line.endswith("bytes not sent")]
    assert lines[-1:] == ([said] if said else [])
    assert complaints.count("Traceback") == bool(said)
    assert time.monotonic() - begin < EXIT_SECONDS


@loops
def test_interrupt_while_the_program_ends_hurries_it(event_loop: str) -> None:
    script = f"""
{BUSY}
blocked = threading.Event()
@session.state_changed.connect
def block(session, state):
    time.sleep(3600)
@producer.session_ended.connect
def block_too(producer, session, error):
    time.sleep(3600)
print("end", flush=True)
"""
    with program(script, event_loop) as process:
        wait_until_blocked(process)
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        _, complaints = exit_of(process)

    assert "Traceback" not in complaints
    assert time.monotonic() - begin < EXIT_SECONDS


@loops
def test_many_peers_that_do_not_answer_delay_the_exit_no_longer_than_one(event_loop: str) -> None:
    robot = """
        import sys
        from gst_signalling_sync import Producer, SignallingServer
        with SignallingServer(port=0) as server, Producer(server.uri, name="robot") as producer:
            producer.add_channel("data")
            print(server.uri, flush=True)
            producer.serve_forever()
    """
    with started(robot, event_loop) as frozen:
        assert frozen.stdout is not None
        script = f"""
            import os, signal, sys
            from gst_signalling_sync import connect
            sessions = [connect("{frozen.stdout.readline().strip()}", name="robot") for _ in range(6)]
            channels = [session.channel("data") for session in sessions]
            os.kill({frozen.pid}, signal.SIGSTOP)
            for channel in channels:
                channel.send(bytes(200_000))
            print("end", flush=True)
        """
        with program(script, event_loop) as process:
            begin = time.monotonic()
            _, complaints = exit_of(process)
        frozen.send_signal(signal.SIGCONT)

    assert "Traceback" not in complaints
    assert time.monotonic() - begin < EXIT_SECONDS


OBJECTS = {
    "Producer": "Producer(uri)",
    "Consumer": "Consumer(uri)",
    "Listener": "Listener(uri)",
    "SignallingClient": "SignallingClient(uri)",
    "SignallingServer": "SignallingServer(port=0)",
    "session": "connect(uri, name='robot')",
}


@loops
@pytest.mark.parametrize("name", OBJECTS)
@short_and_long("rounds", 10, 200)
def test_nothing_is_left_of_what_was_closed(name: str, rounds: int, event_loop: str) -> None:
    script = f"""
import os, sys, threading, time
from gst_signalling_sync import *

def descriptors():
    return len(os.listdir("/proc/self/fd"))

server = SignallingServer(port=0).start()
uri = server.uri
with Producer(uri, name="robot") as producer:
    producer.add_channel("data")
    def use():
        with {OBJECTS[name]}:
            pass
    def left():
        return threading.active_count() - threads, descriptors() - opened
    use()
    threads, opened = threading.active_count(), descriptors()
    for _ in range({rounds}):
        use()
    # The other ends notice a moment later.
    end = time.monotonic() + 5
    while left() > (0, 0) and time.monotonic() < end:
        time.sleep(0.01)
    print("end", *left())
server.close()
"""
    with started(script, event_loop) as process:
        printed, complaints = exit_of(process, 60 + 2 * rounds)

    assert (process.returncode, complaints) == (0, "")
    end, *left = printed.split()
    assert end == "end"
    assert max(int(count) for count in left) <= 0
