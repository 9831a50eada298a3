"""Find the keys that sign the instance's requests: those of the environment, of a profile, or of the instance's role.

The order is that of the SDK (botocore, credentials.py), with one difference: without `--profile` no file is read, so
that a file left under ~/.aws does not take precedence over the role.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth import archive
from ecsauth.aws import metadata
from ecsauth.aws.refusals import INCOMPLETE, NO_PROFILE, WHO, KnownFault, expired, told
from ecsauth.aws.signing_keys import SigningKeys
from ecsauth.errors import DeniedError, SettlingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecsauth.aws.attempt import Attempt
    from ecsauth.aws.profiles import Profile

_MALFORMED = KnownFault(DeniedError, "the credentials contain an invalid character", WHO)
# Variables that select credentials of other kinds than keys and the instance's role.
_OTHER_SOURCES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
# Seconds between two looks for a profile: the program that renews its keys writes the file within this time.
_PAUSES = (0.1, 0.3, 0.6)


class Signer(NamedTuple):
    """The signing keys, and the environment that defines the endpoints, including the settings of a profile."""

    keys: SigningKeys
    environment: Mapping[str, str]


def find(profile: Optional[str], what: Attempt, seconds: float) -> Signer:
    """Return the keys to sign with; `seconds` is the time limit of the metadata service.

    Raises DeniedError if there are no usable keys, UsageError if the profile does not exist, and the errors of the
    metadata service.
    """
    # A copy, because a try that was given up may continue in its thread.
    environment = dict(os.environ)
    keys, needs = _of_environment(what) if not profile else None, ""
    if profile:
        found = _of_profile(profile, what)
        keys, needs, environment = found.keys, found.needs, {**found.variables, **environment}
    needs = needs or next((f"the variable {name}" for name in _OTHER_SOURCES if os.environ.get(name)), "")
    if keys is None:
        keys = _by_sdk(profile, needs, what) if needs else metadata.MetadataService().role(seconds)
    if not all(re.fullmatch(r"[!-~]*", part) for part in keys.revealed()):
        raise _MALFORMED.told(what)
    return Signer(keys, environment)


def patience(profile: Optional[str]) -> float:
    """Return for how many seconds a denial is retried: an instance's role may be new, other keys are not."""
    given = profile or os.environ.get("AWS_ACCESS_KEY_ID")
    return 0.0 if given else SettlingError.patience


def _of_profile(profile: str, what: Attempt) -> Profile:
    found = _read(profile)
    if found is None:
        raise NO_PROFILE.told(what)
    if found.is_incomplete:
        raise INCOMPLETE.told(what)
    if found.services and "AWS_ENDPOINT_URL_S3" not in os.environ:
        reason = f"the profile {profile} has a `services` section with endpoints, which boot does not support"
        raise told(UsageError, what, reason, "set AWS_ENDPOINT_URL_S3 to the S3 endpoint, or to an empty value")
    return found


def _read(profile: str) -> Optional[Profile]:
    """Return the profile, None if there is none. A file that is being written, as by the SSM agent, is waited for."""
    # Imported here: it takes some milliseconds, and an instance with a role needs no profile.
    from ecsauth.aws import profiles

    found = profiles.read(profile, os.environ)
    for pause in _PAUSES:
        if found is not None and not found.is_incomplete:
            break
        time.sleep(pause)
        found = profiles.read(profile, os.environ)
    return found


def _by_sdk(profile: Optional[str], needs: str, what: Attempt) -> SigningKeys:
    """Return the keys that the SDK finds, for the rare kinds of credentials that are not implemented here."""
    try:
        from ecsauth.aws import sdk_credentials
    except ImportError:
        reason = f"{needs} requires the AWS SDK, which is not installed"
        raise told(DeniedError, what, reason, archive.HINT) from None
    return sdk_credentials.load(profile, what)


def _of_environment(what: Attempt) -> Optional[SigningKeys]:
    """Return the keys in the environment, None if there are none."""
    read = os.environ.get
    access_key, secret_key = read("AWS_ACCESS_KEY_ID"), read("AWS_SECRET_ACCESS_KEY")
    if not access_key:
        return None
    if not secret_key:
        raise INCOMPLETE.told(what)
    if _is_over(read("AWS_CREDENTIAL_EXPIRATION")):
        raise expired(what)
    return SigningKeys.of(access_key, secret_key, read("AWS_SECURITY_TOKEN") or read("AWS_SESSION_TOKEN") or "")


def _is_over(moment: Optional[str]) -> bool:
    """Tell whether a time as 2026-01-31T23:59:59Z has passed; False for a text of another form."""
    if moment is None:
        return False
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    told = re.fullmatch(r"([0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2})(?:Z|\+00:00)", moment)
    return told is not None and told[1] <= now
