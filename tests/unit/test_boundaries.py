"""The shape of the package: what may import what, who may print and end the program, and how long things may get."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import ecsauth
import pytest
from ecsauth.cli.parser import COMMANDS
from ecsauth.errors import EcsauthError

PACKAGE = Path(ecsauth.__file__).parent
MODULES = sorted(module.name for module in pkgutil.walk_packages([str(PACKAGE)], "ecsauth."))
# A module imports from its own room and from the rooms below it, never from one beside it.
LAYERS = (
    ("ground",),
    ("go",),
    ("agent",),
    ("registry", "envfile"),
    ("check", "login"),
    ("boot",),
    ("pack",),
    ("status", "publish", "deploy"),
    ("doctor", "fleet"),
    ("aws", "host"),
    ("cli",),
)
ENTRY = "ecsauth.__main__"
# What another process runs: the boot archive, or another Python. They are read as texts, and imported by tests only.
PROGRAMS = {"ecsauth.pack.chooser", "ecsauth.pack.compiler", "ecsauth.pack.importer"}
HEIGHT = {room: height for height, rooms in enumerate(LAYERS) for room in rooms}


def _room(name: str) -> str:
    """Return the package below `ecsauth` that a module is in; those beside the packages are the ground of all."""
    first = name.split(".")[1]
    return first if (PACKAGE / first).is_dir() else "ground"


IO_ROOMS = ("aws", "host")
COMMAND_LAYER = [name for name in MODULES if _room(name) == "cli"]
PURE = [name for name in MODULES if _room(name) not in (*IO_ROOMS, "cli") and name not in (ENTRY, "ecsauth.archive")]
BELOW_COMMANDS = [name for name in MODULES if _room(name) != "cli" and name not in (ENTRY, *PROGRAMS)]

SDK = frozenset({"boto3", "botocore", "s3transfer", "urllib3", "jmespath", "moto"})
IO = frozenset({"socket", "ssl", "http", "subprocess", "tempfile", "fcntl", "dotenv"})
# Not forbidden by what they do, but by the milliseconds that they cost every run of `ecsauth check`.
SLOW = frozenset({"dataclasses", "inspect", "pathlib", "asyncio", "logging", "typing_extensions"})
LONGEST_MODULE = 350
LONGEST_FUNCTION = 50


def _file(name: str) -> Path:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _tree(name: str) -> ast.Module:
    return ast.parse(_file(name).read_text())


def _imports(name: str, of: str = "ecsauth") -> set[str]:
    """Return all that a module imports (of this package), in functions and under TYPE_CHECKING too."""
    found: set[str] = set()
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            found.update({f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""})
    return {one for one in found if one.startswith(of)}


def _loaded_by(code: str, *options: str) -> frozenset[str]:
    """Return the top-level modules that a fresh interpreter has loaded after running `code`."""
    report = "import sys\nsys.stderr.write('\\nloaded ' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    program = f"import sys\nsys.path.insert(0, {str(PACKAGE.parent)!r})\n{code}\n{report}"
    done = subprocess.run(
        [sys.executable, "-I", *options, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return frozenset(done.stderr.rpartition("loaded ")[2].split())


@pytest.mark.parametrize("name", PURE)
def test_core_does_no_io_and_needs_nothing_installed(name: str) -> None:
    """Each module of the core, imported alone, loads nothing but the standard library's pure parts."""
    loaded = _loaded_by(f"import {name}", "-S")
    assert not loaded & (SDK | IO)
    assert not loaded & SLOW


@pytest.mark.parametrize("name", COMMAND_LAYER)
def test_command_layer_imports_no_sdk(name: str) -> None:
    """The command line is parsed without the SDK: each command imports it when it is run."""
    assert not _loaded_by(f"import {name}") & SDK


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([command, "--help"] for command in COMMANDS)])
def test_help_loads_no_sdk(arguments: list[str]) -> None:
    """Help is there at once."""
    code = f"from ecsauth.cli.main import main\ntry:\n    main({arguments!r})\nexcept SystemExit:\n    pass"
    assert not _loaded_by(code) & SDK


