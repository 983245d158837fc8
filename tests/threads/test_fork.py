"""Forking beside running sessions: what children do, how they exit, and what they do not keep of their parent.

The parents are programs in files, because ``spawn`` and ``forkserver`` import them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gst_signalling_sync import Listener, Producer, SignallingServer

from ..helpers.ports import reserved_port
from ..helpers.processes import exit_of
from ..helpers.proofs import short_and_long
from ..helpers.waiting import Heard

pytestmark = pytest.mark.slow

SECONDS = 10.0

ROBOT = """
import collections, gc, multiprocessing, os, subprocess, sys, threading, time
import numpy
from gst_signalling_sync import Producer, SignallingServer, connect, list_producers

def film(video, audio, stop):
    while not stop.wait(0.02):
        video.write(numpy.zeros((120, 160, 3), numpy.uint8))
        audio.write(numpy.zeros(960, numpy.int16))

def answer(channel, session, data):
    channel.send(data, session=session)

class Robot:
    def __init__(self):
        self.server = SignallingServer(port=0).start()
        self.producer = Producer(self.server.uri, name="robot")
        self.broadcast = self.producer.add_channel("data")
        self.broadcast.message.connect(answer)
        self.video, self.audio = self.producer.add_video(), self.producer.add_audio()
        self.producer.start()
        self.stop = threading.Event()
        self.filming = threading.Thread(target=film, args=(self.video, self.audio, self.stop), daemon=True)
        self.filming.start()
        self.session = connect(self.server.uri, name="robot")
        self.session.video.read()
        self.session.audio.read(960)
        self.channel = self.session.channel("data")
        self.check()

    def check(self):
        self.channel.send("are you there?")
        assert self.channel.recv() == "are you there?"

    def close(self):
        self.stop.set()
        self.filming.join()
        self.session.close()
        self.producer.close()
        self.server.close()

def use(uri):
    assert [peer.name for peer in list_producers(uri)] == ["robot"]
    with connect(uri, name="robot") as session:
        session.channel("data").send("from a child")
        assert session.channel("data").recv() == "from a child"

def exit_codes(children, work):
    codes = collections.Counter()
    for _ in range(children):
        child = os.fork()
        if not child:
            work()
            sys.exit()
        codes[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])] += 1
    return dict(codes)
"""

WAYS_TO_END = {
    "nothing": ("pass", 0),
    "sys.exit": ("sys.exit(7)", 7),
    "os._exit": ("os._exit(7)", 7),
    "exception": ("sys.stderr = open(os.devnull, 'w'); raise KeyError", 1),
    "garbage collection": ("globals().pop('robot'); gc.collect()", 0),
    "fork again": (
        "child = os.fork(); sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else 0)",
        0,
    ),
    "preexec_fn": ("subprocess.run(['true'], preexec_fn=os.getpid, check=True)", 0),
}

loops = pytest.mark.parametrize("event_loop", ["uvloop", "asyncio"])


@contextmanager
def program(tmp_path: Path, script: str, *arguments: str, event_loop: str = "") -> Iterator[subprocess.Popen[str]]:
    """Run a script from a file, and kill it when the block ends."""
    path = tmp_path / "program.py"
    path.write_text(script)
    pipe = subprocess.PIPE
    environment = {
        **os.environ,
        "GST_SIGNALLING_EVENT_LOOP": event_loop,
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
    }
    command = [sys.executable, str(path), *arguments]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def outcome(tmp_path: Path, script: str, *arguments: str, event_loop: str = "", seconds: float = 90) -> tuple[str, str]:
    """The standard output and error of a script that exits by itself."""
    with program(tmp_path, script, *arguments, event_loop=event_loop) as process:
        return exit_of(process, seconds)


@loops
@short_and_long("children", 3, 100)
def test_children_end_as_they_want(tmp_path: Path, children: int, event_loop: str) -> None:
    script = f"""{ROBOT}
if __name__ == "__main__":
    ways = { ({name: way for name, (way, _) in WAYS_TO_END.items()})!r}
    robot = Robot()
    for name, way in ways.items():
        print(name, exit_codes({children}, lambda: exec(way)), flush=True)
        robot.check()
    robot.close()
    for name, way in ways.items():
        print(name, exit_codes({children}, lambda: exec(way)), flush=True)
