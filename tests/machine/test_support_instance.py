"""An instance of the tests boots, starts ecs.service and finds its servers as one on EC2 would."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import instance as instances
import pytest
import stand_in_ecs
from instance import Instance
from s3_faults import ACCESS_DENIED
from stand_in_ecs import Answer

if TYPE_CHECKING:
    from s3_server import S3Server

METADATA = "http://169.254.169.254/latest"
# Prints the status, and the body of a success; run on the instance.
ASK = """
import sys, urllib.error, urllib.request
method, url, *headers = sys.argv[1:]
request = urllib.request.Request(url, method=method, headers=dict(header.split(": ") for header in headers))
try:
    with urllib.request.urlopen(request, timeout=5) as response:
        print(response.status, response.read().decode())
except urllib.error.HTTPError as fault:
    print(fault.status)
except urllib.error.URLError as fault:
    print(type(fault.reason).__name__)
"""


def ask(instance: Instance, method: str, url: str, *headers: str) -> str:
    """Send a request from the instance; return status and body, or what is in the way."""
    return instance.run("python3", "-c", ASK, method, url, *headers).out.strip()


def identity(instance: Instance) -> list[str]:
    """Return the ID of the boot and of the machine."""
    return instance.run("cat", "/proc/sys/kernel/random/boot_id", "/etc/machine-id").out.split()


def moment(instance: Instance, unit: str, name: str) -> int:
    """Return when something happened to a unit, in microseconds of the machine's clock."""
    moment = int(instance.show(unit, f"{name}TimestampMonotonic"))
    assert moment, f"{unit}: {name} never happened"
    return moment


def test_first_boot(instance: Instance) -> None:
    """User data runs as root, and ecs.service starts when it has ended and not before."""
    instance.user_data("#!/bin/sh\nid -un >/root/who\nsleep 0.5\necho said by user data\n")
    assert instance.boot() == "running"
    assert instance.read("/root/who") == b"root\n"
    assert "said by user data" in instance.journal("cloud-final")
    assert "systemd 252" in instance.run("systemctl", "--version").out
    assert instance.show("ecs", "ActiveState") == "active"
    begun, ended = (moment(instance, "cloud-final", f"ExecMain{name}") for name in ("Start", "Exit"))
    assert ended - begun > 500_000
    assert moment(instance, "ecs", "InactiveExit") >= ended
    assert instance.wait_for_agent()["Cluster"] == "default"


@pytest.mark.parametrize("power_loss", [False, True])
def test_reboot(instance: Instance, power_loss: bool) -> None:
    """A reboot keeps the file system, runs no user data, starts ecs.service, and S3 and metadata answer as before."""
    instance.user_data("#!/bin/sh\necho run >>/root/runs\n")
    instance.boot()
    instance.write("/etc/ecs/ecs.config", b"ECS_CLUSTER=after-reboot\n")
    # With its saved state it would take no other cluster.
    instance.wait_for_agent()
    instance.run("rm", f"{stand_in_ecs.PLACE}/{stand_in_ecs.STATE}")
    instance.run("touch", "/run/gone", "/root/stays")
    boot_id, machine_id = identity(instance)
    assert instance.reboot(power_loss=power_loss) == "running"
    assert identity(instance)[0] != boot_id
    assert identity(instance)[1] == machine_id
    assert instance.journal().count("Finished cloud-final.service") == 1
    assert instance.read("/root/runs") == b"run\n"
    assert (instance.read("/root/stays"), instance.read("/run/gone")) == (b"", None)
    # No connection takes a port of the agent.
    assert instance.read("/proc/sys/net/ipv4/ip_local_reserved_ports") == b"51678-51680\n"
    assert instance.wait_for_agent()["Cluster"] == "after-reboot"
    assert ask(instance, "GET", f"{METADATA}/meta-data/instance-id") == "401"
    assert ask(instance, "GET", instances.S3_ENDPOINT).startswith("200 ")


def test_state_of_the_agent(instance: Instance) -> None:
    """The agent keeps its state over a reboot, and ends for good when it is told another cluster."""
    instance.boot()
    first = instance.wait_for_agent()["ContainerInstanceArn"]
    instance.reboot()
    assert instance.wait_for_agent()["ContainerInstanceArn"] == first
    instance.write("/etc/ecs/ecs.config", b"ECS_CLUSTER=other\n")
    instance.systemctl("restart", "ecs")
    instance.wait_until(lambda: instance.show("ecs", "ActiveState") == "failed", "ecs.service has failed")
    assert instance.show("ecs", "ExecMainStatus") == "5"
    assert "saved cluster 'default' does not match configured cluster 'other'" in instance.journal("ecs")


def test_answers_of_ecs(instance: Instance) -> None:
    """ECS answers on an instance as a test says, until it says something else."""
    instance.ecs_answers(Answer.DENIED)
    instance.boot()
    instance.wait_until(lambda: "agent exited with code 1" in instance.journal("ecs"), "an agent was denied")
    assert instance.agent() is None
    instance.ecs_answers(Answer.REGISTERS)
    assert instance.wait_for_agent()["ContainerInstanceArn"]


