"""Write what another evaluator of policies is to be asked, a JSON document a line: every row, and every changed policy.

usage: python tests/verdicts/write_cases.py >CASES.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS / "support"), str(_TESTS.parent)]


def documents() -> Iterator[dict[str, Any]]:
    """Yield the rows in every partition, then the first row that notices each change, after the change."""
    from access_table import CASES
    from access_world import PARTITIONS, Place, question
    from policy_changes import all_changes, with_cases

    for partition in PARTITIONS:
        place = Place(partition)
        policies = place.policies()
        for case in CASES:
            yield {"name": f"{partition.name}: {case}", **question(case, place, policies)}
    home = Place()
    for change, case in with_cases(all_changes(home.policies()), CASES):
        yield {"name": f"without {change}: {case}", **question(case, home, change(home.policies()))}


if __name__ == "__main__":
    for document in documents():
        sys.stdout.write(json.dumps(document, sort_keys=True) + "\n")
