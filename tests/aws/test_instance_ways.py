"""By which way an instance asks S3, and with whose keys: the whole program, behind proxies and with profiles."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Callable, NamedTuple
from urllib.parse import quote

import hurried
import pytest
import s3_faults as faults
from botocore.utils import should_bypass_proxies
from certificates import Certificates
from fetching import STANDING, Instance
from loopback_server import Answer, LoopbackServer, QuietHandler, answer
from metadata_service import ROLE_PATH, MetadataService
from needs import need
from program import ROOT, SOURCES, Ended, run_here
from s3_proxy import S3Proxy
from tunnel_proxy import TunnelProxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from canary import Canary
    from s3_request import Request
    from s3_server import S3Server

# No resolver knows it; with a dot the stand-in of S3 would find a bucket in it.
NAME = "storage"
ROLE_KEY = "ASIAINSTANCEROLE0001"


@pytest.fixture
def ready(instance: Instance) -> Instance:
    """Give an instance with a role, and an object for it."""
    instance.put(STANDING)
    return instance


class Https(NamedTuple):
    """S3 over HTTPS, and the file with its authority."""

    proxy: S3Proxy
    ca_file: str

    def variables(self, host: str = NAME) -> dict[str, str]:
        """Return the environment that leads there, under the name of a host."""
        return {"AWS_ENDPOINT_URL": f"https://{host}", "AWS_CA_BUNDLE": self.ca_file}


@pytest.fixture
def https(s3_server: S3Server, tmp_path: Path) -> Iterator[Https]:
    """Serve S3 over HTTPS, with a certificate for names that no resolver knows."""
    (tmp_path / "tls").mkdir()
    made = Certificates(tmp_path / "tls", names=(NAME, "localhost"))
    with S3Proxy(s3_server.url, tls=made.server_context()) as proxy:
        yield Https(proxy, str(made.ca_file))


def assert_installed(instance: Instance, done: Ended) -> None:
    """Assert that the object is there."""
    assert done.status == 0, done.err
    assert instance.env_file.read_bytes() == STANDING


class TestProxies:
    """A web proxy between the instance and S3."""

    def test_with_its_password(self, ready: Instance, https: Https, canary: Canary) -> None:
        """It opens a tunnel to S3's name, which is not resolved here; its password goes to it alone."""
        password = f"{canary.password}@ :%"
        with TunnelProxy(https.proxy.port, password=f"fleet:{password}") as proxy:
            url = proxy.url.replace("//", f"//fleet:{quote(password, safe='')}@")
            done = ready.install_here(**https.variables(), HTTPS_PROXY=url)
        assert_installed(ready, done)
        assert [tunnel.place for tunnel in proxy.seen] == [f"{NAME}:443"]
        (request,) = https.proxy.requests
        assert "proxy-authorization" not in request.headers
        canary.assert_not_in(done.err, "standard error")

    def test_with_a_wrong_password(self, ready: Instance, https: Https, canary: Canary) -> None:
        """A proxy that refuses is told from one that does not answer; no password is shown."""
        with TunnelProxy(https.proxy.port, password="fleet:right") as proxy:
            url = proxy.url.replace("//", f"//fleet:{canary.password}@")
            done = ready.install_here(*hurried.TRIES, **https.variables(), HTTPS_PROXY=url)
        assert done.status == 5
        assert "the proxy refuses the connection" in done.err
        assert "hint: check HTTPS_PROXY, with its user name and password, and NO_PROXY" in done.err
        assert len(https.proxy.requests) == 0
        canary.assert_not_in(done.err, "standard error")
        canary.assert_not_under(ready.folder)

    @pytest.mark.parametrize(
        "url", ["https://proxy.example.com:3128", "socks5://u:canary@h", "http://", "http://a b:1"]
    )
    @pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
    def test_of_another_kind(self, ready: Instance, https: Https, name: str, url: str) -> None:
        """What is asked in another way than by plain HTTP is refused with the reason."""
        done = ready.install_here(**https.variables(), **{name: url})
        assert done.status == 2
        assert "the proxy in HTTPS_PROXY is malformed, or its scheme is not http" in done.err
        assert "hint: write it as http://HOST:PORT" in done.err
        assert "canary" not in done.err

    @pytest.mark.parametrize(
        ("exempt", "is_asked"),
        [
            ("localhost", False),
            ("LocalHost", False),
            ("other.example.com, localhost", False),
            ("localhost:{port}", False),
            (".localhost", False),
            ("*", False),
            ("localhost:1", True),
            ("ocalhost", True),
            ("host", True),
            ("", True),
        ],
    )
    def test_exemptions(
        self, ready: Instance, https: Https, monkeypatch: pytest.MonkeyPatch, exempt: str, *, is_asked: bool
    ) -> None:
        """NO_PROXY is read as by the SDK: names and their ends, with a port or without, and `*`."""
        port = https.proxy.port
        with TunnelProxy(port) as proxy:
            env = {**https.variables(f"localhost:{port}"), "HTTPS_PROXY": proxy.url}
            done = ready.install_here(**env, NO_PROXY=exempt.format(port=port))
        assert_installed(ready, done)
        assert (len(proxy.seen) == 1) is is_asked
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("NO_PROXY", exempt.format(port=port))
        assert should_bypass_proxies(https.variables(f"localhost:{port}")["AWS_ENDPOINT_URL"]) is not is_asked

    def test_for_plain_http(self, ready: Instance) -> None:
        """On loopback a proxy gets the whole request, with its own password."""
        env = {"AWS_ENDPOINT_URL": "http://localhost:9", "HTTP_PROXY": ready.proxy.url.replace("//", "//u:p@")}
        assert_installed(ready, ready.install_here(**env))
        (request,) = ready.proxy.requests
        assert request.headers["host"] == "localhost:9"
        assert request.headers["proxy-authorization"] == "Basic dTpw"


