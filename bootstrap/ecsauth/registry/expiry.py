"""Which of docker's logins are of use to an instance: those that last, and that need nothing of this machine.

An env-file is read at boot, weeks after it was written. A token that ends sooner is worse than none: the file looks
right, and pulls fail.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.registry.keys import HUB_HOSTS, host_of, path_of, strip_scheme

if TYPE_CHECKING:
    from ecsauth.registry.credential import Credential

# In every partition, FIPS and dual-stack endpoints too: their domains differ.
_ECR = r"\d{12}\.dkr[.-]ecr(?:-fips)?\.[a-z0-9.-]+(?::443)?"
_PUBLIC_ECR = frozenset({"public.ecr.aws", "ecr-public.aws.com"})
# What the web login of docker (`docker login` without a user) keeps beside the credential.
_WEB_LOGIN = frozenset({"v1/access-token", "v1/refresh-token"})
_LONG_LIVED = "log in with a token that lasts: docker login"
_ACCOUNT = "make an account for the fleet, or a token that lasts, and log in with it: docker login"
# User names with which clouds and CI give out what ends by itself; Google's _json_key is a key that lasts.
_SHORT_LIVED = {
    "AWS": ("an ECR login, which ends after 12 hours", "the agent logs in to ECR itself, by the instance role"),
    "oauth2accesstoken": ("Google's access token, which ends within hours", "log in with _json_key and a key file"),
    "_dcgcloud_token": ("Google's access token, which ends within hours", "log in with _json_key and a key file"),
    "00000000-0000-0000-0000-000000000000": (
        "Azure's token of az acr login, which ends within hours",
        "make a repository-scoped token or a service principal, and log in with that",
    ),
    "gitlab-ci-token": ("GitLab's job token, which ends with its job", "make a deploy token, and log in with that"),
    "iambearer": ("IBM Cloud's bearer token, which ends within an hour", "log in as iamapikey"),
}
_GOOGLE_HELPER = r"_dcgcr_[0-9_]+_token"
_GITHUB_INSTALLATION = "ghs_"
_PAYLOAD = r"eyJ[A-Za-z0-9_-]*\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*"


class Reason(NamedTuple):
    """Why a login is left out, and what to do instead."""

    text: str
    hint: str


def of_registry(registry: str) -> Optional[Reason]:
    """Return why no login of this registry lasts, None where that depends on the login."""
    host, path = host_of(strip_scheme(registry)), path_of(strip_scheme(registry)).rstrip("/")
    if re.fullmatch(_ECR, host) or host in _PUBLIC_ECR:
        return Reason("ECR gives out logins for 12 hours only", "the agent logs in to ECR itself, by the instance role")
    if host in HUB_HOSTS and path in _WEB_LOGIN:
        return Reason("a token of docker's web login, which docker renews", _ACCOUNT)
    return None


def of_credential(credential: Credential) -> Optional[Reason]:
    """Return why a credential does not last, None if it may."""
    if credential.identitytoken or credential.registrytoken or credential.username == "<token>":
        return Reason("an identity token, which the registry takes back or lets end", _LONG_LIVED)
    user = credential.username
    name = "oauth2accesstoken" if re.fullmatch(_GOOGLE_HELPER, user) else user
    if name in _SHORT_LIVED:
        return Reason(*_SHORT_LIVED[name])
    if credential.password.reveal().startswith(_GITHUB_INSTALLATION):
        return Reason("GitHub's installation token, which ends within an hour", _ACCOUNT)
    return Reason("a token with an end date in it (JWT)", _ACCOUNT) if _ends(credential.password.reveal()) else None


def _ends(password: str) -> bool:
    """Tell whether a password is a JWT (RFC 7519) with an `exp` in it."""
    token = re.fullmatch(_PAYLOAD, password)
    if token is None:
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(claims, dict) and "exp" in claims