def test_a_server_that_is_down_stays_down_over_a_reboot(instance: Instance) -> None:
    """An outage lasts until the test ends it."""
    instance.boot()
    instance.s3.stop()
    assert ask(instance, "GET", instances.S3_ENDPOINT) == "ConnectionRefusedError"
    instance.reboot()
    assert ask(instance, "GET", instances.S3_ENDPOINT) == "ConnectionRefusedError"
    assert ask(instance, "GET", f"{METADATA}/meta-data/instance-id") == "401"
    instance.s3.start()
    assert ask(instance, "GET", instances.S3_ENDPOINT).startswith("200 ")
    instance.reboot()
    assert ask(instance, "GET", instances.S3_ENDPOINT).startswith("200 ")


def test_servers(instance: Instance) -> None:
    """The metadata service wants a token; S3 is behind the proxy; both can be broken from the test."""
    instance.boot()
    assert ask(instance, "GET", f"{METADATA}/meta-data/instance-id") == "401"
    token = ask(instance, "PUT", f"{METADATA}/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 60").split()[1]
    given = ask(instance, "GET", f"{METADATA}/meta-data/instance-id", f"X-aws-ec2-metadata-token: {token}")
    assert given == f"200 {instance.instance_id}"
    with instance.metadata.refusing():
        assert ask(instance, "GET", METADATA) == "ConnectionRefusedError"
    instance.s3.inject(ACCESS_DENIED)
    assert ask(instance, "GET", f"{instances.S3_ENDPOINT}/{instance.bucket}/key") == "403"


def test_without_a_gate_a_failed_user_data_starts_the_agent(instance: Instance) -> None:
    """The hazard itself: user data fails, ecs.service starts all the same, and the agent joins `default`."""
    instance.user_data("#!/bin/sh\nexit 4\n")
    instance.boot()
    assert instance.show("cloud-final", "ActiveState") == "failed"
    assert instance.show("ecs", "ActiveState") == "active"
    agent = instance.wait_for_agent()
    assert agent["Cluster"] == "default"
    assert agent["ContainerInstanceArn"]
    assert instance.proof()["ECS_ENGINE_AUTH_DATA"] is None


def test_with_a_gate_a_failed_user_data_starts_no_agent(instance: Instance) -> None:
    """A condition that user data itself lays holds at this boot and the next, until what it names is there."""
    folder, condition = "/etc/systemd/system/ecs.service.d", "ConditionPathExists=/var/lib/checked"
    lay = f"mkdir -p {folder} && printf '[Unit]\\n{condition}\\n' >{folder}/gate.conf && systemctl daemon-reload"
    instance.user_data(f"#!/bin/sh\n{lay}\nexit 4\n")
    for _ in range(2):
        assert instance.boot() in ("running", "degraded")
        assert (instance.show("ecs", "ActiveState"), instance.show("ecs", "ConditionResult")) == ("inactive", "no")
        assert instance.agent() is None
        instance.shut_down()
    instance.write("/var/lib/checked", b"")
    instance.boot()
    assert instance.wait_for_agent()


def test_why_cloud_final_is_not_debians(instance: Instance) -> None:
    """With Debian's own unit the orderings close a cycle: one of the two, systemd chooses, is not started, unsaid."""
    instance.boot()
    instance.run("cp", "/lib/systemd/system/cloud-final.service", "/etc/systemd/system/cloud-final.service")
    assert instance.reboot() == "running"
    assert {instance.show(unit, "ActiveState") for unit in ("cloud-final", "ecs")} == {"active", "inactive"}


def test_a_blocking_start_from_user_data_waits_for_itself(instance: Instance) -> None:
    """`systemctl start ecs` in user data: the job waits for cloud-final, which waits for the command."""
    instance.user_data('#!/bin/sh\necho $$ >/root/pid\nsystemctl start ecs\necho "status $?" >/root/ended\n')
    instance.start()
    instance.wait_until(lambda: instance.read("/root/pid"), "user data runs")
    with pytest.raises(AssertionError, match="not booted within"):
        instance.wait_booted(timeout_s=3)
    jobs = instance.jobs()
    assert (jobs["cloud-final.service"], jobs["ecs.service"]) == ("start running", "start waiting")
    assert instance.read("/root/ended") is None
    # Broken from outside, the boot goes on.
    instance.run("pkill", "--exact", "systemctl")
    instance.wait_booted()
    assert instance.read("/root/ended") == b"status 143\n"
    assert instance.show("ecs", "ActiveState") == "active"


def test_a_queued_start_from_user_data_does_not_wait(instance: Instance) -> None:
    """With `--no-block` user data ends, and ecs.service starts after it."""
    instance.user_data(
        "#!/bin/sh\nsystemctl enable --now --no-block ecs\nsystemctl is-active ecs >/root/state || true\n"
    )
    assert instance.boot() == "running"
    assert instance.read("/root/state") == b"inactive\n"
    assert instance.wait_for_agent()


