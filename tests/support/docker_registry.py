"""The real registry (Debian's docker-registry), on a port of this machine, with one small image in it."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import gzip
import hashlib
import http.client
import io
import json
import socket
import subprocess
import tarfile
import time
import urllib.parse
from typing import TYPE_CHECKING, Any, Optional

from loopback_server import HOST
from needs import lack_of
from token_server import ISSUER, SERVICE

if TYPE_CHECKING:
    from pathlib import Path

    from token_server import TokenServer
    from typing_extensions import Self

REPOSITORY, TAG = "team/app", "1"
READY_S = 60.0
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def lack() -> Optional[str]:
    """Return why there can be no registry here, or None."""
    return lack_of("docker-registry", "--version")


class DockerRegistry:
    """A registry that serves from a folder; a context manager. Without users and token server it lets everybody in."""

    def __init__(
        self,
        folder: Path,
        *,
        users: Optional[dict[str, str]] = None,
        tokens: Optional[TokenServer] = None,
        certificate: Optional[Path] = None,
        address: str = HOST,
    ) -> None:
        self._address = address
        self.port = _free_port(address)
        self.host = f"{address}:{self.port}"
        self.image = f"{self.host}/{REPOSITORY}:{TAG}"
        auth: dict[str, Any] = {}
        if users is not None:
            passwords = folder / "htpasswd"
            passwords.write_text("".join(f"{user}:{_bcrypt(password)}\n" for user, password in users.items()))
            auth = {"htpasswd": {"realm": "registry of the tests", "path": str(passwords)}}
        elif tokens is not None:
            bundle = str(tokens.certificate_file)
            auth = {"token": {"realm": tokens.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": bundle}}
        tls = {"tls": {"certificate": str(certificate), "key": str(certificate)}} if certificate else {}
        settings = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
            "http": {"addr": self.host, **tls},
            **({"auth": auth} if auth else {}),
        }
        self._settings = folder / "registry.yml"
        # JSON is YAML.
        self._settings.write_text(json.dumps(settings))
        self._process: Optional[subprocess.Popen[bytes]] = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["docker-registry", "serve", str(self._settings)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        end = time.monotonic() + READY_S
        while not _accepts(self._address, self.port):
            if self._process.poll() is not None or time.monotonic() > end:
                self._process.kill()
                raise AssertionError(f"docker-registry: {self._process.communicate()[0].decode()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.communicate(timeout=READY_S)


def fill(folder: Path) -> None:
    """Put the image into the folder of registries to come, through one that lets everybody in."""
    with DockerRegistry(folder) as registry:
        connection = http.client.HTTPConnection(HOST, registry.port, timeout=READY_S)
        with contextlib.closing(connection):
            layer, diff = _layer()
            config = json.dumps(
                {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff]}}
            ).encode()
            manifest = {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _stored(connection, config, "application/vnd.docker.container.image.v1+json"),
                "layers": [_stored(connection, layer, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
            }
            path = f"/v2/{REPOSITORY}/manifests/{TAG}"
            _call(connection, "PUT", path, json.dumps(manifest).encode(), **{"Content-Type": _MANIFEST})


def _stored(connection: http.client.HTTPConnection, blob: bytes, kind: str) -> dict[str, Any]:
    """Upload a blob and return its descriptor."""
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    place = urllib.parse.urlsplit(_call(connection, "POST", f"/v2/{REPOSITORY}/blobs/uploads/", b"")["Location"])
    query = f"{place.query}&{urllib.parse.urlencode({'digest': digest})}"
    _call(connection, "PUT", f"{place.path}?{query}", blob, **{"Content-Type": "application/octet-stream"})
    return {"mediaType": kind, "size": len(blob), "digest": digest}


def _call(connection: http.client.HTTPConnection, method: str, path: str, body: bytes, **headers: str) -> Any:
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    assert response.status in (201, 202), content
    return response.headers


def _layer() -> tuple[bytes, str]:
    """Return a layer, and the digest of what is in it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo("hello")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))
    return gzip.compress(out.getvalue(), mtime=0), f"sha256:{hashlib.sha256(out.getvalue()).hexdigest()}"


def _free_port(address: str) -> int:
    with socket.create_server((address, 0)) as free:
        port: int = free.getsockname()[1]
    return port


def _accepts(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def _bcrypt(password: str) -> str:
    """Return the only kind of hash that the registry takes, by the C library."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    made: bytes = library.crypt(password.encode(), b"$2b$04$" + b"abcdefghijklmnopqrstuu")
    assert made.startswith(b"$2b$"), "libcrypt knows no bcrypt"
    return made.decode()
