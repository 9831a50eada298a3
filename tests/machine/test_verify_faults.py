"""`verify` against registries that misbehave: bounded in time and size, and no credential goes astray."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Callable

import program
import pytest
from certificates import Certificates
from ecsauth.host.clock import SystemClock
from ecsauth.host.http import RegistryClient
from ecsauth.login import client as login_client
from ecsauth.login import endpoints
from ecsauth.login.targets import targets
from loopback_server import HOST, Answer, answer
from odd_registry import Behaviour, Odd, OddRegistry, Seen, challenge, welcome
from pseudo_terminal import PseudoTerminal
from registry_file import ENVIRONMENT, only, pair, verify, write
from screen import screen
from tunnel_proxy import TunnelProxy

if TYPE_CHECKING:
    from pathlib import Path

    from canary import Canary

# For what has to be cut off, and for what ends by itself on any machine.
TIMEOUT_S, LONG_S = 1.0, 60.0
CUT_OFF = (Odd.HANG, Odd.DRIP, Odd.DRIP_BODY)
# What a loaded machine may add; what is not cut off would go on for longer.
SLACK_S = 30.0


def after_login(behaviour: Behaviour) -> Callable[[Seen], Behaviour]:
    """Return a script that asks for a password first, and behaves when it is there."""
    return lambda seen: behaviour if seen.authorization else challenge('Basic realm="x"')


def at_token(behaviour: Behaviour, realm: str = "/token") -> Callable[[Seen], Behaviour]:
    """Return a script that names itself as token server, and behaves when it is asked for one."""
    return lambda seen: behaviour if seen.path.startswith(realm) else welcome() if seen.authorization else NAMES_ITSELF


NAMES_ITSELF = Answer(0)


def serve(script: Callable[[Seen], Behaviour]) -> OddRegistry:
    """Return a registry; where its script says so it names itself as its token server."""

    def named(seen: Seen) -> Behaviour:
        behaviour = script(seen)
        return challenge(f'Bearer realm="{registry.url}/token"') if behaviour is NAMES_ITSELF else behaviour

    registry = OddRegistry(named)
    return registry


def timeout_for(behaviour: Behaviour) -> str:
    """Return the option that bounds a login."""
    return f"--timeout={TIMEOUT_S if behaviour in CUT_OFF else LONG_S}"


def page(status: int, **headers: str) -> Answer:
    """Return a web page."""
    return answer(status, b"<html>secret page</html>", "text/html", **headers)


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (page(200), "not-a-registry"),
        (page(404), "not-a-registry"),
        (page(400), "not-a-registry"),
        (page(429, Retry_After="30"), "rate-limited"),
        (page(429, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"), "rate-limited"),
        (page(503, Retry_After="30"), "unreachable"),
        (page(301, Location="https://registry.example.org/v2/"), "not-a-registry"),
        (Odd.NO_HTTP, "not-a-registry"),
        (Odd.RESET, "unreachable"),
        (Odd.HANG, "unreachable"),
        (Odd.DRIP, "unreachable"),
    ],
    ids=str,
)
@pytest.mark.parametrize("where", ["door", "login"])
def test_faults(tmp_path: Path, canary: Canary, behaviour: Behaviour, expected: str, where: str) -> None:
    """At the first question and at the login, each has its verdict, in time, and nothing of the answer is repeated."""
    with serve((lambda _: behaviour) if where == "door" else after_login(behaviour)) as registry:
        began = time.monotonic()
        done = verify(tmp_path, {registry.name: pair("bob", canary.password)}, timeout_for(behaviour))
        took = time.monotonic() - began
        assert where == "login" or not any(seen.authorization for seen in registry.seen)
    assert only(done)["result"] == expected
    assert done.status == (4 if expected == "not-a-registry" else 5)
    assert took < TIMEOUT_S + SLACK_S
    assert "secret page" not in done.out + done.err
    canary.assert_not_in(done.out + done.err, "the output")


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (page(200), "not-a-registry"),
        (answer(200, b"{", "application/json"), "not-a-registry"),
        (answer(200, b'{"token": "a\\r\\nX: y"}', "application/json"), "not-a-registry"),
        (page(302, Location="https://auth.example.org/"), "not-a-registry"),
        (Odd.ENDLESS, "not-a-registry"),
        (Odd.ENDLESS_HEADERS, "not-a-registry"),
        (Odd.CUT, "not-a-registry"),
        (Odd.DRIP_BODY, "unreachable"),
        (Odd.HANG, "unreachable"),
    ],
    ids=str,
)
def test_faults_of_token_servers(tmp_path: Path, canary: Canary, behaviour: Behaviour, expected: str) -> None:
    """What a token server gives is bounded, and nothing of it is repeated."""
    with serve(at_token(behaviour)) as registry:
        done = verify(tmp_path, {registry.name: pair("bob", canary.password)}, timeout_for(behaviour))
    assert only(done)["result"] == expected
    canary.assert_not_in(done.out + done.err, "the output")


@pytest.mark.parametrize("where", ["door", "login", "token"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_carry_no_credential(tmp_path: Path, canary: Canary, where: str, status: int) -> None:
    """A redirect is not followed, wherever it comes and wherever it leads."""
    with OddRegistry(lambda _: welcome()) as elsewhere:
        leads = page(status, Location=f"{elsewhere.url}/v2/")
        scripts = {"door": lambda _: leads, "login": after_login(leads), "token": at_token(leads)}
        with serve(scripts[where]) as registry:
            done = verify(tmp_path, {registry.name: pair("bob", canary.password)})
        assert only(done)["result"] == "not-a-registry"
        assert len(elsewhere.seen) == 0


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make a certificate for 127.0.0.1."""
    return Certificates(tmp_path_factory.mktemp("tls"))


