"""Which file is gone on with while S3 is silent: bytes and record have to belong together, and to the demand."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from ecsauth import aws_names
from ecsauth.boot import install
from ecsauth.boot.fallback import last_verified
from ecsauth.boot.fetch import Accepted, Demand
from ecsauth.boot.state import Source
from ecsauth.boot.trust import ObjectFacts
from ecsauth.envfile import overrides
from ecsauth.errors import UnreachableError
from ecsauth.host.clock import SystemClock
from ecsauth.host.disk import LocalDisk
from ecsauth.secret import SecretBytes

if TYPE_CHECKING:
    from pathlib import Path

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"
SILENCE = UnreachableError("S3 does not answer")
FACTS = ObjectFacts("e1", 1, "v1", "aws:kms", KEY)
CLOCK = SystemClock()


class _Killed(BaseException):
    """The run ends here."""


class _DiesBeforeTheFile(LocalDisk):
    """A disk whose process dies before it writes the env-file."""

    def write_env_file(self, data: bytes | None, mode: int = 0o600) -> None:
        """Die."""
        del data, mode
        raise _Killed


def _demand(place: Path, cluster: str) -> Demand:
    settings = (overrides.setting(f"ECS_CLUSTER={cluster}"),)
    return Demand(aws_names.parse("s3://bucket/k"), (KEY,), str(place / "ecs.config"), settings=settings)


def _accepted(place: Path, cluster: str) -> Accepted:
    settings = (f"ECS_CLUSTER={cluster}",)
    source = Source("s3://bucket/k", "111122223333", (KEY,), str(place / "ecs.config"), settings, "1")
    return Accepted(FACTS, SecretBytes(f"ECS_CLUSTER={cluster}\n".encode()), source, is_new=True)


def test_same_object_with_other_settings(disk: LocalDisk, place: Path) -> None:
    """A run with other settings that was killed left a copy that is not what is recorded: the file of before counts."""
    install.install(disk, disk.state(), _accepted(place, "prod"), CLOCK, close=True)
    dying = _DiesBeforeTheFile(str(place / "ecs.config"), str(place.parent / "state"))
    with contextlib.suppress(_Killed):
        install.install(dying, dying.state(), _accepted(place, "staging"), CLOCK)
    good = last_verified(SILENCE, _demand(place, "prod"), disk, disk.state(), CLOCK.wall())
    assert good.data == b"ECS_CLUSTER=prod\n"
    with pytest.raises(UnreachableError) as raised:
        last_verified(SILENCE, _demand(place, "staging"), disk, disk.state(), CLOCK.wall())
    assert any("--set" in hint for hint in raised.value.hints)


@pytest.mark.parametrize(
    ("bound", "ahead", "said"),
    [
        (None, 3600, None),
        (7200.0, 0, None),
        (7200.0, 7199, None),
        (7200.0, 7202, "and --max-stale allows "),
        (7200.0, -2, "its age is unknown"),
        (7200.0, -3600, "its age is unknown"),
        (None, -3600, None),
    ],
)
def test_age(disk: LocalDisk, place: Path, bound: float | None, ahead: int, said: str | None) -> None:
    """A bound is kept by what the clock can show: one behind the record shows nothing, and is no proof of freshness."""
    demand = _demand(place, "prod")._replace(max_stale=bound)
    state = install.install(disk, disk.state(), _accepted(place, "prod"), CLOCK, close=True)
    assert state.installed is not None
    now = state.installed.at + ahead
    if said is None:
        assert last_verified(SILENCE, demand, disk, state, now).stale_for == max(0, ahead)
        return
    with pytest.raises(UnreachableError) as raised:
        last_verified(SILENCE, demand, disk, state, now)
    assert said in raised.value.hints[-1]
