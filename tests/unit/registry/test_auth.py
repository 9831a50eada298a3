"""What the agent keeps of the two auth variables, and why it loses the rest."""

from __future__ import annotations

import base64
import json
from typing import Optional

import pytest
from ecsauth.registry import auth as registry_auth
from ecsauth.registry.credential import Credential
from ecsauth.registry.problems import Problem, ProblemKind
from hypothesis import given
from hypothesis import strategies as st

_CARET = "‸"  # stands before the character that a problem must point at
_R = "reg.example.com"


def _b64(pair: str) -> str:
    return base64.b64encode(pair.encode("utf-8", "surrogateescape")).decode()


def _split(marked: str) -> tuple[str, list[int]]:
    """Return a text without its carets, and the columns that they stood at."""
    pieces = marked.split(_CARET)
    columns = [len("".join(pieces[: number + 1])) + 1 for number in range(len(pieces) - 1)]
    return "".join(pieces), columns


# Each case: type, data with a caret where each problem points, the kinds best first, the first one's detail. Columns of
# problems of the type count in the type: their caret stands at the start.
_PLAIN = '"username":"u","password":"p"'
_PROBLEMS = [
    ("", f'‸{{"{_R}":{{{_PLAIN}}}}}', [ProblemKind.TYPE_MISSING], "docker"),
    (
        "",
        f'‸{{‸"auths":{{"{_R}":{{"auth":"dTpw"}}}}}}',
        [ProblemKind.TYPE_MISSING, ProblemKind.AUTHS_WRAPPER],
        "dockercfg",
    ),
    ("", "‸‸{}", [ProblemKind.TYPE_MISSING, ProblemKind.DOCUMENT_EMPTY], None),
    ('{"a.b":{}}', "‸‸", [ProblemKind.TYPE_IS_DATA, ProblemKind.DATA_MISSING], None),
    ("'docker'", f'‸{{"{_R}":{{{_PLAIN}}}}}', [ProblemKind.TYPE_MISSPELT], "docker"),
    ("Docker-Cfg", f'‸{{"{_R}":{{"auth":"dTpw"}}}}', [ProblemKind.TYPE_MISSPELT], "dockercfg"),
    ("docker # mine", f'‸{{"{_R}":{{{_PLAIN}}}}}', [ProblemKind.TYPE_MISSPELT], "docker"),
    ("kubernetes.io/dockerconfigjson", f'‸{{"{_R}":{{"auth":"dTpw"}}}}', [ProblemKind.TYPE_MISSPELT], "dockercfg"),
    ("basic", f'‸{{"{_R}":{{{_PLAIN}}}}}', [ProblemKind.TYPE_UNKNOWN], "docker"),
    ("docker", "‸", [ProblemKind.DATA_MISSING], None),
    ("docker", " \t‸", [ProblemKind.JSON_EMPTY], None),
    ("docker", f'‸\ufeff{{"{_R}":{{{_PLAIN}}}}}', [ProblemKind.JSON_BOM], None),
    ("docker", f"‸'{{\"{_R}\":{{{_PLAIN}}}}}'", [ProblemKind.SHELL_QUOTED], None),
    ("docker", f'‸"{{"{_R}":{{{_PLAIN}}}}}"', [ProblemKind.SHELL_QUOTED], None),
    ("docker", '‸"{\\"a.b\\":{}}"', [ProblemKind.SHELL_QUOTED], None),
    ("docker", f'{{"{_R}":{{{_PLAIN}}}}}‸\'', [ProblemKind.SHELL_QUOTED], None),
    ("docker", '{‸\\"a.b\\":{}}', [ProblemKind.SHELL_ESCAPED], None),
    ("docker", "{‸'a.b':{}}", [ProblemKind.JSON_SINGLE_QUOTED], None),
    ("docker", "{‸“a.b”:{}}", [ProblemKind.JSON_SMART_QUOTED], None),
    ("docker", "{‸a.b:{username:u}}", [ProblemKind.JSON_UNQUOTED], None),
    ("docker", '{"a.b":{"username":‸hunter2}}', [ProblemKind.JSON_UNQUOTED], None),
    ("docker", "{‸// mine\n}", [ProblemKind.JSON_COMMENT], None),
    ("docker", '{"a.b":{}, ‸# mine\n}', [ProblemKind.JSON_COMMENT], None),
    ("docker", '{"a.b":‸None}', [ProblemKind.JSON_WORD], None),
    ("docker", '{"a.b":‸nulL}', [ProblemKind.JSON_WORD], None),
    ("docker", '{"a.b":{"x":0‸1}}', [ProblemKind.JSON_NUMBER], None),
    ("docker", '{"a.b":{"x":‸+1}}', [ProblemKind.JSON_NUMBER], None),
    ("docker", '{"a.b":{"password":"a‸\tb"}}', [ProblemKind.JSON_CONTROL], None),
    ("docker", '{"a.b":{"password":"a‸\\$b"}}', [ProblemKind.JSON_ESCAPE], None),
    ("docker", '{"a.b":{"password":"a"‸b"}}', [ProblemKind.JSON_INNER_QUOTE], None),
    ("docker", '{"a.b":{"username":"u"‸"password":"p"}}', [ProblemKind.JSON_MISSING_COMMA], None),
    ("docker", '{"a.b":‸\u00a0{}}', [ProblemKind.JSON_WHITE_SPACE], None),
    ("docker", "{}‸\u200b", [ProblemKind.JSON_WHITE_SPACE], None),
    ("docker", '{"a.b":{"username":"u",‸}}', [ProblemKind.JSON_TRAILING_COMMA], None),
    ("docker", '{"a.b":{}}‸}', [ProblemKind.JSON_TRAILING], None),
    ("docker", '{"a.b":{}}‸ECS_CLUSTER=a', [ProblemKind.JSON_TRAILING], None),
    ("docker", "{‸", [ProblemKind.JSON_TRUNCATED], None),
    ("docker", "[" * 10_000 + "‸[", [ProblemKind.JSON_DEPTH], None),
    ("docker", "‸a.b: {username: u}", [ProblemKind.NOT_JSON], None),
    ("docker", "‸$SECRET", [ProblemKind.NOT_JSON], None),
    ("docker", '{"a.b":{"username"‸;"u"}}', [ProblemKind.JSON_SYNTAX], None),
    ("docker", '{"a.b":{}‸;}', [ProblemKind.JSON_SYNTAX], None),
    ("docker", '{"a.b":‸)}', [ProblemKind.JSON_SYNTAX], None),
    ("docker", "{‸,}", [ProblemKind.JSON_SYNTAX], None),
    ("dockercfg", '{‸"credHelpers":{"a.b":"x"}}', [ProblemKind.CREDS_STORE], "credHelpers"),
    ("dockercfg", '{‸"auths":{"a.b":{"auth":"dTpw"}},"HttpHeaders":{}}', [ProblemKind.AUTHS_WRAPPER], "dockercfg"),
    ("docker", '{‸"auths":{}}', [ProblemKind.AUTHS_WRAPPER], None),
    ("docker", '{‸"detachKeys":"ctrl-e"}', [ProblemKind.CONFIG_FILE_FIELD], "detachKeys"),
    ("docker", '{‸"username":"hunter2"}', [ProblemKind.REGISTRY_KEY_MISSING], "username"),
    ("docker", '‸["hunter2"]', [ProblemKind.DOCUMENT_NOT_OBJECT], "array"),
    ("docker", f'{{"{_R}":‸["hunter2"]}}', [ProblemKind.REGISTRY_NOT_OBJECT], "array"),
    ("docker", f'{{"{_R}":{{"username":"u","password":‸12345}}}}', [ProblemKind.FIELD_NOT_STRING], "password"),
    ("dockercfg", f'{{"{_R}":{{"auth":‸true}}}}', [ProblemKind.FIELD_NOT_STRING], "auth"),
    ("dockercfg", "‸null", [ProblemKind.DOCUMENT_EMPTY], None),
    ("dockercfg", " ‸{}", [ProblemKind.DOCUMENT_EMPTY], None),
    ("docker", f'{{‸"{_R}":{{"auth":"dTpw","email":"e"}}}}', [ProblemKind.TYPE_MISMATCH], "dockercfg"),
    (
        "dockercfg",
        f'{{‸"{_R}":{{{_PLAIN}}},‸"a.b":{{}}}}',
        [ProblemKind.TYPE_MISMATCH, ProblemKind.AUTH_MISSING],
        "docker",
    ),
    ("dockercfg", f'{{‸"{_R}":{{{_PLAIN}}},"a.b":{{"auth":"dTpw"}}}}', [ProblemKind.FORMAT_MIXED], "docker"),
    ("docker", f'{{‸"{_R}":{{"auth":"dTpw"}},"a.b":{{{_PLAIN}}}}}', [ProblemKind.FORMAT_MIXED], "dockercfg"),
    *(
        ("dockercfg", f'{{"{_R}":{{"auth":‸"{auth}"}}}}', [kind], None)
        for auth, kind in [
            ("user:hunter2", ProblemKind.AUTH_PLAIN_TEXT),
            ("Basic dTpw", ProblemKind.AUTH_BASIC_PREFIX),
            ("dTo_Pn7Dv8O-", ProblemKind.AUTH_URLSAFE),
            ("dTp\\tw", ProblemKind.AUTH_WHITE_SPACE),
            ("dTpw ", ProblemKind.AUTH_WHITE_SPACE),
            ("dTp", ProblemKind.AUTH_PADDING),
            ("dTpw=", ProblemKind.AUTH_PADDING),
            ("dTpw!", ProblemKind.AUTH_NOT_BASE64),
            ("dT\u00f6w", ProblemKind.AUTH_NOT_BASE64),
            (_b64(_b64("user:password")), ProblemKind.AUTH_DOUBLE_ENCODED),
            ("zq212MzEXAMPLE7o6T25Dk0i", ProblemKind.AUTH_EXAMPLE),
            (_b64("hunter2"), ProblemKind.AUTH_NO_COLON),
            ("", ProblemKind.AUTH_EMPTY),
        ]
    ),
    ("dockercfg", f'{{‸"{_R}":{{"email":"e"}}}}', [ProblemKind.AUTH_MISSING], None),
    ("dockercfg", f'{{‸"{_R}":null}}', [ProblemKind.AUTH_MISSING], None),
    ("docker", f'{{‸"{_R}":{{"username":"","password":""}}}}', [ProblemKind.ENTRY_EMPTY], None),
    ("docker", f'{{‸"{_R}":null}}', [ProblemKind.ENTRY_EMPTY], None),
    (
        "docker",
        f'{{"{_R}":{{{_PLAIN}}},‸"{_R}":{{{_PLAIN}}}}}',
        [ProblemKind.KEY_DUPLICATE],
        None,
    ),
    ("docker", f'{{"{_R}":{{"username":"u",‸"passwd":"p"}}}}', [ProblemKind.FIELD_MISSPELT], "password"),
    ("docker", f'{{"{_R}":{{‸"user_name ":"u","password":"p"}}}}', [ProblemKind.FIELD_MISSPELT], "username"),
    ("dockercfg", f'{{"{_R}":{{‸"auths":"dTpw"}}}}', [ProblemKind.FIELD_MISSPELT], "auth"),
    ("docker", f'{{"{_R}":{{{_PLAIN},‸"Username":"v"}}}}', [ProblemKind.FIELD_DUPLICATE], "username"),
    ("docker", f'{{"{_R}":{{"username":"u","password":‸"\\ud83d"}}}}', [ProblemKind.TEXT_REPLACED], None),
    ("docker", f'{{"{_R}":{{"username":‸"\udcff","password":"\ufffd\\ufffd"}}}}', [ProblemKind.TEXT_REPLACED], None),
    ("dockercfg", f'{{"{_R}":{{"auth":‸"{_b64("u:" + chr(0xDCFF))}"}}}}', [ProblemKind.AUTH_NOT_UTF8], "password"),
    ("docker", f'{{‸"{_R}":{{"password":"p"}}}}', [ProblemKind.USERNAME_EMPTY], None),
    ("docker", f'{{"{_R}":{{"username":"u","password":‸""}}}}', [ProblemKind.PASSWORD_EMPTY], None),
    ("dockercfg", f'{{"{_R}":{{"auth":‸"{_b64("u:")}"}}}}', [ProblemKind.PASSWORD_EMPTY], None),
    ("docker", f'{{"{_R}":{{"username":‸"a:b","password":"p"}}}}', [ProblemKind.USERNAME_COLON], None),
    ("dockercfg", f'{{"{_R}":{{"auth":‸"{_b64("u:p" + chr(10))}"}}}}', [ProblemKind.LINE_BREAK], "password"),
    ("docker", f'{{"{_R}":{{"username":"u","password":‸"p\\u0000"}}}}', [ProblemKind.NUL_CHARACTER], "password"),
    ("docker", f'{{"{_R}":{{"identitytoken":‸"t"}}}}', [ProblemKind.IDENTITY_TOKEN], "identitytoken"),
    (
        "dockercfg",
        f'{{"{_R}":{{"auth":"{_b64("u:")}",‸"IdentityToken":"t"}}}}',
        [ProblemKind.TOKEN_IGNORED],
        "identitytoken",
    ),
    ("dockercfg", f'{{"{_R}":{{"auth":‸"{_b64("oauth2accesstoken:t")}"}}}}', [ProblemKind.EXPIRING_LOGIN], None),
    ("docker", f'{{"{_R}":{{"username":"u","password":‸"${{PASSWORD}}"}}}}', [ProblemKind.PLACEHOLDER], "password"),
    ("docker", f'{{"{_R}":{{{_PLAIN},‸"colour":"red"}}}}', [ProblemKind.FIELD_IGNORED], None),
    ("docker", f'{{"{_R}":{{{_PLAIN},"auth":‸"dTpw"}}}}', [ProblemKind.FIELD_IGNORED], "auth"),
    ("dockercfg", f'{{"{_R}":{{"auth":"dTpw",‸"username":"u"}}}}', [ProblemKind.FIELD_IGNORED], "username"),
    *(
        ("docker", f'{{‸"{key}":{{{_PLAIN}}}}}', [kind], None)
        for key, kind in [
            ("https://index.docker.io/v1", ProblemKind.HUB_KEY_NEVER_USED),
            ("https://index.docker.io/v1/user", ProblemKind.HUB_KEY_NEVER_USED),
            ("docker.io", ProblemKind.HUB_KEY_NEVER_USED),
            ("Docker.IO", ProblemKind.HUB_KEY_NEVER_USED),
            ("index.docker.io:443/v1/", ProblemKind.HUB_KEY_NEVER_USED),
            ("", ProblemKind.KEY_EMPTY),
            ("https:///", ProblemKind.KEY_EMPTY),
            ("https://u:hunter2@reg.example.com", ProblemKind.KEY_HAS_USERINFO),
            ("HTTPS://reg.example.com", ProblemKind.KEY_UPPERCASE_SCHEME),
            ("oci://reg.example.com", ProblemKind.KEY_BAD_SCHEME),
            ("https:/reg.example.com", ProblemKind.KEY_BAD_SCHEME),
            ("https://http://reg.example.com", ProblemKind.KEY_BAD_SCHEME),
            ("//reg.example.com", ProblemKind.KEY_BAD_SCHEME),
            ("reg.example.com ", ProblemKind.KEY_WHITE_SPACE),
            ("reg.example.com\u200b", ProblemKind.KEY_WHITE_SPACE),
            ("*.example.com", ProblemKind.KEY_WILDCARD),
            ("registry/team", ProblemKind.KEY_NOT_A_HOST),
            ("LOCALHOST", ProblemKind.KEY_NOT_A_HOST),
            ("reg.example.com.", ProblemKind.KEY_INVALID),
            ("reg.example.com:99999", ProblemKind.KEY_INVALID),
            ("reg.ex\u00e4mple.com", ProblemKind.KEY_INVALID),
            ("Reg.example.com:5000", ProblemKind.KEY_UPPERCASE_HOST),
            ("https://reg.example.com/v2/", ProblemKind.KEY_API_PATH),
            ("reg.example.com/", ProblemKind.KEY_API_PATH),
            ("reg.example.com/team", ProblemKind.PATH_KEY_SERVES_HOST),
        ]
    ),
    *(
        ("dockercfg", f'{{{first}"{_R}":{{"auth":"dTpw"}},{second}"{other}":{{"auth":"{auth}"}}}}', [kind], None)
        for first, second, other, auth, kind in [
            ("‸", "", "https://reg.example.com/", "djp3", ProblemKind.KEY_SHADOWED),
            ("‸", "", "https://reg.example.com/", "dTpw", ProblemKind.KEY_REDUNDANT),
            ("", "‸", "http://reg.example.com", "djp3", ProblemKind.KEY_COLLISION),
            ("", "‸", "http://reg.example.com", "dTpw", ProblemKind.KEY_REDUNDANT),
            ("", "‸", "https://reg.example.com/v1/", "djp3", ProblemKind.API_PATH_NEVER_USED),
            ("", "‸", "reg.example.com/Team", "djp3", ProblemKind.KEY_PATH_INVALID),
            ("", "‸", "reg.example.com//team", "djp3", ProblemKind.KEY_PATH_INVALID),
            ("", "‸", "reg.example.com/team", "djp3", ProblemKind.PATH_PREFIX_NO_BOUNDARY),
        ]
    ),
    (
        "dockercfg",
        '{‸"a.b/x":{"auth":"dTpw"},"a.b/y":{"auth":"djp3"},"c.d":{"auth":"dTpw"}}',
        [ProblemKind.PATH_KEYS_RANDOM],
        None,
    ),
    (
        "dockercfg",
        '{‸"a.b/x":{"auth":"dTpw"},"a.b/y":{"auth":"dTpw"}}',
        [ProblemKind.PATH_KEY_SERVES_HOST],
        None,
    ),
]


