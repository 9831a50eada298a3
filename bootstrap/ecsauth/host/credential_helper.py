"""docker's credential helpers: programs called docker-credential-NAME that keep passwords in a keychain.

Protocol: docker/docker-credential-helpers. The verb is the only argument. Standard input has the server's URL, standard
output has the answer as JSON, or an error as text with exit status 1. Neither output is ever shown, because the error
of a helper may quote the request or a password.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Optional

from ecsauth.errors import LocalError
from ecsauth.registry import docker_config
from ecsauth.registry.credential import ANONYMOUS

if TYPE_CHECKING:
    from ecsauth.registry.credential import Credential

_PREFIX = "docker-credential-"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
# The user may have to unlock a keychain.
_SECONDS = 60.0
_MOST_BYTES = 1024 * 1024
_BLOCK = 65_536
_PAUSE = 0.05
# The variables that helpers need to find their keychain and to ask for its password: a home, a desktop's bus and
# display, GnuPG and pass, the network's proxies; AWS_* for those that keep passwords in Secrets Manager. No other
# variable is passed to them, because it may have the password of another program.
_KEPT = frozenset(
    {
        *("HOME", "PATH", "USER", "LOGNAME", "LANG", "TERM", "TMPDIR", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"),
        *("DBUS_SESSION_BUS_ADDRESS", "GNUPGHOME", "GPG_TTY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    }
)
_KEPT_PREFIXES = ("LC_", "XDG_", "PASSWORD_STORE_", "AWS_")
_RUN_IT = "run it yourself to see the reason:"


class _TooLateError(LocalError):
    """A helper has exceeded its time limit."""


class CredentialHelpers:
    """Calls helpers with a time limit and a size limit for each request. One that was too late is not called again."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._too_late: set[str] = set()

    def servers(self, helper: str) -> tuple[str, ...]:
        """Return the servers for which a helper has credentials; raise LocalError if it fails."""
        status, output = self._ask(helper, "list", b"unused")
        if status:
            raise _failed(helper, "list", status, f"{_RUN_IT} {_PREFIX}{helper} list")
        servers = docker_config.servers(output)
        if servers is None:
            raise _rubbish(helper, "list", "a list of servers")
        return servers

    def credential(self, helper: str, server: str) -> Optional[Credential]:
        """Return the credential for a server, None if the helper has none; raise LocalError if it fails."""
        status, output = self._ask(helper, "get", server.encode())
        if status and docker_config.is_not_found(output):
            return None
        if status:
            raise _failed(helper, "get", status, f"{_RUN_IT} echo REGISTRY | {_PREFIX}{helper} get")
        credential = docker_config.credential(output)
        if credential is None:
            raise _rubbish(helper, "get", "a credential")
        # docker-credential-pass answers with empty texts if it has no credential.
        return None if credential == ANONYMOUS else credential

    def _ask(self, helper: str, verb: str, question: bytes) -> tuple[int, bytes]:
        """Return the helper's exit status and its standard output."""
        if helper in self._too_late:
            raise _too_late(helper)
        environment = {name: value for name, value in os.environ.items() if _is_kept(name)}
        program = _found(helper)
        try:
            child = subprocess.Popen(
                (program, verb),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                # So that the helper and its children can be killed together.
                start_new_session=True,
            )
        except OSError as fault:
            why = os.strerror(fault.errno or 0).lower()
            raise LocalError(f"{_PREFIX}{helper} cannot be run: {why}") from None
        try:
            return _conversed(child, helper, question, time.monotonic() + self._seconds)
        except _TooLateError:
            self._too_late.add(helper)
            raise
        finally:
            _end(child)


def _is_kept(name: str) -> bool:
    return name in _KEPT or name.startswith(_KEPT_PREFIXES)


def _found(helper: str) -> str:
    """Return the program's path. Like docker, ignore a program that is found by a relative PATH."""
    if not re.fullmatch(_NAME, helper):
        raise LocalError(
            "invalid name of a credential helper: only letters, digits, dots and dashes are allowed",
            f"credsStore and credHelpers have the name of a program on PATH, without {_PREFIX}",
        )
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    program = shutil.which(_PREFIX + helper, path=os.pathsep.join(filter(os.path.isabs, folders)))
    if program is None:
        raise LocalError(
            f"{_PREFIX}{helper} is not installed, or not on PATH",
            "import on the machine of docker login, or log in without the helper: docker --config DIRECTORY login",
        )
    return program


def _conversed(child: subprocess.Popen[bytes], helper: str, question: bytes, end: float) -> tuple[int, bytes]:
    """Send the request and read until the helper has ended; raise LocalError if it is too late or writes too much."""
    assert child.stdin is not None  # noqa: S101 - for the type checker
    # The request is much smaller than the buffer of a pipe, so the write does not block.
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(question)
        child.stdin.flush()
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    output = _said(child, helper, end)
    try:
        status = child.wait(max(end - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        raise _too_late(helper) from None
    return status, output


def _said(child: subprocess.Popen[bytes], helper: str, end: float) -> bytes:
    """Return the standard output. Standard error is read, too, so that the helper does not block."""
    with selectors.DefaultSelector() as selector:
        said = {stream.fileno(): bytearray() for stream in (child.stdout, child.stderr) if stream}
        output = next(iter(said.values()))
        for descriptor in said:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            if time.monotonic() >= end:
                raise _too_late(helper)
            ready = selector.select(_PAUSE)
            if not ready and child.poll() is not None:
                break  # what it has started, as a daemon of the keychain, may keep its streams open
            for key, _ in ready:
                block = os.read(key.fd, _BLOCK)
                said[key.fd] += block
                if len(said[key.fd]) > _MOST_BYTES:
                    raise LocalError(f"{_PREFIX}{helper} answered with more than {_MOST_BYTES // 1024} KiB")
                if not block:
                    selector.unregister(key.fd)
    return bytes(output)


def _too_late(helper: str) -> _TooLateError:
    return _TooLateError(
        f"{_PREFIX}{helper} did not answer in time", "it may wait for a password: unlock its keychain first"
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the helper and its children if it still runs. If it has ended, daemons that it started keep running."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        with contextlib.suppress(OSError):
            if stream:
                stream.close()


def _failed(helper: str, verb: str, status: int, hint: str) -> LocalError:
    how = f"with status {status}" if status > 0 else f"by signal {-status}"
    return LocalError(f"{_PREFIX}{helper} {verb} failed {how}", hint)


def _rubbish(helper: str, verb: str, wanted: str) -> LocalError:
    return LocalError(
        f"{_PREFIX}{helper} {verb} did not answer with {wanted}",
        "check that this program is a credential helper of docker",
    )
