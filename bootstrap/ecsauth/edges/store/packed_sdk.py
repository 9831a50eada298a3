"""The SDK as the boot archive has it: trimmed data, and no certificate authorities of its own."""

from __future__ import annotations

import json
import os
from typing import Any

import botocore.loaders
from botocore.exceptions import DataNotFoundError

from ecsauth import packed

# Where systems keep the authorities that they trust: Amazon Linux, Fedora and Red Hat; Debian; SUSE; Alpine.
SYSTEM_AUTHORITIES = (
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_FOLDER = "botocore/data/"


def authorities() -> str:
    """Return the system's file of authorities; where there is none, the first name, which the SDK then misses."""
    return next((path for path in SYSTEM_AUTHORITIES if os.path.isfile(path)), SYSTEM_AUTHORITIES[0])


class PackedLoader(botocore.loaders.Loader):
    """The SDK's data from the archive: of each service one version, and nothing from ~/.aws/models."""

    def __init__(self) -> None:
        super().__init__(include_default_search_paths=False)
        self.search_paths.append(self.BUILTIN_DATA_PATH)
        self._versions: dict[str, str] = _read("versions")

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - the SDK's signature
        """Return the services that have data."""
        return sorted(self._versions)

    def list_api_versions(self, service_name: str, type_name: str) -> list[str]:  # noqa: ARG002 - as above
        """Return the one version of a service's data."""
        if service_name not in self._versions:
            raise DataNotFoundError(data_path=service_name)
        return [self._versions[service_name]]

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        """Return a document, and where it would be if this were no archive."""
        try:
            return _read(name), os.path.join(self.BUILTIN_DATA_PATH, name)
        except OSError:
            raise DataNotFoundError(data_path=name) from None


def _read(name: str) -> Any:
    return json.loads(packed.data(f"{_FOLDER}{name}.json"))