@pytest.mark.parametrize(
    ("auth_type", "marked", "kinds", "detail"),
    [pytest.param(*case, id=f"{number}-{case[2][0].value}") for number, case in enumerate(_PROBLEMS)],
)
def test_problems(auth_type: str, marked: str, kinds: list[ProblemKind], detail: Optional[str]) -> None:
    """Each cause is told by its own kind, at its own place, and alone where nothing else is wrong."""
    data, columns = _split(marked)
    problems = registry_auth.parse(auth_type, data).problems
    assert [problem.kind for problem in problems] == kinds
    assert [problem.column for problem in problems] == columns
    assert problems[0].detail == detail


def test_every_kind_of_problem_has_a_case() -> None:
    """No kind is only a name."""
    assert {kind for _, _, kinds, _ in _PROBLEMS for kind in kinds} == set(ProblemKind)


@pytest.mark.parametrize(
    ("auth_type", "data"),
    [
        pytest.param(None, None, id="neither-set"),
        pytest.param("", "", id="both-empty"),
        pytest.param(
            "docker",
            '{"https://index.docker.io/v1/":{"username":"my_name","password":"my_password","email":"email@example.com"}}',
            id="aws-page-one-registry",
        ),
        pytest.param(
            "docker",
            '{"repo.example-01.com":{"username":"my_name","password":"my_password","email":"email@example-01.com"},'
            '"repo.example-02.com":{"username":"another_name","password":"another_password","email":"a@example-02.com"}}',
            id="aws-page-two-registries",
        ),
        pytest.param(
            "dockercfg",
            '{"https://index.docker.io/v1/":{"auth":"bXlfbmFtZTpteV9wYXNzd29yZA==","email":"email@example.com"}}',
            id="aws-page-dockercfg",
        ),
        pytest.param(" dockercfg\u2003", '\t{"localhost:5000":{"AUTH":"dTpw"}}\r\n', id="white-space-and-capitals"),
        pytest.param("docker", f'{{"{_R}":{{{_PLAIN},"note":null,"more":""}}}}', id="empty-unknown-fields"),
        pytest.param("docker", f'{{"[::1]:5000":{{{_PLAIN},"serveraddress":"x"}}}}', id="address"),
        pytest.param("dockercfg", f'{{"{_R}":{{"auth":"dTpw"}},"{_R}/team/":{{"auth":"djp3"}}}}', id="bounded-path"),
    ],
)
def test_nothing_is_said_of_what_works(auth_type: Optional[str], data: Optional[str]) -> None:
    """The documented forms, and harmless variants of them, have no problem."""
    assert registry_auth.parse(auth_type, data).problems == ()


