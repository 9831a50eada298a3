"""An instance as it is launched in a private subnet: what user data fetches it fetches from a real S3, over HTTPS.

Nothing on it is told where S3 is: `BUCKET.s3.REGION.amazonaws.com` resolves to a server on its loopback whose
certificate is signed by an authority that the machine trusts, and what answers is SeaweedFS, which verifies
signatures and session tokens. There is no Internet, no pip, no AWS CLI and no curl, and no ecsauth that works.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from certificates import Certificates
from ecsauth.cli.main import main
from instance import Instance
from s3_server import REGION
from seaweed_server import SeaweedServer, Witness

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_server import LoopbackServer

S3_HOST = f"s3.{REGION}.amazonaws.com"
HTTPS_PORT = 443
ARCHIVE_KEY = "prod/ecsauth"
PROGRAM = "/usr/local/bin/ecsauth"
# Status of what stands in the program's place in the image.
NO_PROGRAM = 99
# Where Debian's OpenSSL looks, and Debian's programs.
_TRUSTED = ("/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt")


class LaunchedInstance(Instance):
    """The instance, with the boot archive in its bucket; `s3` is the server that answers on its loopback.

    `others` are more servers of AWS, by name, each at an address of its own.
    """

    environment = ()

    def __init__(self, image: str, server: SeaweedServer, certificates: Certificates, **others: LoopbackServer) -> None:
        super().__init__(image, server)
        self._certificates = certificates
        self.s3 = Witness(server.url, port=HTTPS_PORT, tls=certificates.server_context())
        self.metadata.instance = server.assume_role(self.bucket)._replace(instance_id=self.instance_id)
        self._servers = self._serving = (self.s3, self.metadata, *others.values())
        self.hosts = {f"{self.bucket}.{S3_HOST}": "127.0.0.1"}
        for number, (name, other) in enumerate(others.items(), start=2):
            other.host = self.hosts[f"{name}.{REGION}.amazonaws.com"] = f"127.0.0.{number}"

    def prepare(self) -> None:
        """Take away what the other instances have: an ecsauth, and the address of S3 in every unit's environment."""
        super().prepare()
        self.write("/etc/systemd/system.conf.d/50-instance.conf", b"[Manager]\n")
        self.write(PROGRAM, f"#!/bin/sh\nexit {NO_PROGRAM}\n".encode(), 0o755)
        for path in _TRUSTED:
            self.write(path, self._certificates.ca_file.read_bytes())

    def put_archive(self, content: bytes) -> str:
        """Put the boot archive, and return its SHA-256."""
        self.server.s3.put_object(
            Bucket=self.bucket, Key=ARCHIVE_KEY, Body=content, ServerSideEncryption="aws:kms", SSEKMSKeyId=self.key
        )
        return hashlib.sha256(content).hexdigest()

    def made_user_data(self, folder: Path, *options: str) -> str:
        """Return what `ecsauth user-data` writes for it."""
        file = folder / "user-data"
        assert main(["user-data", self.uri, "--kms-key", self.key, "-o", str(file), *options]) == 0
        return file.read_text()

    def from_archive(self, sha256: str) -> tuple[str, ...]:
        """Return the options that have it fetch the archive."""
        return ("--archive", f"s3://{self.bucket}/{ARCHIVE_KEY}", "--sha256", sha256)


def certificates(folder: Path) -> Certificates:
    """Return the certificate of AWS's endpoints in the region."""
    return Certificates(folder, names=(f"*.{S3_HOST}", f"*.{REGION}.amazonaws.com"))
