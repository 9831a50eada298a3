"""The result of a login: a catalogue of verdicts, each with its consequence for pulls and a fix."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable


class LoginVerdict(str, Enum):
    """One member for each outcome that has its own consequence and fix."""

    OK = "ok"
    NOT_ASKED = "not-asked"  # the registry needs no login: the credential was not tried
    WRONG_CREDENTIALS = "wrong-credentials"
    NO_CREDENTIALS = "no-credentials"  # the entry has nothing that docker would send
    TOKEN_REFUSED = "token-refused"  # noqa: S105 - a code; the registry refuses the token of its token server
    MAY_NOT_PULL = "may-not-pull"
    NO_SUCH_IMAGE = "no-such-image"
    NOT_A_REGISTRY = "not-a-registry"
    UNTRUSTED = "untrusted"  # invalid certificate; the credential was not sent, as for the next two
    NO_TLS = "no-tls"
    UNSAFE_TOKEN_SERVER = "unsafe-token-server"  # noqa: S105 - a code
    RATE_LIMITED = "rate-limited"
    UNREACHABLE = "unreachable"


class LoginOutcome(NamedTuple):
    """A verdict and its reason."""

    verdict: LoginVerdict
    detail: str


class LoginResult(NamedTuple):
    """The result for one credential. `registry` may be shown; `username` is None for an anonymous pull."""

    registry: str
    username: Optional[str]
    verdict: LoginVerdict
    detail: str
    image: Optional[str] = None

    @property
    def consequence(self) -> str:
        """The consequence for the instance, empty if the login succeeded."""
        return _TEXTS[self.verdict][0]

    @property
    def fix(self) -> str:
        """The fix, empty if the login succeeded."""
        return _TEXTS[self.verdict][1]

    @property
    def exit_code(self) -> ExitCode:
        """The exit status: denied, unreachable (also if rate limited), or OK."""
        if self.verdict in _FINE:
            return ExitCode.OK
        return ExitCode.UNREACHABLE if self.verdict in _MAY_PASS else ExitCode.DENIED

    @property
    def who(self) -> str:
        """The registry and the user, for a message."""
        return f"{self.registry} as {self.username}" if self.username else f"{self.registry}, anonymous"

    @property
    def told(self) -> str:
        """The result for a log, without the user name: more people can read the log than the file."""
        return f"{self.registry}: {self.verdict.value}: {self.detail}"

    def __str__(self) -> str:
        image = f", {self.image}" if self.image else ""
        return f"{self.who}{image}: {self.verdict.value}: {self.detail}"


def exit_code(results: Iterable[LoginResult]) -> ExitCode:
    """Return the exit status of all results; DENIED is worse than UNREACHABLE, which may be transient."""
    codes = {result.exit_code for result in results}
    for code in (ExitCode.DENIED, ExitCode.UNREACHABLE):
        if code in codes:
            return code
    return ExitCode.OK


_FINE = frozenset({LoginVerdict.OK, LoginVerdict.NOT_ASKED})
_MAY_PASS = frozenset({LoginVerdict.UNREACHABLE, LoginVerdict.RATE_LIMITED})
_TEXTS = {
    LoginVerdict.OK: ("", ""),
    LoginVerdict.NOT_ASKED: ("", ""),
    LoginVerdict.WRONG_CREDENTIALS: (
        "pulls from this registry will fail",
        "try the login with docker login, then put the credential that works into the file",
    ),
    LoginVerdict.NO_CREDENTIALS: (
        "pulls from this registry will be anonymous",
        "give both a user name and a password; docker does not decode `auth` of the type docker",
    ),
    LoginVerdict.TOKEN_REFUSED: (
        "pulls from this registry will fail",
        (
            "contact the operator of the registry: its clock or its key of the token server is wrong; "
            "replace a registrytoken in the file"
        ),
    ),
    LoginVerdict.MAY_NOT_PULL: (
        "tasks of this image will fail to start",
        "check the name of the image, and give the user the right to pull this repository",
    ),
    LoginVerdict.NO_SUCH_IMAGE: (
        "tasks of this image will fail to start",
        "check the name and the tag of the image, and whether it was pushed",
    ),
    LoginVerdict.NOT_A_REGISTRY: (
        "pulls from this registry will fail",
        "write the host of the registry as in its image names, with the port if there is one",
    ),
    LoginVerdict.UNTRUSTED: (
        "the credential was not sent; docker refuses the registry as well",
        "put the CA certificate of the registry into /etc/docker/certs.d/HOST/ca.crt, here and on the instance",
    ),
    LoginVerdict.NO_TLS: (
        "the credential was not sent; docker refuses the registry as well",
        (
            "enable TLS for the registry; otherwise give --insecure-registry HOST here, and set insecure-registries in "
            "docker's daemon.json"
        ),
    ),
    LoginVerdict.UNSAFE_TOKEN_SERVER: (
        "the credential was not sent; docker would send it to a place where others can read it",
        "contact the operator of the registry: it must use TLS, and the URL of its token server must begin with https://",
    ),
    LoginVerdict.RATE_LIMITED: (
        "the credential was not verified",
        "wait, then run the same command again",
    ),
    LoginVerdict.UNREACHABLE: (
        "the credential was not verified; pulls from this machine will fail until the registry answers",
        "check DNS, routes, firewall and HTTPS_PROXY, then run the same command again",
    ),
}
