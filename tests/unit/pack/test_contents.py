"""Which modules go into the boot archive: all that an instance's commands need, none that needs the SDK."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import boot_archive
import pytest
from ecsauth.cli.parser import COMMANDS
from ecsauth.pack import contents

if TYPE_CHECKING:
    from ecsauth.pack.contents import Contents

PACKAGE = Path(contents.__file__).parents[1]
# What commands of an instance lead to, and what is the SDK's: only functions may import it. A module that `boot` needs
# must not be here.
OF_SDK = {
    "ecsauth.aws.s3",
    "ecsauth.aws.sdk_credentials",
    "ecsauth.aws.session",
}
# What the operators' ecsauth.toml is read by.
OF_OPERATORS = {"ecsauth.cli.environment_names"}
ROOMS_OF_OPERATORS = ("deploy", "pack", "publish")


@cache
def _contents() -> Contents:
    return contents.contents()


def test_commands_are_those_of_an_instance() -> None:
    """Each of them is carried, and no other."""
    carried = {path.split("/")[-1] for path in _contents().files if path.startswith("ecsauth/cli/commands/")}
    assert set(contents.COMMANDS) == set(boot_archive.COMMANDS) <= set(COMMANDS)
    assert carried == {"__init__.py", *(f"{name}.py" for name in boot_archive.COMMANDS)}


def test_what_is_left_out() -> None:
    """What would bring the SDK is known by name, so that nothing goes missing by an import more."""
    assert set(_contents().left_out) == OF_SDK | OF_OPERATORS


def test_environments_of_operators_are_left_out() -> None:
    """Nothing in the archive reads ecsauth.toml, or TOML at all."""
    for path, data in _contents().files.items():
        assert not path.startswith(("ecsauth/cli/environment", "ecsauth/cli/toml_places")), path
        assert b"tomllib" not in data, path


@pytest.mark.parametrize("room", ROOMS_OF_OPERATORS)
def test_rooms_of_operators_are_left_out(room: str) -> None:
    """Nothing that only operators do is in the archive."""
    assert not [path for path in _contents().files if path.startswith(f"ecsauth/{room}/")]


def test_data_goes_with_its_module() -> None:
    """A module's data is carried as it is."""
    assert _contents().files["ecsauth/agent/variables.json"] == (PACKAGE / "agent/variables.json").read_bytes()


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python 3.9 has no list of its own modules")
def test_modules_import_the_standard_library_and_each_other() -> None:
    """No module that is carried imports anything else when it is loaded."""
    known = {*getattr(sys, "stdlib_module_names", ()), "ecsauth"}
    for path, text in _contents().files.items():
        if path.endswith(".py"):
            at_once = contents.imports(text.decode()).at_once
            assert {name.partition(".")[0] for name in at_once} <= known, path
