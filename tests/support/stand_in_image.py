"""Builds the image of the stand-in agent from what this host has: nothing is pulled.

A static busybox and a shell script, 2 MB; where there is no static busybox, this host's Python with the files that it
loads. Also a program, for `scripts/demo`: `python tests/support/stand_in_image.py VARIANT` prints the tag of the image.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple, Optional

NAME = "ecsauth-stand-in-agent"
# Every container of such an image carries the label, so that nothing else is ever taken for one.
LABEL = "ecsauth.stand-in"

# What each variant does, in the options of scripts/stand_in_agent/agent.sh.
VARIANTS: dict[str, tuple[str, ...]] = {
    "healthy": (),
    "slow": ("delay=2",),
    "crashing": ("exit=1",),
    "crashing-late": ("exit=1", "delay=1"),
    "crashing-blabbing": ("exit=1", "blab=yes"),
    "exits-5": ("exit=5",),
    "never-listening": ("listen=no",),
    "never-registered": ("registered=no",),
    "other-cluster": ("cluster=somebody-elses",),
    "with-tasks": ("tasks=yes",),
}

APPLETS = ("cut", "date", "httpd", "mkdir", "mv", "printf", "seq", "sh", "sha256sum", "sleep")
SOURCES = Path(__file__).parents[2] / "scripts" / "stand_in_agent"
BUILD_TIMEOUT_S = 120

# Run by the host's Python: what it has loaded to run the agent is what the image needs.
_LIST_LOADED_FILES = """
import glob, importlib.util, os, sys
spec = importlib.util.spec_from_file_location("agent", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
files = {os.__file__, *(getattr(module, "__file__", None) or "" for module in sys.modules.values())}
# Packages whole: a module that stands in for another (collections.abc) hides where that one came from.
files.update(beside for file in list(files) if file.endswith("/__init__.py")
             for beside in glob.glob(os.path.dirname(file) + "/*.py"))
with open("/proc/self/maps") as maps:
    files.update(line.split(maxsplit=5)[5].strip() for line in maps if "/" in line)
print("\\n".join(sorted(file for file in files if os.path.isfile(file) and file != sys.argv[1])))
"""


class Root(NamedTuple):
    """The file system of an image, path to content, its links, path to target, and what it runs."""

    files: dict[str, bytes]
    links: dict[str, str]
    entry_point: tuple[str, ...]

    def archive(self) -> bytes:
        """Return the file system as a tar archive, the same bytes for the same content."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, content in sorted(self.files.items()):
                member = tarfile.TarInfo(path.lstrip("/"))
                member.size, member.mode = len(content), 0o755
                archive.addfile(member, io.BytesIO(content))
            for path, target in sorted(self.links.items()):
                member = tarfile.TarInfo(path.lstrip("/"))
                member.type, member.linkname = tarfile.SYMTYPE, target
                archive.addfile(member)
        return buffer.getvalue()


def static_busybox() -> Optional[Path]:
    """Return a busybox that needs no library and has the applets of the agent, or None."""
    found = shutil.which("busybox")
    if found is None or not _is_static(Path(found)):
        return None
    listed = subprocess.run([found, "--list"], capture_output=True, text=True, timeout=20, check=False).stdout.split()
    return Path(found) if set(APPLETS) <= set(listed) else None


def _is_static(program: Path) -> bool:
    """Tell whether a 64-bit ELF program does without an interpreter, the loader of libraries (elf(5), PT_INTERP)."""
    content = program.read_bytes()
    if content[:6] != b"\x7fELF\x02\x01":
        return False
    (offset,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    kinds = [struct.unpack_from("<I", content, offset + at * size)[0] for at in range(count)]
    return 3 not in kinds


def busybox_root(busybox: Path) -> Root:
    """Return the file system of an image that runs agent.sh."""
    files = {"/bin/busybox": busybox.read_bytes(), "/agent": (SOURCES / "agent.sh").read_bytes()}
    return Root(files, {f"/bin/{applet}": "busybox" for applet in APPLETS}, ("/agent",))


def python_root() -> Root:
    """Return the file system of an image that runs agent.py with this host's Python."""
    agent = SOURCES / "agent.py"
    python = os.path.realpath(sys.executable)
    listed = subprocess.run(
        [python, "-I", "-S", "-B", "-c", _LIST_LOADED_FILES, str(agent)],
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=True,
    ).stdout.splitlines()
    files = {path: Path(path).read_bytes() for path in {python, *listed}}
    command: tuple[str, ...] = (python, "-I", "-S", "-B", "/agent.py")
    # Through the loader, as mapped: the path that the program names for it may be a link.
    loaders = [path for path in files if Path(path).name.startswith("ld-")]
    libraries = sorted({str(Path(path).parent) for path in files if ".so" in Path(path).name})
    if loaders:
        command = (loaders[0], "--library-path", ":".join(libraries), *command)
    return Root({**files, "/agent.py": agent.read_bytes()}, {}, command)


def build(variant: str, root: Optional[Root] = None) -> str:
    """Make the image of a variant where it is not there already, and return its tag.

    Raises KeyError for an unknown variant and AssertionError, with docker's words, when docker refuses.
    """
    busybox = static_busybox()
    tag = f"{NAME}:{variant}"
    root = root or (busybox_root(busybox) if busybox else python_root())
    entry_point = json.dumps([*root.entry_point, *VARIANTS[variant]])
    archive = root.archive()
    made_of = hashlib.sha256(archive + entry_point.encode()).hexdigest()
    if _docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', tag, check=False) != made_of:
        changes = ("--change", f"ENTRYPOINT {entry_point}", "--change", f"LABEL {LABEL}={made_of}")
        _docker("import", *changes, "-", tag, stdin=archive)
    return tag


def build_unstartable() -> str:
    """Make an image of which docker makes a container that it then cannot start, and return its tag."""
    tag = f"{NAME}:unstartable"
    changes = ("--change", 'ENTRYPOINT ["/absent"]', "--change", f"LABEL {LABEL}=unstartable")
    _docker("import", *changes, "-", tag, stdin=Root({"/agent": b""}, {}, ()).archive())
    return tag


def _docker(*arguments: str, stdin: bytes = b"", check: bool = True) -> str:
    done = subprocess.run(
        ["docker", *arguments], input=stdin, capture_output=True, timeout=BUILD_TIMEOUT_S, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"docker {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode().strip()


def main() -> None:
    """Build the image of the stand-in agent and print its tag."""
    parser = argparse.ArgumentParser(description=main.__doc__, allow_abbrev=False)
    parser.add_argument("variant", nargs="?", choices=sorted(VARIANTS), default="healthy")
    sys.stdout.write(f"{build(parser.parse_args().variant)}\n")


if __name__ == "__main__":
    main()
