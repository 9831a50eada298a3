"""What is put on an instance beside Debian: units, cloud-init's settings, the stand-in agent, and the program itself.

All of it belongs to root there and can be written by nobody else, whatever it is on this machine.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Union

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
TREE = Path(__file__).parent / "instance_root"
AGENT = ROOT / "scripts" / "stand_in_agent"
PROGRAM = "usr/local/lib/ecsauth"

# What the program imports; the whole is beside it on sys.path.
SDK = ("boto3", "botocore", "dateutil", "dotenv", "jmespath", "s3transfer", "six", "urllib3")
# Of the SDK's data, 30 MB for 440 services, a folder each, what a boot loads.
_DATA = ("botocore", "data")
SERVICES = ("s3", "sts", "sso", "sso-oidc", "signin")

ENABLED = ("docker.service", "ecs.service")
# Debian's, which only cost time here.
MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "cloud-init-hotplugd.socket",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-logind.service",
)


class Link(NamedTuple):
    """A symbolic link."""

    target: str


class File(NamedTuple):
    """A file."""

    content: bytes
    mode: int = 0o644


Entry = Union[File, Link]


def packed(entries: Mapping[str, Entry]) -> bytes:
    """Return a tar archive of the entries by path, with the folders above them, all of them root's."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, entry in sorted(entries.items()):
            member = tarfile.TarInfo(path.lstrip("/"))
            member.mtime = int(time.time())
            if isinstance(entry, Link):
                member.type, member.linkname = tarfile.SYMTYPE, entry.target
                archive.addfile(member)
            else:
                member.size, member.mode = len(entry.content), entry.mode
                archive.addfile(member, io.BytesIO(entry.content))
    return buffer.getvalue()


@functools.lru_cache(maxsize=1)
def archive() -> bytes:
    """Return all that every instance has, as a tar archive."""
    return packed({**_system(), **_program()})


def seed(instance_id: str, hostname: str, user_data: bytes) -> dict[str, Entry]:
    """Return cloud-init's seed: another instance ID makes another first boot."""
    folder = "var/lib/cloud/seed/nocloud"
    # In quotes: cloud-init reads YAML, and one host name in 300 is a number. It then ignores the seed with a warning.
    about = f'instance-id: "{instance_id}"\nlocal-hostname: "{hostname}"\n'.encode()
    # User data may hold a secret and is root's only, as cloud-init keeps its own copy.
    return {f"{folder}/meta-data": File(about), f"{folder}/user-data": File(user_data, 0o600)}


def _system() -> dict[str, Entry]:
    units = "etc/systemd/system"
    entries: dict[str, Entry] = {
        "usr/libexec/amazon-ecs-init": File((AGENT / "ecs_init.py").read_bytes(), 0o755),
        "usr/libexec/stand-in-agent.py": File((AGENT / "agent.py").read_bytes()),
        # Where the agent's container has it.
        "data": Link("/var/lib/ecs/data"),
        "var/lib/ecs/data/.keep": File(b""),
        # The AMI has the folder, and the file in it is empty or absent.
        "etc/ecs/ecs.config": File(b""),
        # Kept over a reboot.
        "var/log/journal/.keep": File(b""),
        "etc/fstab": File(b""),
    }
    for path in _files(TREE):
        mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
        entries[str(path.relative_to(TREE))] = File(path.read_bytes(), mode)
    for unit in ENABLED:
        entries[f"{units}/multi-user.target.wants/{unit}"] = Link(f"/{units}/{unit}")
    for unit in MASKED:
        entries[f"{units}/{unit}"] = Link("/dev/null")
    return entries


def _program() -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for name in ("ecsauth", *SDK):
        found = ROOT / "bootstrap" / name if name == "ecsauth" else _place(name)
        for path in _files(found):
            inside = path.relative_to(found.parent)
            of_service = inside.parts[2] if inside.parts[:2] == _DATA and len(inside.parts) > len(_DATA) + 1 else None
            if of_service is None or of_service in SERVICES:
                entries[f"{PROGRAM}/{inside}"] = File(path.read_bytes())
    return entries


def _place(name: str) -> Path:
    """Return the folder of a package, or the file of a module."""
    spec = importlib.util.find_spec(name)
    assert spec is not None, name
    assert spec.origin is not None, name
    origin = Path(spec.origin)
    return origin.parent if origin.name == "__init__.py" else origin


def _files(place: Path) -> Iterator[Path]:
    for path in [place] if place.is_file() else sorted(place.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
