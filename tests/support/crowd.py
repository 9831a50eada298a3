"""Many runs of the program at once, at a tenth of what as many processes would cost.

A program: `python tests/support/crowd.py < runs.json` makes one child for each run by fork, when everything slow is
loaded, lets them start in the same moment or one after the other, and prints how each has ended, in the order given.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from program import Ended

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120


def run_together(
    runs: Sequence[tuple[Sequence[str], bytes]], env: Mapping[str, str], pause_s: float = 0.0
) -> list[Ended]:
    """Run the commands, each with its standard input, in one environment; so long after one the next is started."""
    from program import Ended

    listed = [[list(arguments), given.decode()] for arguments, given in runs]
    order = json.dumps({"env": dict(env), "pause_s": pause_s, "runs": listed})
    path = f"{ROOT}:{Path(__file__).parent}"
    done = subprocess.run(
        [sys.executable, __file__],
        input=order,
        stdout=subprocess.PIPE,
        text=True,
        env={**env, "PYTHONPATH": path},
        timeout=TIMEOUT_S,
        check=True,
    )
    return [Ended(*each) for each in json.loads(done.stdout)]


def main() -> None:
    """Read the runs, run them, print how they ended."""
    import boto3
    import sdk_data
    from program import run_here

    order = json.load(sys.stdin)
    with sdk_data.read_once():
        # What the SDK loads for a first client is loaded for all.
        boto3.client("s3", region_name="us-east-1")
        _run_all(order, run_here)


def _run_all(order: Any, run_here: Callable[..., Ended]) -> None:
    ready, start = os.pipe()
    children = []
    for arguments, given in order["runs"]:
        answers, answer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(start)
                os.read(ready, 1)  # until it is its turn
                ended = run_here(*arguments, env=order["env"], stdin=given.encode())
                with os.fdopen(answer, "w") as out:
                    json.dump(ended, out)
            finally:
                # What follows is the parent's.
                os._exit(0)
        os.close(answer)
        children.append((child, answers))
    for _ in children:
        os.write(start, b"!")
        time.sleep(order["pause_s"])
    os.close(start)
    results = []
    for child, answers in children:
        with os.fdopen(answers) as source:
            results.append(json.load(source))
        os.waitpid(child, 0)
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
