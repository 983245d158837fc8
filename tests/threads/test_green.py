"""gevent and eventlet: what works beside them, and what is refused at once, in processes that they may patch."""

from __future__ import annotations

import time
from importlib.util import find_spec

import pytest

from gst_signalling_sync.server import SignallingServer

from ..helpers.processes import run_script

SECONDS = 30.0

PATCHES = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
}
ENTRIES = {
    "connect": "connect(uri, name='robot', timeout=6)",
    "Producer": "Producer(uri).start()",
    "Listener": "Listener(uri).start()",
    "SignallingClient": "SignallingClient(uri).connect()",
    "list_producers": "list_producers(uri)",
    "SignallingServer": "SignallingServer(port=0).start()",
    "ask_ice_servers": "ask_ice_servers()",
}


def skip_without(library: str) -> None:
    """Skip if a library is not installed. It is not imported here, because that would change the other tests."""
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")


@pytest.mark.parametrize("library", PATCHES)
def test_every_entry_refuses_patched_threads_at_once(embedded_server: SignallingServer, library: str) -> None:
    skip_without(library)
    script = f"""
import warnings; warnings.simplefilter("ignore")
{PATCHES[library]}
import sys, time
from gst_signalling_sync import *
uri = sys.argv[1]
entries = {list(ENTRIES.values())!r}
begin = time.monotonic()
for entry in entries:
    try:
        eval(entry)
    except RuntimeError as error:
        print(str(error).partition(", and this")[0])
print(time.monotonic() - begin < 6)
"""
    begin = time.monotonic()
    returncode, printed, complaints = run_script(script, embedded_server.uri)

    lines = printed.splitlines()
    assert (returncode, complaints) == (0, "")
    assert len(lines) == len(ENTRIES) + 1
    assert all(line.startswith(f"{library} has patched thread") for line in lines[:-1])
    assert lines[-1] == "True"
    assert time.monotonic() - begin < SECONDS


USE = """
import sys
from gst_signalling_sync import Producer, connect, list_producers
uri = sys.argv[1]
with Producer(uri, name="robot") as producer:
    data = producer.add_channel("data")
    data.message.connect(lambda channel, session, data: channel.send(data, session=session))
    with connect(uri, name="robot") as session:
        channel = session.channel("data")
        channel.send("from the main greenlet")
        print(channel.recv())
        call(channel.send, "from a pool")
        print(call(channel.recv))
"""


def test_what_is_advised_for_gevent_works(embedded_server: SignallingServer) -> None:
    skip_without("gevent")
    script = f"""
from gevent import get_hub, monkey, sleep, spawn
monkey.patch_all(thread=False, queue=False, socket=False, select=False, ssl=False)

def call(function, *arguments):
    return get_hub().threadpool.apply(function, arguments)

ticks = []
def tick():
    while True:
        ticks.append(None)
        sleep(0.001)
spawn(tick)
{USE}
# The others run while one waits in the pool.
before = len(ticks)
call(list_producers, uri)
print(len(ticks) > before)
"""
    assert run_script(script, embedded_server.uri) == (0, "from the main greenlet\nfrom a pool\nTrue\n", "")


def test_what_is_advised_for_eventlet_works(embedded_server: SignallingServer) -> None:
    skip_without("eventlet")
    script = f"""
import warnings; warnings.simplefilter("ignore")
import eventlet
from eventlet.tpool import execute as call
eventlet.monkey_patch(thread=False, socket=False, select=False)
{USE}
"""
    assert run_script(script, embedded_server.uri) == (0, "from the main greenlet\nfrom a pool\n", "")
