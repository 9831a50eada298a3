"""The SDK's own data, read once for many clients: parsing it is two thirds of making one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from unittest import mock

from botocore.loaders import JSONFileLoader

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def read_once() -> Iterator[None]:
    """Keep what the SDK has read, in this process."""
    read: dict[str, Any] = {}
    original = JSONFileLoader.load_file

    def load_file(loader: JSONFileLoader, path: str) -> Any:
        if path not in read:
            read[path] = original(loader, path)
        return read[path]

    with mock.patch.object(JSONFileLoader, "load_file", load_file):
        yield
