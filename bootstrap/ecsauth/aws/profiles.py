"""Read a profile of the AWS CLI's files, if it contains keys.

An activated machine outside EC2 also has its keys there; another program renews them in the file. Source: botocore,
configloader.py and credentials.py.
"""

from __future__ import annotations

import configparser
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.aws.signing_keys import SigningKeys

if TYPE_CHECKING:
    from collections.abc import Mapping

# Members of a profile by which its keys come from elsewhere.
_LEADING = ("role_arn", "web_identity_token_file", "sso_session", "sso_start_url", "login_session")
_PROGRAM, _KEY = "credential_process", "aws_access_key_id"
# Members with the meaning of a variable. The variable takes precedence.
_VARIABLES = {
    "ca_bundle": "AWS_CA_BUNDLE",
    "endpoint_url": "AWS_ENDPOINT_URL",
    "ignore_configured_endpoint_urls": "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "s3_us_east_1_regional_endpoint": "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT",
    "use_dualstack_endpoint": "AWS_USE_DUALSTACK_ENDPOINT",
    "use_fips_endpoint": "AWS_USE_FIPS_ENDPOINT",
}
# The member that names a section with endpoints of single services.
_SERVICES = "services"


class Profile(NamedTuple):
    """A profile: its keys, or in `needs` the member for which only the SDK can get them.

    `variables` are its settings under the names of environment variables. `services` names a section with endpoints of
    single services.
    """

    keys: Optional[SigningKeys] = None
    needs: str = ""
    is_incomplete: bool = False
    variables: Mapping[str, str] = MappingProxyType({})
    services: str = ""


def read(name: str, environment: Mapping[str, str]) -> Optional[Profile]:
    """Return the profile, None if neither file has it; a file that cannot be read counts as absent, as for the SDK."""
    sections = [
        f"profile {name}",
        f'profile "{name}"',
        f"profile '{name}'",
        *(["default"] if name == "default" else []),
    ]
    settings = _section(environment.get("AWS_CONFIG_FILE"), "config", *sections)
    shared = _section(environment.get("AWS_SHARED_CREDENTIALS_FILE"), "credentials", name)
    if settings is None and shared is None:
        return None
    both = {**(settings or {}), **(shared or {})}
    variables = {variable: both[member] for member, variable in _VARIABLES.items() if both.get(member)}
    found = _keys(name, shared or {}, settings or {}, both)
    return found._replace(variables=variables, services=both.get(_SERVICES, ""))


def _keys(name: str, shared: Mapping[str, str], settings: Mapping[str, str], both: Mapping[str, str]) -> Profile:
    """Return the keys or their source, in the search order of the SDK."""
    for member in _LEADING:
        if both.get(member):
            return Profile(needs=f"{member} in the profile {name}")
    if shared.get(_KEY):
        return _of(shared)
    if both.get(_PROGRAM):
        return Profile(needs=f"{_PROGRAM} in the profile {name}")
    return _of(settings) if settings.get(_KEY) else Profile()


def _of(section: Mapping[str, str]) -> Profile:
    secret_key = section.get("aws_secret_access_key")
    if not secret_key:
        return Profile(is_incomplete=True)
    token = section.get("aws_security_token") or section.get("aws_session_token") or ""
    return Profile(SigningKeys.of(section[_KEY], secret_key, token))


def _section(path: Optional[str], file: str, *names: str) -> Optional[dict[str, str]]:
    parser = configparser.RawConfigParser(default_section="")
    try:
        parser.read(os.path.expanduser(path or f"~/.aws/{file}"), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return None
    return next((dict(parser.items(name)) for name in names if parser.has_section(name)), None)
