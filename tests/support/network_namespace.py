"""Another network namespace, entered from this process: what a container would see at its 127.0.0.1."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, TypeVar

Made = TypeVar("Made")

# Source: linux/sched.h. Python has os.setns from 3.12 on.
_CLONE_NEWNET = 0x40000000


class NetworkNamespace:
    """The network namespace of a process; only root can enter it."""

    def __init__(self, pid: int) -> None:
        self._path = f"/proc/{pid}/ns/net"

    def run(self, function: Callable[[], Made]) -> Made:
        """Return what the function returns, or raise what it raises, called inside the namespace.

        A namespace is a thread's own, so it is called in a thread that ends with it. A socket stays in the namespace
        in which it was opened, whoever uses it; a thread or a program that the function starts begins there.
        """
        with ThreadPoolExecutor(max_workers=1) as one:
            return one.submit(self._call, function).result()

    def _call(self, function: Callable[[], Made]) -> Made:
        library = ctypes.CDLL(None, use_errno=True)
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if library.setns(descriptor, _CLONE_NEWNET):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), self._path)
        finally:
            os.close(descriptor)
        return function()
