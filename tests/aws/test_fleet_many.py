"""`ecsauth fleet status` for ten thousand instances: how many calls it makes, and how much memory it takes."""

from __future__ import annotations

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
# The program, which tells at its end how much memory it has had. The usage that the system counts for a child has the
# memory of its parent at the fork in it.
_PROGRAM = """
import re, sys
from ecsauth.cli.main import main
status = main()
sys.stdout.flush()
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
sys.exit(status)
"""


def test_ten_thousand_instances(fleet_world: FleetWorld) -> None:
    """It asks for each instance once, in the largest pages that the services give, and stays below 200 MB."""
    fleet_world.launch_models(_COUNT)
    env = {**fleet_world.operator_env, "PYTHONPATH": str(program.SOURCES)}
    argv = [sys.executable, "-c", _PROGRAM, "fleet", "status", fleet_world.uri]
    done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, text=True, check=False, timeout=300)
    *said, peak = done.stdout.split()
    assert (done.returncode, said[-2:]) == (0, ["current", str(_COUNT)])
    calls = {name: fleet_world.service.operations.count(name) for name in set(fleet_world.service.operations)}
    assert calls == {
        "ListContainerInstances": _COUNT // 100,
        "DescribeContainerInstances": _COUNT // 100,
        "DescribeInstanceInformation": _COUNT // 50,
        "GetInventory": _COUNT // 40,
    }
    assert int(peak) < _MOST_KIB
