"""overlay: settings of an instance over the file of its fleet.

An input is up to two settings, a line each, and the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth import envfile
from ecsauth.envfile import overrides
from ecsauth.errors import UsageError

from _fuzz.secrecy import assert_hidden, secrets
from _fuzz.seeds import env_files
from _fuzz.target import holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.envfile.overrides import Setting


def seeds() -> Iterator[bytes]:
    """Yield env-files under settings."""
    for data in env_files():
        yield b"ECS_CLUSTER=other\nECS_LOGLEVEL=debug\n" + data


def run(data: bytes) -> None:
    """Lay the settings that are taken over the file."""
    first, _, rest = data.partition(b"\n")
    second, _, file = rest.partition(b"\n")
    texts = [line.decode("utf-8", "surrogateescape") for line in (first, second)]
    settings = tuple(one for one in map(_setting, texts) if one is not None)
    before, result = envfile.docker(file), overrides.apply(file, settings)
    if before.refusal is not None or not settings:
        holds(result == file, "a file that is refused, or not set anything in, changes")
        return
    expected = {name: value.reveal() for name, value in before.environment().items()}
    expected.update({one.name: one.value for one in settings})
    after = envfile.docker(result)
    holds(after.refusal is None, "the settings make docker refuse the file")
    holds({name: value.reveal() for name, value in after.environment().items()} == expected, "not what was asked for")


def _setting(text: str) -> Setting | None:
    try:
        setting = overrides.setting(text)
    except UsageError as error:
        name, _, value = text.partition("=")
        hidden = secrets(f"A_NAME={value}".encode("utf-8", "surrogateescape"))
        assert_hidden((one for one in hidden if one not in name), (error.message, *error.hints))
        return None
    holds(str(setting) == text, "a setting is not what was given")
    return setting
