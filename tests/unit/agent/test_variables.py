"""The catalogue of the agent's variables: what it says, and which names it takes for misspelt."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import ecsauth
import pytest
from ecsauth.agent import variables
from ecsauth.go.values import parse_duration
from hypothesis import given
from hypothesis import strategies as st

_ALL = [variable for name in variables.names() if (variable := variables.find(name)) is not None]


def test_every_name_can_be_found() -> None:
    """What names() lists, find() knows, under that name."""
    assert tuple(variable.name for variable in _ALL) == variables.names()
    assert list(variables.names()) == sorted(variables.names())


@pytest.mark.parametrize("name", ["", "ecs_cluster", "ECS_CLUSTER ", "ECS_NO_SUCH_THING", "\udcff"])
def test_unknown_names_are_unknown(name: str) -> None:
    """Names are taken as they stand, case and white space included."""
    assert variables.find(name) is None


@pytest.mark.parametrize(
    ("name", "kind", "default", "read_by"),
    [
        ("ECS_CLUSTER", "string", "default", "agent"),
        ("ECS_ENGINE_AUTH_DATA", "registry-auth", "", "agent"),
        ("ECS_ENGINE_AUTH_TYPE", "enum", "", "agent"),
        ("ECS_ENABLE_TASK_IAM_ROLE", "bool", "false", "agent"),
        ("ECS_EBSTA_SUPPORTED", "bool", "true", "agent"),
        ("ECS_CONTAINER_STOP_TIMEOUT", "duration", "30s", "agent"),
        ("ECS_RESERVED_MEMORY", "int", "0", "agent"),
        ("ECS_LOG_OPTS", "json-object", "", "ecs-init"),
        ("ECS_LOGLEVEL", "enum", "info", "both"),
        ("AWS_SESSION_TOKEN", "aws-sdk", "", "agent"),
    ],
)
def test_facts(name: str, kind: str, default: str, read_by: str) -> None:
    """Kind, default and reader of a few variables that everybody meets."""
    variable = variables.find(name)
    assert variable is not None
    assert (variable.kind, variable.default, variable.read_by) == (kind, default, read_by)


def test_how_ecs_init_reads() -> None:
    """Each variable of ecs-init's says in which way it is read: all but four only from its environment."""
    ways = {variable.name: variable.ecs_init_way for variable in _ALL if variable.read_by != "agent"}
    assert {name: way for name, way in ways.items() if way != "systemd"} == {
        "DOCKER_HOST": "both",
        "ECS_AGENT_LABELS": "file",
        "ECS_ENABLE_GPU_SUPPORT": "file",
        "ECS_GMSA_SUPPORTED": "both",
    }


def test_sensitive_names() -> None:
    """The variables that may hold a secret, all of them."""
    assert {variable.name for variable in _ALL if variable.sensitive} == {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_SESSION_TOKEN",
        "ECS_ENGINE_AUTH_DATA",
        "ECS_LOG_OPTS",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "http_proxy",
        "https_proxy",
    }


@pytest.mark.parametrize(
    ("name", "logged"),
    [
        ("ECS_CLUSTER", True),
        ("ECS_ENGINE_AUTH_TYPE", True),
        ("ECS_ENABLE_TASK_ENI", True),
        ("ECS_IMAGE_PULL_TIMEOUT", True),
        ("ECS_AUDIT_LOGFILE_DISABLED", False),
        ("ECS_ENGINE_AUTH_DATA", False),
    ],
)
def test_logged(name: str, logged: bool) -> None:
    """The unknown auth type and bad booleans are printed, the auth data and utils.ParseBool's values are not."""
    variable = variables.find(name)
    assert variable is not None
    assert variable.logged is logged


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ECS_FSX_WINDOWS_FILE_SERVER_SUPPORTED", "Windows"),
        ("ECS_ENABLE_CPU_UNBOUNDED_WINDOWS_WORKAROUND", "Windows"),
        ("ECS_OFFHOST_INTROSPECTION_INTERFACE_NAME", "no code reads it"),
        ("ECS_POLL_METRICS_WAIT_DURATION", "ECS_POLLING_METRICS_WAIT_DURATION"),
        ("ECS_DOCKER_GRAPHPATH", "since 1.10"),
    ],
)
def test_ignored_names_say_why(name: str, said: str) -> None:
    """A name that is documented, or once was, and that nothing on Linux reads is known with the reason."""
    variable = variables.find(name)
    assert variable is not None
    assert variable.ignored is not None
    assert said in variable.ignored


