"""Registry keys: how the agent reads one, how it should be written, and whether it names this machine.

Source: amazon-ecs-agent, agent/dockerclient/dockerauth/dockerauth.go: stripRegistrySchema, isDockerhubHostname,
splitReposName. Keys are never case-folded. Docker Hub has many names, but the agent looks up only one key for it.
"""

from __future__ import annotations

import re
from typing import Optional

from ecsauth.go import values

HUB_KEY = "index.docker.io/v1/"
"""The only key, without its scheme, that serves images of Docker Hub."""

CANONICAL_HUB_KEY = "https://index.docker.io/v1/"
"""The same key as `docker login` and the AWS documentation write it."""

HUB_HOSTS = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
"""Hosts that mean Docker Hub in an image name; `docker.io` also stands for a name without a host."""

_HUB_SITES = HUB_HOSTS | {"hub.docker.com", "hub.docker.io", "www.docker.io", "auth.docker.io", "registry.docker.io"}
_SCHEMES = ("http://", "https://")
_API_PATHS = frozenset({"", "v1", "v2"})
_HUB_PATHS = _API_PATHS | {"v1/user", "v1/users", "v1/users/login"}
_PATH_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-/")
_HOST = r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(?::([0-9]{1,5}))?"
_SCHEMES_OF_ANY_KIND = r"(?:(?:[A-Za-z][A-Za-z0-9+-]*:)?/+)*"
_MAX_PORT = 65_535


def strip_scheme(key: str) -> str:
    """Return the key as the agent stores it: without one `http://` or `https://` in lower case."""
    for scheme in _SCHEMES:
        if key.startswith(scheme):
            return key[len(scheme) :]
    return key


def host_of(registry: str) -> str:
    """Return the text before the first slash, which must equal an image's host."""
    return registry.split("/", 1)[0]


def path_of(registry: str) -> str:
    """Return the text after the first slash, empty if there is none."""
    return registry.partition("/")[2]


def names_host(part: str) -> bool:
    """Tell whether the first part of an image name is a host to the agent (and to docker), not a Docker Hub user."""
    return "." in part or ":" in part or part == "localhost"


def shown_key(key: str) -> Optional[str]:
    """Return the key if it may be shown, None if it may have a password.

    A key may have a password if it has an `@` or a colon without a port, or if it is base64 of `user:password`.
    """
    authority = host_of(key.partition("://")[2] or key)
    name, colon, port = authority.rpartition(":")
    is_port = not colon or not port or port.isdigit() or authority.endswith("]") or name.lower() in {"http", "https"}
    pair = values.decode(key) or b""
    return key if is_port and "@" not in key and b":" not in pair else None


def is_api_path(registry: str) -> bool:
    """Tell whether the path is that of the registry's API (`/`, `/v1/`, `/v2/`); no image name begins with it."""
    return path_of(registry).rstrip("/") in _API_PATHS


def is_hub_alias(registry: str) -> bool:
    """Tell whether a stored key is a name of Docker Hub; the agent knows only HUB_KEY."""
    name, _, port = host_of(registry).lower().partition(":")
    return name.rstrip(".") in _HUB_SITES and port in {"", "80", "443"}


def is_valid_host(host: str) -> bool:
    """Tell whether an image name can have this host (docker's reference grammar: `domain [":" port]`)."""
    match = re.fullmatch(_HOST, host)
    if match is None or int(match[2] or 0) > _MAX_PORT:
        return False
    return match[1].startswith("[") or all(
        label and not label.startswith("-") and not label.endswith("-") for label in match[1].split(".")
    )


def is_valid_path(path: str) -> bool:
    """Tell whether an image's path can begin with this: lower case, no empty part between slashes, tag allowed."""
    name = path.split("@", 1)[0].split(":", 1)[0]
    return "//" not in f"/{name}" and not set(name) - _PATH_LETTERS


def canonical_registry(key: str) -> str:
    """Return the canonical spelling of a key, for a new file.

    Every name of Docker Hub without another path becomes CANONICAL_HUB_KEY. From any other key, the scheme, the user
    information, white space around it and a path of the registry's API are removed, and the host becomes lower case.
    Any other path stays.
    """
    rest = re.sub(_SCHEMES_OF_ANY_KIND, "", key.strip(), count=1)
    host, slash, path = rest.rpartition("@")[2].partition("/")
    host = host.lower()
    if is_hub_alias(host) and path.strip("/") in _HUB_PATHS:
        return CANONICAL_HUB_KEY
    return host if path.rstrip("/") in _API_PATHS else host + slash + path


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, without a DNS request."""
    import ipaddress  # takes a millisecond, and few commands need it

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