def test_a_boot_that_hangs_is_told(instance: Instance) -> None:
    """Waiting for a boot ends, and names the job that is left."""
    instance.user_data("#!/bin/sh\necho yes >/root/begun\nsleep 60\n")
    instance.start()
    instance.wait_until(lambda: instance.read("/root/begun"), "user data runs")
    with pytest.raises(AssertionError, match=r"cloud-final.service': 'start running"):
        instance.wait_booted(timeout_s=2)


def test_agent_is_given_what_ecs_init_reads(instance: Instance) -> None:
    """The agent has the variables of the file, read as ecs-init reads it, and none of ecs.service."""
    instance.write("/var/lib/ecs/ecs.config", b"ECS_CLUSTER=amazon\nECS_ENGINE_AUTH_TYPE=dockercfg\n")
    instance.write("/etc/ecs/ecs.config", b' ECS_CLUSTER = mine\nECS_CLUSTER=mine\nECS_ENGINE_AUTH_DATA="{a=b}"  \n')
    instance.boot()
    assert instance.wait_for_agent()["Cluster"] == "mine"
    hashes = {"ECS_ENGINE_AUTH_TYPE": b"dockercfg", "ECS_ENGINE_AUTH_DATA": b'"{a=b}"'}
    assert instance.proof() == {name: hashlib.sha256(value).hexdigest() for name, value in hashes.items()}
    agent = instance.run("pgrep", "--full", "stand-in-agent").out.split()[0]
    assert "AWS_ENDPOINT_URL_S3" not in instance.run("cat", f"/proc/{agent}/environ").out


def test_agents_that_do_not_come_up(instance: Instance) -> None:
    """One that crashes is started again by ecs-init, one that ends with 5 by nobody, ecs-init itself by systemd."""
    instance.agent_behaves("exit=1")
    instance.boot()
    again = "agent exited with code 1"
    instance.wait_until(lambda: instance.journal("ecs").count(again) > 1, "the agent has been started again")
    assert (instance.show("ecs", "ActiveState"), instance.show("ecs", "NRestarts")) == ("active", "0")
    assert instance.agent() is None

    instance.agent_behaves("exit=5")
    instance.wait_until(lambda: instance.show("ecs", "ActiveState") == "failed", "ecs.service has given up")
    assert instance.show("ecs", "ExecMainStatus") == "5"

    for option in ("init=1", "pre-start=1"):
        instance.agent_behaves(option)
        instance.systemctl("restart", "ecs", check=False)
        instance.wait_until(lambda: instance.show("ecs", "SubState") == "auto-restart", f"{option} is tried again")

    instance.agent_behaves("registered=no", "delay=1")
    instance.systemctl("restart", "ecs")
    assert instance.agent() is None
    assert instance.wait_for_agent()["ContainerInstanceArn"] is None


def test_program(instance: Instance) -> None:
    """The program is found on PATH, and nobody but root could have changed any part of it."""
    instance.boot()
    assert instance.run("ecsauth", "--version").out.startswith("ecsauth ")
    others = "find -L /usr/local /usr/libexec /etc/ecs ( -perm /022 -o ! -uid 0 -o ! -gid 0 ) ! -group staff"
    assert instance.run(*others.split()).out == ""
    for above in ("/", "/usr", "/usr/local", "/usr/local/bin", "/usr/local/lib"):
        assert instance.run("stat", "--format=%a %U", above).out == "755 root\n"


def test_two_at_the_same_time(instance: Instance, instance_image: str, s3_server: S3Server) -> None:
    """Each has its own network, servers and agent."""
    instance.write("/etc/ecs/ecs.config", b"ECS_CLUSTER=one\n")
    s3_server.s3.delete_bucket(Bucket=instance.bucket)
    with Instance(instance_image, s3_server) as other:
        other.write("/etc/ecs/ecs.config", b"ECS_CLUSTER=two\n")
        for each in (instance, other):
            each.start()
        for each in (instance, other):
            each.wait_booted()
        assert [each.wait_for_agent()["Cluster"] for each in (instance, other)] == ["one", "two"]
        assert ask(other, "GET", f"{METADATA}/meta-data/instance-id") == "401"
        assert (len(instance.metadata.requests), len(other.metadata.requests)) == (0, 1)


def test_what_a_killed_run_left_is_removed(instance_image: str, s3_server: S3Server) -> None:
    """The containers of a test run that is no more go when the next instance is made; nothing is left after it."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    label = f"--label={instances.LABEL}={ended.pid}"
    made = subprocess.run(
        ["docker", "create", label, instance_image], capture_output=True, text=True, timeout=60, check=True
    )
    with Instance(instance_image, s3_server) as instance:
        ids = _containers()
        assert made.stdout.strip() not in ids
    assert not [line for line in _containers() if instance.name in line]


def _containers() -> str:
    listed = ["docker", "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}}"]
    return subprocess.run(listed, capture_output=True, text=True, timeout=60, check=True).stdout