def test_all_problems_best_first() -> None:
    """Independent defects are all told; what loses more comes first."""
    data = (
        f'{{"{_R}":{{"auth":"djp3","note":"x"}},"http://{_R}":{{"auth":"dTpw"}},'
        '"docker.io":{"auth":"dTo="},"a.b":{"auth":"%"}}'
    )
    assert [(problem.kind, problem.registry) for problem in registry_auth.parse("dockercfg", data).problems] == [
        (ProblemKind.AUTH_NOT_BASE64, "a.b"),
        (ProblemKind.HUB_KEY_NEVER_USED, "docker.io"),
        (ProblemKind.KEY_COLLISION, f"http://{_R}"),
        (ProblemKind.PASSWORD_EMPTY, "docker.io"),
        (ProblemKind.FIELD_IGNORED, _R),
    ]


def test_config_json_with_a_helper_is_two_problems() -> None:
    """A pasted config.json that names a credential helper lacks the credentials too; nothing follows from either."""
    data = '{"auths":{"https://index.docker.io/v1/":{}},"credsStore":"desktop","detachKeys":"x"}'
    assert registry_auth.parse("dockercfg", data).problems == (
        Problem(ProblemKind.CREDS_STORE, 45, detail="credsStore"),
        Problem(ProblemKind.AUTHS_WRAPPER, 2),
    )


