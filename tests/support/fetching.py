"""One instance that boots from S3 without an agent: what stands on it before and after, to the last trace."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, NamedTuple

from bucket import Bucket
from ecsauth.boot import state as states
from machine import Machine, auth_file
from program import Ended, run_here

if TYPE_CHECKING:
    from pathlib import Path

    from metadata_service import MetadataService
    from s3_proxy import S3Proxy
    from s3_server import S3Server


STANDING = auth_file("the-standing-password")


class Trace(NamedTuple):
    """A file or directory, in all that a write would change."""

    content: bytes
    mode: int
    owner: tuple[int, int]
    inode: int
    modified_ns: int


class Instance(Machine):
    """A machine that is to boot from one object, with nothing on it yet."""

    def __init__(self, folder: Path, server: S3Server, proxy: S3Proxy, metadata: MetadataService) -> None:
        super().__init__(folder, server, proxy, metadata)
        self.store = Bucket(server, self.bucket, self.key)

    def put(self, body: bytes, **more: str) -> str:
        """Put a version of the object as `push` does, unless `more` says otherwise, and return its version ID."""
        return self.store.put(body, self.uri.partition("?")[0].partition(f"{self.bucket}/")[2], **more)

    def settle(self, body: bytes = STANDING, *options: str) -> None:
        """Install the body, inside this process; then forget the requests that it took."""
        self.put(body)
        done = self.install_here(*options)
        assert done.status == 0, done.err
        self.proxy.requests.clear()
        self.metadata.requests.clear()

    def install_here(self, *options: str, **env: str) -> Ended:
        """Boot without an agent, inside this process."""
        return run_here(*self.boot_arguments("--launch=none", *options), env=self.environment(**env))

    def traces(self) -> dict[str, Trace]:
        """Return everything in both places, and the places, but for the report and the record of the last failure."""
        places = [place for place in (self.place, self.state_place) if place.exists()]
        found = {str(path): trace(path) for place in places for path in (place, *place.iterdir())}
        # It tells the time of the run, whatever came of that.
        found.pop(str(self.state_place / "report.json"), None)
        record, state_place = str(self.state_place / "state.json"), str(self.state_place)
        if record in found:
            found[record] = Trace(states.to_json(self.record()), found[record].mode, found[record].owner, 0, 0)
            found[state_place] = found[state_place]._replace(modified_ns=0)
        return found


def trace(path: Path) -> Trace:
    """Return what a write to the file or directory would change."""
    found = path.lstat()
    content = path.read_bytes() if stat.S_ISREG(found.st_mode) else b""
    return Trace(content, found.st_mode, (found.st_uid, found.st_gid), found.st_ino, found.st_mtime_ns)
