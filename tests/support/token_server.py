"""A token server for a registry, as docs/spec/auth/token of distribution has it: Basic in, a signed token out."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import time
import urllib.parse
from typing import TYPE_CHECKING, NamedTuple, Optional

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from loopback_server import Log, LoopbackServer, QuietHandler, answer

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

ISSUER, SERVICE = "token server of the tests", "registry of the tests"


class Asked(NamedTuple):
    """One request for a token."""

    method: str
    user: Optional[str]
    query: dict[str, str]


class TokenServer(LoopbackServer):
    """Knows users, their passwords and what they may pull; `lifetime` may be negative, for tokens that have expired."""

    def __init__(self, folder: Path, *, tls: Optional[ssl.SSLContext] = None) -> None:
        self.users: dict[str, str] = {}
        self.identity_tokens: dict[str, str] = {}
        self.rights: dict[str, tuple[str, ...]] = {}
        self.lifetime = 300
        self.asked: Log[Asked] = Log()
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        certificate = _certificate(self._key)
        self.certificate_file = folder / "token.pem"
        self.certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self._chain = [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]
        super().__init__(lambda *arguments: _Handler(self, *arguments), tls=tls)

    @property
    def realm(self) -> str:
        """The URL that a registry names."""
        return f"{self.url}/token"

    def user_of(self, header: str, form: dict[str, str]) -> Optional[str]:
        """Return who shows this credential, None where it is wrong; nobody is the empty string."""
        if "refresh_token" in form:
            return self.identity_tokens.get(form["refresh_token"])
        if not header:
            return ""
        user, _, password = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
        return user if self.users.get(user) == password else None

    def token(self, user: str, scope: str) -> str:
        """Return a token with those of the rights asked for that the user has."""
        found = re.fullmatch(r"repository:(.+):([a-z,]+)", scope)
        allowed = found and found[1] in self.rights.get(user, ())
        access = [{"type": "repository", "name": found[1], "actions": found[2].split(",")}] if found and allowed else []
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": user, "aud": SERVICE, "iat": now - 3600, "nbf": now - 3600, "jti": str(now)}
        head = {"typ": "JWT", "alg": "RS256", "x5c": self._chain}
        parts = [
            _encoded(json.dumps(each).encode())
            for each in (head, {**claims, "exp": now + self.lifetime, "access": access})
        ]
        signed = ".".join(parts).encode()
        return ".".join((*parts, _encoded(self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256()))))


class _Handler(QuietHandler):
    def __init__(self, server: TokenServer, *arguments: object) -> None:
        self._server = server
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:  # noqa: N802 - the name is the base class's
        """Give a token for a password."""
        self._give(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query)))

    def do_POST(self) -> None:  # noqa: N802 - the name is the base class's
        """Give a token for a token."""
        self._give(dict(urllib.parse.parse_qsl(self.read_body().decode())))

    def _give(self, query: dict[str, str]) -> None:
        user = self._server.user_of(self.headers.get("Authorization", ""), query)
        self._server.asked.add(Asked(self.command, user, query))
        if user is None:
            self.send_answer(answer(401, b'{"details": "incorrect username or password"}', "application/json"))
            return
        name = "access_token" if self.command == "POST" else "token"
        body = json.dumps({name: self._server.token(user, query.get("scope", ""))}).encode()
        self.send_answer(answer(200, body, "application/json"))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ISSUER)])
    now = dt.datetime.now(dt.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.sign(key, hashes.SHA256())