def test_type_and_data_can_both_be_wrong() -> None:
    """With a type that names nothing, the data is looked at as if the type that is meant stood there."""
    auth = registry_auth.parse("DOCKERCFG", f'{{"{_R}":{{"auth":"dTp"}}}}')
    assert [problem.kind for problem in auth.problems] == [ProblemKind.TYPE_MISSPELT, ProblemKind.AUTH_PADDING]
    assert (auth.kind, auth.entries) == ("", ())


@pytest.mark.parametrize(
    "key",
    ["https://u:hunter2@reg.example.com", "u:hunter2", "u:hunter2/x", _b64("u:hunter2"), "hunter2@reg.example.com"],
)
def test_registry_that_may_hold_a_password_is_not_named(key: str) -> None:
    """User information, a pair and base64 of a pair are left out of every problem."""
    for kind, fields in (("docker", '"x":"y"'), ("dockercfg", '"auth":"%"'), ("docker", '"username":[]')):
        problems = registry_auth.parse(kind, f'{{"{key}":{{{fields}}}}}').problems
        assert problems
        assert {problem.registry for problem in problems} <= {None}


_FULL = ",".join(f'"{name}":"{name[0]}"' for name in Credential._fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(_FULL, list("upaesir"), id="all"),
        pytest.param(_FULL.upper(), list("UPAESIR"), id="capitals"),
        pytest.param('"u\u017fername":"u","pa\u017f\u017fword":"p"', ["u", "p"], id="long-s"),
        pytest.param('"identityto\u212aen":"i"', ["", "", "", "", "", "i"], id="kelvin-sign"),
        pytest.param('"\uff55sername":"u","\u0130dentitytoken":"i"', [], id="others-do-not-fold"),
        pytest.param('"username":"a","USERNAME":"b"', ["b"], id="last-wins"),
        pytest.param('"USERNAME":"b","username":"a"', ["a"], id="last-wins-exact"),
        pytest.param('"username":"a","USERNAME":null', ["a"], id="null-leaves"),
        pytest.param('"username":null', [], id="null"),
        pytest.param('"x":1,"y":[[{}]],"z":{"username":"u"}', [], id="unknown"),
    ],
)
def test_docker_fields(fields: str, expected: list[str]) -> None:
    """The docker type passes seven fields through, whatever their case, and of equal ones the last."""
    (entry,) = registry_auth.parse("docker", f'{{"{_R}":{{{fields}}}}}').entries
    texts = [field if isinstance(field, str) else field.reveal() for field in entry.credential]
    assert texts == expected + [""] * (7 - len(expected))


