"""`ecsauth import`, the whole program: files of docker in, lines of an env-file out."""

from __future__ import annotations

import base64
import json
import os
import pty
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Callable, Optional

import canary as canaries
import helper_scripts
import program
import pytest
from ecsauth import envfile
from ecsauth.registry import auth as registry_auth
from ecsauth.registry import match as registry_match
from loopback_server import LoopbackServer, QuietHandler, answer
from needs import lack_of, need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from canary import Canary

HUB = "https://index.docker.io/v1/"
LINES = """\
ECS_ENGINE_AUTH_TYPE=docker
ECS_ENGINE_AUTH_DATA={"r.example":{"username":"ci","password":"p"}}
"""


def entry(given: str = "p", username: str = "ci") -> dict[str, str]:
    """Return an entry as `docker login` writes it."""
    return {"auth": base64.b64encode(f"{username}:{given}".encode()).decode()}


class Workstation:
    """Somebody's home, with docker's configuration in it; commands run here."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.bin = folder / "bin"
        self.config = folder / ".docker" / "config.json"
        self.config.parent.mkdir()
        self.env_file = folder / "ecs.config"
        self.environment = {"HOME": str(folder), "PATH": f"{self.bin}:{os.environ['PATH']}"}

    def logged_in(self, document: Any) -> None:
        """Write docker's config.json."""
        self.config.write_text(json.dumps(document))

    def run(self, *arguments: str, stdin: bytes = b"", **more: str) -> program.Ended:
        """Run the program, its output a pipe."""
        return program.run("import", *arguments, env={**self.environment, **more}, stdin=stdin)

    def run_here(self, *arguments: str) -> program.Ended:
        """Run the program faster, for what writes no lines to its output."""
        return program.run_here("import", *arguments, env=self.environment)


@pytest.fixture
def workstation(tmp_path: Path) -> Workstation:
    """Give a home with one login."""
    made = Workstation(tmp_path)
    made.logged_in({"auths": {"https://r.example/v2/": entry()}})
    return made


def sent(data: bytes, image: str) -> tuple[str, str]:
    """Return the user name and password that the agent sends for an image."""
    environment = envfile.docker(data).environment()
    auth = registry_auth.parse(*(environment[f"ECS_ENGINE_AUTH_{name}"].reveal() for name in ("TYPE", "DATA")))
    match = registry_match.match(auth, image)
    assert match.deterministic
    return match.candidates[0][1].username, match.candidates[0][1].password.reveal()


def test_lines_go_to_a_pipe(workstation: Workstation) -> None:
    """The output is the two lines and nothing else; what was done is told beside it."""
    done = workstation.run()
    assert (done.status, done.out) == (0, LINES)
    assert done.err == "ecsauth: r.example: imported from config.json\n"


def test_type(workstation: Workstation) -> None:
    """--type is the form that is written."""
    assert workstation.run("--type", "dockercfg").out == (
        'ECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={"r.example":{"auth":"Y2k6cA=="}}\n'
    )


@pytest.mark.parametrize("reveal", [False, True])
def test_terminal(workstation: Workstation, reveal: bool) -> None:
    """Passwords are shown on a terminal only if somebody says so; before that no helper is asked."""
    helper_scripts.install(workstation.bin, "noting", f"touch {workstation.home}/asked; echo '{{}}'")
    if not reveal:
        workstation.logged_in({"credsStore": "noting"})
    master, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "ecsauth", "import", *["--reveal"] * reveal],
        env={**workstation.environment, "PYTHONPATH": str(program.SOURCES)},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(terminal)
    shown = b""
    try:
        shown = os.read(master, 65_536)
    except OSError:  # nothing was written
        pass
    finally:
        os.close(master)
    if reveal:
        assert (done.returncode, shown.decode().replace("\r\n", "\n")) == (0, LINES)
    else:
        assert (done.returncode, shown) == (2, b"")
        assert b"the lines contain passwords, which are not shown on a terminal\n" in done.stderr
        assert not (workstation.home / "asked").exists()


