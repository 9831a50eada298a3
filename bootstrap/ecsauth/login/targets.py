"""The logins to verify for an env-file: a registry, the credential that docker would send, an image to pull."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth import envfile
from ecsauth.envfile.reading import as_sent
from ecsauth.errors import UsageError
from ecsauth.registry import auth as registry_auth
from ecsauth.registry import match
from ecsauth.registry.credential import ANONYMOUS, Credential
from ecsauth.registry.keys import HUB_HOSTS, canonical_registry, host_of, is_valid_host, shown_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.registry.auth import RegistryAuth

# The grammar of docker's reference package (github.com/distribution/reference, regexp.go).
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_LONGEST_NAME = 255
_UNNAMED = "***"


class Image(NamedTuple):
    """The parts of an image name: the host in the name, the repository, the tag or digest. `text` is the given name."""

    text: str
    host: str
    repository: str
    reference: str


class LoginTarget(NamedTuple):
    """One login, or an anonymous pull without one. `registry` is the key, `shown` is the key for messages."""

    registry: str
    shown: str
    credential: Credential
    image: Optional[Image] = None

    @property
    def username(self) -> Optional[str]:
        """The user name of docker's login, `<token>` (docker's own name) for a token, None for an anonymous pull."""
        credential = self.credential
        is_token = credential.identitytoken or credential.registrytoken
        return as_sent(credential.username) or ("<token>" if is_token else None)


def image(text: str) -> Image:
    """Return an image's parts; raise UsageError for a name that docker refuses."""
    name, _, digest = text.partition("@")
    before, colon, tag = name.rpartition(":")
    has_tag = bool(colon) and "/" not in tag
    name, tag = (before, tag) if has_tag else (name, "latest")
    host = match.image_host(text)
    repository = name[len(host) + 1 :] if name.startswith(f"{host}/") else name
    if host in HUB_HOSTS and "/" not in repository:
        repository = f"library/{repository}"
    fits = is_valid_host(host) and len(name) <= _LONGEST_NAME and _NAME.fullmatch(repository)
    if not fits or not _TAG.fullmatch(tag) or ("@" in text and not _DIGEST.fullmatch(digest)):
        raise UsageError("must be an image name: HOST/NAME:TAG or HOST/NAME@DIGEST, with NAME in lower case")
    return Image(text, host, repository, digest or tag)


def targets(data: bytes, registries: Sequence[str] = (), images: Sequence[Image] = ()) -> tuple[LoginTarget, ...]:
    """Return a login for each credential that the agent gets, or one for each image that the credential is used for.

    An image without a credential is pulled anonymously. If `registries` is not empty, all others are left out; raises
    UsageError for a registry that is not in the file.
    """
    auth = registry_auth.in_environment(envfile.docker(data).process_environment())
    found = [LoginTarget(entry.key, shown_key(entry.key) or _UNNAMED, entry.credential) for entry in auth.entries]
    pulls = [target for each in images for target in _pulls(auth, each)]
    replaced = {(target.registry, target.credential) for target in pulls}
    found = [target for target in found if (target.registry, target.credential) not in replaced] + pulls
    for name in registries:
        if not any(_is_meant(name, target.registry) for target in found):
            raise UsageError("the file has no credential for a registry that --registry names")
    return tuple(
        target for target in found if not registries or any(_is_meant(name, target.registry) for name in registries)
    )


def _pulls(auth: RegistryAuth, image: Image) -> list[LoginTarget]:
    """Return a target for each credential that the agent can send for an image."""
    return [
        LoginTarget(entry.key, shown_key(entry.key) or _UNNAMED, credential, image)
        if entry
        else LoginTarget(image.host, image.host, ANONYMOUS, image)
        for entry, credential in match.match(auth, image.text).candidates
    ]


def _is_meant(name: str, registry: str) -> bool:
    """Tell whether `name` selects a key: by the whole key, or by its host."""
    wanted, known = canonical_registry(name), canonical_registry(registry)
    return wanted in (known, host_of(known))
