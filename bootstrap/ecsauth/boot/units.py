"""The systemd units that run `ecsauth boot` at every boot of the machine and from a timer; the gate of ecs.service.

Units are data. The text of each unit explains its ordering.
"""

from __future__ import annotations

import math
import shlex
from typing import NamedTuple, Optional

from ecsauth.boot import units_quoting
from ecsauth.boot.plan import Step

FETCH = "ecsauth-fetch.service"
VERIFY = "ecsauth-verify.service"
REFRESH = "ecsauth-refresh.service"
TIMER = "ecsauth-refresh.timer"
GATE = "ecs.service.d/10-ecsauth.conf"
UPSTART_GATE = "ecs.override"
# The first words of each file that ecsauth writes.
SIGNATURE = "# Written by ecsauth boot"

_ECS_INIT = "/usr/libexec/amazon-ecs-init"
# Seconds in addition to deadline and wait: to inspect, write and roll back; with docker also to pull the image.
_MARGIN = {"none": 60, "service": 120, "docker": 900}
_RESTART_SECONDS = 30
_STOP_SECONDS = 180
# `disable --now` waits for a run that rolls back.
_STOPPED = _STOP_SECONDS + 30.0
_TRIES = 5
# The first systemd version with Restart= of a oneshot service, with RandomizedDelaySec=, with LockPersonality=.
_RESTARTS = 244
_JITTERS = 229
_LOCKS = 235
# bug, usage, invalid, denied, local, conflict: the same run would fail again.
_FINAL = "1 2 3 4 6 9"

_RELOAD = Step("reload the units of systemd", ("systemctl", "daemon-reload"))


class UnitFile(NamedTuple):
    """A file below /etc/systemd/system (the gate of upstart: /etc/init)."""

    name: str
    text: str


class Units(NamedTuple):
    """The files to write, the units to enable and to start without waiting, and the notes to print.

    `again` replaces `start` if another boot must follow soon: the agent was queued, or S3 was unreachable.
    """

    files: tuple[UnitFile, ...]
    enable: tuple[str, ...]
    start: tuple[str, ...]
    again: tuple[str, ...]
    notes: tuple[str, ...] = ()


class UnitSpec(NamedTuple):
    """The parameters of the units.

    `program` is the command line that starts ecsauth, with absolute paths. `arguments` are those of `boot`, without
    --launch: where the arguments of this boot are kept. `mode` is `service`, `docker` or `none`. `systemd` is its
    version, None if unknown.
    """

    program: tuple[str, ...]
    arguments: tuple[str, ...]
    mode: str
    deadline: float
    wait: float
    systemd: Optional[int]


def is_ours(name: str) -> bool:
    """Tell whether the name is that of an ecsauth unit. The gate is not one: it is a drop-in of ecs.service."""
    return name.startswith("ecsauth-") and name.endswith((".service", ".timer"))


def render(order: UnitSpec) -> Units:
    """Return the units; raise UsageError for an argument or a variable that a unit cannot contain."""
    files = [_fetch(order)]
    if order.mode == "service":
        files.append(_verify(order))
    files += [_refresh(order), _timer(order)]
    enable = tuple(file.name for file in files if file.name != REFRESH)
    # The unit with the whole job retries by itself; the timer would run only after a quarter of an hour.
    whole = VERIFY if order.mode == "service" else FETCH
    return Units(tuple(files), enable, (TIMER,), (whole, TIMER), _notes(order.systemd))


def enabling(made: Units) -> tuple[Step, ...]:
    """Return the steps after the files are written."""
    return (_RELOAD, Step("start the units at each boot", ("systemctl", "enable", "--quiet", *made.enable)))


def starting(names: tuple[str, ...]) -> tuple[Step, ...]:
    """Return the step that starts the units. It does not wait, because the units wait for the lock of this run."""
    start = Step("start the units", ("systemctl", "--no-block", "start", *names))
    return (start,) if names else ()


def deactivation(names: tuple[str, ...]) -> tuple[Step, ...]:
    """Return the steps before the files of these names are removed. The gate needs none, because it is not a unit."""
    own = tuple(name for name in names if is_ours(name))
    stop = Step("stop the units, now and at each boot", ("systemctl", "disable", "--now", "--quiet", *own), _STOPPED)
    return (stop,) if own else ()


def forgetting() -> tuple[Step, ...]:
    """Return the steps after the files are removed. Without them systemd would list a failed unit for ever."""
    # A pattern, because the command fails for the name of a unit that systemd has not loaded.
    return (_RELOAD, Step("clear the failed state of removed units", ("systemctl", "reset-failed", "ecsauth-*")))