def test_places_of_docker(workstation: Workstation) -> None:
    """The directory of docker, the one that DOCKER_CONFIG names, the file of before, a path, standard input."""
    other = workstation.home / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"auths": {"o.example": entry()}}))
    assert '"o.example"' in workstation.run(DOCKER_CONFIG=str(other)).out
    assert '"o.example"' in workstation.run(str(other / "config.json")).out
    assert '"o.example"' in workstation.run("-", stdin=(other / "config.json").read_bytes()).out
    (workstation.home / ".dockercfg").write_text(json.dumps({HUB: {**entry(), "email": "e@x"}}))
    assert '"r.example"' in workstation.run().out
    workstation.config.unlink()
    assert f'"{HUB}"' in workstation.run().out
    (workstation.home / ".dockercfg").unlink()
    done = workstation.run()
    assert done.status == 6
    assert (
        f"error: cannot read {workstation.config}: no such file or directory\necsauth: hint: log in first" in done.err
    )


def test_output_is_private(workstation: Workstation) -> None:
    """-o makes a file of mode 0600 that `check` has nothing against but what is missing; it is replaced as a whole."""
    place = workstation.env_file
    place.write_text("ECS_ENGINE_AUTH_TYPE=docker\n")
    place.chmod(0o644)
    done = workstation.run_here("-o", str(place))
    assert done.status == 0, done.err
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert place.read_text() == LINES
    assert f"wrote {place}, 0600\n" in done.err
    assert program.run_here("check", str(place), env=workstation.environment).status == 0


def test_a_note_is_no_warning(workstation: Workstation) -> None:
    """Warnings and notes on what was written are told as what they are."""
    workstation.logged_in({"auths": {"r.example/team/": entry()}})
    done = workstation.run("-o", str(workstation.home / "ecs.config"))
    told = {line.rpartition(" ")[2]: line.split(": ")[1] for line in done.err.splitlines() if line.endswith("]")}
    assert told == {"[V201]": "warning", "[A385]": "note"}


def test_output_over_other_variables(workstation: Workstation) -> None:
    """-o does not take the place of an env-file with more in it."""
    workstation.env_file.write_text("ECS_CLUSTER=prod\n")
    done = workstation.run_here("-o", str(workstation.env_file))
    assert done.status == 2
    assert "hint: give --into FILE to keep its other lines\n" in done.err
    assert workstation.env_file.read_text() == "ECS_CLUSTER=prod\n"


@pytest.mark.parametrize("place", [("-o", "-"), ("--into", "-"), ("--into", "s3://bucket/key"), ("-o", "s3://b/k")])
def test_places_that_are_no_files(workstation: Workstation, place: tuple[str, str]) -> None:
    """Neither standard output nor S3 has a mode, or other lines to keep."""
    assert workstation.run_here(*place).status == 2


def test_into_keeps_all_else(workstation: Workstation) -> None:
    """--into changes two lines, tells which registries that concerns, and a second time changes nothing."""
    data = 'ECS_ENGINE_AUTH_DATA={"o.example":{"auth":"dTpw"}}'
    before = f"# mine\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_CLUSTER=prod\n\n{data}\n"
    workstation.env_file.write_text(before)
    done = workstation.run_here("--into", str(workstation.env_file))
    assert done.status == 0, done.err
    assert workstation.env_file.read_text() == before.replace("}}", '},"r.example":{"auth":"Y2k6cA=="}}')
    assert "ECS_ENGINE_AUTH_DATA, registry r.example: added\n" in done.err
    assert "o.example" not in done.err
    inode = workstation.env_file.stat().st_ino
    again = workstation.run_here("--into", str(workstation.env_file))
    assert f"{workstation.env_file}: nothing to change\n" in again.err
    assert workstation.env_file.stat().st_ino == inode
    workstation.logged_in({"auths": {"r.example": entry("new")}})
    assert "registry r.example: password changed\n" in workstation.run_here("--into", str(workstation.env_file)).err