@pytest.mark.parametrize(
    ("pair", "username", "password"),
    [
        ("u:p", "u", "p"),
        (":", "", ""),
        ("u:", "u", ""),
        (":p", "", "p"),
        ("u:a:b:", "u", "a:b:"),
        (" u : p ", " u ", " p "),
        ("\u00fc:\U0001f600", "\u00fc", "\U0001f600"),
        ("u\udcff:\udced\udca0\udc80", "u\udcff", "\udced\udca0\udc80"),
        ("u\0:p\n", "u\0", "p\n"),
    ],
)
def test_dockercfg_pair(pair: str, username: str, password: str) -> None:
    """The dockercfg type splits the decoded bytes at the first colon and reads nothing else."""
    data = f'{{"https://{_R}/":{{"auth":"{_b64(pair)}","username":7,"email":[],"password":{{}}}}}}'
    (entry,) = registry_auth.parse("dockercfg", data).entries
    assert (entry.key, entry.registry, entry.column) == (f"https://{_R}/", f"{_R}/", 2)
    assert (entry.credential.username, entry.credential.password.reveal()) == (username, password)
    assert not any(entry.credential[2:])


def test_equal_key_replaces_the_whole_entry() -> None:
    """Of the first entry nothing survives, and null empties it."""
    parsed = registry_auth.parse(
        "docker", f'{{"{_R}":{{{_PLAIN}}},"{_R}":{{"username":"v"}},"a.b":{{{_PLAIN}}},"a.b":null}}'
    )
    assert [(entry.key, entry.credential) for entry in parsed.entries] == [
        (_R, Credential(username="v")),
        ("a.b", Credential()),
    ]
    assert parsed.entries[0].column == _split(f'{{"{_R}":{{{_PLAIN}}},‸')[1][0]