def test_no_downgrade(tmp_path: Path, tls: Certificates, canary: Canary) -> None:
    """A registry with TLS that names a token server without gets nothing sent there."""
    with OddRegistry(lambda _: welcome()) as server:
        script = lambda _: challenge(f'Bearer realm="{server.url}/token"')  # noqa: E731
        with OddRegistry(script, tls=tls.server_context()) as registry:
            credentials = {registry.name: pair("bob", canary.password)}
            done = verify(tmp_path, credentials, SSL_CERT_FILE=str(tls.ca_file))
        assert only(done)["result"] == "unsafe-token-server"
        assert len(server.seen) == 0


def test_without_tls_nothing_leaves_the_machine(tmp_path: Path, canary: Canary) -> None:
    """A registry on loopback, without TLS, cannot have the credential sent elsewhere: anybody here may answer."""
    with OddRegistry(lambda _: challenge('Bearer realm="https://auth.example.org/token"')) as registry:
        done = verify(tmp_path, {registry.name: pair("bob", canary.password)})
    assert only(done)["result"] == "unsafe-token-server"
    assert "auth.example.org" in only(done)["detail"]


def test_token_server_of_another_name(tmp_path: Path, tls: Certificates, canary: Canary) -> None:
    """With TLS the registry's word is good for any token server that has a certificate that holds."""
    give = answer(200, b'{"token": "t"}', "application/json")
    with OddRegistry(lambda _: give, tls=tls.server_context()) as server:
        asks = challenge(f'Bearer realm="{server.url}/token"')
        script = lambda seen: welcome() if seen.authorization == "Bearer t" else asks  # noqa: E731
        with OddRegistry(script, tls=tls.server_context()) as registry:
            credentials = {registry.name: pair("bob", canary.password)}
            done = verify(tmp_path, credentials, SSL_CERT_FILE=str(tls.ca_file))
        assert only(done)["result"] == "ok"
        assert [bool(seen.authorization) for seen in server.seen] == [True]


@pytest.mark.parametrize("fault", ["unknown authority", "expired", "another name"])
def test_certificates(tmp_path: Path, canary: Canary, fault: str) -> None:
    """No credential goes where the certificate does not hold, nor is it sent without TLS instead."""
    certificates = Certificates(
        tmp_path, expired=fault == "expired", address="127.0.0.2" if fault == "another name" else "127.0.0.1"
    )
    environment = {} if fault == "unknown authority" else {"SSL_CERT_FILE": str(certificates.ca_file)}
    with OddRegistry(after_login(welcome()), tls=certificates.server_context()) as registry:
        done = verify(tmp_path, {registry.name: pair("bob", canary.password)}, **environment)
        assert len(registry.seen) == 0
    assert (done.status, only(done)["result"]) == (4, "untrusted")


