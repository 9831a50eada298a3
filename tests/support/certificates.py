"""A certificate authority of the tests' own and a server certificate from it, for HTTPS on loopback."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from pathlib import Path

_DAY = dt.timedelta(days=1)


class Certificates:
    """Makes `ca.pem` (what a client is to trust) and `server.pem` (chain and key) in a directory.

    `expired` makes the server's certificate one of last month; `address` and `names` are all that it is for.
    """

    def __init__(
        self, directory: Path, *, address: str = "127.0.0.1", names: tuple[str, ...] = (), expired: bool = False
    ) -> None:
        self.ca_file = directory / "ca.pem"
        self.server_file = directory / "server.pem"
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca_name = _name("certificate authority of the tests")
        ca = _builder(ca_name, ca_name, ca_key, 0).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        ca = ca.add_extension(_usage(signs=True), critical=True)
        key = ec.generate_private_key(ec.SECP256R1())
        server = _builder(_name("server of the tests"), ca_name, key, -40 if expired else 0)
        places = [x509.IPAddress(ipaddress.ip_address(address)), *map(x509.DNSName, names)]
        addresses = x509.SubjectAlternativeName(places)
        server = server.add_extension(addresses, critical=False).add_extension(_usage(signs=False), critical=True)
        # Python 3.13 verifies strictly (RFC 5280): a certificate has to say which key has signed it.
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
        server = server.add_extension(authority, critical=False)
        subject = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
        self.ca_file.write_bytes(_pem(ca.add_extension(subject, critical=False).sign(ca_key, hashes.SHA256())))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.server_file.write_bytes(_pem(server.sign(ca_key, hashes.SHA256())) + private)

    def server_context(self) -> ssl.SSLContext:
        """Return the TLS context of a server with the certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_file)
        return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, shift_days: int
) -> x509.CertificateBuilder:
    start = dt.datetime.now(dt.timezone.utc) - _DAY + shift_days * _DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + 30 * _DAY)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
