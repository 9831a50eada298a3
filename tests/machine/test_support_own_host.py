"""A host of its own has its own network and its own engine, and the machine keeps its."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import own_host
import pytest
from needs import need

SUPPORT = Path(own_host.__file__).parent
IN_IT = "import own_host, os, socket; own_host.enter(); "


@pytest.fixture(autouse=True)
def possible() -> None:
    """Make sure that there can be one."""
    need(own_host.lack())


def said(program: str) -> str:
    """Return what a program prints that enters a host of its own first."""
    done = subprocess.run(
        [sys.executable, "-c", IN_IT + program],
        env={**os.environ, "PYTHONPATH": str(SUPPORT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_network() -> None:
    """It has loopback, up, and nothing else; a port of the machine is free there."""
    assert said("print([name for _, name in socket.if_nameindex()])") == "['lo']"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert said(f"socket.socket().bind(('127.0.0.1', {port})); print('free')") == "free"


def test_run() -> None:
    """The sockets of the machine's programs are not there, and what is put there is not on the machine."""
    assert said("open('/run/ecsauth-test-of-own-host', 'w'); print(sorted(os.listdir('/run')))") == str(
        ["ecsauth-test-of-own-host", "lock"]
    )
    assert not Path("/run/ecsauth-test-of-own-host").exists()


def test_ports_of_the_agent_are_kept_free() -> None:
    """The kernel gives the agent's ports to no connection."""
    reserved = said("print(open('/proc/sys/net/ipv4/ip_local_reserved_ports').read())")
    assert reserved == own_host.PORTS


def test_data_of_agents() -> None:
    """What an agent of the machine has saved is not there, and what one saves there is not on the machine."""
    made = Path(own_host.AGENTS, "test-of-own-host")
    assert said(f"print(os.listdir('{made.parent}')); open('{made}', 'w')") == "[]"
    assert not made.exists()
