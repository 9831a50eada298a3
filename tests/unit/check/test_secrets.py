"""A secret, wherever in the file it stands, is in no field of any finding."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from ecsauth.check import check, rules
from ecsauth.check.fix import canonical
from ecsauth.errors import InvalidError
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from ecsauth.finding import Finding

_WORD = "cAnArY7hunter"
_CANARY = f"{_WORD}!x"
_ENCODED = base64.b64encode(f"user:{_WORD}{_WORD}".encode()).decode()
_DATA = f'{{"reg.example.com":{{"username":"u","password":"{_WORD}"}}}}'


def _said(data: bytes) -> str:
    """Return everything that check and canonical say of a file."""
    found: tuple[Finding, ...] = check(data)
    try:
        canonical(data)
    except InvalidError as error:
        found += error.findings
        return repr((found, error.message, error.hints))
    return repr(found)


@pytest.mark.parametrize(
    "text",
    [
        _WORD,
        f"={_WORD}",
        f" = {_WORD}",
        f"{_WORD}=",
        f"{_WORD}=x",
        f"export {_WORD}=x",
        f"{_WORD} =x",
        f"{_WORD}: x",
        f"ECS_{_WORD}=x",
        f"'{_WORD}'=x",
        f"# {_WORD}=x",
        f"; {_WORD}",
        f"the password is {_WORD}",
        f"password: {_WORD}",
        f"ECS_CLUSTER={_WORD} # {_WORD}",
        f"ECS_CLUSTER={_WORD}\nECS_CLUSTER={_WORD}2",
        f"ECS_CLUSTER='{_WORD}'",
        f"ECS_CLUSTER=${_WORD}",
        f"ECS_DISABLE_METRICS={_WORD}",
        f"ECS_INSTANCE_ATTRIBUTES={_WORD}",
        f'ECS_INSTANCE_ATTRIBUTES={{"password":"{_WORD}"}}',
        f'ECS_AVAILABLE_LOGGING_DRIVERS=["{_WORD}"]',
        f"ECS_ENGINE_AUTH_TYPE={_WORD}\nECS_ENGINE_AUTH_DATA={_DATA}",
        f"ECS_ENGINE_AUTH_TYPE={_DATA}",
        f"ECS_ENGINE_AUTH_DATA={_DATA}",
        f"ECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={_DATA}",
        f"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={_WORD}",
        f"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA='{_DATA}'",
        f"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={_DATA}{_WORD}",
        f'ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={{"{_WORD}":{{}}}}',
        f'ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={{"u:{_WORD}@a.b":{{}}}}',
        f'ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={{"a.b":{{"{_WORD}":"{_WORD}"}}}}',
        f'ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={{"a.b":"{_WORD}"}}',
        f'ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={{"username":"{_WORD}"}}',
        f'ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={{"a.b":{{"username":"{_WORD}:","password":"{_WORD}\\n"}}}}',
        f'ECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={{"a.b":{{"auth":"u:{_WORD}"}}}}',
        f"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={{\n{_DATA[1:-1]}\n}}",
        f"ECS_LOG_OPTS={_WORD}\\x\nHTTP_PROXY=http://u:{_WORD}@proxy ",
    ],
)
def test_a_secret_is_not_said(text: str) -> None:
    """Each place that somebody puts a secret in by mistake."""
    assert _WORD not in _said(text.encode())
    assert _WORD not in _said(f"ECS_CLUSTER=prod\n{text}\n".encode())


@pytest.mark.parametrize("width", range(1, len(_ENCODED)))
def test_a_wrapped_secret_is_not_said(width: int) -> None:
    """Base64 that an editor wrapped looks like NAME= in its last line."""
    data = f'{{"a.b":{{"auth":"{_ENCODED[:width]}\n{_ENCODED[width:]}"}}}}'
    text = f"ECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={data}\n"
    loose = f"ECS_CLUSTER=prod\n{_ENCODED[:width]}\n{_ENCODED[width:]}\n"
    for said in (_said(text.encode()), _said(loose.encode())):
        assert not any(_ENCODED[n : n + 8] in said for n in range(8, len(_ENCODED) - 8))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([rule for rule in rules.RULES if len(rule.before) < 1_000]), st.data())
def test_a_secret_anywhere_in_a_faulty_file_is_not_said(rule: rules.Rule, data: st.DataObject) -> None:
    """The example of each rule, with a canary at any place."""
    at = data.draw(st.integers(0, len(rule.before)))
    text = rule.before[:at] + _CANARY + rule.before[at:]
    assert _CANARY not in _said(text.encode("utf-8", "surrogateescape"))