def test_check_loads_no_sdk(tmp_path: Path) -> None:
    """`ecsauth check` of a file runs without the SDK, the network, and anything slow."""
    file = tmp_path / "ecs.config"
    file.write_text('ECS_CLUSTER=x\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={"r.io":{"username":"u"}}\n')
    loaded = _loaded_by(f"from ecsauth.cli.main import main\nmain(['check', {str(file)!r}])")
    assert not loaded & (SDK | SLOW | IO - {"fcntl"})


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "./ecs.config"),
        ("boot", "s3://fleet/k", f"--kms-key=arn:aws:kms:eu-west-1:{'1' * 12}:key/k", "--launch=none", "--dry-run"),
        ("status", "--state-dir=state", "--file=ecs.config"),
        ("doctor", "--state-dir=state", "--file=ecs.config", "--launch=none", "--deadline=1"),
    ],
    ids=lambda each: each[0],
)
def test_environments_are_not_read(arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an instance nor a `check` of a path reads ecsauth.toml, or loads what reads it."""
    monkeypatch.chdir(tmp_path)
    # To look for it would be an error.
    monkeypatch.setenv("ECSAUTH_CONFIG", "/nowhere/ecsauth.toml")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "ecs.config").write_text("ECS_CLUSTER=x\n")
    code = f"from ecsauth.cli.main import main\nmain({list(arguments)!r})"
    none = "assert not [name for name in sys.modules if name.startswith('ecsauth.cli.environment')]"
    assert not _loaded_by(f"{code}\n{none}") & {"tomllib", "tomli"}


@pytest.mark.parametrize("name", [name for name in MODULES if name != ENTRY])
def test_imports_go_down(name: str) -> None:
    """Each module imports its own room and those below, not even for types another one."""
    rooms = {_room(one) for one in _modules(name)}
    assert {room for room in rooms if room != _room(name) and HEIGHT[room] >= HEIGHT[_room(name)]} == set()


def _modules(name: str) -> set[str]:
    """Return the modules of this package that a module imports; a package counts where a name is taken from it."""
    found = set()
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("ecsauth."):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {one if one in MODULES else str(node.module) for one in names}
        elif isinstance(node, ast.ImportFrom) and node.module == "ecsauth":
            found |= {f"ecsauth.{alias.name}" for alias in node.names} & set(MODULES)
    return found


def test_no_module_imports_itself_over_others() -> None:
    """There is an order in which all modules can be read, each after what it imports."""
    waiting = {name: _modules(name) - {name} for name in MODULES}
    while ready := {name for name, needs in waiting.items() if not needs & set(waiting)}:
        waiting = {name: needs for name, needs in waiting.items() if name not in ready}
    assert waiting == {}


@pytest.mark.parametrize("name", [name for name in MODULES if _room(name) != "aws"])
def test_one_room_names_the_sdk(name: str) -> None:
    """Everything about the SDK's clients is in one room."""
    assert not {one.partition(".")[0] for one in _imports(name, of="")} & SDK


@pytest.mark.parametrize("name", [name for name in MODULES if name != "ecsauth.__main__"])
def test_exceptions_have_one_base(name: str) -> None:
    """Whoever catches EcsauthError has caught all that the package raises."""
    classes = [one for _, one in inspect.getmembers(importlib.import_module(name), inspect.isclass)]
    own = [one for one in classes if one.__module__ == name and issubclass(one, BaseException)]
    assert [one for one in own if not issubclass(one, EcsauthError)] == []


def _words_of(node: ast.expr) -> str:
    return f"{_words_of(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else getattr(node, "id", "")


@pytest.mark.parametrize("name", BELOW_COMMANDS)
def test_only_commands_print_and_end_the_program(name: str) -> None:
    """Below the command layer nothing is printed and nothing exits: findings are values, faults are raised."""
    words = {_words_of(node) for node in ast.walk(_tree(name)) if isinstance(node, (ast.Attribute, ast.Name))}
    forbidden = {"print", "sys.stdout", "sys.stderr", "sys.exit", "os._exit", "exit", "quit", "SystemExit", "logging"}
    assert not {word for word in words if word in forbidden or word.startswith(("sys.stdout.", "sys.stderr."))}


def test_nothing_prints_in_the_command_layer_but_its_console() -> None:
    """`print` would go to stdout, which is for data."""
    calls = [
        name
        for name in COMMAND_LAYER
        for node in ast.walk(_tree(name))
        if isinstance(node, ast.Call) and _words_of(node.func) == "print"
    ]
    assert calls == []


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_functions_stay_short(name: str) -> None:
    """A module can be read in one sitting, a function without scrolling."""
    assert len(_file(name).read_text().splitlines()) <= LONGEST_MODULE
    long = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(_tree(name))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    }
    assert long == {}


def test_the_page_about_the_architecture_shows_these_rooms() -> None:
    """Its table has the layers, the highest first, and each module and function that it names exists."""
    page = (PACKAGE.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in re.findall(r"^\| `.*$", page, flags=re.MULTILINE)]
    assert [set(row) for row in rows] == [set(layer) for layer in reversed(LAYERS)]
    for name in re.findall(r"`([a-z_/]+\.py)`", page):
        assert (PACKAGE / name).is_file() or (PACKAGE.parents[1] / name).is_file(), name
    for word in re.findall(r"`(?:[a-z_]+\.)*(\w+)`", page):
        if word[0].isupper() or "_" in word:
            assert any(re.search(rf"\b{word}\b", _file(module).read_text(encoding="utf-8")) for module in MODULES), word


def test_a_class_name_has_one_meaning() -> None:
    """No public class name stands twice in the package."""
    places: dict[str, list[str]] = {}
    for module in MODULES:
        for node in ast.walk(_tree(module)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def _function_imports(module: str) -> list[str]:
    """Return the modules of this package that functions of a module import."""
    functions = [node for node in ast.walk(_tree(module)) if isinstance(node, ast.FunctionDef)]
    return [
        node.module or ""
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("ecsauth")
    ]


# What costs help, check and boot milliseconds, and is needed by few: a fault, a file that is
# written, a rule that is shown, a login, a version of a clone.
LATE = {
    "ecsauth.cli.commands.boot": {"ecsauth.cli"},
    "ecsauth.cli.commands.help": {"ecsauth.cli.commands"},
    "ecsauth.cli.persist": {"ecsauth.cli"},
    "ecsauth.cli.main": {"ecsauth.cli", "ecsauth.cli.findings"},
    "ecsauth.cli.findings": {"ecsauth.check.excerpt"},
    "ecsauth.cli.inputs": {"ecsauth.cli", "ecsauth.host.private_directory"},
    "ecsauth.cli.environment_names": {"ecsauth.cli"},
    "ecsauth.host.origin": {"ecsauth.host.commands"},
    "ecsauth.check.rules": {"ecsauth.check.rules", "ecsauth.check.rules.rule"},
    "ecsauth.cli.commands.which": {"ecsauth.registry.keys"},
}


@pytest.mark.parametrize("module", MODULES)
def test_functions_import_only_what_is_heavy(module: str) -> None:
    """All else is imported where a reader looks for it: `aws` brings the SDK, and `LATE` has the other exceptions."""
    late = {one for one in _function_imports(module) if not one.startswith("ecsauth.aws")}
    assert late == LATE.get(module, set())
