"""Credentials from the SDK: assumed roles, single sign-on, programs, containers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.exceptions import MetadataRetrievalError, NoCredentialsError

from ecsauth.aws import metadata
from ecsauth.aws.s3 import translated
from ecsauth.aws.signing_keys import SigningKeys

if TYPE_CHECKING:
    from typing import Optional

    from ecsauth.aws.attempt import Attempt

# Replaces the SDK's tuples (key in the files, environment variable, default, conversion): only the default is left.
_WITHOUT_FILES: dict[str, Any] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def load(profile: Optional[str], what: Attempt) -> SigningKeys:
    """Return the keys of the profile, or of the source that the environment names; raise an EcsauthError."""
    # The SDK's own metadata client reads these; without them it would ask a proxy for the role's credentials.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = metadata.proxy_exemptions(os.environ.get("NO_PROXY"))
    with translated(what):
        session = botocore.session.Session(None if profile else _WITHOUT_FILES, profile=profile)
        session.set_config_variable("ec2_metadata_v1_disabled", value=True)
        session.set_config_variable("metadata_service_timeout", 2)
        session.set_config_variable("metadata_service_num_attempts", 2)
        # The files of boto 2, /etc/boto.cfg and ~/.boto, would take precedence over the role.
        session.get_component("credential_provider").remove("boto-config")
        found = _found(session)
        return SigningKeys.of(found.access_key, found.secret_key, found.token or "")


def _found(session: botocore.session.Session) -> Any:
    """Return the session's credentials. A malformed answer of their source raises arbitrary exceptions in the SDK."""
    try:
        credentials = session.get_credentials()
        if credentials is not None:
            return credentials.get_frozen_credentials()
    except (TypeError, ValueError, AttributeError, LookupError):
        raise MetadataRetrievalError(error_msg="no credentials of use") from None
    raise NoCredentialsError