@pytest.mark.parametrize("variable", _ALL, ids=lambda variable: variable.name)
def test_facts_are_whole(variable: variables.Variable) -> None:
    """Each variable says what it accepts and where that stands; a default of its kind can be parsed."""
    assert variable.accepted
    assert variable.source or variable.kind == "aws-sdk"
    assert variable.read_by in ("agent", "ecs-init", "both")
    assert bool(variable.ecs_init_way) is (variable.read_by != "agent")
    assert variable.ecs_init_source.startswith("ecs-init/") is bool(variable.ecs_init_way)
    assert variable.platform in ("all", "linux", "windows")
    assert variable.meant is None or variables.find(variable.meant) is not None
    if variable.kind == "bool" and variable.ignored is None:
        assert variable.default.startswith("true") is variable.parsing.get("default", variable.name == "ECS_CHECKPOINT")
    if variable.kind == "duration" and variable.ignored is None:
        texts = [variable.default, *(variable.parsing[bound] for bound in ("min", "max") if bound in variable.parsing)]
        assert None not in [parse_duration(text) for text in texts]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("ECS_CLUSTR", "ECS_CLUSTER", id="a letter missing"),
        pytest.param("ECS_CLUSTERS", "ECS_CLUSTER", id="a letter too many"),
        pytest.param("ECS_ENGINE_AUTH_DTAA", "ECS_ENGINE_AUTH_DATA", id="letters swapped"),
        pytest.param("ECS_ENGINE_AUTHDATA", "ECS_ENGINE_AUTH_DATA", id="a separator missing"),
        pytest.param("ECS_LOG_LEVEL", "ECS_LOGLEVEL", id="a separator too many"),
        pytest.param("ecs_cluster", "ECS_CLUSTER", id="lower case"),
        pytest.param("ECS-CLUSTER", "ECS_CLUSTER", id="dashes"),
        pytest.param("ECS_CLUSTER ", "ECS_CLUSTER", id="a space that ecs-init keeps"),
        pytest.param("ECS_CLUSTER_NAME", "ECS_CLUSTER", id="a word too many"),
        pytest.param("ECS_ENABLE_SPOT_DRAINING", "ECS_ENABLE_SPOT_INSTANCE_DRAINING", id="a word missing"),
        pytest.param("ECS_POLL_METRICS_WAIT_DURATION", "ECS_POLLING_METRICS_WAIT_DURATION", id="the README's slip"),
        pytest.param("ECS_ENGINE_AUTH", None, id="two names are equally near"),
        pytest.param("ECS_CLUSTER", None, id="right as it is"),
        pytest.param("http_proxy", None, id="right in lower case too"),
        pytest.param("ECS_FSX_WINDOWS_FILE_SERVER_SUPPORTED", None, id="known, though ignored"),
        pytest.param("ECS", None, id="the prefix alone"),
        pytest.param("TX", None, id="too short to guess"),
        pytest.param("MY_OWN_SETTING", None, id="somebody's own"),
        pytest.param("# ECS_CLUSTER", None, id="a comment that ecs-init takes for a name"),
        pytest.param("ECS_" + "X" * 1000, None, id="too long to guess"),
    ],
)
def test_nearest(written: str, meant: str | None) -> None:
    """A plausible slip is answered with the name that was meant, all else with nothing."""
    assert variables.nearest(written) == meant


@given(st.text(max_size=120))
def test_nearest_takes_any_text(name: str) -> None:
    """Whatever the name, the answer is a known name or none."""
    assert variables.nearest(name) in (None, *variables.names())


@given(
    st.sampled_from([variable.name for variable in _ALL if not variable.ignored and len(variable.name) > 6]), st.data()
)
def test_a_lost_character_is_never_taken_for_another_variable(name: str, data: st.DataObject) -> None:
    """The answer to a name that lost one character is that name, or none where another one is as near."""
    position = data.draw(st.integers(0, len(name) - 1))
    shorter = name[:position] + name[position + 1 :]
    if name.isupper() and variables.find(shorter) is None:
        assert variables.nearest(shorter) in (None, name)


def test_reads_its_data_from_a_zip_archive(tmp_path: Path) -> None:
    """The boot archive is a zip: the data comes through the importer, not from a path."""
    package = Path(ecsauth.__file__).parent
    archive = tmp_path / "boot.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("__init__.py", "agent/__init__.py", "agent/variables.py", "agent/variables.json"):
            file.write(package / name, f"ecsauth/{name}")
    program = "from ecsauth.agent import variables as a; print(a.__file__, a.find('ECS_CLUSTER').default)"
    environment = {"PYTHONPATH": str(archive)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True, cwd=tmp_path
    )
    assert re.fullmatch(r".*boot\.zip.* default\n", done.stdout)


def test_names_the_release() -> None:
    """The catalogue says which agent it describes."""
    assert re.fullmatch(r"1\.\d+\.\d+", variables.agent_version())