@pytest.mark.parametrize(
    ("auth_type", "data", "warnings"),
    [
        ("docker", "", ["Could not parse 'docker' type auth config"]),
        ("dockercfg ", "{", ["Could not parse 'dockercfg' type auth config"]),
        ("docker", '{"a.b":{"email":1}}', ["Could not parse 'docker' type auth config"]),
        ("docker", '{"a.b":{"email":1},"a.b":{}}', ["Could not parse 'docker' type auth config"]),
        ("dockercfg", '{"a.b":{"auth":"%"},"c.d":{}}', None),
        ("dockercfg", '{"c.d":{},"a.b":{"auth":"%"}}', None),
        ("\u00a0Docker\v", "{}", ["Unknown auth configuration: Docker"]),
        ("\x1cdocker", "{}", ["Unknown auth configuration: \x1cdocker"]),
        ("\ufeffdocker", "", ["Unknown auth configuration: \ufeffdocker"]),
        ("", "{", []),
        (" \x85", "{}", []),
    ],
)
def test_log_lines(auth_type: str, data: str, warnings: Optional[list[str]]) -> None:
    """The agent's own log lines, sorted, for what it drops."""
    parsed = registry_auth.parse(auth_type, data)
    malformed = ["Malformed auth data for registry a.b", "Malformed auth data for registry c.d; must contain ':'"]
    assert list(parsed.warnings) == (malformed if warnings is None else warnings)
    assert parsed.entries == ()


