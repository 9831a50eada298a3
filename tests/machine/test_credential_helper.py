"""docker's credential helpers, as programs: those that work, and all that can go wrong with one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import helper_scripts
import pytest
from ecsauth.errors import LocalError
from ecsauth.host.credential_helper import CredentialHelpers
from ecsauth.registry.credential import Credential
from ecsauth.secret import Secret
from needs import lack_of, need

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "canary2canary2"
SERVER = "registry.example.com:5000"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a directory at the front of PATH."""
    folder = tmp_path / "bin"
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_answers(folder: Path) -> None:
    """A helper says which servers it knows, and the credential of each."""
    helper_scripts.keychain(folder, "good", SERVER, "ci", SECRET)
    helpers = CredentialHelpers()
    assert helpers.servers("good") == (SERVER,)
    assert helpers.credential("good", SERVER) == Credential("ci", Secret(SECRET))
    assert helpers.credential("good", "other.example") is None


@pytest.mark.parametrize("ask", [lambda it: it.servers("bad"), lambda it: it.credential("bad", SERVER)])
@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param([f"echo {SECRET}", "exit 1"], "failed with status 1", id="fails"),
        pytest.param([f"echo {SECRET} >&2", "exit 3"], "failed with status 3", id="complains"),
        pytest.param(["kill -SEGV $$"], "failed by signal 11", id="crashes"),
        pytest.param([f"echo {SECRET}"], "did not answer with", id="rubbish"),
        pytest.param(["cat >/dev/null"], "did not answer with", id="says nothing"),
        pytest.param([f"echo '[\"{SECRET}\"]'"], "did not answer with", id="list"),
        pytest.param([f"yes {SECRET}"], "answered with more than 1024 KiB", id="endless answer"),
        pytest.param([f"yes {SECRET} >&2"], "answered with more than 1024 KiB", id="endless complaint"),
    ],
)
def test_failures(
    folder: Path,
    lines: list[str],
    message: str,
    ask: Callable[[CredentialHelpers], object],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Each failure has its message and a hint; what the helper said is nowhere."""
    helper_scripts.install(folder, "bad", *lines)
    with pytest.raises(LocalError, match=message) as raised:
        ask(CredentialHelpers(20))
    assert "docker-credential-bad" in raised.value.message
    said = "".join((raised.value.message, *raised.value.hints, *capfd.readouterr()))
    assert SECRET not in said


def test_credentials_that_were_not_found_but_asked_for_in_a_list(folder: Path) -> None:
    """Only `get` may say that there is nothing."""
    helper_scripts.install(folder, "none", f"echo {helper_scripts.NOT_FOUND}", "exit 1")
    assert CredentialHelpers().credential("none", SERVER) is None
    with pytest.raises(LocalError):
        CredentialHelpers().servers("none")


def wait_until_ended(pid: str) -> None:
    """Return when the process has ended, as one that was killed does when it has its turn; AssertionError if not."""
    end = time.monotonic() + 60
    while subprocess.run(["ps", "-o", "state=", "-p", pid], capture_output=True, check=False).stdout.strip(b"Z \n"):
        assert time.monotonic() < end, f"{pid} goes on"
        time.sleep(0.02)


def test_hangs(folder: Path, tmp_path: Path) -> None:
    """A helper that does not answer is ended, with what it has started, and not run again."""
    helper_scripts.install(folder, "slow", f"sleep 300 & echo $! >>{tmp_path}/child", "wait")
    begin = time.monotonic()
    helpers = CredentialHelpers(1)
    for server in (SERVER, "other.example"):
        with pytest.raises(LocalError, match="docker-credential-slow did not answer in time"):
            helpers.credential("slow", server)
    assert time.monotonic() - begin < 60
    (child,) = (tmp_path / "child").read_text().split()
    wait_until_ended(child)


@pytest.mark.parametrize("lines", [["exec >&- 2>&-", "sleep 300"], ["exec <&-", "sleep 300"]])
def test_hangs_with_closed_streams(folder: Path, lines: list[str]) -> None:
    """Nothing more is to be read, or nobody takes the question: the time is bounded all the same."""
    helper_scripts.install(folder, "slow", *lines)
    with pytest.raises(LocalError, match="did not answer in time"):
        CredentialHelpers(1).servers("slow")


def test_daemon_that_keeps_the_streams_open(folder: Path, tmp_path: Path) -> None:
    """What a helper leaves behind, as the agent of a keychain, is neither waited for nor ended."""
    helper_scripts.install(folder, "good", f"sleep 300 & echo $! >{tmp_path}/daemon", "echo '{}'")
    begin = time.monotonic()
    assert CredentialHelpers(60).servers("good") == ()
    assert time.monotonic() - begin < 30
    os.kill(int((tmp_path / "daemon").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("name", ["", "../evil", "a/b", "a b", "-x", ".x", "a\n", "a;b", "x" * 99])
def test_names_that_are_none(folder: Path, name: str) -> None:
    """A helper's name leads nowhere but to a program of that name on PATH; it is not repeated."""
    helper_scripts.install(folder, "good", "echo '{}'")
    with pytest.raises(LocalError, match="invalid name of a credential helper") as raised:
        CredentialHelpers().servers(name)
    assert not name.strip() or name not in raised.value.message


def test_absent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A helper that is not there, or only by way of the current directory."""
    helper_scripts.install(folder, "good", "echo '{}'")
    monkeypatch.setenv("PATH", ".:bin::/nowhere")
    for directory in (folder, folder.parent):
        monkeypatch.chdir(directory)
        with pytest.raises(LocalError, match="docker-credential-good is not installed, or not on PATH"):
            CredentialHelpers().servers("good")


def test_cannot_be_run(folder: Path) -> None:
    """A program that the system refuses to run."""
    helper_scripts.install(folder, "bad").write_bytes(b"\x7fELF rubbish")
    with pytest.raises(LocalError, match="docker-credential-bad cannot be run: exec format error"):
        CredentialHelpers().servers("bad")


def test_environment(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A helper has what it needs to find its keychain, and nothing else of ours."""
    helper_scripts.install(folder, "good", f"env >{tmp_path}/environment", "echo '{}'")
    given = (
        "HOME",
        "GNUPGHOME",
        "PASSWORD_STORE_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
        "XDG_RUNTIME_DIR",
        "DISPLAY",
        "AWS_PROFILE",
    )
    kept_back = ("MY_TOKEN", "ECS_ENGINE_AUTH_DATA", "DOCKER_AUTH_CONFIG", "LD_PRELOAD", "PYTHONPATH")
    for name in (*given, *kept_back):
        monkeypatch.setenv(name, "" if name == "LD_PRELOAD" else f"value of {name}")
    CredentialHelpers().servers("good")
    environment = (tmp_path / "environment").read_text()
    assert all(f"{name}=value of {name}\n" in environment for name in given)
    assert not any(name in environment for name in kept_back)


def test_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's docker-credential-pass over a GnuPG key of its own gives what was stored."""
    for program in (("docker-credential-pass", "version"), ("pass", "version"), ("gpg", "--version")):
        need(lack_of(*program))
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    monkeypatch.setenv("PASSWORD_STORE_DIR", str(tmp_path / "store"))
    helpers = CredentialHelpers()
    try:
        _call("gpg", "--batch", "--passphrase", "", "--quick-generate-key", "test@example.com", "default", "default")
        _call("pass", "init", "test@example.com")
        stored = f'{{"ServerURL":"{SERVER}","Username":"ci","Secret":"{SECRET}"}}'
        _call("docker-credential-pass", "store", stdin=stored)
        assert helpers.servers("pass") == (SERVER,)
        assert helpers.credential("pass", SERVER) == Credential("ci", Secret(SECRET))
        assert helpers.credential("pass", "other.example") is None
    finally:
        _call("gpgconf", "--kill", "all")


def _call(*command: str, stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
