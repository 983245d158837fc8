"""A real HTTP proxy, Debian's tinyproxy; and addresses that receive the first packet of a connection and never answer."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gst_signalling_sync import ConnectError, Endpoint, Producer, SignallingServer, connect, list_producers

from ..faults.network import Network, require_namespaces
from ..helpers.certificates import PrivateCA
from ..helpers.ports import reserved_port
from ..networks.machines import Firewall, inside
from ..peers.library import library_producer, library_server
from ..peers.require import require

START_SECONDS = 10.0


@contextlib.contextmanager
def tinyproxy(folder: Path, *rules: str) -> Iterator[str]:
    """Run tinyproxy on the loopback interface, and yield its URI.

    Args:
        folder: The folder for its configuration.
        *rules: Further lines of its configuration.
    """
    program = shutil.which("tinyproxy")
    require("tinyproxy", program, "apt-get install tinyproxy")
    assert program is not None
    with reserved_port() as port:
        configuration = folder / "tinyproxy.conf"
        configuration.write_text(
            "\n".join((f"Port {port}", "Listen 127.0.0.1", "Timeout 60", "Allow 127.0.0.1", *rules))
        )
        process = subprocess.Popen([program, "-d", "-c", configuration], stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + START_SECONDS
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


@pytest.mark.interop
def test_session_goes_by_the_proxy(embedded_server: SignallingServer, tmp_path: Path) -> None:
    with tinyproxy(tmp_path) as proxy:
        endpoint = Endpoint(embedded_server.uri, proxy=proxy)
        with Producer(endpoint, name="robot") as producer, connect(endpoint, name="robot") as session:
            producer.add_channel("late")
            session.channel("late").send("through")
            assert producer.sessions[0].channel("late").recv() == "through"


@pytest.mark.interop
def test_tls_goes_by_the_proxy_unread(tmp_path: Path) -> None:
    ca = PrivateCA(tmp_path)
    ca.server("localhost")
    certificate = ca.file_of("localhost")
    with SignallingServer(port=0, cert=certificate, key=certificate) as server, tinyproxy(tmp_path) as proxy:
        uri = f"wss://localhost:{server.port}"

        assert list_producers(Endpoint(uri, proxy=proxy, cafile=ca.cafile)) == []


@pytest.mark.interop
def test_proxy_that_wants_a_password_is_named(embedded_server: SignallingServer, tmp_path: Path) -> None:
    with tinyproxy(tmp_path, "BasicAuth robot hush") as proxy:
        with pytest.raises(ConnectError) as raised:
            list_producers(Endpoint(embedded_server.uri, proxy=proxy))
        assert raised.value.status in (401, 407)
        assert proxy in str(raised.value)

        with_password = proxy.replace("http://", "http://robot:hush@")
        assert list_producers(Endpoint(embedded_server.uri, proxy=with_password)) == []


@pytest.mark.interop
def test_proxy_that_refuses_the_port_is_named(embedded_server: SignallingServer, tmp_path: Path) -> None:
    with tinyproxy(tmp_path, "ConnectPort 443") as proxy, pytest.raises(ConnectError) as raised:
        list_producers(Endpoint(embedded_server.uri, proxy=proxy))

    assert raised.value.status == 403
    assert proxy in str(raised.value)


@pytest.fixture
def network() -> Iterator[Network]:
    yield from require_namespaces()


def test_first_address_of_a_name_that_never_answers_costs_no_time(network: Network, tmp_path: Path) -> None:
    robot, desk = network.machine(), network.machine()
    silent = "10.201.7.200"
    # An address of the network that receives packets and answers none.
    inside(desk, "ip", "address", "add", f"{silent}/24", "dev", "eth0")
    Firewall(desk).drop("ip", "saddr", silent)
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{silent} robot.local\n{desk.address} robot.local\n")
    with ExitStack() as stack:
        with desk.processes():
            server = stack.enter_context(library_server(desk.address))
        port = server.wait_for("ready")["uri"].rpartition(":")[2]
        with robot.processes_with_hosts(hosts):
            began = time.monotonic()
            producer = stack.enter_context(library_producer(f"ws://robot.local:{port}", "robot"))
            producer.wait_for("ready", 8.0)

        # Each SYN to the first address is lost. TCP itself would repeat it for two minutes.
        assert time.monotonic() - began < 8.0