def test_authority_as_docker_keeps_it(tmp_path: Path, tls: Certificates) -> None:
    """An authority in certs.d counts, for the registry whose folder it is in, and its token server."""
    with OddRegistry(after_login(welcome()), tls=tls.server_context()) as registry:
        folder = tmp_path / registry.name
        folder.mkdir()
        own = tls.server_file.read_bytes().partition(b"-----BEGIN PRIVATE KEY")[0]
        for content, expected in ((tls.ca_file.read_bytes(), "ok"), (own, "ok"), (b"no certificate", "untrusted")):
            (folder / "ca.crt").write_bytes(content)
            assert ask(registry, tmp_path)[0] == expected
        assert ask(registry, tmp_path / "elsewhere")[0] == "untrusted"


def ask(registry: OddRegistry, certificates: Path) -> tuple[str, str]:
    """Log in by the client alone; return verdict and detail."""
    data = (
        f'ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={{"{registry.name}":{{"username":"u","password":"p"}}}}\n'
    )
    client = RegistryClient(SystemClock(), LONG_S, environment={}, certificates=str(certificates))
    (target,) = targets(data.encode())
    result = client.converse(login_client.login(target, endpoints.Trust()))
    return result.verdict.value, result.detail


def test_the_bound_of_all(tmp_path: Path) -> None:
    """Where something waits for the end, all logins together are bounded, however many there are."""
    with OddRegistry(lambda _: Odd.HANG) as registry:
        data = {f"{registry.name}/{number}/": pair("u", "p") for number in range(40)}
        file = write(tmp_path, data).read_bytes()
        # Longer than what follows allows: one login that is not cut off would be seen.
        client = RegistryClient(SystemClock(), 300.0, 1.5, environment={})
        began = time.monotonic()
        results = dict(client.run([login_client.login(each, endpoints.Trust()) for each in targets(file)]))
        assert time.monotonic() - began < 1.5 + SLACK_S
        assert len(results) == 40
        assert {result.verdict.value for result in results.values()} == {"unreachable"}


def test_one_credential_under_several_keys_is_tried_once(tmp_path: Path) -> None:
    """A registry that locks out who errs often is asked once; each key has its result."""
    with OddRegistry(lambda _: challenge('Basic realm="x"')) as registry:
        keys = (f"{registry.name}/a/", f"{registry.name}/b/", registry.name)
        done = verify(tmp_path, {key: pair("u", "p") for key in keys})
        assert len([seen for seen in registry.seen if seen.authorization]) == 1
    assert [(each["registry"], each["result"]) for each in done.document["results"]] == [
        (key, "wrong-credentials") for key in keys
    ]


def test_no_thread_is_left(tmp_path: Path) -> None:
    """A registry that drips is cut off: nothing goes on in the background of a boot."""
    before = threading.active_count()
    with OddRegistry(lambda _: Odd.DRIP) as registry:
        verify(tmp_path, {registry.name: pair("u", "p")}, "--timeout=0.5")
        # The connection's own thread of the server, and nobody else.
        end = time.monotonic() + SLACK_S
        while threading.active_count() > before + 1 and time.monotonic() < end:
            time.sleep(0.05)
        assert threading.active_count() <= before + 1


def test_names_that_do_not_resolve(tmp_path: Path) -> None:
    """They are told as such."""
    done = verify(tmp_path, {"registry.invalid": pair("u", "p")}, "--timeout=5")
    assert done.status == 5
    assert only(done)["result"] == "unreachable"


def test_proxy(tmp_path: Path, canary: Canary) -> None:
    """A proxy of the environment leads to the registry, and is shown its own password only."""
    certificates = Certificates(tmp_path, address="192.0.2.1")
    with OddRegistry(after_login(welcome()), tls=certificates.server_context()) as registry:
        with TunnelProxy(registry.port) as proxy:
            environment = {"HTTPS_PROXY": f"http://me:secret@{HOST}:{proxy.port}"}
            environment["SSL_CERT_FILE"] = str(certificates.ca_file)
            done = verify(tmp_path, {"192.0.2.1:5000": pair("bob", canary.password)}, **environment)
            (first, *_) = proxy.seen
        assert only(done)["result"] == "ok"
        assert any(seen.authorization for seen in registry.seen)
    assert first.place == "192.0.2.1:5000"
    assert first.headers["Proxy-Authorization"] == "Basic bWU6c2VjcmV0"
    canary.assert_not_in(repr(first), "what the proxy was sent")


