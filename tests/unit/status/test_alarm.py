"""Which states of an instance a person must look at."""

from __future__ import annotations

import pytest
from ecsauth.boot.health import Registration
from ecsauth.boot.state import Ahead, Failure, Installed, Rejected, Source, State
from ecsauth.boot.trust import ObjectFacts
from ecsauth.secret import SecretBytes
from ecsauth.status.alarm import alarms
from ecsauth.status.observed import File, Observed, Placed, Runs, RunsAs, Unreadable
from ecsauth.timing import Moment

NOW = 1_700_000_000
FACTS = ObjectFacts('"e1"', 1, "v1")
SOURCE = Source("s3://bucket/key", "111122223333", ("arn:key",), "/etc/ecs/ecs.config", (), "1")
STATE = State(installed=Installed(FACTS, SOURCE, NOW - 3600), applied=FACTS, verified=FACTS)
# A candidate runs instead of a released version whose agent did not come up, until a minute from now.
AHEAD = STATE._replace(
    installed=Installed(FACTS, SOURCE, NOW - 3600, ahead=Ahead(FACTS, NOW - 3600, NOW + 60)),
    rejected=Rejected(FACTS, "", "it exited", NOW),
)
DATA = SecretBytes(b"ECS_CLUSTER=prod\n")
WELL = Observed(
    now=NOW,
    moment=Moment("boot", 0.0),
    file=File("/etc/ecs/ecs.config", Placed(0o600, 0), DATA, DATA, None),
    state=STATE,
    runs=Runs(RunsAs.SERVICE, running=True),
    answer=Registration("prod", "arn:instance", "1"),
)


@pytest.mark.parametrize(
    ("seen", "names"),
    [
        (WELL, ()),
        (WELL._replace(state=STATE._replace(failure=Failure(NOW, 5, "S3 does not answer"))), ()),
        (WELL._replace(state=STATE._replace(rejected=Rejected(FACTS, "", "it exited", NOW))), ("rejected",)),
        (WELL._replace(state=STATE._replace(rejected_candidate=Rejected(FACTS, "", "it exited", NOW))), ("rejected",)),
        (WELL._replace(state=AHEAD), ()),
        (WELL._replace(state=AHEAD, now=NOW + 60), ("rejected",)),
        (WELL._replace(now=NOW + 24 * 3600), ("stale",)),
        (WELL._replace(now=NOW + 24 * 3600, state=STATE._replace(confirmed_at=NOW + 23 * 3600)), ()),
        (WELL._replace(file=WELL.file._replace(data=SecretBytes(b"edited\n"))), ("no-checked-file",)),
        (WELL._replace(file=WELL.file._replace(data=None, placed=None)), ("no-checked-file",)),
        (WELL._replace(file=WELL.file._replace(placed=Placed(0o644, 0))), ("no-checked-file",)),
        (WELL._replace(state=State(), answer=None), ("no-checked-file", "not-registered")),
        (WELL._replace(answer=None), ("not-registered",)),
        (WELL._replace(answer=Registration("prod", None, "1")), ("not-registered",)),
        (WELL._replace(answer=None, state=STATE._replace(leaves_agent=True)), ()),
        (WELL._replace(state=None, state_unreadable=Unreadable("damaged", "", needs_root=False)), ("unreadable",)),
    ],
)
def test_alarms(seen: Observed, names: tuple[str, ...]) -> None:
    """One failed run is no alarm; what lasts, or leaves the instance without its file or its agent, is."""
    assert alarms(seen, 24 * 3600) == names
