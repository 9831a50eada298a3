"""A host outside EC2 (ECS Anywhere): no metadata service, and keys in a file that another program renews."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import s3_faults as faults
from machine import auth_file
from s3_server import ACCOUNT, REGION

if TYPE_CHECKING:
    from pathlib import Path

    from fetching import Instance
    from loopback_server import Answer
    from s3_request import Request

# `/root/.aws/credentials`, as the SSM agent of an activated host writes it.
OPTIONS = ("--region", REGION, "--bucket-owner", ACCOUNT, "--profile", "default")
BODY = auth_file("of-the-host", "ECS_EXTERNAL=true", f"AWS_DEFAULT_REGION={REGION}")


def write_keys(home: Path, name: str) -> None:
    """Write the keys of that name, as the SSM agent does."""
    (home / ".aws").mkdir(exist_ok=True)
    (home / ".aws" / "credentials").write_text(
        f"[default]\naws_access_key_id = {name}\naws_secret_access_key = secret\naws_session_token = token\n"
    )


class Renewed(faults.Fault):
    """The first keys have expired; while the program waits, the SSM agent writes new ones."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def respond(self, request: Request, forward: faults.Forward) -> Answer:
        """Refuse the old keys."""
        if request.access_key != "AKIAEXPIRED":
            return forward()
        write_keys(self._home, "AKIARENEWED")
        return faults.error_document(400, "ExpiredToken", "The provided token has expired.", request.path)


def test_keys_that_are_renewed_while_it_waits(instance: Instance) -> None:
    """Expired keys are no end: they are read again from the file with each try."""
    home = instance.folder / "home"
    write_keys(home, "AKIAEXPIRED")
    instance.put(BODY)
    instance.proxy.inject(Renewed(home))
    done = instance.install_here(*OPTIONS)
    assert done.status == 0, done.err
    assert instance.env_file.read_bytes() == BODY
    assert len(instance.proxy.operations) == 2
    assert not list(instance.metadata.requests)


@pytest.mark.parametrize("half", ["", "[default]\naws_access_key_id = AKIAHOST\n"], ids=["empty", "half of the keys"])
def test_a_file_that_is_being_written(instance: Instance, half: str) -> None:
    """A file that is not complete yet is read again: the SSM agent empties it before it writes new keys."""
    home = instance.folder / "home"
    write_keys(home, "AKIAHOST")
    whole = (home / ".aws" / "credentials").read_text()
    (home / ".aws" / "credentials").write_text(half)
    instance.put(BODY)
    writer = threading.Timer(0.05, (home / ".aws" / "credentials").write_text, [whole])
    writer.start()
    done = instance.install_here(*OPTIONS)
    writer.join()
    assert done.status == 0, done.err


def test_a_host_takes_a_candidate(instance: Instance) -> None:
    """A rollout reaches such a host as well."""
    write_keys(instance.folder / "home", "AKIAHOST")
    instance.put(BODY)
    assert instance.install_here(*OPTIONS).status == 0
    version = instance.store.put(BODY.replace(b"of-the-host", b"the-next"), "prod/ecs.config.candidate")
    assert instance.install_here(*OPTIONS, "--candidate", version).status == 0
    assert not list(instance.metadata.requests)


def test_keys_that_stay_expired(instance: Instance) -> None:
    """If nobody renews them, the boot says what is wrong with them within its deadline, and may be tried again."""
    write_keys(instance.folder / "home", "AKIAEXPIRED")
    instance.put(BODY)
    instance.proxy.inject(faults.Reply(400, "ExpiredToken", "The provided token has expired."))
    done = instance.install_here(*OPTIONS, "--deadline", "3")
    assert done.status == 5
    assert "expired" in done.err
