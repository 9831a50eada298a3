"""The units as data: what each says, in every mode and for every systemd; and what the real systemd says of them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import systemd_model
from ecsauth.boot import units
from ecsauth.boot.units import UnitSpec
from ecsauth.cli import options
from ecsauth.errors import UsageError
from needs import lack_of, need

if TYPE_CHECKING:
    from pathlib import Path

ARGUMENTS = (
    "s3://bucket/ecs.config",
    "--kms-key",
    "arn:aws:kms:eu-west-1:111122223333:key/k",
    "--set",
    "ECS_CLUSTER=a b",
)
ORDER = UnitSpec(("/bin/true",), ARGUMENTS, "service", 120.0, 60.0, 252)
LINE = (
    '/bin/true boot s3://bucket/ecs.config --kms-key arn:aws:kms:eu-west-1:111122223333:key/k --set "ECS_CLUSTER=a b"'
)
MODES = options.LAUNCH_MODES

Text = dict[str, list[str]]


def _read(text: str) -> Text:
    """Return the values of each directive, in order; comments and sections are left out."""
    found: Text = {}
    for line in text.splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def _units(order: UnitSpec) -> dict[str, Text]:
    return {file.name: _read(file.text) for file in units.render(order).files}


def _ordered(unit: Text, directive: str) -> set[str]:
    return {word for value in unit.get(directive, []) for word in value.split()}


@pytest.mark.parametrize(
    ("mode", "enable", "again", "launches"),
    [
        (
            "service",
            (units.FETCH, units.VERIFY, units.TIMER),
            units.VERIFY,
            {units.FETCH: "none", units.VERIFY: "service", units.REFRESH: "service"},
        ),
        ("docker", (units.FETCH, units.TIMER), units.FETCH, {units.FETCH: "docker", units.REFRESH: "docker"}),
        ("none", (units.FETCH, units.TIMER), units.FETCH, {units.FETCH: "none", units.REFRESH: "none"}),
    ],
)
def test_which_units(mode: str, enable: tuple[str, ...], again: str, launches: dict[str, str]) -> None:
    """Each mode has its units; each runs this boot again, with its own way to start the agent."""
    made = units.render(ORDER._replace(mode=mode))
    assert (made.enable, made.start, made.again, made.notes) == (enable, (units.TIMER,), (again, units.TIMER), ())
    assert {file.name for file in made.files} == {*launches, units.TIMER}
    assert all(units.is_ours(file.name) for file in made.files)
    lines = {file.name: _read(file.text).get("ExecStart") for file in made.files}
    assert lines == {units.TIMER: None, **{name: [f"{LINE} --launch {how}"] for name, how in launches.items()}}


@pytest.mark.parametrize("mode", MODES)
def test_only_what_is_enabled_says_where(mode: str) -> None:
    """`systemctl enable` takes what has an [Install] section, and nothing else has one."""
    made = units.render(ORDER._replace(mode=mode))
    assert {file.name for file in made.files if "[Install]" in file.text} == set(made.enable)


@pytest.mark.parametrize(
    ("mode", "name", "after", "before", "wants"),
    [
        ("service", units.FETCH, {"network-online.target"}, {"ecs.service"}, {"network-online.target"}),
        ("none", units.FETCH, {"network-online.target"}, {"ecs.service"}, {"network-online.target"}),
        (
            "service",
            units.VERIFY,
            {"network-online.target", "ecs.service", "cloud-final.service", "sysinit.target", "basic.target"},
            {"shutdown.target"},
            {"network-online.target"},
        ),
        ("service", units.REFRESH, {"network-online.target"}, set(), {"network-online.target"}),
        ("none", units.REFRESH, {"network-online.target"}, set(), {"network-online.target"}),
        *(
            (
                "docker",
                name,
                {"network-online.target", "docker.service"},
                set(),
                {"network-online.target", "docker.service"},
            )
            for name in (units.FETCH, units.REFRESH)
        ),
        ("service", units.TIMER, set(), set(), set()),
    ],
)
def test_orderings(mode: str, name: str, after: set[str], before: set[str], wants: set[str]) -> None:
    """What waits for what: the file before its service, the look at the agent after it, the refresh for neither."""
    unit = _units(ORDER._replace(mode=mode))[name]
    found = (_ordered(unit, "After"), _ordered(unit, "Before"), _ordered(unit, "Wants"))
    assert found == (after, before, wants)
    # Failing with the first failed attempt of another unit is what Requires= would do.
    assert _ordered(unit, "Requires") <= {"sysinit.target"}


@pytest.mark.parametrize("mode", MODES)
def test_retries(mode: str) -> None:
    """What may pass is tried again, what cannot is not, and a stale file is no failure; the timer is its own retry."""
    for name, unit in _units(ORDER._replace(mode=mode)).items():
        if name == units.TIMER:
            continue
        assert (unit["Type"], unit["SuccessExitStatus"]) == (["oneshot"], ["8"])
        expected = None if name == units.REFRESH else ["on-failure"]
        assert unit.get("Restart") == expected
        assert ("RestartPreventExitStatus" in unit, "StartLimitBurst" in unit) == (bool(expected), bool(expected))
        if expected:
            assert unit["RestartPreventExitStatus"] == ["1 2 3 4 6 9"]
            tries = int(unit["StartLimitBurst"][0])
            longest = int(unit["TimeoutStartSec"][0]) + int(unit["RestartSec"][0])
            assert int(unit["StartLimitIntervalSec"][0]) > tries * longest


@pytest.mark.parametrize(
    ("mode", "name", "deadline", "wait", "seconds"),
    [
        ("service", units.FETCH, 120.0, 60.0, 180),
        ("service", units.VERIFY, 120.0, 60.0, 300),
        ("docker", units.FETCH, 120.0, 60.0, 1080),
        ("docker", units.REFRESH, 0.5, 0.1, 901),
        ("none", units.REFRESH, 86400.0, 60.0, 86460),
    ],
)
def test_a_run_is_bounded(mode: str, name: str, deadline: float, wait: float, seconds: int) -> None:
    """A run is ended that has outlived what it may take; a oneshot service has no bound of its own."""
    unit = _units(ORDER._replace(mode=mode, deadline=deadline, wait=wait))[name]
    assert unit["TimeoutStartSec"] == [str(seconds)]


@pytest.mark.parametrize(
    ("version", "restarts", "notes", "jitter"),
    [
        (256, True, 0, "RandomizedDelaySec"),
        (244, True, 0, "RandomizedDelaySec"),
        (243, False, 1, "RandomizedDelaySec"),
        (229, False, 1, "RandomizedDelaySec"),
        (219, False, 2, "AccuracySec"),
        (None, False, 1, "RandomizedDelaySec"),
    ],
)
def test_older_systemd(version: int | None, restarts: bool, notes: int, jitter: str) -> None:
    """A systemd before 244 refuses a unit with Restart= of a oneshot: it is left out, and that is said."""
    made = units.render(ORDER._replace(systemd=version))
    found = {file.name: _read(file.text) for file in made.files}
    assert ("Restart" in found[units.FETCH], len(made.notes)) == (restarts, notes)
    assert ("StartLimitBurst" in found[units.FETCH], "RestartPreventExitStatus" in found[units.FETCH]) == (
        restarts,
    ) * 2
    assert found[units.TIMER][jitter] == ["5min"]
    assert all("RestartForceExitStatus" not in unit for unit in found.values())
    if notes:
        assert "cannot restart a oneshot service" in made.notes[0]


@pytest.mark.parametrize("mode", MODES)
def test_each_ordering_has_its_reason(mode: str) -> None:
    """Above what orders a unit stands a comment."""
    for file in units.render(ORDER._replace(mode=mode)).files:
        lines = file.text.splitlines()
        for number, line in enumerate(lines):
            if line.startswith(("After=", "Before=", "Wants=", "Restart=", "OnActiveSec=")) and "target" not in line:
                block = [one for one in lines[max(0, number - 4) : number] if one.startswith("#")]
                assert block, (file.name, line)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("version", [252, 219, None])
def test_the_real_systemd_takes_them(tmp_path: Path, mode: str, version: int | None) -> None:
    """The analyzer has nothing to say about any of the units, nor about the gate of a service of Amazon's."""
    need(lack_of("systemd-analyze", "--version"))
    made = units.render(ORDER._replace(mode=mode, systemd=version))
    for file in made.files:
        (tmp_path / file.name).write_text(file.text)
    (tmp_path / "ecs.service").write_text("[Service]\nExecStart=/bin/true\n")
    gate = units.gate("/var/lib/ecsauth/checked 100%", "/etc/ecs/ecs.config")
    (tmp_path / gate.name).parent.mkdir()
    (tmp_path / gate.name).write_text(gate.text)
    names = [str(tmp_path / name) for name in (*(file.name for file in made.files), "ecs.service")]
    done = subprocess.run(
        ["systemd-analyze", "verify", *names], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


# As on Amazon Linux; cloud-final.service as Debian orders it, after the target that wants everything.
_ECS = "[Unit]\nAfter={}\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
_MACHINE = {
    "multi-user.target": "[Unit]\nRequires=basic.target\nWants={}\nAfter=basic.target\n",
    "sysinit.target": "[Unit]\n",
    "network-online.target": "[Unit]\n",
    "docker.service": "[Service]\nExecStart=/bin/true\n",
    "cloud-final.service": "[Unit]\nAfter={}\n[Service]\nType=oneshot\nExecStart=/bin/true\n",
}


@pytest.mark.parametrize(
    ("ecs_after", "cloud_final_after"),
    [
        pytest.param("docker.service cloud-final.service", "network-online.target", id="Amazon Linux"),
        pytest.param("docker.service", "multi-user.target", id="Debian"),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_the_orderings_close_no_circle(mode: str, ecs_after: str, cloud_final_after: str) -> None:
    """A circle is opened by systemd, which leaves out one of its units: which, nobody has said."""
    need(systemd_model.lack())
    made = units.render(ORDER._replace(mode=mode))
    files = {**_MACHINE, **{file.name: file.text for file in made.files}, "ecs.service": _ECS.format(ecs_after)}
    wanted = [*(name for name in made.enable), units.REFRESH, "ecs.service", "docker.service", "cloud-final.service"]
    files["multi-user.target"] = files["multi-user.target"].format(" ".join(wanted))
    files["cloud-final.service"] = files["cloud-final.service"].format(cloud_final_after)
    done = systemd_model.dry_run(files, "multi-user.target")
    assert f"-> Unit {units.FETCH}" in done.stdout
    assert "cycle" not in done.stderr


def test_the_model_sees_a_circle() -> None:
    """The test above can fail: a unit with the default dependencies after Debian's cloud-final.service closes one."""
    need(systemd_model.lack())
    files = {
        **_MACHINE,
        "multi-user.target": "[Unit]\nWants=late.service cloud-final.service\n",
        "cloud-final.service": _MACHINE["cloud-final.service"].format("multi-user.target"),
        "late.service": "[Unit]\nAfter=cloud-final.service\n[Service]\nExecStart=/bin/true\n",
    }
    assert "cycle" in systemd_model.dry_run(files, "multi-user.target").stderr


def test_how_they_come_and_go() -> None:
    """What was written is read, enabled and started; what is removed was stopped and disabled before."""
    made = units.render(ORDER)
    assert [" ".join(step.command) for step in (*units.enabling(made), *units.starting(made.again))] == [
        "systemctl daemon-reload",
        "systemctl enable --quiet ecsauth-fetch.service ecsauth-verify.service ecsauth-refresh.timer",
        "systemctl --no-block start ecsauth-verify.service ecsauth-refresh.timer",
    ]
    assert units.starting(()) == ()
    (stop,) = units.deactivation((units.FETCH, units.REFRESH, units.TIMER, units.GATE))
    assert " ".join(stop.command) == (
        "systemctl disable --now --quiet ecsauth-fetch.service ecsauth-refresh.service ecsauth-refresh.timer"
    )
    assert units.deactivation((units.GATE,)) == units.deactivation(()) == ()
    assert [" ".join(step.command) for step in units.forgetting()] == [
        "systemctl daemon-reload",
        "systemctl reset-failed ecsauth-*",
    ]


def test_the_gate() -> None:
    """ecs.service starts only where the marker is, whatever its path."""
    gate = units.gate("/var/lib/ecs auth/100%/checked", "/etc/ecs/ecs.config")
    assert gate.name == "ecs.service.d/10-ecsauth.conf"
    assert gate.text.splitlines()[-3:] == [
        "[Unit]",
        "ConditionPathExists=/var/lib/ecs auth/100%%/checked",
        "ConditionPathExists=/etc/ecs/ecs.config",
    ]
    assert gate.text.startswith("# ")


def test_the_gate_of_upstart() -> None:
    """The job stops itself where the marker is not, and else does what its own stanza did."""
    gate = units.upstart_gate("/var/lib/it's 100%")
    assert gate.name == "ecs.override"
    lines = [line for line in gate.text.splitlines() if not line.startswith("#")]
    assert lines == [
        "pre-start script",
        """    if [ ! -e '/var/lib/it'"'"'s 100%' ]; then""",
        "        stop",
        "        exit 0",
        "    fi",
        "    exec /usr/libexec/amazon-ecs-init pre-start",
        "end script",
    ]


@pytest.mark.parametrize("marker", ["checked", "/x\ny", ""])
def test_a_gate_that_would_not_close(marker: str) -> None:
    """A path that cannot be written is refused: systemd would ignore the line, and let the service start."""
    with pytest.raises(UsageError):
        units.gate(marker, "/etc/ecs/ecs.config")
    with pytest.raises(UsageError):
        units.gate("/var/lib/ecsauth/checked", marker)
    with pytest.raises(UsageError):
        units.upstart_gate(marker)


@pytest.mark.parametrize(("marker", "ran"), [(True, "amazon-ecs-init pre-start"), (False, "stop")])
def test_the_script_of_upstart_runs(tmp_path: Path, marker: bool, ran: str) -> None:
    """The stanza is a script that sh runs as upstart would, with -e."""
    if marker:
        (tmp_path / "checked").touch()
    text = units.upstart_gate(str(tmp_path / "checked")).text
    script = text.partition("pre-start script\n")[2].partition("end script")[0]
    script = script.replace("/usr/libexec/", "echo ").replace("exec echo", "echo")
    script = f"stop() {{ echo stop; }}\n{script}"
    done = subprocess.run(["sh", "-e", "-c", script], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.strip() == ran


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("ecsauth-fetch.service", True),
        ("ecsauth-refresh.timer", True),
        ("ecs.service", False),
        ("ecsauth-x.conf", False),
    ],
)
def test_which_names_are_ours(name: str, ours: bool) -> None:
    """Nothing else in the directory is ever touched."""
    assert units.is_ours(name) is ours
