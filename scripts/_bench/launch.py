"""What the script of `ecsauth user-data` costs before the boot: role, archive, SHA-256, the file in its place."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from contest import Contender
from metadata_service import Instance

from bootstrap.core import s3_uri, user_data
from bootstrap.core.units import UnitFile

if TYPE_CHECKING:
    from s3_server import S3Server

NAME = "user data, without the boot"
KEY = "prod/ecsauth"
# As large as the boot archive with the parts of five Pythons; the time is that of its way, not of what is in it.
_SIZE = 5_000_000
_METADATA = "169.254.169.254"


def put_archive(server: S3Server, bucket: str) -> str:
    """Put something as large as the archive; return its SHA-256."""
    content = os.urandom(_SIZE)
    server.s3.put_object(Bucket=bucket, Key=KEY, Body=content)
    return hashlib.sha256(content).hexdigest()


def contender(scratch: Path, kms_key: str, bucket: str, sha256: str, places: tuple[str, str]) -> Contender:
    """Return the script as it is written, but for where the metadata service is, and the boot.

    `places` are S3, over HTTPS, and the metadata service. There is no gate, which would be this machine's.
    """
    s3, metadata = places
    order = user_data.Order(
        arguments=(f"s3://{bucket}/prod/ecs.config", "--kms-key", kms_key),
        launch="none",
        kms_keys=(kms_key,),
        archive=user_data.Archive(s3_uri.parse(f"s3://{bucket}/{KEY}"), sha256),
        region=Instance().region,
        endpoint=s3.rpartition(":")[0],
        program=str(scratch / "ecsauth"),
    )
    *lines, export, _ = user_data.render(order, "sh", UnitFile("", "")).splitlines(keepends=True)
    script = scratch / "user-data.sh"
    text = "".join((*lines, export))
    for port, server in (("443", s3), ("80", metadata)):
        text = re.sub(rf"(?<=[ =]){port}\b", server.rpartition(":")[2], text)
    text = text.replace(_METADATA, "127.0.0.1")
    script.write_text(text)
    # An instance's python3 is a program; this machine's may be a shell script that looks for one.
    path = f"PATH={Path(sys.executable).parent}:{os.environ['PATH']}"
    return Contender(NAME, ("/usr/bin/env", path, "/bin/sh", str(script)))