@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param(b"=x\n", 3, id="refused by check"),
        pytest.param(b'ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={"auths":{}}\n', 3, id="credentials are lost"),
        pytest.param(b"x" * 300_000, 3, id="too large"),
        pytest.param(None, 6, id="absent"),
    ],
)
def test_into_a_file_that_is_no_good(workstation: Workstation, content: Optional[bytes], status: int) -> None:
    """What check refuses is not touched."""
    if content is not None:
        workstation.env_file.write_bytes(content)
    assert workstation.run_here("--into", str(workstation.env_file)).status == status
    assert (workstation.env_file.read_bytes() if workstation.env_file.exists() else None) == content


def test_result_that_would_not_work(workstation: Workstation) -> None:
    """What all entries together would make wrong is found before anything is written."""
    many = {f"r{number}.example": entry("p" * 900) for number in range(80)}
    workstation.logged_in({"auths": many})
    done = workstation.run_here("-o", str(workstation.env_file))
    assert done.status == 3
    assert not workstation.env_file.exists()


def test_registries_by_name(workstation: Workstation) -> None:
    """--registry takes what it names, and is not silent about one that cannot be had."""
    workstation.logged_in(
        {"auths": {"r.example": entry(), "docker.io": entry(), "public.ecr.aws": entry(username="AWS")}}
    )
    done = workstation.run("--registry", "index.docker.io")
    assert (done.status, f'"{HUB}"' in done.out, "r.example" in done.out) == (0, True, False)
    done = workstation.run("--registry", "r.example", "--registry", "public.ecr.aws")
    assert (done.status, done.out) == (3, "")
    assert "error: public.ecr.aws cannot be imported: ECR logins expire after 12 hours\n" in done.err
    assert workstation.run("--registry", "absent.example").status == 3
    assert workstation.run("--registry", "nginx").status == 2


def test_helpers_that_fail(workstation: Workstation) -> None:
    """One registry's helper fails: a warning; the one of a named registry, or of all: status 6."""
    workstation.logged_in({"auths": {"r.example": entry()}, "credHelpers": {"h.example": "absent"}})
    done = workstation.run()
    assert (done.status, done.out) == (0, LINES)
    assert "warning: h.example is not imported: docker-credential-absent is not installed, or not on PATH\n" in done.err
    assert workstation.run("--registry", "h.example").status == 6
    workstation.logged_in({"credsStore": "absent"})
    assert workstation.run().status == 6
    workstation.logged_in({"credsStore": "../x"})
    assert workstation.run().status == 6


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"auths":{"r.example":{}}}', b"{", b"[]", b'{"auths":1}', b"\xff", b" " * 300_000]
)
def test_files_with_nothing_to_import(workstation: Workstation, content: bytes) -> None:
    """Status 3, and nothing written."""
    workstation.config.write_bytes(content)
    done = workstation.run_here("-o", str(workstation.env_file))
    assert done.status == 3
    assert str(workstation.config) in done.err
    assert not workstation.env_file.exists()


def test_json(workstation: Workstation) -> None:
    """For programs: what was imported, what was left out and why, what changes."""
    workstation.logged_in({"auths": {"r.example": entry(), "e.example": {}}})
    done = workstation.run_here("-o", str(workstation.env_file), "--format", "json")
    assert (done.status, done.document["written"]) == (0, True)
    assert done.document["imported"] == [{"registry": "r.example", "source": "config.json"}]
    assert [one["registry"] for one in done.document["refused"]] == ["e.example"]
    assert workstation.run_here("--format", "json").status == 2


def test_twice_the_same_key(workstation: Workstation) -> None:
    """The last one counts; that is said."""
    login = json.dumps(entry())
    workstation.config.write_text(f'{{"auths":{{"r.example":{{"auth":"x"}},"r.example":{login}}}}}')
    done = workstation.run()
    assert done.out == LINES
    assert "r.example occurs twice; the last entry is used, as by docker\n" in done.err


