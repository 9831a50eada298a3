"""The tiers of the test suite hold what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiers
from tiers import TIERS

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("place", [place for tier in TIERS for place in tier.places])
def test_places_are_there(place: str) -> None:
    """Each place of a tier is that of a folder, of a module or of a test: none has been renamed."""
    path, _, test = place.partition("::")
    found = [ROOT / path] if (ROOT / path).exists() else list(ROOT.glob(f"{path}*.py"))
    assert found
    assert not test or f"\ndef {test}(" in found[0].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("test", "marks", "expected"),
    [
        ("tests/unit/test_state.py::test_x[1]", (), ("quick", "portable")),
        ("tests/unit/test_state.py::test_x[1]", ("parametrize", "slow"), ()),
        ("tests/aws/test_store_write.py::test_x", (), ("quick", "portable")),
        ("tests/aws/test_push.py::test_x", (), ("quick",)),
        ("tests/aws/test_export.py::test_x", (), ()),
        ("tests/unit/test_import.py::test_x", ("docker",), ("portable",)),
        ("tests/machine/test_boot_docker.py::test_push_then_boot", ("docker",), ("portable",)),
        ("tests/machine/test_boot_docker.py::test_rotation", ("docker",), ()),
        ("tests/machine/test_disk_runs.py::test_x", (), ("portable",)),
        ("tests/machine/test_boot_archive.py::test_x", ("once",), ()),
    ],
)
def test_tiers_of_a_test(test: str, marks: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """A test is of a tier by its place, unless a mark keeps it out."""
    assert tiers.of(test, frozenset(marks)) == expected
