"""Where an agent saves its state: by its two variables and its mounts, and what a next agent finds of it."""

from __future__ import annotations

import pytest
from ecsauth.boot import agent_state, docker_plan
from ecsauth.boot.agent_state import Kept, Mount

PLACE = Kept("/var/lib/ecs/data")
DATA = Mount("/var/lib/ecs/data", "/data")


@pytest.mark.parametrize(
    ("environment", "mounts", "expected"),
    [
        pytest.param({"ECS_DATADIR": "/data/"}, [DATA], PLACE, id="documented"),
        pytest.param({"ECS_DATADIR": "/data"}, [DATA], PLACE, id="without the slash"),
        pytest.param({"ECS_DATADIR": "data"}, [DATA], PLACE, id="relative"),
        pytest.param({"ECS_DATADIR": "//data//"}, [DATA], PLACE, id="slashes"),
        pytest.param({"ECS_CHECKPOINT": "true"}, [DATA], PLACE, id="the default directory"),
        pytest.param({"ECS_CHECKPOINT": "true", "ECS_DATADIR": ""}, [DATA], PLACE, id="the default for an empty one"),
        pytest.param({"ECS_DATADIR": "/data", "ECS_CHECKPOINT": "no"}, [DATA], PLACE, id="no boolean of Go's"),
        pytest.param({"ECS_DATADIR": "/data/one"}, [DATA], Kept("/var/lib/ecs/data/one"), id="below the mount"),
        pytest.param({"ECS_DATADIR": "/data"}, [Mount("/", "/"), DATA], PLACE, id="innermost mount"),
        pytest.param({"ECS_DATADIR": "/data"}, [Mount("/srv", "/")], Kept("/srv/data"), id="mount of all"),
        pytest.param({}, [DATA], Kept("", "ECS_DATADIR is not set"), id="not set"),
        pytest.param({"ECS_DATADIR": ""}, [DATA], Kept("", "ECS_DATADIR is empty"), id="empty"),
        pytest.param(
            {"ECS_DATADIR": "/data", "ECS_CHECKPOINT": "f"}, [DATA], Kept("", "ECS_CHECKPOINT is false"), id="off"
        ),
        pytest.param({"ECS_CHECKPOINT": "false"}, [DATA], Kept("", "ECS_DATADIR is not set"), id="off, and no place"),
        pytest.param({"ECS_DATADIR": "/data"}, [], Kept("", "/data exists only in its container"), id="no mount"),
        pytest.param(
            {"ECS_DATADIR": "/database"},
            [DATA],
            Kept("", "/database exists only in its container"),
            id="same beginning",
        ),
        pytest.param(
            {"ECS_DATADIR": "/data"}, [Mount("", "/data")], Kept("", "/data exists only in its container"), id="memory"
        ),
    ],
)
def test_kept(environment: dict[str, str], mounts: list[Mount], expected: Kept) -> None:
    """ECS_CHECKPOINT decides, or else whether ECS_DATADIR is set; only a mount outlives the container."""
    assert agent_state.kept(environment, mounts) == expected


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        (PLACE, PLACE, True),
        (PLACE, Kept("/srv/ecs"), False),
        (Kept("", "for a reason"), PLACE, False),
        (PLACE, Kept("", "for a reason"), False),
        (Kept("", "for a reason"), Kept("", "for a reason"), False),
    ],
)
def test_is_found_by(one: Kept, other: Kept, answer: bool) -> None:
    """A next agent finds the state where both keep it in the same directory of the machine."""
    assert one.is_found_by(other) is answer


@pytest.mark.parametrize("awsvpc", [False, True])
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, PLACE),
        ({"ECS_CHECKPOINT": "false"}, Kept("", "ECS_CHECKPOINT is false")),
        ({"ECS_DATADIR": ""}, Kept("", "ECS_DATADIR is empty")),
        ({"ECS_DATADIR": "/own"}, Kept("", "/own exists only in its container")),
        ({"ECS_DATADIR": "/log"}, Kept("/var/log/ecs")),
    ],
)
def test_kept_by_the_documented_command(environment: dict[str, str], expected: Kept, awsvpc: bool) -> None:
    """An agent of ecsauth's keeps its state in the documented directory unless its env-file says otherwise."""
    assert docker_plan.kept(environment, awsvpc=awsvpc) == expected
