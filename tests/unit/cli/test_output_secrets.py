"""A secret anywhere in a file is in no output: all formats of check, which, explain, --fix, both dialects."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from pathlib import Path
from typing import Callable, NamedTuple

import pytest
from canary import Canary
from hypothesis import given, settings
from hypothesis import strategies as st
from program import Ended, run_here

ENVIRONMENT = {"PATH": os.environ["PATH"]}
# Nothing that a host, a variable's name or a code could be made of, at least twelve characters of it.
SECRETS = st.text(st.sampled_from("abcdefghijkmnpqrstuvwxyz0123456789"), min_size=9, max_size=24).map("s3c{}".format)
WRONG = (
    "",
    ",",
    "}",
    '"',
    "'",
    "\\",
    "#",
    " ",
    "\t",
    "\n",
    "\r",
    "=",
    "\0",
    "\ufeff",
    "{",
    "[1]",
    " # x",
    "\\\n",
    '"}',
    ":",
)


def _auth(secret: str) -> str:
    return base64.b64encode(f"user:{secret}".encode()).decode()


DOCUMENTS: tuple[Callable[[str], str], ...] = (
    lambda secret: json.dumps({"r.example": {"username": "u", "password": secret}}),
    lambda secret: json.dumps({"r.example": {"username": secret, "password": "p"}}),
    lambda secret: json.dumps({"r.example": {"auth": _auth(secret)}}),
    lambda secret: json.dumps({"r.example": {"auth": secret}}),
    lambda secret: json.dumps({"r.example": {"auth": f"user:{secret}"}}),
    lambda secret: json.dumps({"r.example": {"identitytoken": secret, secret: secret, "email": secret}}),
    lambda secret: json.dumps({"r.example": secret, secret: {"password": secret}}),
    lambda secret: json.dumps({f"user:{secret}@r.example": {"username": "u", "password": secret}}),
    lambda secret: json.dumps({f"https://r.example:{secret}": {"auth": _auth(secret)}}),
    lambda secret: json.dumps({"auths": {"docker.io": {"auth": _auth(secret)}}, "credsStore": secret}, indent=2),
    lambda secret: json.dumps({"username": secret, "password": secret}),
    lambda secret: json.dumps([secret, {"r.example": {"password": secret}}]),
    lambda secret: json.dumps(f"{secret}"),
    lambda secret: f"{{r.example:{{username:u,password:{secret}}}}}",
    lambda secret: f"{{'r.example':{{'password':'{secret}'}}}}",
    lambda secret: f"$(cat {secret})",
    lambda secret: secret,
)
LINES: tuple[Callable[[str], str], ...] = (
    lambda secret: secret,
    lambda secret: f"={secret}",
    lambda secret: f"{secret}=x",
    lambda secret: f"export {secret}=x",
    lambda secret: f"# {secret}",
    lambda secret: f"# {secret}=1",
    lambda secret: f"# ECS_ENGINE_AUTH_DATA={secret}",
    lambda secret: f"; {secret}",
    lambda secret: f"my password: {secret}",
    lambda secret: f"ECS_CLUSTER: {secret}",
    lambda secret: f"ECS_CLUSTER = {secret}",
    lambda secret: f"ECS_CLUSTER={secret} # {secret}",
    lambda secret: f'ECS_LOGLEVEL="{secret}"',
    lambda secret: f"ECS_CONTAINER_STOP_TIMEOUT={secret}",
    lambda secret: f"ECS_INSTANCE_ATTRIBUTES={{'password':'{secret}'}}",
    lambda secret: f"ECS_ENGINE_AUTH_TYPE={secret}",
    lambda secret: f"HTTP_PROXY=http://user:{secret}@proxy.example",
    lambda secret: f"MY_PASSWORD={secret}",
    lambda secret: f"'{secret}'=1",
    lambda secret: f"# ecsauth: accept {secret}",
)


def _insert(text: str, wrong: str, place: float) -> str:
    """Break a text at one place."""
    at = int(place * len(text))
    return text[:at] + wrong + text[at:]


class Case(NamedTuple):
    """A file: one document and one line with the secret in them, and something wrong somewhere in the document."""

    secret: str = "s3cret0123456"
    kind: str = "docker"
    document: int = 0
    line: int = 0
    wrong: str = ""
    place: float = 0.0

    def data(self) -> bytes:
        """Return the bytes of the file."""
        data = _insert(f"ECS_ENGINE_AUTH_DATA={DOCUMENTS[self.document](self.secret)}", self.wrong, self.place)
        return f"ECS_ENGINE_AUTH_TYPE={self.kind}\n{LINES[self.line](self.secret)}\n{data}\n".encode()

    @property
    def names_users(self) -> bool:
        """Whether the secret stands where a user name belongs, which `which` shows."""
        return self.document in (1, 10)


def _outputs(data: bytes, *, names_users: bool) -> list[tuple[str, Ended]]:
    commands = [f"check - --format {style}" for style in ("text", "json", "github", "sarif")]
    commands += ["check - --dialect dotenv", "explain"]
    if not names_users:
        commands.append("which nginx r.example/app --why --file -")
    return [(command, run_here(*command.split(), env=ENVIRONMENT, stdin=data)) for command in commands]


def _fix(data: bytes) -> Ended:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ecs.config")
        path.write_bytes(data)
        return run_here("check", "--fix", str(path), env=ENVIRONMENT)


def _assert_hidden(case: Case) -> None:
    canary = Canary(case.secret)
    data = case.data()
    if canary.form_in(data) is None:
        return  # what a line break cut in two is no secret any more
    for name, ended in (*_outputs(data, names_users=case.names_users), ("--fix", _fix(data))):
        assert ended.status in (0, 3), name
        canary.assert_not_in(ended.out, f"the output of {name}")
        canary.assert_not_in(ended.err, f"the messages of {name}")


CASES = st.builds(
    Case,
    secret=SECRETS,
    kind=st.sampled_from(["docker", "dockercfg", "Docker", ""]),
    document=st.integers(0, len(DOCUMENTS) - 1),
    line=st.integers(0, len(LINES) - 1),
    wrong=st.sampled_from(WRONG),
    place=st.floats(0, 1),
)


@given(case=CASES)
@settings(max_examples=50, deadline=None)
def test_no_output_holds_a_secret(case: Case) -> None:
    """However the file is broken around it, the secret is shown nowhere; user names are, by which alone."""
    _assert_hidden(case)


@pytest.mark.parametrize("kind", ["docker", "dockercfg"])
@pytest.mark.parametrize("document", range(len(DOCUMENTS)))
def test_no_output_holds_a_secret_of_a_document(document: int, kind: str) -> None:
    """Every document once, as it is."""
    _assert_hidden(Case(kind=kind, document=document))


@pytest.mark.parametrize("line", range(len(LINES)))
def test_no_output_holds_a_secret_of_a_line(line: int) -> None:
    """Every line once, as it is."""
    _assert_hidden(Case(line=line))
