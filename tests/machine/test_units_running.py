"""The units on an instance: what waits for what, what is tried again, and that nothing waits for itself.

What they run is a script in the program's place, which notes that it was called and does as it is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.boot import units
from instance_boots import moment

if TYPE_CHECKING:
    from instance import Instance

PROGRAM = "/usr/local/sbin/told"
MARKER = "/var/lib/told/checked"
# Does what is told for its --launch, its last argument; its log has the uptime of begin and end.
TOLD = b"""#!/bin/bash
launch=${!#}
say() { read -r up _ </proc/uptime; echo "$up $launch $1" >>/var/lib/told/log; }
trap 'say stopped; exit 143' TERM
say begin
[[ -f /var/lib/told/$launch ]] && . "/var/lib/told/$launch"
say end
exit "${status:-0}"
"""


def install(instance: Instance, mode: str, *, gate: bool = True, **told: str) -> None:
    """Put the units of a mode on the instance and have them enabled from its first boot on."""
    made = units.render(units.UnitSpec((PROGRAM,), ("s3://bucket/a b%$x",), mode, 5.0, 5.0, 252))
    instance.write(PROGRAM, TOLD, 0o755)
    instance.write("/var/lib/told/log", b"")
    for launch, script in told.items():
        instance.write(f"/var/lib/told/{launch}", script.encode())
    for file in (*made.files, *((units.gate(MARKER, MARKER),) if gate else ())):
        instance.write(f"/etc/systemd/system/{file.name}", file.text.encode())
    instance.user_data(f"#!/bin/sh\nsystemctl daemon-reload\nsystemctl enable {' '.join(made.enable)}\n")


def log(instance: Instance) -> list[tuple[float, str, str]]:
    """Return what the program has noted since the last boot began: uptime, --launch, what."""
    lines = (instance.read("/var/lib/told/log") or b"").decode().splitlines()
    return [(float(up), launch, what) for up, launch, what in map(str.split, lines)]


def noted(instance: Instance) -> list[str]:
    """Return the same without the time."""
    return [f"{launch} {what}" for _, launch, what in log(instance)]


def reboot(instance: Instance) -> str:
    """Boot for the first time, which enables the units, and for the second, which starts them."""
    instance.boot()
    instance.shut_down()
    instance.write("/var/lib/told/log", b"")
    return instance.boot()


def test_each_has_its_turn(instance: Instance) -> None:
    """After a reboot the file is fetched before ecs.service starts, and the agent looked at afterwards."""
    install(instance, "service", none=f"sleep 1; touch {MARKER}")
    assert reboot(instance) == "running"
    assert noted(instance) == ["none begin", "none end", "service begin", "service end"]
    ended, looked = log(instance)[1][0], log(instance)[2][0]
    started = moment(instance, "ecs", "InactiveExit")
    assert ended - 0.02 <= started <= looked + 0.02
    assert instance.show("ecs", "ActiveState") == "active"
    assert "s3://bucket/a b%$x" in instance.run("systemctl", "show", units.FETCH, "--property=ExecStart").out.replace(
        "$$", "$"
    )
    assert instance.show(units.TIMER, "ActiveState") == "active"
    assert instance.show(units.REFRESH, "ActiveState") == "inactive"


def test_the_boot_does_not_wait_for_the_look_at_the_agent(instance: Instance) -> None:
    """multi-user.target is there while the agent is still waited for."""
    install(instance, "service", gate=False, service="sleep 3")
    reboot(instance)
    begun = next(up for up, launch, what in log(instance) if (launch, what) == ("service", "begin"))
    assert moment(instance, "multi-user.target", "ActiveEnter") < begun + 2.5


def test_without_a_checked_file_the_service_stays_down(instance: Instance) -> None:
    """The fetch is denied: one attempt, no retry, and ecs.service does not start, at the first boot nor after it."""
    install(instance, "service", none="status=4", service="status=4")
    instance.boot()
    assert instance.show("ecs", "ActiveState") == "inactive"
    assert instance.show("ecs", "ConditionResult") == "no"
    instance.shut_down()
    instance.write("/var/lib/told/log", b"")
    assert instance.boot() == "degraded"
    assert instance.show("ecs", "ActiveState") == "inactive"
    assert noted(instance) == ["none begin", "none end", "service begin", "service end"]
    assert instance.show(units.FETCH, "ActiveState") == "failed"
    assert instance.show(units.TIMER, "ActiveState") == "active"


def test_what_may_pass_is_tried_again(instance: Instance) -> None:
    """A fetch that found S3 unreachable is run again by itself."""
    script = "[[ $(grep -c 'none begin' /var/lib/told/log) == 1 ]] && status=5"
    install(instance, "none", gate=False, none=script)
    instance.boot()
    instance.write(f"/etc/systemd/system/{units.FETCH}.d/quick.conf", b"[Service]\nRestartSec=1\n")
    instance.shut_down()
    instance.write("/var/lib/told/log", b"")
    instance.boot()
    instance.wait_until(lambda: noted(instance) == ["none begin", "none end"] * 2, "it has run twice")
    instance.wait_until(lambda: instance.show(units.FETCH, "ActiveState") == "inactive", "it has succeeded")
    assert instance.show(units.FETCH, "Result") == "success"


def test_a_stale_file_is_no_failure(instance: Instance) -> None:
    """Status 8 leaves the system as it should be, and is not tried again but by the timer."""
    install(instance, "none", gate=False, none="status=8")
    assert reboot(instance) == "running"
    assert noted(instance) == ["none begin", "none end"]
    assert instance.show(units.FETCH, "Result") == "success"


RESTART = (
    "systemctl restart --no-block ecs.service\n"
    "for _ in {1..40}; do sleep 0.2; [[ $(systemctl show --value -p NRestarts,ActiveState ecs) == *active* ]] &&"
    " [[ $(systemctl show --value -p Job ecs) == '' ]] && break; status=7; done\n"
    "[[ $(systemctl show --value -p Job ecs) == '' ]] && status=0\n"
)


def test_units_may_restart_the_service(instance: Instance) -> None:
    """Both units that start the agent anew queue a restart of ecs.service and see it done while they run."""
    install(instance, "service", gate=False, service=RESTART)
    assert reboot(instance) == "running"
    instance.wait_until(lambda: noted(instance)[-1] == "service end", "the look at the agent has ended")
    assert instance.show(units.VERIFY, "Result") == "success"
    before = moment(instance, "ecs", "InactiveExit")
    instance.systemctl("start", units.REFRESH)
    assert instance.show(units.REFRESH, "Result") == "success"
    assert moment(instance, "ecs", "InactiveExit") > before


def test_the_timer_does_not_start_at_once(instance: Instance) -> None:
    """Enabled long after the boot, it waits for its time: between a quarter of an hour and twenty minutes."""
    install(instance, "none", gate=False)
    instance.boot()
    instance.systemctl("start", "--no-block", units.TIMER)
    instance.wait_until(lambda: instance.show(units.TIMER, "ActiveState") == "active", "the timer is active")
    assert noted(instance) == []
    shown = instance.systemctl("list-timers", units.TIMER, "--no-legend")
    assert "left" in shown
    assert any(f"{minutes}min" in shown for minutes in range(14, 21)), shown


def test_a_failed_refresh_comes_again(instance: Instance) -> None:
    """The interval is counted from the last run, whatever came of it; `systemctl edit` changes it."""
    install(instance, "none", gate=False, none="status=4")
    instance.write(
        f"/etc/systemd/system/{units.TIMER}.d/override.conf",
        b"[Timer]\nOnUnitActiveSec=\nOnActiveSec=1\nOnUnitActiveSec=1\nRandomizedDelaySec=0\nAccuracySec=100ms\n",
    )
    instance.boot()
    instance.systemctl("start", units.TIMER)
    instance.wait_until(lambda: noted(instance).count("none end") >= 3, "it has run three times")


def test_a_run_that_is_stopped_ends_in_order(instance: Instance) -> None:
    """The program is told; what it runs at that moment is left to it."""
    install(instance, "none", gate=False, none="bash -c 'trap \"touch /var/lib/told/child\" TERM; sleep 1; sleep 1'")
    instance.boot()
    instance.systemctl("start", "--no-block", units.REFRESH)
    instance.wait_until(lambda: noted(instance) == ["none begin"], "it runs")
    instance.systemctl("stop", units.REFRESH)
    assert noted(instance) == ["none begin", "none stopped"]
    assert instance.read("/var/lib/told/child") is None


def test_docker_mode(instance: Instance) -> None:
    """The agent is started after docker's daemon, and neither unit minds ecs.service."""
    install(instance, "docker", gate=False)
    assert reboot(instance) == "running"
    assert noted(instance) == ["docker begin", "docker end"]
    assert log(instance)[0][0] + 0.02 >= moment(instance, "docker", "ActiveEnter") > 0


def test_they_come_and_go(instance: Instance) -> None:
    """Activated and deactivated by the planned commands, nothing of them is left, and both can be done twice."""
    install(instance, "service", gate=False)
    instance.boot()
    made = units.render(units.UnitSpec((PROGRAM,), (), "service", 5.0, 5.0, 252))
    for step in (*units.enabling(made), *units.starting(made.again)) * 2:
        instance.run(*step.command)
    instance.wait_until(lambda: "service end" in noted(instance), "the look at the agent has ended")
    assert {instance.run("systemctl", "is-enabled", name).out for name in made.enable} == {"enabled\n"}
    names = tuple(file.name for file in made.files)
    for step in units.deactivation(names) * 2:
        instance.run(*step.command)
    for name in names:
        instance.run("rm", f"/etc/systemd/system/{name}")
    for step in units.forgetting():
        instance.run(*step.command)
    assert "ecsauth" not in instance.systemctl("list-units", "--all", "--no-legend", "ecsauth-*")
    assert instance.run("find", "/etc/systemd/system", "-name", "ecsauth*").out == ""