"""
    printed, complaints = outcome(tmp_path, script, event_loop=event_loop, seconds=60 + 60 * children)

    assert complaints == ""
    assert printed.splitlines() == 2 * [f"{name} {{{code}: {children}}}" for name, (_, code) in WAYS_TO_END.items()]


@loops
@short_and_long("children", 3, 100)
def test_children_have_sessions_of_their_own(tmp_path: Path, children: int, event_loop: str) -> None:
    script = f"""{ROBOT}
if __name__ == "__main__":
    robot = Robot()
    codes = exit_codes({children}, lambda: use(robot.server.uri))
    robot.check()
    robot.close()
    print(codes)
"""
    printed, complaints = outcome(tmp_path, script, event_loop=event_loop, seconds=60 + 10 * children)

    assert (printed, complaints) == (f"{{0: {children}}}\n", "")


@loops
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@short_and_long("children", 2, 100)
def test_multiprocessing(tmp_path: Path, method: str, children: int, event_loop: str) -> None:
    script = f"""{ROBOT}
if __name__ == "__main__":
    robot = Robot()
    context = multiprocessing.get_context({method!r})
    ends = collections.Counter()
    for _ in range({children}):
        child = context.Process(target=use, args=(robot.server.uri,))
        child.start()
        child.join()
        ends[child.exitcode] += 1
    robot.check()
    robot.close()
    print(dict(ends))
"""
    printed, complaints = outcome(tmp_path, script, event_loop=event_loop, seconds=60 + 20 * children)

    assert (printed, complaints) == (f"{{0: {children}}}\n", "")


@loops
@short_and_long("children", 10, 200)
def test_fork_in_the_middle_of_anything(tmp_path: Path, children: int, event_loop: str) -> None:
    script = f"""{ROBOT}
def hammer(uri, stop):
    while not stop.is_set():
        with Producer(uri, name="another") as producer:
            producer.add_channel("more")
            with connect(uri, name="another") as session:
                for number in range(100):
                    session.channel("more").send(bytes(1000))

def find(uri):
    assert "robot" in [peer.name for peer in list_producers(uri)]
    with connect(uri, name="robot") as session:
        session.channel("data").send("from a child")
        assert session.channel("data").recv() == "from a child"

if __name__ == "__main__":
    robot = Robot()
    stop = threading.Event()
    hammering = threading.Thread(target=hammer, args=(robot.server.uri, stop))
    hammering.start()
    codes = exit_codes({children}, lambda: find(robot.server.uri))
    stop.set()
    hammering.join()
    robot.check()
    robot.close()
    print(codes)
"""
    printed, complaints = outcome(tmp_path, script, event_loop=event_loop, seconds=60 + 10 * children)

    assert (printed, complaints) == (f"{{0: {children}}}\n", "")


# What children do not keep


@loops
def test_child_has_no_socket_of_its_parent(tmp_path: Path, event_loop: str) -> None:
    script = f"""{ROBOT}
import socket
def sockets():
    for name in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(name))) as sock:
                if sock.family != socket.AF_UNIX:
                    yield sock.getsockname()
        except OSError:
            pass

if __name__ == "__main__":
    robot = Robot()
    print(len(list(sockets())) > 6, flush=True)
    child = os.fork()
    if not child:
        print(list(sockets()))
        sys.exit()
    os.waitpid(child, 0)
    robot.check()
    robot.close()
"""
    printed, complaints = outcome(tmp_path, script, event_loop=event_loop)

    assert (printed, complaints) == ("True\n[]\n", "")


CHILD_LIVES_ON = """
import os, sys
from gst_signalling_sync import Producer, SignallingServer
{parent}
child = os.fork()
if not child:
    # So that the test sees the end of the parent.
    os.close(1)
    # Until the test closes its end.
    sys.stdin.read()
    os._exit(0)