def _ipv6_lack() -> str | None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as fault:
        return f"no IPv6 here: {fault.strerror}"
    return None


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_ipv6(ready: Instance, s3_server: S3Server, tmp_path: Path, scheme: str) -> None:
    """An endpoint may be an address of IPv6."""
    need(_ipv6_lack())
    (tmp_path / "tls").mkdir()
    made = Certificates(tmp_path / "tls", address="::1")
    proxy = S3Proxy(s3_server.url, tls=made.server_context() if scheme == "https" else None)
    proxy.host = "::1"
    with proxy:
        done = ready.install_here(AWS_ENDPOINT_URL=proxy.url, AWS_CA_BUNDLE=str(made.ca_file))
    assert_installed(ready, done)
    assert [request.headers["host"] for request in proxy.requests] == [f"[::1]:{proxy.port}"]


def test_old_tls(ready: Instance, s3_server: S3Server, tmp_path: Path) -> None:
    """What speaks TLS 1.1 at most is refused."""
    (tmp_path / "tls").mkdir()
    made = Certificates(tmp_path / "tls")
    context = made.server_context()
    with warnings.catch_warnings():
        # Of Python: these versions are deprecated.
        warnings.simplefilter("ignore")
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with S3Proxy(s3_server.url, tls=context) as proxy:
        done = ready.install_here(AWS_ENDPOINT_URL=proxy.url, AWS_CA_BUNDLE=str(made.ca_file))
    assert done.status == 4
    assert "the TLS handshake with 127.0.0.1 failed" in done.err


def profile(instance: Instance, file: str, *lines: str) -> None:
    """Write one of the AWS CLI's files."""
    path = instance.folder / "home" / ".aws" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join((*lines, "")), encoding="utf-8")


def keys(name: str) -> tuple[str, str]:
    """Return the lines of a profile's keys."""
    return f"aws_access_key_id = {name}", "aws_secret_access_key = of-the-profile"


