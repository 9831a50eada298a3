"""Import the modules of the boot archive from memory, and otherwise only the standard library.

zipimport of the standard library is slower: it opens the file again for each module. This importer serves all Pythons,
with the code that was compiled for this one or from the sources.
"""

from __future__ import annotations

import contextlib
import importlib
import marshal
import os
import sys
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any, NoReturn, Optional

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

_PROGRAM = "ecsauth.cli.main"


class Importer:
    """Imports the files, given by path, of the archive at `place`; modules are code if `is_compiled`, else sources."""

    is_boot_archive = True

    def __init__(self, place: str, files: dict[str, memoryview], *, is_compiled: bool) -> None:
        self._place, self._files, self._is_compiled = f"{place}/", files, is_compiled

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - importlib's protocol
        target: ModuleType | None = None,  # noqa: ARG002 - as above
    ) -> ModuleSpec | None:
        """Return the spec of a module, None if it is not in the archive."""
        file = self._file_of(name)
        if file is None:
            return None
        spec = ModuleSpec(name, self, origin=self._place + file)  # type: ignore[arg-type]
        spec.has_location = True
        if file.endswith("/__init__.py"):
            spec.submodule_search_locations = [self._place + file[: -len("/__init__.py")]]
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
        content = self._files[file]
        if self._is_compiled:
            code: CodeType = marshal.loads(content)  # noqa: S302 - of this very archive
            return code
        return compile(bytes(content), file, "exec", dont_inherit=True, optimize=2)

    def get_source(self, name: str) -> None:
        """Return None: there is no source. Tracebacks call this."""

    def get_data(self, path: str) -> bytes:
        """Return the file with this path in the archive; raise OSError if there is none."""
        inside = path[len(self._place) :]
        if not path.startswith(self._place) or inside not in self._files:
            raise FileNotFoundError(path)
        return bytes(self._files[inside])

    def _file_of(self, name: str) -> str | None:
        inside = name.replace(".", "/")
        return next((file for file in (f"{inside}.py", f"{inside}/__init__.py") if file in self._files), None)


def run(part: Optional[tuple[int, int]]) -> NoReturn:
    """Run the program from the archive of this module, and exit with its status.

    It exits by os._exit: the interpreter's cleanup takes a twentieth of a short run and has no use.
    """
    enter(part)
    status = importlib.import_module(_PROGRAM).main()
    for stream in (sys.stdout, sys.stderr):
        # The reader may be gone. Data has been flushed, and errors of that reported, before.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def enter(part: Optional[tuple[int, int]]) -> None:
    """From now on import only from the archive and from the standard library.

    `part` is the start and end of the code for this Python in compiled.xz, None if there is none.
    """
    _forget_the_host(_libraries(f"python{sys.version_info[0]}.{sys.version_info[1]}"))
    archive: Any = __loader__  # type: ignore[name-defined]
    place: str = archive.archive
    code = _decompressed(archive, f"{place}/compiled.xz", part) if part else None
    files = unpacked(code or archive.get_data(f"{place}/sources"))
    sys.meta_path.insert(0, Importer(place, files, is_compiled=code is not None))


def _decompressed(archive: Any, path: str, part: tuple[int, int]) -> bytes | None:
    """Return a part of the compressed file, None if this Python was built without lzma."""
    try:
        from lzma import LZMADecompressor
    except ImportError:
        return None
    start, end = part
    return LZMADecompressor().decompress(archive.get_data(path), end)[start:]


def unpacked(packed: bytes) -> dict[str, memoryview]:
    """Unpack the files by path. The format is one line per file with path and size, an empty line, all contents."""
    start = packed.index(b"\n\n") + 2
    files, content = {}, memoryview(packed)
    for line in packed[: start - 2].decode().splitlines():
        path, _, size = line.rpartition(" ")
        files[path] = content[start : start + int(size)]
        start += int(size)
    return files


def _libraries(name: str) -> set[str]:
    """Return the folders of the standard library."""
    prefixes = {sys.base_prefix.rstrip("/"), sys.base_exec_prefix.rstrip("/")}
    return {f"{prefix}/{folder}/{name}" for prefix in prefixes for folder in (sys.platlibdir, "lib")}


def _forget_the_host(libraries: set[str]) -> None:
    """From now on import nothing that is installed on the machine or that PYTHONPATH names.

    Forget also the modules that the interpreter imported at its start, as by a .pth file: they would be used instead of
    those in the archive.
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
    """Tell whether a file belongs to the standard library; installed packages may be in a folder below it."""
    for library in libraries:
        if file.startswith(f"{library}/"):
            return not file.startswith((f"{library}/site-packages/", f"{library}/dist-packages/"))
    return False