def gate(marker: str, env_file: str) -> UnitFile:
    """Return the drop-in that prevents ecs.service from starting before a validated env-file is installed.

    The service starts by itself at the end of the first boot, with or without an env-file. The drop-in has conditions
    and no ordering: a unit that is ordered after another one starts even if that one fails. It is short, because user
    data contains it.
    """
    text = f"""\
{SIGNATURE}: without an env-file the agent joins the cluster "default"
[Unit]
ConditionPathExists={units_quoting.path(marker)}
ConditionPathExists={units_quoting.path(env_file)}
"""
    return UnitFile(GATE, text)


def upstart_gate(marker: str) -> UnitFile:
    """Return the gate for upstart, /etc/init/ecs.override: the first Amazon Linux AMIs have no systemd."""
    units_quoting.path(marker)
    text = f"""\
{SIGNATURE} --launch service. The job starts by itself at the end of the boot, with or without an
# env-file; without one the agent joins the cluster "default". ecsauth creates this marker after it has installed a
# validated env-file.
# Replaces the stanza of /etc/init/ecs.conf, whose command comes last.
pre-start script
    if [ ! -e {shlex.quote(marker)} ]; then
        stop
        exit 0
    fi
    exec {_ECS_INIT} pre-start
end script
"""
    return UnitFile(UPSTART_GATE, text)


def _fetch(order: UnitSpec) -> UnitFile:
    """Return the unit that runs at boot.

    In mode `docker` it also starts the agent, as the timer does later. Else it only installs the env-file, before the
    service that reads it.
    """
    if order.mode == "docker":
        description = "Fetch the env-file of the ECS agent from S3, and start the agent"
        unit = (*_AFTER_DOCKER, *_start_limit(order, "docker"))
        return _service(order, FETCH, description, unit, "docker", retried=True, install=_INSTALL)
    unit = (*_BEFORE_ECS, *_start_limit(order, "none"))
    description = "Fetch the env-file of the ECS agent from S3"
    return _service(order, FETCH, description, unit, "none", retried=True, install=_INSTALL)


def _verify(order: UnitSpec) -> UnitFile:
    description = "Verify that the ECS agent has started with the env-file and registered"
    unit = (*_AFTER_ECS, *_start_limit(order, "service"))
    return _service(order, VERIFY, description, unit, "service", retried=True, install=_INSTALL)


def _refresh(order: UnitSpec) -> UnitFile:
    ordering = (*_NETWORK, *_REFRESH_ORDER[order.mode])
    description = "Fetch a new env-file of the ECS agent from S3"
    return _service(order, REFRESH, description, ordering, order.mode, retried=False, install=())


def _timer(order: UnitSpec) -> UnitFile:
    jitter = "RandomizedDelaySec" if order.systemd is None or order.systemd >= _JITTERS else "AccuracySec"
    lines = (
        *_header(TIMER),
        "[Unit]",
        "Description=Fetch a new env-file of the ECS agent from S3 at intervals",
        "",
        "[Timer]",
        "# Counted from the start of the timer, then from each run. Not OnBootSec=: if that time has passed when the",
        "# timer is enabled, the first run would start at once, beside the run that enables the timer.",
        "# No Persistent=: it has an effect on OnCalendar= only.",
        "OnActiveSec=15min",
        "OnUnitActiveSec=15min",
        "# Machines that started at the same time do not request the object at the same time.",
        f"{jitter}=5min",
        "",
        "[Install]",
        "WantedBy=timers.target",
    )
    return UnitFile(TIMER, "\n".join(lines) + "\n")