def test_credentials_are_not_shown() -> None:
    """Nothing of the result prints a password, a token or an auth value; log lines and keys may hold one."""
    values = (
        '"password":"hunter2"',
        '"auth":"hunter2"',
        '"identitytoken":"hunter2"',
        '"hunter2":"hunter2"',
        '"x":"hunter2"',
    )
    for value in values:
        parsed = registry_auth.parse("docker", f'{{"a.b":{{{value},"x":[]}}}}')
        assert "hunter2" not in repr(parsed)


@pytest.mark.parametrize("kind", ["docker", "dockercfg"])
def test_large_documents(kind: str) -> None:
    """A megabyte of entries, one of a single value, and ten thousand levels are read like any other."""
    fields = {"docker": {"username": "u", "password": "p" * 900}, "dockercfg": {"auth": _b64("u:" + "p" * 700)}}[kind]
    many = registry_auth.parse(kind, json.dumps({f"r{number}.example.com": fields for number in range(1000)}))
    assert (len(many.entries), many.problems) == (1000, ())
    name = next(reversed(fields))
    (entry,) = registry_auth.parse(kind, json.dumps({_R: {**fields, name: _b64("u:" + "p" * 750_000)}})).entries
    assert entry.key == _R
    deep = "[" * 9_998 + "]" * 9_998
    body = json.dumps(fields)[:-1]
    assert len(registry_auth.parse(kind, f'{{"{_R}":{body},"x":{deep}}}}}').entries) == 1
    assert registry_auth.parse(kind, f'{{"{_R}":{body},"x":[{deep}]}}}}').problems[0].kind is ProblemKind.JSON_DEPTH


