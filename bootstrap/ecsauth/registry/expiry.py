"""Find logins that expire, which an instance cannot use.

An instance reads the env-file at boot, possibly weeks after it was written. A token that expires sooner is worse than
no token: the file looks right, but pulls fail.
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
# Keys that docker's web login (`docker login` without a user) stores beside the credential.
_WEB_LOGIN = frozenset({"v1/access-token", "v1/refresh-token"})
_LONG_LIVED = "log in with a long-lived token: docker login"
_ACCOUNT = "create a service account or a long-lived token, and log in with it: docker login"
# User names of the short-lived tokens of clouds and CI systems; Google's _json_key does not expire.
_SHORT_LIVED = {
    "AWS": ("an ECR login, which expires after 12 hours", "the agent logs in to ECR itself, by the instance role"),
    "oauth2accesstoken": ("Google's access token, which expires within hours", "log in with _json_key and a key file"),
    "_dcgcloud_token": ("Google's access token, which expires within hours", "log in with _json_key and a key file"),
    "00000000-0000-0000-0000-000000000000": (
        "Azure's token of az acr login, which expires within hours",
        "create a repository-scoped token or a service principal, and log in with it",
    ),
    "gitlab-ci-token": ("GitLab's job token, which expires with its job", "create a deploy token, and log in with it"),
    "iambearer": ("IBM Cloud's bearer token, which expires within an hour", "log in as iamapikey"),
}
_GOOGLE_HELPER = r"_dcgcr_[0-9_]+_token"
_GITHUB_INSTALLATION = "ghs_"
_PAYLOAD = r"eyJ[A-Za-z0-9_-]*\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*"


class Reason(NamedTuple):
    """Why a login is left out, and what to do instead."""

    text: str
    hint: str


def of_registry(registry: str) -> Optional[Reason]:
    """Return why every login of this registry expires, None if that depends on the login."""
    host, path = host_of(strip_scheme(registry)), path_of(strip_scheme(registry)).rstrip("/")
    if re.fullmatch(_ECR, host) or host in _PUBLIC_ECR:
        return Reason("ECR logins expire after 12 hours", "the agent logs in to ECR itself, by the instance role")
    if host in HUB_HOSTS and path in _WEB_LOGIN:
        return Reason("a token of docker's web login, which docker renews", _ACCOUNT)
    return None


def of_credential(credential: Credential) -> Optional[Reason]:
    """Return why a credential expires, None if it is not known to expire."""
    if credential.identitytoken or credential.registrytoken or credential.username == "<token>":
        return Reason("an identity token, which can expire or be revoked", _LONG_LIVED)
    user = credential.username
    name = "oauth2accesstoken" if re.fullmatch(_GOOGLE_HELPER, user) else user
    if name in _SHORT_LIVED:
        return Reason(*_SHORT_LIVED[name])
    if credential.password.reveal().startswith(_GITHUB_INSTALLATION):
        return Reason("GitHub's installation token, which expires within an hour", _ACCOUNT)
    return Reason("a token with an expiry date (JWT)", _ACCOUNT) if _expires(credential.password.reveal()) else None


def _expires(password: str) -> bool:
    """Tell whether a password is a JWT (RFC 7519) with the claim `exp`."""
    token = re.fullmatch(_PAYLOAD, password)
    if token is None:
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(claims, dict) and "exp" in claims