# Where a password may stand, and the status of an import; two of them from helpers, which complain about it.
CANARIES: dict[str, tuple[Callable[[str], Any], int]] = {
    "auth": (lambda it: {"auths": {"r.example": entry(it)}}, 0),
    "user name": (lambda it: {"auths": {"r.example": entry(username=it)}}, 0),
    "plain": (lambda it: {"auths": {"r.example": {"username": "u", "password": it}}}, 0),
    "identity token": (lambda it: {"auths": {"r.example": {**entry(), "identitytoken": it}}}, 3),
    "bad auth": (lambda it: {"auths": {"r.example": {"auth": it}}}, 3),
    "wrong type": (lambda it: {"auths": {"r.example": {"auth": [it]}}}, 3),
    "key": (lambda it: {"auths": {f"u:{it}@r.example:99999": entry()}}, 3),
    "key with a password": (lambda it: {"auths": {f"https://u:{it}@r.example": entry()}}, 0),
    "key of nothing": (lambda it: {"auths": {it: entry()}}, 3),
    "NUL": (lambda it: {"auths": {"r.example": entry(f"{it}\0x")}}, 3),
    "two of one": (lambda it: {"auths": {"docker.io": entry(it), HUB: entry()}}, 3),
    "header": (lambda it: {"auths": {"r.example": entry()}, "HttpHeaders": {"Authorization": it}}, 0),
    "proxy": (lambda it: {"auths": {"r.example": entry()}, "proxies": {"default": {"httpProxy": it}}}, 0),
    "helper": (lambda _: {"credsStore": "good"}, 0),
    "helper that fails": (lambda _: {"credHelpers": {"r.example": "bad"}}, 3),
    "helper that talks": (lambda _: {"credsStore": "talking"}, 6),
}


@pytest.mark.parametrize("where", list(CANARIES))
def test_passwords_are_seen_nowhere(workstation: Workstation, canary: Canary, where: str) -> None:
    """In no message, no argument and no environment of a process, and in no file but the one that it is for."""
    make, status = CANARIES[where]
    helper_scripts.keychain(workstation.bin, "good", "r.example", "ci", canary.password)
    helper_scripts.install(workstation.bin, "bad", f"echo {canary.password}; echo {canary.password} >&2; exit 1")
    helper_scripts.install(workstation.bin, "talking", f"echo {canary.password}")
    workstation.logged_in(make(canary.password))
    helpers = list(workstation.bin.iterdir())
    command = [sys.executable, "-m", "ecsauth", "import"]
    environment = {**workstation.environment, "PYTHONPATH": str(program.SOURCES)}
    workstation.env_file.write_text("ECS_CLUSTER=prod\n")
    for arguments in (["--into", str(workstation.env_file)], ["-o", str(workstation.home / "new"), "--format=json"]):
        done = canaries.run([*command, *arguments], env=environment)
        assert done.returncode == status, done.stderr
        canary.assert_not_shown_by(done)
    written = [workstation.env_file, workstation.home / "new"]
    canary.assert_not_under(workstation.home, apart_from=[*helpers, *written, workstation.config])


class Registry(LoopbackServer):
    """As much of a registry as `docker login` asks: /v2/ with Basic authentication; `seen` are all that was sent."""

    def __init__(self, username: str, password: str) -> None:
        expected = f"Basic {entry(password, username)['auth']}"
        self.seen = seen = set[Any]()

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - the name is the base class's
                authorization = self.headers.get("Authorization")
                seen.update([authorization] if authorization else [])
                is_right = authorization == expected
                realm = {} if is_right else {"WWW_Authenticate": 'Basic realm="r"'}
                self.send_answer(answer(200 if is_right else 401, b"{}", **realm))

        super().__init__(Handler)


@pytest.fixture
def keychain(workstation: Workstation) -> Iterator[None]:
    """Set up GnuPG and pass in this home."""
    for each in (("docker-credential-pass", "version"), ("pass", "version"), ("gpg", "--version")):
        need(lack_of(*each))
    (workstation.home / ".gnupg").mkdir(mode=0o700)
    key = ("gpg", "--batch", "--passphrase", "", "--quick-generate-key", "t@example.com", "default", "default")
    try:
        for command in (key, ("pass", "init", "t@example.com")):
            subprocess.run(command, env=workstation.environment, capture_output=True, timeout=60, check=True)
        yield
    finally:
        subprocess.run(("gpgconf", "--kill", "all"), env=workstation.environment, timeout=60, check=False)


