"""Network namespaces of their own: machines whose rules may be changed, and neighbours to knock at their ports.

A namespace is held by a process that sleeps; nothing is left of it when that ends. Commands of this program run in it
through `nsenter`; the program's own code through `entered`, in a thread, for a thread can be in another namespace.
"""

from __future__ import annotations

import contextlib
import ctypes
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Callable, Optional, TypeVar

from needs import lack_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLONE_NEWNET = 0x40000000
_Result = TypeVar("_Result")
# Connects and prints what is answered, within a second.
_KNOCK = (
    "import socket, sys\n"
    "try:\n"
    "    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 1.0) as one:\n"
    "        print(one.recv(16).decode().strip())\n"
    "except OSError:\n"
    "    print('closed')\n"
)
# Answers on all addresses, IPv6 too, as the agent does; one line says that it listens.
_SERVE = (
    "import socket, sys\n"
    "server = socket.create_server(('::', int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)\n"
    "print('listening', flush=True)\n"
    "while True:\n"
    "    one, _ = server.accept()\n"
    "    one.sendall(sys.argv[2].encode())\n"
    "    one.close()\n"
)


def lack() -> Optional[str]:
    """Return why no namespace with rules of its own can be made here, or None."""
    return lack_of("unshare", "--net", "iptables", "-w", "-t", "nat", "-L", "-n") or lack_of("ip", "-V")


class Namespace:
    """A machine as far as the network goes. Its loopback interface is up."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the namespace to its end."""
        whole = ("nsenter", f"--net=/proc/{self.pid}/ns/net", *command)
        return subprocess.run(whole, capture_output=True, text=True, timeout=30, check=check)

    def knock(self, address: str, port: int) -> str:
        """Return what answers there, `closed` if nothing does."""
        return self.run(sys.executable, "-c", _KNOCK, address, str(port)).stdout.strip()

    @contextlib.contextmanager
    def serving(self, port: int, answer: str) -> Iterator[None]:
        """Answer everyone on the port of all addresses."""
        whole = ("nsenter", f"--net=/proc/{self.pid}/ns/net", sys.executable, "-c", _SERVE, str(port), answer)
        with subprocess.Popen(whole, stdout=subprocess.PIPE) as server:
            try:
                assert server.stdout is not None
                assert server.stdout.readline() == b"listening\n"
                yield
            finally:
                server.kill()

    def entered(self, work: Callable[[], _Result]) -> _Result:
        """Run a function of this program in the namespace, and return what it returns."""
        results: list[_Result] = []
        faults: list[BaseException] = []

        def go() -> None:
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                with open(f"/proc/{self.pid}/ns/net", "rb") as namespace:
                    if libc.setns(namespace.fileno(), _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                results.append(work())
            except BaseException as fault:  # noqa: BLE001 - raised again in the caller's thread
                faults.append(fault)

        thread = threading.Thread(target=go)
        thread.start()
        thread.join()
        if faults:
            raise faults[0]
        return results[0]


@contextlib.contextmanager
def namespace() -> Iterator[Namespace]:
    """Give a namespace of its own."""
    with subprocess.Popen(
        ("unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"), stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            made = Namespace(process)
            made.run("ip", "link", "set", "lo", "up")
            # Taken over from the machine that the tests run on, where a boot may have set it.
            made.run("sysctl", "-w", "net.ipv4.conf.all.route_localnet=0")
            yield made
        finally:
            process.kill()


def connect(machine: Namespace, interface: str, neighbour: Namespace, subnet: str) -> None:
    """Lay a cable from the machine's interface (x.1, fd00:x::1) to the neighbour's eth0 (x.2, fd00:x::2).

    `subnet` is as `10.1.0`; the IPv6 network is made of its middle number.
    """
    six = f"fd00:{subnet.split('.')[1]}:"
    peer = ("peer", "name", "eth0", "netns", str(neighbour.pid))
    machine.run("ip", "link", "add", interface, "type", "veth", *peer)
    for one, name, number in ((machine, interface, 1), (neighbour, "eth0", 2)):
        one.run("ip", "address", "add", f"{subnet}.{number}/24", "dev", name)
        one.run("ip", "-6", "address", "add", f"{six}:{number}/64", "dev", name, "nodad")
        one.run("ip", "link", "set", name, "up")
