"""What the script of `ecsauth user-data` costs before the boot: role, archive, SHA-256, the file in its place."""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ecsauth import aws_names
from ecsauth.aws import sigv4
from ecsauth.boot.units import UnitFile
from ecsauth.deploy import user_data
from metadata_service import Instance

from _bench.contest import Contender

if TYPE_CHECKING:
    from s3_server import S3Server

NAME = "user data, without the boot"
KEY = "prod/ecsauth"
_METADATA = "169.254.169.254"


class Places(NamedTuple):
    """Where S3 is, over HTTPS, and the metadata service; and whose certificates hold."""

    s3: str
    metadata: str
    ca_file: Path


def put_archive(server: S3Server, bucket: str, archive: Path) -> None:
    """Put the boot archive beside the env-file."""
    server.s3.put_object(Bucket=bucket, Key=KEY, Body=archive.read_bytes())


def contender(scratch: Path, kms_key: str, bucket: str, archive: Path, places: Places) -> Contender:
    """Return the script as it is written, but for where the metadata service and the program are, and the boot.

    There is no gate, which would be this machine's.
    """
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    order = user_data.UserDataSpec(
        arguments=(f"s3://{bucket}/prod/ecs.config", "--kms-key", kms_key),
        launch="none",
        kms_keys=(kms_key,),
        archive=user_data.ArchiveSource(aws_names.parse(f"s3://{bucket}/{KEY}"), sha256),
        region=Instance().region,
        endpoint=places.s3.rpartition(":")[0],
    )
    *lines, export, _ = user_data.render(order, "sh", UnitFile("", ""), inspect.getsource(sigv4.sign)).splitlines(
        keepends=True
    )
    script = scratch / "user-data.sh"
    text = "".join((*lines, export))
    for port, server in (("443", places.s3), ("80", places.metadata)):
        text = re.sub(rf"(?<=[ =]){port}\b", server.rpartition(":")[2], text)
    # Where it is put is a path of root's: user data with another are refused.
    text = text.replace(_METADATA, "127.0.0.1").replace(user_data.PROGRAM, str(scratch / "ecsauth"))
    script.write_text(text)
    # An instance's python3 is a program; this machine's may be a shell script that looks for one.
    path = f"PATH={Path(sys.executable).parent}:{os.environ['PATH']}"
    # Python asks OpenSSL what to trust, which knows nothing of AWS_CA_BUNDLE.
    trusted = f"SSL_CERT_FILE={places.ca_file}"
    return Contender(NAME, ("/usr/bin/env", path, trusted, "/bin/sh", str(script)))
