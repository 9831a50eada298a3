"""The SDK's own data, read once for many clients: to find it and to parse it is most of the work of making one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from unittest import mock

from botocore.loaders import JSONFileLoader, Loader

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def read_once() -> Iterator[None]:
    """Keep what the SDK has read, and which services it has found, in this process."""
    read: dict[str, Any] = {}
    listed: dict[tuple[str, ...], list[str]] = {}
    load, list_services = JSONFileLoader.load_file, Loader.list_available_services

    def load_file(loader: JSONFileLoader, path: str) -> Any:
        if path not in read:
            read[path] = load(loader, path)
        return read[path]

    # Of the SDK's own loader, which looks into some hundred folders; the program's for instances lists nothing.
    def list_available_services(loader: Loader, type_name: str) -> list[str]:
        places = (type_name, *loader.search_paths)
        if places not in listed:
            listed[places] = list_services(loader, type_name)
        return listed[places]

    reading = mock.patch.object(JSONFileLoader, "load_file", load_file)
    listing = mock.patch.object(Loader, "list_available_services", list_available_services)
    with reading, listing:
        yield
