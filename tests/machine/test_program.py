"""How the program says that it is run again: by what started it, and only if nobody but root could change that."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from program import SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator

SAY = (
    "import json\n"
    "from ecsauth.errors import LocalError\n"
    "from ecsauth.host.units import absolute_argv\n"
    "try:\n"
    "    print(json.dumps(absolute_argv()))\n"
    "except LocalError as fault:\n"
    "    print(json.dumps({'message': fault.message, 'hints': fault.hints}))\n"
)
BASE = os.path.realpath(sys.executable)


class Place(NamedTuple):
    """An installation: its root, its Python, and where packages are."""

    root: Path
    python: Path
    packages: Path

    def script(self, name: str = "ecsauth", text: str = SAY) -> Path:
        """Make a console script in it."""
        path = self.root / "bin" / name
        path.write_text(f"#!{self.python}\n{text}")
        path.chmod(0o755)
        return path


@pytest.fixture
def firm() -> Iterator[Path]:
    """Give a directory with no directory above it that others can write: /tmp is one."""
    with tempfile.TemporaryDirectory(prefix="ecsauth-test-", dir=Path.home()) as directory:
        yield Path(directory)


@pytest.fixture
def place(firm: Path) -> Place:
    """Make a virtual environment with this package, as root would below /opt, and a stand-in of the SDK."""
    return make_place(firm / "opt")


def make_place(root: Path) -> Place:
    """Make it in the directory."""
    subprocess.run([BASE, "-m", "venv", "--without-pip", str(root)], check=True, timeout=120)
    (packages,) = root.glob("lib/python3*/site-packages")
    shutil.copytree(SOURCES / "ecsauth", packages / "ecsauth", ignore=shutil.ignore_patterns("__pycache__"))
    (packages / "botocore").mkdir()
    (packages / "botocore" / "__init__.py").touch()
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o022)
    # What the package's own command line would do is not asked here.
    (packages / "ecsauth" / "__main__.py").write_text(SAY)
    return Place(root, root / "bin" / "python", packages)


def _say(*command: object, cwd: str | Path = "/", **more: str) -> object:
    env = {"PATH": os.defpath, **more}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _refusal(said: object) -> str:
    assert isinstance(said, dict), said
    assert said["hints"]
    return str(said["message"])


def test_a_console_script(place: Place) -> None:
    """It is named by its absolute path, however it was called."""
    script = place.script()
    assert _say(script) == [str(script)]
    assert _say("./ecsauth", cwd=script.parent) == [str(script)]
    assert _say("ecsauth", PATH=f"{script.parent}:{os.defpath}") == [str(script)]


def test_a_program_below_tmp(tmp_path: Path) -> None:
    """Below a directory for everybody a name is anybody's once the file has aged away: no unit may run that."""
    assert "is writable for other users" in _refusal(_say(make_place(tmp_path / "opt").script()))


def test_a_link_to_a_console_script(place: Place, tmp_path: Path) -> None:
    """The link may go; what it leads to is named."""
    link = tmp_path / "ecsauth"
    link.symlink_to(place.script())
    assert _say(link) == [str(place.root / "bin" / "ecsauth")]


def test_a_module_that_is_installed(place: Place) -> None:
    """`python -m ecsauth` is named by the same Python: of the virtual environment, not the one behind it."""
    assert _say(place.python, "-m", "ecsauth") == [str(place.python), "-m", "ecsauth"]


@pytest.mark.parametrize("by", ["PYTHONPATH", "directory"])
def test_a_module_that_is_borrowed(place: Place, tmp_path: Path, by: str) -> None:
    """A package that only this shell finds would not be found at boot."""
    other = tmp_path / "checkout"
    shutil.copytree(place.packages, other)
    shutil.rmtree(place.packages / "ecsauth")
    more = {"PYTHONPATH": str(other)} if by == "PYTHONPATH" else {}
    assert "PYTHONPATH" in _refusal(_say(place.python, "-m", "ecsauth", cwd=other, **more))


def test_a_console_script_with_a_borrowed_package(place: Place, tmp_path: Path) -> None:
    """The script is there at boot, but another package, or none, would be run by it."""
    other = tmp_path / "checkout"
    shutil.copytree(place.packages, other)
    script = place.script()
    assert "PYTHONPATH" in _refusal(_say(script, PYTHONPATH=str(other)))
    assert _say(script, PYTHONPATH=str(place.packages)) == [str(script)]


def test_a_module_without_what_it_needs(place: Place) -> None:
    """The package alone is no program: the SDK has to be there as well."""
    shutil.rmtree(place.packages / "botocore")
    assert "PYTHONPATH" in _refusal(_say(place.python, "-m", "ecsauth"))


def _archive(place: Place, mode: int) -> Path:
    path = place.root / "ecsauth.pyz"
    with path.open("wb") as file:
        file.write(f"#!{place.python}\n".encode())
        with zipfile.ZipFile(file, "w") as archive:
            for one in (place.packages / "ecsauth").rglob("*.py"):
                archive.write(one, one.relative_to(place.packages))
            archive.writestr("__main__.py", SAY)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o755, 0o644])
def test_an_archive(place: Place, mode: int) -> None:
    """It runs again with the Python that runs it now, for it is not for every one; PYTHONPATH is nothing to it."""
    archive = _archive(place, mode)
    other = Path(BASE)
    assert _say(place.python, archive, PYTHONPATH="/nowhere") == [str(place.python), "-IS", str(archive)]
    assert _say(other, archive) == [str(other), "-IS", str(archive)]
    if mode & 0o100:
        assert _say(archive) == [str(place.python), "-IS", str(archive)]


def _open_script(place: Place) -> None:
    (place.root / "bin" / "ecsauth").chmod(0o775)


def _open_folder(place: Place) -> None:
    (place.root / "bin").chmod(0o777)


def _open_root(place: Place) -> None:
    place.root.chmod(0o775)


def _open_package(place: Place) -> None:
    (place.packages / "ecsauth").chmod(0o775)


def _open_packages(place: Place) -> None:
    place.packages.chmod(0o777)


def _foreign_script(place: Place) -> None:
    os.chown(place.root / "bin" / "ecsauth", 65534, 65534)


def _foreign_python(place: Place) -> None:
    os.lchown(place.python, 65534, 65534)


@pytest.mark.parametrize(
    "spoil",
    [_open_script, _open_folder, _open_root, _open_package, _open_packages, _foreign_script, _foreign_python],
)
def test_a_program_that_others_could_change(place: Place, spoil: object) -> None:
    """A unit would run as root what they put there."""
    if os.geteuid():
        pytest.skip("needs root")
    script = place.script()
    assert callable(spoil)
    spoil(place)
    message = _refusal(_say(script))
    assert "for other users" in message or "belongs to another user" in message
