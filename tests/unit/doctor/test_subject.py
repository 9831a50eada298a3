"""What `doctor` examines: what was given counts, then what is recorded of the same object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import pytest
from ecsauth.aws_names import S3URI
from ecsauth.boot.fetch import Identity
from ecsauth.boot.service import Supervisor
from ecsauth.boot.state import Installed, Source, State
from ecsauth.boot.trust import ObjectFacts, Pins
from ecsauth.doctor.subject import DoctorRequest, ExaminedInstance, given_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY, OTHER_KEY = (f"arn:aws:kms:eu-west-1:111122223333:key/{number}" for number in (1, 2))
ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
URI = S3URI("fleet", "prod/ecs.config")
FACTS = ObjectFacts("etag", 1, "v1", "aws:kms", KEY)
STATE = State(
    installed=Installed(FACTS, Source(str(URI), ACCOUNT, (KEY,), "/etc/ecs/ecs.config", (), "1"), 1), region="eu-west-1"
)
REQUEST = DoctorRequest(
    uri=None,
    file=None,
    state_dir="/var/lib/ecsauth",
    bucket_owner=None,
    kms_keys=(),
    region=None,
    profile=None,
    launch="auto",
    deadline=30.0,
)


def examined(
    state: Optional[State] = None, uri: S3URI = URI, supervisor: Optional[Supervisor] = None, **given: Any
) -> ExaminedInstance:
    """Return the instance with this record, as it is examined for these arguments."""
    return ExaminedInstance(REQUEST._replace(**given), uri, "/etc/ecs/ecs.config", state, None, "", supervisor)


@pytest.mark.parametrize(
    ("on", "place", "pins"),
    [
        (examined(), (None, None), None),
        (examined(STATE), ("eu-west-1", ACCOUNT), Pins((KEY,), None)),
        (
            examined(STATE, region="us-west-2", bucket_owner=OTHER_ACCOUNT, kms_keys=(OTHER_KEY,)),
            ("us-west-2", OTHER_ACCOUNT),
            Pins((OTHER_KEY,), None),
        ),
        (examined(STATE, S3URI("fleet", "other")), (None, None), None),
        (examined(STATE, URI._replace(version_id="v2"), kms_keys=(KEY,)), (None, None), Pins((KEY,), "v2")),
    ],
)
def test_what_is_known(on: ExaminedInstance, place: tuple[Any, Any], pins: Optional[Pins]) -> None:
    """What was given beats what is recorded, which counts for the same object only."""
    assert ((on.region, on.owner), on.pins) == (place, pins)
    assert on.gives_place() is (None not in place)


@pytest.mark.parametrize(
    ("on", "place"),
    [
        (examined(), ("eu-north-1", OTHER_ACCOUNT)),
        (examined(region="us-west-2"), ("us-west-2", OTHER_ACCOUNT)),
        (examined(bucket_owner=ACCOUNT), ("eu-north-1", ACCOUNT)),
        (examined(STATE), ("eu-west-1", ACCOUNT)),
    ],
)
def test_place_of_the_bucket(on: ExaminedInstance, place: tuple[str, str]) -> None:
    """Region and owner that are neither given nor recorded are the instance's own."""
    assert on.place(Identity("eu-north-1", OTHER_ACCOUNT)) == place
    assert on.place(None) == (on.region, on.owner)


@pytest.mark.parametrize(
    ("profile", "environment", "said"),
    [
        (None, {}, ""),
        (None, {"AWS_ACCESS_KEY_ID": "", "AWS_REGION": "eu-west-1"}, ""),
        (None, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/f"}, "AWS_WEB_IDENTITY_TOKEN_FILE is"),
        ("ops", {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"}, "the profile ops is"),
    ],
)
def test_credentials(profile: Optional[str], environment: Mapping[str, str], said: str) -> None:
    """A profile beats the environment, which beats the role."""
    assert given_credentials(profile, environment) == said


@pytest.mark.parametrize(
    ("on", "starts_none", "needs_no_engine"),
    [
        (examined(), "", False),
        (examined(supervisor=Supervisor.SYSTEMD), "", True),
        (examined(supervisor=Supervisor.SYSTEMD, launch="docker"), "", False),
        (examined(launch="service"), "", True),
        (examined(launch="none"), "not needed with --launch none", True),
        (examined(State(leaves_agent=True)), "not needed: boot runs with --launch none", True),
        (examined(State(leaves_agent=True), launch="docker"), "", False),
    ],
)
def test_agent_that_is_looked_for(on: ExaminedInstance, starts_none: str, needs_no_engine: bool) -> None:
    """What was told about the agent counts, then what is recorded; docker is needed where it would run it."""
    assert (on.starts_none, on.needs_no_engine()) == (starts_none, needs_no_engine)
