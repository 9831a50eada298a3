"""Warnings and notes accepted in the file."""

from __future__ import annotations

import pytest
from ecsauth.check import check

_BAD = "ECS_DISABLE_METRICS=yes\n"


def _codes(text: str) -> list[str]:
    return [finding.code for finding in check(text.encode()) if finding.code != "A301"]


@pytest.mark.parametrize(
    "comment",
    [
        "# ecsauth: accept V222",
        "#ecsauth:accept v222",
        "  ## ecsauth: accept V201 V222, V213",
        "# ecsauth: accept V222\n\n# another comment",
        "# ecsauth: accept V222 (the vendor wants it so)",
    ],
)
def test_a_comment_accepts_codes_for_the_next_line(comment: str) -> None:
    """Blank lines and comments in between do not count."""
    assert _codes(f"ECS_CLUSTER=prod\n{comment}\n{_BAD}") == []


def test_the_line_after_the_next_is_not_accepted() -> None:
    """An acceptance does not go on."""
    assert _codes(f"ECS_CLUSTER=prod\n# ecsauth: accept V222\nECS_LOGLEVEL=info\n{_BAD}") == ["V222"]


def test_other_codes_are_not_accepted() -> None:
    """Only what is named is accepted."""
    assert _codes(f"ECS_CLUSTER=prod\n# ecsauth: accept V221\n{_BAD}") == ["V222"]


def test_a_finding_about_the_whole_file_is_accepted_from_anywhere() -> None:
    """A missing variable has no line."""
    assert _codes("ECS_LOGLEVEL=info\n# ecsauth: accept V201\n") == []


@pytest.mark.parametrize("codes", ["", "F114", "X999", "V222 F114", "V299"])
def test_an_acceptance_of_nothing_is_told(codes: str) -> None:
    """Unknown codes, errors, and none at all."""
    found = _codes(f"ECS_CLUSTER=prod\n# ecsauth: accept {codes}\nECS_LOGLEVEL=info\n")
    assert found == ["F150"]


def test_an_error_is_never_accepted() -> None:
    """The file would not work."""
    assert _codes("# ecsauth: accept F114\nexport ECS_CLUSTER=prod\n") == ["F150", "F114"]


def test_a_comment_with_an_equals_sign_accepts_nothing() -> None:
    """To ecs-init it is no comment."""
    assert _codes(f"ECS_CLUSTER=prod\n# ecsauth: accept V222 why=known\n{_BAD}") == ["F122", "V222"]
