"""Builds the image of an instance: Debian 12 with systemd 252 and cloud-init, as they are, for `instance`.

Nothing is pulled: debootstrap makes the file system from Debian's packages (a minute, 390 MB), which is kept as a tar
archive in the user's cache and imported into the Docker engine from there (seconds). Both bear a key made of the
recipe and of this file, so that another recipe makes another image; the newest few are kept.

Also a program, for `.ci/run`: `python3 tests/support/instance_image.py` makes the archive, which takes no engine, and
prints its path. It runs before there is a virtual environment: standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "ecsauth-instance"
# On every image, so that old ones are found.
LABEL = "ecsauth.instance-image"

SUITE = "bookworm"
PACKAGES = (
    "ca-certificates",
    "cloud-init",
    "dbus",
    "iproute2",
    "iptables",
    "kmod",
    # cloud-init looks for ssh-keygen, and for a module of python3-cryptography that only recommends it.
    "openssh-client",
    "procps",
    "python3",
    "python3-cffi-backend",
    "systemd-sysv",
)
LEFT_OUT = (
    "usr/share/doc/*",
    "usr/share/info/*",
    "usr/share/locale/*",
    "usr/share/man/*",
    "var/cache/apt/*",
    "var/lib/apt/lists/*",
    "var/log/*.log",
)

KEPT = 2
BUILD_TIMEOUT_S = 900.0
COMMAND_TIMEOUT_S = 180.0


def key() -> str:
    """Return what tells this image from those of other recipes."""
    recipe = repr((SUITE, PACKAGES, LEFT_OUT)).encode()
    return hashlib.sha256(recipe + Path(__file__).read_bytes()).hexdigest()[:12]


def tag() -> str:
    """Return the image's tag."""
    return f"{NAME}:{key()}"


def cache() -> Path:
    """Return the folder in which the archives are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ecsauth-tests"


def archive() -> Path:
    """Return the path of the archive, made or not."""
    return cache() / f"{NAME}-{key()}.tar"


def lack() -> Optional[str]:
    """Return why there can be no instance here though there is an engine, or None."""
    if os.geteuid() != 0:
        return "only root can build the image of an instance and enter its network"
    if _has_image() or archive().exists() or shutil.which("debootstrap"):
        return None
    return "debootstrap is not installed, and the image of an instance is not built"


def build() -> str:
    """Make the image where it is not there already, and return its tag; AssertionError with the words of what failed.

    One build at a time: a second one waits and finds it made.
    """
    if _has_image():
        return tag()
    with _alone():
        if not _has_image():
            _make_archive()
            changes = ("--change", f"LABEL {LABEL}={key()}", "--change", 'CMD ["/sbin/init"]')
            _call("docker", "import", *changes, str(archive()), tag())
        _forget_old_ones()
    return tag()


def prepare() -> Path:
    """Make the archive of the image where it is not there already, and return its path; raises as `build` does."""
    with _alone():
        _make_archive()
    return archive()


def _has_image() -> bool:
    found = subprocess.run(
        ["docker", "image", "inspect", tag()], capture_output=True, timeout=COMMAND_TIMEOUT_S, check=False
    )
    return found.returncode == 0


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_archive() -> None:
    if not archive().exists():
        _debootstrap()


def _debootstrap() -> None:
    """Make the archive; what is half made is never taken for it."""
    with tempfile.TemporaryDirectory(dir=cache(), prefix="making-") as folder:
        root, made = Path(folder) / "root", Path(folder) / "made.tar"
        options = ("--variant=minbase", f"--include={','.join(PACKAGES)}")
        _call("debootstrap", *options, SUITE, str(root), *_mirror(), timeout_s=BUILD_TIMEOUT_S)
        without = tuple(f"--exclude=./{pattern}" for pattern in LEFT_OUT)
        _call("tar", "--numeric-owner", *without, "-C", str(root), "-cf", str(made), ".")
        made.rename(archive())


def _mirror() -> tuple[str, ...]:
    """Return the mirror that this host takes the suite from; without one debootstrap takes its own default."""
    options = ("--format", "$(REPO_URI)", f"Codename: {SUITE}", "Component: main", "Created-By: Packages")
    with contextlib.suppress(OSError):
        found = subprocess.run(
            ["apt-get", "indextargets", *options], capture_output=True, text=True, timeout=60, check=False
        )
        return tuple(found.stdout.split()[:1])
    return ()


def _forget_old_ones() -> None:
    """Keep the newest few archives and images; one that a container is made of stays."""
    archives = sorted(cache().glob(f"{NAME}-*.tar"), key=lambda path: path.stat().st_mtime)
    for path in archives[:-KEPT]:
        path.unlink()
    # Newest first.
    listed = _call("docker", "images", "--filter", f"label={LABEL}", "--format", "{{.Repository}}:{{.Tag}}", NAME)
    for old in listed.split()[KEPT:]:
        subprocess.run(["docker", "rmi", old], capture_output=True, timeout=COMMAND_TIMEOUT_S, check=False)


def _call(*argv: str, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
    done = subprocess.run(list(argv), capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        redacted_log = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise AssertionError(f"{argv[0]}: status {done.returncode}\n{redacted_log}")
    return done.stdout


def main() -> None:
    """Make the archive of the image and print its path."""
    sys.stdout.write(f"{prepare()}\n")


if __name__ == "__main__":
    main()