class Rotating(faults.Reply):
    """The keys have expired, and new ones are in the file by then."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(400, "ExpiredToken", "The provided token has expired.")
        self._instance = instance

    def respond(self, request: Request, forward: faults.Forward) -> Answer:
        """Write the new keys, and refuse the old ones."""
        profile(self._instance, "credentials", "[machine]", *keys("AKIANEW0000000000001"))
        return super().respond(request, forward)


def test_keys_of_a_profile_that_are_renewed(ready: Instance) -> None:
    """Each try reads the file anew."""
    profile(ready, "credentials", "[machine]", *keys("AKIAOLD0000000000001"))
    ready.proxy.inject(Rotating(ready), times=1)
    assert_installed(ready, ready.install_here(hurried.HURRIED, "--profile=machine"))
    assert [request.access_key for request in ready.proxy.requests] == ["AKIAOLD0000000000001", "AKIANEW0000000000001"]


def test_credentials_file_goes_first(ready: Instance) -> None:
    """Where both files have a member, that of the credentials file counts, as for the SDK."""
    profile(ready, "credentials", "[machine]", *keys("AKIASHARED0000000001"), f"endpoint_url = {ready.proxy.url}")
    profile(ready, "config", "[profile machine]", *keys("AKIACONFIG0000000001"), "endpoint_url = http://127.0.0.1:9")
    assert_installed(ready, without_endpoint(ready, "--profile=machine"))
    assert {request.access_key for request in ready.proxy.requests} == {"AKIASHARED0000000001"}


def without_endpoint(instance: Instance, *options: str, **env: str) -> Ended:
    """Boot, inside this process, with no endpoint in the environment but one that is given."""
    variables = {name: value for name, value in instance.environment().items() if name != "AWS_ENDPOINT_URL"}
    return run_here(*instance.boot_arguments("--launch=none", *options), env={**variables, **env})


def test_endpoint_and_authorities_of_a_profile(ready: Instance, https: Https) -> None:
    """A profile says where S3 is, and whom to trust."""
    lines = (f"endpoint_url = https://localhost:{https.proxy.port}", f"ca_bundle = {https.ca_file}")
    profile(ready, "config", "[profile machine]", *keys("AKIACONFIG0000000001"), *lines)
    assert_installed(ready, without_endpoint(ready, "--profile=machine"))
    assert {request.access_key for request in https.proxy.requests} == {"AKIACONFIG0000000001"}


def test_endpoints_of_services(ready: Instance) -> None:
    """A section with endpoints of single services is refused, until the environment says which S3's is, if any."""
    lines = (f"endpoint_url = {ready.proxy.url}", "services = ours")
    profile(ready, "config", "[profile machine]", *keys("AKIACONFIG0000000001"), *lines, "[services ours]")
    done = without_endpoint(ready, "--profile=machine")
    assert done.status == 2
    assert "the profile machine has a `services` section with endpoints, which boot does not support" in done.err
    assert len(ready.proxy.requests) == 0
    assert_installed(ready, without_endpoint(ready, "--profile=machine", AWS_ENDPOINT_URL_S3=""))


BAD = ["of-canary\n", "of-canary\r\nx-amz-acl: public-read", "of-canaryé", "of-canary\u2028", "of canary", "\x7fcanary"]


class TestCharacters:
    """Keys with characters that no key has, and that a header would quote or pass on: refused, and shown nowhere."""

    @pytest.mark.parametrize("text", BAD, ids=ascii)
    @pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
    def test_of_the_environment(self, ready: Instance, name: str, text: str) -> None:
        """As of a file with a line break at its end."""
        env = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "of-the-environment", name: text}
        self._assert_refused(ready, ready.install_here(**env))

    def test_of_a_profile(self, ready: Instance) -> None:
        """As of a value that goes on in the next line."""
        lines = ("aws_access_key_id = AKIA", "aws_secret_access_key = of", "  canary")
        profile(ready, "credentials", "[machine]", *lines)
        self._assert_refused(ready, ready.install_here("--profile=machine"))

    @pytest.mark.parametrize("text", [*BAD, "canary\ud800"], ids=ascii)
    @pytest.mark.parametrize("name", ["SecretAccessKey", "Token"])
    def test_of_the_role(self, ready: Instance, name: str, text: str) -> None:
        """As the metadata service may give them."""

        class Odd(MetadataService):
            def respond(self, method: str, path: str, header: Callable[[str], str | None]) -> Answer | None:
                given = super().respond(method, path, header)
                if path == f"{ROLE_PATH}ecsInstanceRole":
                    return answer(200, json.dumps({**self.instance.credentials(), name: text}).encode())
                return given

        with Odd() as service:
            self._assert_refused(ready, ready.install_here(AWS_EC2_METADATA_SERVICE_ENDPOINT=service.url))

    @staticmethod
    def _assert_refused(instance: Instance, done: Ended) -> None:
        assert done.status == 4, done.err
        assert "the credentials contain an invalid character" in done.err
        assert "canary" not in done.err
        assert len(instance.proxy.requests) == 0


