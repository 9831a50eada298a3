"""The file of the boot archive: the same for the same content, and read as what it is."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest
from ecsauth import __version__
from ecsauth.pack import layout
from ecsauth.pack.importer import unpacked
from ecsauth.pack.layout import CompiledPart, Programs
from ecsauth.publish import boot_archive

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = {"ecsauth/__init__.py": b"x = 1\n\ny = 2\n", "ecsauth/a b.json": b"\x00\n\n\xff", "ecsauth/empty.py": b""}
PROGRAMS = Programs("PARTS = {}\nprint(PARTS)  # why\n", "import sys\n")


def _part(python: str, code: bytes) -> CompiledPart:
    return CompiledPart(python, f"{python}.1", f"cpython-{python}-1", {"ecsauth/__init__.py": code})


@pytest.mark.parametrize("files", [FILES, {"a": b"\n\n"}])
def test_files_come_back(files: Mapping[str, bytes]) -> None:
    """What was packed is read again, whatever is in it."""
    assert {path: bytes(content) for path, content in unpacked(layout.pack(files)).items()} == dict(files)


@pytest.mark.parametrize("pythons", [(), ("3.9",), ("3.9", "3.14")])
def test_says_what_it_is(pythons: tuple[str, ...]) -> None:
    """What publishes an archive knows it again, with the Pythons that it was compiled for."""
    content = layout.archive(FILES, [_part(python, b"code") for python in pythons], PROGRAMS, b"licence")
    found = boot_archive.read(content, "file")
    assert (found.version, found.pythons, found.has_sources) == (__version__, pythons, True)


def test_parts_are_where_the_chooser_looks() -> None:
    """The places of all parts are in `__main__.py`; each has its code, and the data as it is."""
    import lzma

    parts = [_part("3.9", b"one"), _part("3.14", b"another")]
    with zipfile.ZipFile(io.BytesIO(layout.archive(FILES, parts, PROGRAMS, b"licence"))) as packed:
        main, code = packed.read("__main__.py").decode(), lzma.decompress(packed.read("compiled.xz"))
        assert {path: bytes(content) for path, content in unpacked(packed.read("sources")).items()} == FILES
    names: dict[str, dict[str, tuple[int, int]]] = {}
    exec(main.replace("print(PARTS)", ""), names)  # noqa: S102 - a table that was just made
    for part in parts:
        start, end = names["PARTS"][part.tag]
        found = {path: bytes(content) for path, content in unpacked(code[start:end]).items()}
        assert found == {**FILES, **part.files}


def test_the_same_each_time() -> None:
    """Nothing of time or place gets into it."""
    made = [layout.archive(FILES, [_part("3.9", b"code")], PROGRAMS, b"licence") for _ in range(2)]
    assert made[0] == made[1]