@pytest.mark.parametrize("store", ["", "pass"])
def test_what_docker_login_leaves(
    workstation: Workstation, canary: Canary, store: str, request: pytest.FixtureRequest, docker_lack: str | None
) -> None:
    """After a real `docker login`, in the file or in a real keychain, the agent sends what was given to docker."""
    need(docker_lack)
    if store:
        request.getfixturevalue("keychain")
    # With no credential at all docker would take whatever keychain it finds on PATH.
    workstation.logged_in({"credsStore": store} if store else {"auths": {"other.example": entry()}})
    with Registry("ci", canary.password) as registry:
        host = f"{registry.host}:{registry.port}"
        subprocess.run(
            ["docker", "login", "--username", "ci", "--password-stdin", host],
            input=canary.password.encode(),
            env=workstation.environment,
            capture_output=True,
            timeout=60,
            check=True,
        )
    assert (canary.form_in(workstation.config.read_bytes()) is None) == bool(store)
    done = workstation.run("-o", str(workstation.env_file))
    assert done.status == 0, done.err
    assert sent(workstation.env_file.read_bytes(), f"{host}/team/app:1") == ("ci", canary.password)
    assert f"{host}: imported from {'docker-credential-pass' if store else 'config.json'}\n" in done.err


# HOST is the registry. What the file, the helper for all and the registry's own helper have is told apart by the user;
# behind each case is the one whose login docker sends.
FILE = {"auths": {"HOST": entry("p", "file")}}
PLAIN = {"username": "plain", "password": "p"}
RESOLVED: dict[str, tuple[dict[str, Any], Optional[str]]] = {
    "file": (FILE, "file"),
    "file, as a URL": ({"auths": {"http://HOST/v1/": entry("p", "file")}}, "file"),
    "file, under two names": ({"auths": {"https://HOST": entry("p", "url"), "HOST": entry("p", "file")}}, "file"),
    "file, empty": ({"auths": {"HOST": {}}}, None),
    "file and store": ({**FILE, "credsStore": "store"}, "store"),
    "file and store without it": ({**FILE, "credsStore": "empty"}, None),
    "store and own": ({"credsStore": "store", "credHelpers": {"HOST": "own"}}, "own"),
    "store and own without it": ({"credsStore": "store", "credHelpers": {"HOST": "empty"}}, None),
    "all": ({**FILE, "credsStore": "store", "credHelpers": {"HOST": "own"}}, "own"),
    "own of another": ({**FILE, "credHelpers": {"other.example": "own"}}, "file"),
    "own without a name": ({**FILE, "credsStore": "store", "credHelpers": {"HOST": ""}}, "file"),
    "user name and password": ({"auths": {"HOST": PLAIN}}, "plain"),
    "all three fields": ({"auths": {"HOST": {**PLAIN, **entry("p", "file")}}}, "file"),
}


@pytest.mark.parametrize("case", list(RESOLVED))
def test_docker_itself_sends_the_same(workstation: Workstation, case: str, docker_lack: str | None) -> None:
    """The login that a real `docker pull` sends to a registry is the one that is imported for it, or there is none."""
    need(docker_lack)
    document, user = RESOLVED[case]
    with Registry("nobody", "nothing") as registry:
        host = f"{registry.host}:{registry.port}"
        for name in ("store", "own"):
            helper_scripts.keychain(workstation.bin, name, host, name, "p")
        helper_scripts.keychain(workstation.bin, "empty", "other.example", "x", "p")
        workstation.config.write_text(json.dumps(document).replace("HOST", host))
        pull = ["docker", "pull", f"{host}/team/app:1"]
        subprocess.run(pull, env=workstation.environment, capture_output=True, timeout=60, check=False)
    done = workstation.run("-o", str(workstation.env_file), "--registry", host)
    assert registry.seen == ({f"Basic {entry('p', user)['auth']}"} if user else set())
    assert done.status == (0 if user else 3), done.err
    if user:
        assert sent(workstation.env_file.read_bytes(), f"{host}/team/app:1") == (user, "p")
