"""Registry keys: what one means to the agent, how it should be written, and whether it names this machine.

Source: amazon-ecs-agent, agent/dockerclient/dockerauth/dockerauth.go: stripRegistrySchema, isDockerhubHostname,
splitReposName. Keys are never case-folded, and of Docker Hub's many names one single key is looked up.
"""

from __future__ import annotations

import re
from typing import Optional

from ecsauth.go import values

HUB_KEY = "index.docker.io/v1/"
"""The only key, without its scheme, that serves images of Docker Hub."""

CANONICAL_HUB_KEY = "https://index.docker.io/v1/"
"""The same as `docker login` and the AWS page write it."""

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
    """Return the key as the agent stores it: `http://` or `https://` cut once, in lower case only."""
    for scheme in _SCHEMES:
        if key.startswith(scheme):
            return key[len(scheme) :]
    return key


def host_of(registry: str) -> str:
    """Return what stands before the first slash: the part that must equal an image's host."""
    return registry.split("/", 1)[0]


def path_of(registry: str) -> str:
    """Return what stands after the first slash, empty when there is none."""
    return registry.partition("/")[2]


def names_host(part: str) -> bool:
    """Tell whether the first part of an image name is a host to the agent (and to docker), not a Docker Hub user."""
    return "." in part or ":" in part or part == "localhost"


def shown_key(key: str) -> Optional[str]:
    """Return the key when it may be shown; None when it may hold a password.

    That is anything with an `@` in it, a colon that no port follows, and base64 of a pair.
    """
    authority = host_of(key.partition("://")[2] or key)
    name, colon, port = authority.rpartition(":")
    is_port = not colon or not port or port.isdigit() or authority.endswith("]") or name.lower() in {"http", "https"}
    pair = values.decode(key) or b""
    return key if is_port and "@" not in key and b":" not in pair else None


def is_api_path(registry: str) -> bool:
    """Tell whether the path is that of the registry's API (`/`, `/v1/`, `/v2/`), which no image name begins with."""
    return path_of(registry).rstrip("/") in _API_PATHS


def is_hub_alias(registry: str) -> bool:
    """Tell whether a stored key means Docker Hub to people; all but HUB_KEY mean nothing to the agent."""
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
    """Tell whether an image's path can begin with this: lower case, nothing empty between slashes, tag allowed."""
    name = path.split("@", 1)[0].split(":", 1)[0]
    return "//" not in f"/{name}" and not set(name) - _PATH_LETTERS


def canonical_registry(key: str) -> str:
    """Return the key that people mean by `key`, for a file that is written anew.

    Every name of Docker Hub as a whole becomes CANONICAL_HUB_KEY; otherwise scheme, user information, white space
    around it and a path of the registry's API go, and the host is in lower case. A path that scopes stays.
    """
    rest = re.sub(_SCHEMES_OF_ANY_KIND, "", key.strip(), count=1)
    host, slash, path = rest.rpartition("@")[2].partition("/")
    host = host.lower()
    if is_hub_alias(host) and path.strip("/") in _HUB_PATHS:
        return CANONICAL_HUB_KEY
    return host if path.rstrip("/") in _API_PATHS else host + slash + path


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, without asking a name server."""
    import ipaddress  # a millisecond that few commands need

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