_NETWORK = (
    "# S3 needs the network. Wants=, not Requires=: without a network, boot uses the last verified file.",
    "Wants=network-online.target",
    "After=network-online.target",
)
_BEFORE_ECS = (
    *_NETWORK,
    "# ecs.service reads the file when it starts. This unit only fetches it: a unit that is ordered before the service",
    "# and waits for the agent would wait for itself. If this unit fails, the ordering does not stop the service: it",
    "# starts with the installed file, and the condition of boot --launch service requires that there is one.",
    "Before=ecs.service",
)
_DOCKER = (
    "# The docker daemon runs the agent.",
    "Wants=docker.service",
    "After=docker.service",
)
_AFTER_DOCKER = (*_NETWORK, *_DOCKER)
_AFTER_ECS = (
    *_NETWORK,
    "# The agent is verified after its service has started; on ECS-optimized AMIs that is after cloud-final.service.",
    "# No Requires=: this unit would fail with the first failed start of the service, but a later start may succeed.",
    "After=ecs.service cloud-final.service",
    "# multi-user.target would wait for this unit, and cloud-final.service waits for that target on Debian and Ubuntu:",
    "# a cycle. Without the default dependencies the target does not wait.",
    "DefaultDependencies=no",
    "Requires=sysinit.target",
    "After=sysinit.target basic.target",
    "Conflicts=shutdown.target",
    "Before=shutdown.target",
)
_REFRESH_ORDER = {
    "docker": _DOCKER,
    "service": (
        "# Not ordered against ecs.service, which this unit restarts for a new file: a service ordered after this unit",
        "# would start only after it has ended, and this unit waits for that start.",
    ),
    "none": ("# Not ordered against ecs.service: the file is complete at every instant.",),
}
_INSTALL = ("", "[Install]", "WantedBy=multi-user.target")
_PROTECTION = (
    "# A core dump would write passwords to the disk.",
    "LimitCORE=0",
)
_LOCKED = (
    "# The program does not need these. No further limits: it writes below /etc, and starts docker, systemctl, sysctl",
    "# and iptables. They load kernel modules and, with SELinux, change their domain, which NoNewPrivileges= forbids.",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
)


def _header(name: str) -> tuple[str, ...]:
    return (f"{SIGNATURE} --persist, which overwrites this file. To change the unit: systemctl edit {name}",)


def _service(
    order: UnitSpec,
    name: str,
    description: str,
    unit: tuple[str, ...],
    launch: str,
    *,
    retried: bool,
    install: tuple[str, ...],
) -> UnitFile:
    arguments = ("boot", *order.arguments, "--launch", launch)
    lines = (
        *_header(name),
        "[Unit]",
        f"Description={description}",
        *unit,
        "",
        "[Service]",
        "Type=oneshot",
        "SyslogIdentifier=ecsauth",
        f"ExecStart={units_quoting.command_line(order.program, arguments)}",
        "# 8: S3 was unreachable, and the agent has the last verified file. That is not a failure; the timer retries.",
        "SuccessExitStatus=8",
        *(_retries(order) if retried else _BY_TIMER),
        "# Longer than the limits of the program. When it is stopped, it rolls back; KillMode=mixed does not end the",
        "# commands of that rollback.",
        f"TimeoutStartSec={_seconds(order, launch)}",
        f"TimeoutStopSec={_STOP_SECONDS}",
        "KillMode=mixed",
        *_PROTECTION,
        *(_LOCKED if order.systemd is not None and order.systemd >= _LOCKS else ()),
        *install,
    )
    return UnitFile(name, "\n".join(lines) + "\n")


_BY_TIMER = ("# The timer retries.",)


def _seconds(order: UnitSpec, launch: str) -> int:
    """Return the time limit of one run, in seconds. Without an agent there is no wait."""
    wait = 0.0 if launch == "none" else order.wait
    return math.ceil(order.deadline + wait) + _MARGIN[launch]


def _restarts(version: Optional[int]) -> bool:
    return version is not None and version >= _RESTARTS


def _retries(order: UnitSpec) -> tuple[str, ...]:
    if not _restarts(order.systemd):
        return ("# The timer retries: this systemd refuses Restart= of a oneshot service.",)
    return (
        "# Transient failures are retried: S3 unreachable (5), the agent not up (7). Others are not: a bug (1), the",
        "# command line (2), an invalid file (3), a denial (4), this machine (6), a conflict (9).",
        "Restart=on-failure",
        f"RestartSec={_RESTART_SECONDS}",
        f"RestartPreventExitStatus={_FINAL}",
    )


def _start_limit(order: UnitSpec, launch: str) -> tuple[str, ...]:
    """Return the start limit. Its interval is longer than all tries together, else the first try would not count."""
    if not _restarts(order.systemd):
        return ()
    interval = (_TRIES + 1) * (_seconds(order, launch) + _RESTART_SECONDS)
    return (
        "# After this number of tries only the timer retries.",
        f"StartLimitIntervalSec={interval}",
        f"StartLimitBurst={_TRIES}",
    )


def _notes(version: Optional[int]) -> tuple[str, ...]:
    if _restarts(version):
        return ()
    known = "the version of systemd is unknown" if version is None else f"systemd {version} is older than {_RESTARTS}"
    retries = f"{known}: it cannot restart a oneshot service, so after a failed boot only the timer retries"
    if version is None or version >= _JITTERS:
        return (retries,)
    return (
        retries,
        f"systemd {version} is older than {_JITTERS}: each timer has one random delay, not a new one for each run",
    )