_KEYS = (
    st.sampled_from([_R, "https://index.docker.io/v1/", "docker.io", "auths", "credsStore", "a", "", "u:p@h"])
    | st.text()
)
_NAMES = st.sampled_from([*Credential._fields, "user", "x"]) | st.text()
_VALUES = st.none() | st.integers() | st.sampled_from(["", "dTpw", "u:p", "hunter2"]) | st.text()
_DOCUMENTS = st.dictionaries(_KEYS, _VALUES | st.dictionaries(_NAMES, _VALUES | st.dictionaries(_NAMES, _VALUES)))
_TYPES = st.sampled_from(["docker", "dockercfg", "", "Docker", "x"]) | st.text()


@given(auth_type=_TYPES, document=_DOCUMENTS)
def test_no_document_crashes(auth_type: str, document: object) -> None:
    """Documents that are nearly right give values, with places that are in the data."""
    data = json.dumps(document)
    parsed = registry_auth.parse(auth_type, data)
    assert all(1 <= problem.column <= len(data) + 1 for problem in parsed.problems)
    assert all(data[entry.column - 1] == '"' for entry in parsed.entries)
    assert bool(parsed.entries) <= (parsed.kind != "")


@given(auth_type=_TYPES, data=st.text(alphabet=st.characters()) | st.text(alphabet="{}[]\",:\\'u0 aé\udcff"))
def test_no_text_crashes(auth_type: str, data: str) -> None:
    """Any text, stray surrogates too, gives a value; what loses the document is told."""
    parsed = registry_auth.parse(auth_type, data)
    assert all(1 <= problem.column <= len(data) + 1 for problem in parsed.problems)
    assert parsed.problems or parsed.entries or not (auth_type.strip() or data)
