"""How one Python's part of the archive is imported: from memory, and beside it nothing but the standard library.

Not as Python imports from zip archives itself: that opens the file anew for each module.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import zlib
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

# Before the code of a compiled module stand a magic number, flags and a hash of its source.
_HEAD = 16


class Part:
    """The modules and data of one Python: `content` is a zip archive, `index` says where each file is in it."""

    def __init__(self, place: str, content: memoryview, index: str) -> None:
        self._place, self._content = place, content
        self._files = {}
        for line in index.splitlines():
            name, start, size = line.rsplit(" ", 2)
            self._files[name] = (int(start), int(size))

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - importlib's protocol
        target: ModuleType | None = None,  # noqa: ARG002 - as above
    ) -> ModuleSpec | None:
        """Return how a module is loaded, None for one that is not in the archive."""
        file = self._file_of(name)
        if file is None:
            return None
        spec = ModuleSpec(name, self, origin=self._place + file)  # type: ignore[arg-type]
        spec.has_location = True
        if file.endswith("/__init__.pyc"):
            spec.submodule_search_locations = [self._place + file[: -len("/__init__.pyc")]]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to importlib."""

    def exec_module(self, module: ModuleType) -> None:
        """Run a module."""
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - what importing is

    def get_code(self, name: str) -> CodeType:
        """Return a module's code."""
        file = self._file_of(name)
        if file is None:
            raise ImportError(name)
        code: CodeType = marshal.loads(memoryview(self._read(file))[_HEAD:])  # noqa: S302 - of this very archive
        return code

    def get_source(self, name: str) -> None:
        """Say that there is none: tracebacks ask."""

    def get_data(self, path: str) -> bytes:
        """Return a file by the path that it has as part of the archive; raise OSError if there is none."""
        inside = path[len(self._place) :]
        if not path.startswith(self._place) or inside not in self._files:
            raise FileNotFoundError(path)
        return self._read(inside)

    def _file_of(self, name: str) -> str | None:
        inside = name.replace(".", "/")
        for file in (f"{inside}.pyc", f"{inside}/__init__.pyc"):
            if file in self._files:
                return file
        return None

    def _read(self, file: str) -> bytes:
        start, size = self._files[file]
        return zlib.decompress(self._content[start : start + size], -zlib.MAX_WBITS)


def run() -> NoReturn:
    """Run the program from the archive that this module has been imported from, and end with its exit status.

    At once: to take all modules apart first is a twentieth of a short run, and does nothing for anybody.
    """
    enter()
    from ecsauth.cli.main import main

    status = main()
    for stream in (sys.stdout, sys.stderr):
        # Whoever read it may have gone; what is data has been flushed, and that looked at, before.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def enter() -> None:
    """From now on import what is in the archive, and beside it the standard library only."""
    archive: Any = __loader__  # type: ignore[name-defined]
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    content = memoryview(archive.get_data(f"{archive.archive}/{name}.zip"))
    index = archive.get_data(f"{archive.archive}/{name}.index").decode()
    _forget_the_host(_libraries(name))
    sys.meta_path.insert(0, Part(f"{archive.archive}/{name}/", content, index))  # type: ignore[arg-type]


def _libraries(name: str) -> set[str]:
    """Return the folders of the standard library."""
    prefixes = {sys.base_prefix.rstrip("/"), sys.base_exec_prefix.rstrip("/")}
    return {f"{prefix}/{folder}/{name}" for prefix in prefixes for folder in (sys.platlibdir, "lib")}


def _forget_the_host(libraries: set[str]) -> None:
    """Import from now on nothing that is installed on the machine, or that PYTHONPATH names.

    What has been imported of it at the start, as by a .pth file, would be taken for what is packed, or for what the SDK
    looks for: certifi, awscrt.
    """
    zipped = "python{}{}.zip".format(*sys.version_info)
    own = {place for library in libraries for place in (library, f"{library}/lib-dynload", _beside(library, zipped))}
    sys.path[:] = [one for one in sys.path if one in own]
    sys.meta_path[:] = [one for one in sys.meta_path if one.__module__.startswith("_frozen_importlib")]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name not in ("__main__", __name__) and file and not _is_in(file, libraries):
            del sys.modules[name]


def _beside(path: str, name: str) -> str:
    return f"{path.rpartition('/')[0]}/{name}"


def _is_in(file: str, libraries: set[str]) -> bool:
    """Tell whether a file is the standard library's; what is installed may be in a folder below."""
    for library in libraries:
        if file.startswith(f"{library}/"):
            return not file.startswith((f"{library}/site-packages/", f"{library}/dist-packages/"))
    return False