class _Container(QuietHandler):
    """Gives credentials as the agent of a container service does."""

    def do_GET(self) -> None:  # noqa: N802 - the base class's name
        """Answer, to whoever has the token."""
        keys = {"AccessKeyId": "ASIACONTAINER0000001", "SecretAccessKey": "s", "Token": "t"}
        document = {**keys, "Expiration": "2099-01-01T00:00:00Z"}
        may = self.headers.get("Authorization") == "of-the-container"
        self.send_answer(answer(200 if may else 401, json.dumps(document).encode(), "application/json"))


def test_credentials_of_a_container(ready: Instance) -> None:
    """The SDK, where it is, gets what AWS_CONTAINER_CREDENTIALS_FULL_URI leads to."""
    with LoopbackServer(_Container) as server:
        env = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{server.url}/keys",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "of-the-container",
        }
        assert_installed(ready, ready.install_here(**env))
    assert [request.access_key for request in ready.proxy.requests] == ["ASIACONTAINER0000001"]


def test_web_identity(ready: Instance, tmp_path: Path) -> None:
    """The SDK, where it is, exchanges the token of AWS_WEB_IDENTITY_TOKEN_FILE for keys."""
    token = tmp_path / "token"
    token.write_text("of-the-identity-provider")
    env = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/fleet"}
    assert_installed(ready, ready.install_here(**env, AWS_REGION="eu-central-1"))
    exchange, get = ready.proxy.requests
    assert (exchange.operation, get.operation) == ("AssumeRoleWithWebIdentity", "GetObject")
    assert get.access_key not in (None, ROLE_KEY)


def bare(instance: Instance, *options: str, **env: str) -> Ended:
    """Boot with a Python that has nothing but its standard library."""
    command = [sys.executable, "-S", "-m", "ecsauth", *instance.boot_arguments("--launch=none", *options)]
    variables = {**instance.environment(**env), "PYTHONPATH": str(SOURCES)}
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def test_without_the_sdk(ready: Instance) -> None:
    """An instance with a role needs nothing that is installed."""
    assert_installed(ready, bare(ready))


@pytest.mark.parametrize(
    ("options", "env", "named"),
    [
        (("--profile=fleet",), {}, "role_arn in the profile fleet"),
        (("--profile=program",), {}, "credential_process in the profile program"),
        ((), {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, "the variable AWS_WEB_IDENTITY_TOKEN_FILE"),
    ],
    ids=["role", "program", "variable"],
)
def test_what_needs_the_sdk(ready: Instance, options: tuple[str, ...], env: dict[str, str], named: str) -> None:
    """Without the SDK, what needs it for credentials is refused with the reason; no other keys are used."""
    role = ("[profile fleet]", "role_arn = arn:aws:iam::123456789012:role/fleet", "credential_source = Environment")
    profile(ready, "config", *role, "[profile program]", "credential_process = cat /canary")
    done = bare(ready, *options, **env)
    assert done.status == 4
    assert f"{named} requires the AWS SDK, which is not installed" in done.err
    assert "hint: install ecsauth with pip" in done.err
    assert len(ready.proxy.requests) == 0
