"""Why a command failed, by what docker, podman, systemctl and iptables really write."""

from __future__ import annotations

import pytest
from ecsauth.boot.command_error import NO_REASON, cause_of

DAEMON = "Error response from daemon: "
PORT = (
    "failed to set up container networking: driver failed programming external connectivity on endpoint ecs-agent "
    "(8c1f): Bind for 127.0.0.1:51678 failed: port is already allocated"
)
NAME = 'Conflict. The container name "/ecs-agent" is already in use by container "4f2a". You have to remove it.'
RUNC = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
    'unable to start container process: error during container init: exec: "/agent": stat /agent: no such file or '
    "directory: unknown"
)
NVIDIA = (
    "error running prestart hook #0: exit status 1, stdout: , stderr: Auto-detected mode as 'legacy'",
    "nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown",
)
CHAIN = "driver failed programming external connectivity on endpoint x:  (iptables failed: iptables -t nat -A DOCKER:"
IPTABLES = (f"{CHAIN} iptables: No chain/target/match by that name.", "(exit status 1)).")
SOCKET = (
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "
    '"http://%2Fvar%2Frun%2Fdocker.sock/v1.45/version": dial unix /var/run/docker.sock: connect: permission denied'
)
DOWN = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
HELP = "\n\nRun 'docker run --help' for more information\n"
SEE = ".\nSee 'docker run --help'.\n"
PODMAN = "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.\n"
TAKEN = 'creating container storage: the container name "ecs-agent" is already in use by 4f2a. You have to remove it'


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        pytest.param(f"docker: {DAEMON}{PORT}{HELP}", DAEMON + PORT, id="docker 28 run"),
        pytest.param(f"docker: {DAEMON}{NAME}\nSee 'docker run --help'.\n", DAEMON + NAME, id="docker 20 run"),
        pytest.param(f"docker: {DAEMON}{RUNC}{HELP}", DAEMON + RUNC, id="runc"),
        pytest.param(f"docker: {DAEMON}{NVIDIA[0]}\n{NVIDIA[1]}{HELP}", f"{DAEMON}{' '.join(NVIDIA)}", id="two lines"),
        pytest.param(
            f"docker: {DAEMON}{IPTABLES[0]}\n {IPTABLES[1]}\nSee 'docker run --help'.\n",
            f"{DAEMON}{' '.join(IPTABLES)}",
            id="a line that begins with white space",
        ),
        pytest.param(
            "Unable to find image 'agent:1' locally\n1: Pulling from team/agent\n0a1b2c3d4e5f: Pull complete\n"
            f"docker: {DAEMON}pull access denied for team/agent{HELP}",
            f"{DAEMON}pull access denied for team/agent",
            id="progress before it",
        ),
        pytest.param(
            f"WARNING: Your kernel does not support swap limit capabilities.\ndocker: {DAEMON}{NAME}{HELP}",
            DAEMON + NAME,
            id="a warning before it",
        ),
        pytest.param(f"docker: {DOWN}{HELP}", DOWN, id="no daemon"),
        pytest.param(f"{DOWN}\n", DOWN, id="no daemon for another verb"),
        pytest.param(f"docker: {SOCKET}{SEE}", f"{SOCKET}.", id="not root"),
        pytest.param(f"{SOCKET}\n", SOCKET, id="not root for another verb"),
        pytest.param(
            "unknown flag: --net\n\nUsage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]" + HELP,
            "unknown flag: --net",
            id="usage of docker",
        ),
        pytest.param(f"{DAEMON}No such container: ecs-agent\n", f"{DAEMON}No such container: ecs-agent", id="rm"),
        pytest.param(f"{PODMAN}Error: {TAKEN}\n", f"Error: {TAKEN}", id="podman-docker"),
        pytest.param(
            f'{PODMAN}time="2024-05-01T10:00:00Z" level=warning msg="Failed to read x"\nError: {TAKEN}\n',
            f"Error: {TAKEN}",
            id="podman with a log line",
        ),
        pytest.param(
            'time="2024-05-01T10:00:00Z" level=error msg="unable to reach the socket"\n',
            "unable to reach the socket",
            id="only a log line",
        ),
        pytest.param(
            "Trying to pull docker.io/team/agent:1...\nError: initializing source docker://team/agent:1: denied\n",
            "Error: initializing source docker://team/agent:1: denied",
            id="podman pull",
        ),
        pytest.param(
            "Job for ecs.service failed because the control process exited with error code.\n"
            'See "systemctl status ecs.service" and "journalctl -xeu ecs.service" for details.\n',
            "Job for ecs.service failed because the control process exited with error code.",
            id="systemctl start",
        ),
        pytest.param(
            "Failed to start ecs.service: Interactive authentication required.\n"
            "See system logs and 'systemctl status ecs.service' for details.\n",
            "Failed to start ecs.service: Interactive authentication required.",
            id="systemctl, not root",
        ),
        pytest.param(
            "Warning: The unit file, source configuration file or drop-ins of ecs.service changed on disk. Run "
            "'systemctl daemon-reload' to reload units.\nFailed to start ecs.service: Unit ecs.service not found.\n",
            "Failed to start ecs.service: Unit ecs.service not found.",
            id="systemctl with a warning",
        ),
        pytest.param("initctl: Unknown job: ecs\n", "initctl: Unknown job: ecs", id="upstart"),
        pytest.param(
            "iptables v1.4.21: can't initialize iptables table `filter': Permission denied (you must be root)\n"
            "Perhaps iptables or your kernel needs to be upgraded.\n",
            "iptables v1.4.21: can't initialize iptables table `filter': Permission denied (you must be root)",
            id="iptables",
        ),
        pytest.param(
            "# Warning: iptables-legacy tables present, use iptables-legacy to see them\n"
            "iptables v1.8.7 (nf_tables): unknown option \"--x\"\nTry `iptables -h' or 'iptables --help' for more "
            "information.\n",
            'iptables v1.8.7 (nf_tables): unknown option "--x"',
            id="iptables-nft",
        ),
        pytest.param("first\nsecond\n", "second", id="words of nobody known"),
        pytest.param("See 'docker run --help'.\n", "See 'docker run --help'.", id="advice only"),
        pytest.param(" \n\n", NO_REASON, id="nothing"),
    ],
)
def test_cause(text: str, cause: str) -> None:
    """What names the cause is said, in one line, without the advice, the warnings and the progress around it."""
    assert cause_of(text) == cause


def test_long_causes_keep_both_ends() -> None:
    """Who says so stands at the start, the cause at the end."""
    said = cause_of(f"docker: {DAEMON}{'x' * 5_000}: port is already allocated{HELP}")
    assert len(said) == 600
    assert said.startswith(f"{DAEMON}x")
    assert said.endswith("x: port is already allocated")
