"""`ecsauth fleet status` for ten thousand instances: how many calls it makes, and how much memory it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import program
import pytest

if TYPE_CHECKING:
    from fleet_world import FleetWorld

pytestmark = pytest.mark.slow
_COUNT = 10_000
_MOST_KIB = 200 * 1024


def test_ten_thousand_instances(fleet_world: FleetWorld) -> None:
    """It asks for each instance once, in the largest pages that the services give, and stays below 200 MB."""
    fleet_world.launch_models(_COUNT)
    env = {**fleet_world.operator_env, "PYTHONPATH": str(program.SOURCES)}
    argv = [sys.executable, "-m", "ecsauth", "fleet", "status", fleet_world.uri]
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        out = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert (child.returncode, out.split()[-2:]) == (0, ["current", str(_COUNT)])
    calls = {name: fleet_world.service.operations.count(name) for name in set(fleet_world.service.operations)}
    assert calls == {
        "ListContainerInstances": _COUNT // 100,
        "DescribeContainerInstances": _COUNT // 100,
        "DescribeInstanceInformation": _COUNT // 50,
        "GetInventory": _COUNT // 40,
    }
    assert used.ru_maxrss < _MOST_KIB
