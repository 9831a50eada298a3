"""The keys that sign a request."""

from __future__ import annotations

from typing import NamedTuple

from ecsauth.secret import Secret


class SigningKeys(NamedTuple):
    """An access key ID, its secret access key, and the session token (empty if there is none)."""

    access_key: str
    secret_key: Secret
    token: Secret

    @classmethod
    def of(cls, access_key: str, secret_key: str, token: str = "") -> SigningKeys:
        """Return the keys as secrets, which are never printed."""
        return cls(access_key, Secret(secret_key), Secret(token))

    def revealed(self) -> tuple[str, str, str]:
        """Return the three values in clear text, to sign with."""
        return self.access_key, self.secret_key.reveal(), self.token.reveal()
