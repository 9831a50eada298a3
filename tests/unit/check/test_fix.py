"""The canonical form: what is mended, what is refused, and that no credential changes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from ecsauth import envfile
from ecsauth.check import check, rules
from ecsauth.check.fix import canonical
from ecsauth.errors import InvalidError
from ecsauth.finding import Severity
from ecsauth.registry import auth as registry_auth
from ecsauth.registry import match
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from ecsauth.envfile import Reading
    from ecsauth.registry.credential import Credential

_ONE = '"reg.example.com":{"username":"u","password":"p"}'
_HUB = '"https://index.docker.io/v1/"'
_TYPE, _DATA = "ECS_ENGINE_AUTH_TYPE", "ECS_ENGINE_AUTH_DATA"


def _auth(kind: str, data: str) -> str:
    return f"{_TYPE}={kind}\n{_DATA}={data}\n"


def _canonical(text: str) -> str:
    return canonical(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        pytest.param("\ufeffA=1\n", "A=1\n", id="byte order mark"),
        pytest.param("A=1\r\nB=2\r\n", "A=1\nB=2\n", id="CR LF"),
        pytest.param("A=1", "A=1\n", id="no LF at the end"),
        pytest.param(
            " export A = 1 \n\n# note\n", "A=1\n\n# note\n", id="export, spaces; blank lines and comments stay"
        ),
        pytest.param("A=1\nB=1\nA=2\n", "B=1\nA=2\n", id="the last of a name stays"),
        pytest.param("A=1\n#B=2\n; C=3\n# note\\\n", "A=1\n#B:2\n# C:3\n# note\n", id="comments without ="),
        pytest.param(f"A=1\n#{_DATA}={{{_ONE}}}\n", "A=1\n", id="commented-out secret"),
        pytest.param("ECS_CLUSTER='prod'\n", "ECS_CLUSTER=prod\n", id="quotes"),
        pytest.param('ECS_AGENT_LABELS=\'{"a":"b"}\'\n', 'ECS_AGENT_LABELS={"a":"b"}\n', id="quotes ecs-init keeps"),
        pytest.param("ECS_LOG_OPTS='{}'\nMY_OWN='x'\n", "ECS_LOG_OPTS='{}'\nMY_OWN='x'\n", id="quotes somebody wants"),
        pytest.param(
            _auth("docker", f"{{{_ONE}}} # note: x"), _auth("docker", f"{{{_ONE}}}"), id="comment behind JSON"
        ),
        pytest.param(_auth("docker", f"{{{_ONE}}}#x"), _auth("docker", f"{{{_ONE}}}"), id="comment right behind JSON"),
        pytest.param(_auth("docker", f"'{{{_ONE}}}' # x"), None, id="comment behind quoted JSON"),
        pytest.param(_auth("docker", f"{{{_ONE}}} x # x"), None, id="text behind JSON"),
        pytest.param("ECS_RESERVED_PORTS=[22] # ssh\n", "ECS_RESERVED_PORTS=[22]\n", id="comment behind a list"),
        pytest.param("ecs_cluster=prod\n", "ECS_CLUSTER=prod\n", id="name in other letters"),
        pytest.param("ECS_LOGLEVEL: info\n", "ECS_LOGLEVEL=info\n", id="YAML"),
        pytest.param(f'{{"auths":{{{_ONE}}}}}', _auth("docker", f"{{{_ONE}}}"), id="a config.json"),
        pytest.param(_auth("docker", f"{{\n  {_ONE}\n}}"), _auth("docker", f"{{{_ONE}}}"), id="several lines"),
        pytest.param(_auth("docker", f'{{"a": 1, {_ONE} }}'), None, id="a setting among the registries"),
        pytest.param(_auth("docker", f"'{{{_ONE}}}'"), _auth("docker", f"{{{_ONE}}}"), id="single quotes"),
        pytest.param(_auth("docker", f'"{{{_ONE}}}"'), _auth("docker", f"{{{_ONE}}}"), id="double quotes"),
        pytest.param(_auth("docker", json.dumps(f"{{{_ONE}}}")), _auth("docker", f"{{{_ONE}}}"), id="escaped"),
        pytest.param(
            _auth("docker", json.dumps('{"a.b":{"username":"u","password":"\\n"}}')), None, id="escaped twice?"
        ),
        pytest.param(_auth("Docker", f"{{{_ONE}}}"), _auth("docker", f"{{{_ONE}}}"), id="misspelt type"),
        pytest.param(_auth("dockercfg", f"{{{_ONE}}}"), _auth("docker", f"{{{_ONE}}}"), id="the other type"),
        pytest.param(f"{_DATA}={{{_ONE}}}\n", _auth("docker", f"{{{_ONE}}}"), id="no type"),
        pytest.param(_auth("other", f"{{{_ONE}}}"), None, id="unknown type"),
        pytest.param(
            _auth("docker", f'{{"docker.io":{{"username":"u","password":"p"}},{_ONE}}}'),
            _auth("docker", f'{{{_HUB}:{{"username":"u","password":"p"}},{_ONE}}}'),
            id="Docker Hub",
        ),
        *(
            pytest.param(_auth("docker", text), _auth("docker", text), id=f"{key} is looked up as it is")
            for key in ("index.docker.io/v1/", "http://index.docker.io/v1/", "https://reg.example.com")
            for text in [f'{{"{key}":{{"username":"u","password":"p"}}}}']
        ),
        pytest.param(
            _auth("docker", '{"HTTPS://reg.example.com/v2/":{"username":"u","password":"p"}}'),
            _auth("docker", f"{{{_ONE}}}"),
            id="scheme in capitals",
        ),
        pytest.param(
            _auth("docker", f'{{{_ONE},"https://reg.example.com":{{"username":"u","password":"p"}}}}'),
            _auth("docker", f"{{{_ONE}}}"),
            id="one registry twice, same credentials",
        ),
        pytest.param(
            _auth("docker", '{"a.b":{"username":"u","password":"old"},"a.b":{"username":"u","password":"new"}}'),
            _auth("docker", '{"a.b":{"username":"u","password":"new"}}'),
            id="one name twice: the last counts",
        ),
        pytest.param(
            _auth("docker", '{ "a.b" : {"username":"u u","password":"\\u0070\\"{ "} }'),
            _auth("docker", '{"a.b":{"username":"u u","password":"\\u0070\\"{ "}}'),
            id="white space between, not inside texts",
        ),
    ],
)
def test_what_is_mended(text: str, mended: str | None) -> None:
    """Each slip whose meaning is clear; None where it is not."""
    if mended is None:
        with pytest.raises(InvalidError):
            _canonical(text)
    else:
        assert _canonical(text) == mended


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("A=1\n=x\n", "line 2"),
        ("A=1\nsome text\n", "line 2"),
        ("A=1\nECS_LOGLEVEL\n", "line 2"),
        ("ECS_CLUSTER=prod # comment\n", "line 1: ECS_CLUSTER"),
        ("ECS_INSTANCE_ATTRIBUTES=x\n", "line 1: ECS_INSTANCE_ATTRIBUTES"),
        (_auth("dockercfg", '{"reg.example.com":{"auth":"x"}}'), "line 2: reg.example.com"),
        (_auth("docker", "{'a.b':{}}"), "line 2: ECS_ENGINE_AUTH_DATA"),
        (
            _auth("dockercfg", '{"auths":{"a.b":{"auth":"x"}}}'),
            "automatically: line 2: a.b: the auth value has the wrong padding",
        ),
        (_auth("docker", f'{{{_ONE},"https://reg.example.com":{{"username":"o"}}}}'), "https://reg.example.com"),
        (
            _auth("docker", f'{{"docker.io":{{"username":"a"}},{_HUB}:{{"username":"b","password":"p"}}}}'),
            "https://index.docker.io/v1/",
        ),
        (
            _auth("docker", '{"HTTPS://a.b":{"username":"u","password":"p"},"a.b/x/":{"username":"v","password":"q"}}'),
            "a.b: a fixed name would change",
        ),
    ],
)
def test_what_is_refused_is_named(text: str, named: str) -> None:
    """The exception names line, variable or registry, and has the findings with their places in the file."""
    with pytest.raises(InvalidError) as raised:
        _canonical(text)
    assert raised.value.message.startswith("cannot be fixed automatically: ")
    assert named in raised.value.message
    assert raised.value.hints
    found = check(text.encode())
    assert all(finding in found or finding.line is None for finding in raised.value.findings)


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.code)
def test_a_mended_example_is_canonical(rule: rules.Rule) -> None:
    """What a rule gives as mended has no error, and stays as it is but for what is only a warning or note."""
    mended = canonical(rule.after.encode())
    assert canonical(mended) == mended
    assert rule.code not in [finding.code for finding in check(mended)]


@pytest.mark.parametrize("password", ["p", 'p"q', "p\\q", "p\\bq", "p$q`", "p'q", 'é"\\\\"', "p q"])
@pytest.mark.parametrize("quote", ["{}", "'{}'", '"{}"', "escaped", "escaped without quotes"])
def test_quotes_of_a_shell_never_change_a_password(quote: str, password: str) -> None:
    """What is mended is the document that was quoted, backslashes and all; else it is refused."""
    plain = json.dumps({"a.b": {"username": "u", "password": password}}, separators=(",", ":"), ensure_ascii=False)
    escaped = re.sub(r'(["\\$`])', r"\\\1", plain)
    styles = {"escaped": f'"{escaped}"', "escaped without quotes": escaped}
    try:
        mended = _canonical(_auth("docker", styles.get(quote) or quote.format(plain)))
    except InvalidError:
        assert quote.startswith("escaped") or "'" in password
    else:
        assert mended == _auth("docker", plain)


_KEYS = st.sampled_from(
    [
        "reg.example.com",
        "https://reg.example.com",
        "HTTPS://reg.example.com",
        "reg.example.com/",
        "reg.example.com/v2/",
        "reg.example.com/team",
        "reg.example.com/team/",
        " reg.example.com",
        "oci://reg.example.com/team",
        "docker.io",
        "index.docker.io/v1/",
        "https://index.docker.io/v1/",
        "https://index.docker.io/v1",
        "registry-1.docker.io",
        "REG.example.com",
        "localhost:5000",
    ]
)
_ENTRIES = st.sampled_from(
    [
        {"username": "u", "password": "p"},
        {"username": "v", "password": 'q"\\ \\b$é'},
        {"auth": "dTpw"},
        {"auth": "djpx", "email": "e"},
        {"username": "u", "password": "p", "auth": "dTpw"},
        {"identitytoken": "t"},
    ]
)
_STYLES = st.sampled_from(
    [
        json.dumps,
        lambda value: json.dumps(value, indent=1),
        lambda value: f"'{json.dumps(value)}'",
        lambda value: f'"{json.dumps(value)}"',
        lambda value: json.dumps(value).replace('"', '\\"'),
        lambda value: json.dumps(json.dumps(value)),
        lambda value: json.dumps({"auths": value}),
        lambda value: json.dumps(value, ensure_ascii=False) + " ",
    ]
)
_TYPES = st.sampled_from(["docker", "dockercfg", " docker", "DOCKER", "'dockercfg'", None])
_IMAGES = [
    "reg.example.com/app",
    "reg.example.com/team/app",
    "reg.example.com/teams",
    "localhost:5000/x",
    "nginx",
    "a/b",
]


def _credentials(reading: Reading, image: str) -> frozenset[Credential]:
    """Return what the agent can send for an image; nothing where it is random, anonymous or of no use to docker."""
    environment = {name: value.reveal() for name, value in reading.environment().items()}
    auth = registry_auth.parse(environment.get(_TYPE), environment.get(_DATA))
    found = frozenset(credential for _, credential in match.match(auth, image).candidates)
    return found if len(found) == 1 and all(one.username or one.identitytoken for one in found) else frozenset()


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(_KEYS, _ENTRIES), min_size=1, max_size=4),
    _STYLES,
    _TYPES,
    st.sampled_from(["", "export ", "\ufeff", "ECS_CLUSTER=prod \r\n", f"{_TYPE}=dockercfg\n", "# a=b\\\n"]),
)
def test_mended_files_are_read_alike_and_keep_every_credential(
    entries: list[tuple[str, dict[str, str]]], style: Callable[[object], str], kind: str | None, head: str
) -> None:
    """Without errors, the same to docker and ecs-init, and for every image the credential that it had before."""
    type_line = "" if kind is None else f"{_TYPE}={kind}\n"
    before = f"{head}{type_line}{_DATA}={style(dict(entries))}\n".encode()
    try:
        after = canonical(before)
    except InvalidError:
        return
    assert not [finding for finding in check(after) if finding.severity is Severity.ERROR]
    assert canonical(after) == after
    docker, ecs_init = envfile.docker(after), envfile.ecs_init(after)
    assert docker.environment() == ecs_init.environment()
    for image in _IMAGES:
        for reading in (envfile.docker(before), envfile.ecs_init(before)):
            had = _credentials(reading, image)
            assert not had or had == _credentials(docker, image)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_mended_or_refused(data: bytes) -> None:
    """No file crashes it, and a mended one is mended."""
    try:
        mended = canonical(data)
    except InvalidError:
        return
    assert canonical(mended) == mended
    assert envfile.docker(mended).environment() == envfile.ecs_init(mended).environment()