print("forked", flush=True)
{then}
"""


@loops
def test_server_notices_that_a_parent_was_killed(
    tmp_path: Path, embedded_server: SignallingServer, event_loop: str
) -> None:
    script = CHILD_LIVES_ON.format(
        parent="producer = Producer(sys.argv[1], name='robot', retry=None).start()", then="import time; time.sleep(60)"
    )
    with Listener(embedded_server.uri) as listener:
        removed = Heard(listener.producer_removed)
        with program(tmp_path, script, embedded_server.uri, event_loop=event_loop) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "forked\n"
            listener.wait_for_producer("robot")

            process.send_signal(signal.SIGKILL)

            assert removed.next()["peer"].name == "robot"


@loops
def test_clients_notice_that_the_parent_of_their_server_was_killed(tmp_path: Path, event_loop: str) -> None:
    script = CHILD_LIVES_ON.format(
        parent="server = SignallingServer(port=0).start(); print(server.uri, flush=True); sys.stdin.readline()",
        then="import time; time.sleep(60)",
    )
    with program(tmp_path, script, event_loop=event_loop) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        with Producer(process.stdout.readline().strip()) as producer:
            lost = Heard(producer.connection_lost)
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "forked\n"

            process.send_signal(signal.SIGKILL)

            lost.next()


@loops
def test_port_of_a_closed_server_is_free_while_a_child_lives_on(tmp_path: Path, event_loop: str) -> None:
    script = CHILD_LIVES_ON.format(
        parent="port = int(sys.argv[1]); server = SignallingServer(port=port).start()",
        then="server.close(); SignallingServer(port=port).start(); print('again', flush=True)",
    )
    with reserved_port() as port, program(tmp_path, script, str(port), event_loop=event_loop) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "forked\n"
        assert process.stdout.readline() == "again\n"


# Inherited objects are visibly dead


@loops
def test_inherited_objects_are_closed_or_say_why_not(tmp_path: Path, event_loop: str) -> None:
    script = f"""{ROBOT}
def refusal(read):
    try:
        return read()
    except RuntimeError as error:
        assert "inherited by fork" in str(error) and "Make a new one" in str(error)
        return "refused"

def report(robot, listener, client):
    session = robot.session
    print(session.state, session.channels, type(session.error).__name__)
    print(robot.channel.state)
    print(robot.producer.peer_id, robot.producer.sessions)
    print(client.peer_id)
    reads = [
        lambda: listener.producers,
        lambda: robot.server.peers,
        lambda: session.video.latest(),
        lambda: session.video.fps,
        lambda: session.audio.read(960),
        lambda: robot.video.bitrate,
        lambda: robot.channel.recv(),
        lambda: robot.broadcast.send("lost"),
        lambda: robot.producer.start(),
        lambda: robot.producer.close(),
        lambda: session.close(),
    ]
    print({{refusal(read) for read in reads}})

if __name__ == "__main__":
    from gst_signalling_sync import Listener, SignallingClient
    robot = Robot()
    with Listener(robot.server.uri) as listener, SignallingClient(robot.server.uri) as client:
        child = os.fork()
        if not child:
            report(robot, listener, client)
            sys.exit()
        os.waitpid(child, 0)
    robot.check()
    robot.close()
"""
    printed, complaints = outcome(tmp_path, script, event_loop=event_loop)

    assert complaints == ""
    assert printed.splitlines() == ["closed [] RuntimeError", "closed", "None []", "None", "{'refused'}"]


@loops
def test_child_that_returns_from_a_callback_ends(tmp_path: Path, event_loop: str) -> None:
    script = f"""{ROBOT}
children = []

def fork(channel, data):
    child = os.fork()
    if child:
        children.append(child)

if __name__ == "__main__":
    robot = Robot()
    robot.channel.message.connect(fork)
    robot.channel.send("now")
    while not children:
        time.sleep(0.01)
    print(os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
    robot.channel.message.disconnect(fork)
    robot.check()
    robot.close()
"""
    assert outcome(tmp_path, script, event_loop=event_loop) == ("0\n", "")


def test_child_that_leaves_the_blocks_it_inherited_ends_in_order(
    tmp_path: Path, embedded_server: SignallingServer
) -> None:
    script = """
import os, sys
from gst_signalling_sync import Producer, connect
with Producer(sys.argv[1], name="robot") as producer, connect(sys.argv[1], name="robot") as session:
    child = os.fork()
    if not child:
        sys.exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), session.state)
"""
    assert outcome(tmp_path, script, embedded_server.uri) == ("7 connected\n", "")