@pytest.mark.parametrize(
    ("proxy", "detail"),
    [
        ("refusing", "the proxy refuses (407)"),
        ("absent", "the proxy refuses the connection"),
        ("unresolvable", "the proxy's name does not resolve"),
        ("of another kind", "HTTPS_PROXY is not the URL of an HTTP proxy"),
    ],
)
def test_faults_of_proxies(tmp_path: Path, canary: Canary, proxy: str, detail: str) -> None:
    """What a proxy does is told as its own; its password is not."""
    with TunnelProxy(1, refusal=407) as server:
        places = {"refusing": f"{HOST}:{server.port}", "absent": f"{HOST}:1", "unresolvable": "proxy.invalid:1"}
        scheme = "socks5" if proxy == "of another kind" else "http"
        url = f"{scheme}://me:{canary.password}@{places.get(proxy, HOST)}"
        done = verify(tmp_path, {"registry.example.com": pair("u", "p")}, HTTPS_PROXY=url)
    assert (done.status, only(done)["result"]) == (5, "unreachable")
    assert detail in only(done)["detail"]
    canary.assert_not_in(done.out + done.err, "the output")


def test_interrupt_ends_at_once(tmp_path: Path) -> None:
    """Nothing is waited for after a signal."""
    with OddRegistry(lambda _: Odd.HANG) as registry:
        file = write(tmp_path, {registry.name: pair("u", "p")})
        process = subprocess.Popen(
            [sys.executable, "-m", "ecsauth", "verify", str(file), "--timeout=60"],
            env={**ENVIRONMENT, "PYTHONPATH": str(program.SOURCES)},
            stderr=subprocess.PIPE,
        )
        registry.seen.wait_for(lambda _: True)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=SLACK_S)
    assert process.returncode == 128 + signal.SIGTERM
    assert said == b"ecsauth: error: interrupted by SIGTERM\n"


@pytest.mark.parametrize("end", ["\x03", ""], ids=["Ctrl-C", "timeout"])
def test_progress(tmp_path: Path, end: str) -> None:
    """A terminal is shown how far it is, in one line of which nothing stays, however the command ends."""
    with OddRegistry(lambda _: Odd.HANG) as registry:
        file = write(tmp_path, {registry.name: pair("u", "p")})
        arguments = ("verify", str(file), f"--timeout={60 if end else 2}")
        with PseudoTerminal(*arguments, env=ENVIRONMENT, term="xterm") as terminal:
            terminal.wait_for("ecsauth: logging in at registries, 0 of 1 (")
            terminal.type(end)
            done = terminal.end()
    shown = screen(done.seen.replace("^C", ""))
    if end:
        assert (done.status, shown) == (128 + signal.SIGINT, ["ecsauth: error: interrupted by SIGINT", ""])
    else:
        assert done.status == 5
        assert not [line for line in shown if "0 of 1" in line]
        assert any("unreachable: the registry does not answer" in line for line in shown)


def test_terminal_that_goes_away(tmp_path: Path) -> None:
    """A connection that breaks ends the command by its signal, and nothing fails before."""
    with OddRegistry(lambda _: Odd.HANG) as registry:
        file = write(tmp_path, {registry.name: pair("u", "p")})
        with PseudoTerminal("verify", str(file), "--timeout=60", env=ENVIRONMENT, term="xterm") as terminal:
            terminal.wait_for("0 of 1")
            terminal.hang_up()
            assert terminal.child.wait(SLACK_S) == 128 + signal.SIGHUP


def test_no_progress_in_the_background(tmp_path: Path) -> None:
    """A job in the background leaves the terminal to the user."""
    with OddRegistry(lambda _: Odd.HANG) as registry:
        file = write(tmp_path, {registry.name: pair("u", "p")})
        job = f"{sys.executable} -m ecsauth verify {file} --timeout=2 2>&1 & wait; echo over"
        with PseudoTerminal(env=ENVIRONMENT, term="xterm", program=("sh", "-m", "-c", job)) as terminal:
            seen = terminal.wait_for("over").replace("\r", "")
    assert "unreachable: the registry does not answer" in seen
    assert "0 of 1" not in seen
