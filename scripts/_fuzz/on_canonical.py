"""canonical: the mended file is one that all readers take alike, with the credentials of the file that it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth import envfile
from ecsauth.check import check
from ecsauth.check.fix import canonical
from ecsauth.errors import InvalidError
from ecsauth.go.values import GO_SPACE
from ecsauth.registry import auth as registry_auth
from ecsauth.registry import match
from ecsauth.registry.keys import host_of, is_valid_host, is_valid_path, path_of

from _fuzz.on_check import check_agreement, errors_of, spoken
from _fuzz.secrecy import assert_hidden, secrets
from _fuzz.seeds import env_files
from _fuzz.target import holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.registry.auth import RegistryAuth
    from ecsauth.registry.credential import Credential

seeds = env_files
_TYPE, _DATA = "ECS_ENGINE_AUTH_TYPE", "ECS_ENGINE_AUTH_DATA"
_USED = ("username", "password", "identitytoken", "registrytoken")


def run(data: bytes) -> None:
    """Mend the file, or be told why not."""
    secret = secrets(data)
    try:
        mended = canonical(data)
    except InvalidError as error:
        texts = (text for one in error.findings for text in spoken(one))
        assert_hidden(secret, (error.message, *error.hints, *texts))
        return
    holds(not errors_of(check(mended)), "the mended file has errors")
    holds(canonical(mended) == mended, "mending twice is another thing than once")
    check_agreement(mended)
    environment = envfile.docker(mended).environment()
    holds(environment == envfile.ecs_init(mended).environment(), "docker and ecs-init differ")
    _check_credentials(data, mended)
    if not errors_of(check(data)):
        holds(_others(data) == _others(mended), "a file without errors says something else after")


def _others(data: bytes) -> dict[str, str]:
    """Return all variables but the credentials, as the agent gets them but for white space."""
    given = {name: value.reveal().strip(GO_SPACE) for name, value in envfile.docker(data).environment().items()}
    return {name: value for name, value in given.items() if name not in (_TYPE, _DATA)}


def _check_credentials(data: bytes, mended: bytes) -> None:
    """What an image got for certain, from docker or from ecs-init, it gets after."""
    for read in (envfile.docker, envfile.ecs_init):
        before, after = _auth(read(data)), _auth(read(mended))
        for image in _images(before):
            wanted = _answer(before, image)
            holds(wanted is None or _answer(after, image) == wanted, "an image gets another credential")


def _auth(reading: envfile.Reading) -> RegistryAuth:
    given = {name: value.reveal() for name, value in reading.process_environment().items()}
    return registry_auth.parse(given.get(_TYPE), given.get(_DATA))


def _images(auth: RegistryAuth) -> Iterator[str]:
    """Yield names that images can have, for each entry."""
    yield "app"
    for entry in auth.entries:
        for place in (entry.registry, host_of(entry.registry)):
            if is_valid_host(host_of(place)) and is_valid_path(path_of(place)):
                yield f"{place.rstrip('/')}/app:1"


def _answer(auth: RegistryAuth, image: str) -> Optional[tuple[object, ...]]:
    """Return what counts of the one credential that an image gets; None for no answer, or several."""
    found = match.match(auth, image)
    credential: Credential = found.candidates[0][1]
    used = tuple(getattr(credential, name) for name in _USED)
    return used if found.deterministic and any(used) else None
