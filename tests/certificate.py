"""Certificates for tests: one that nobody signed, and those of an authority of their own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path


def self_signed(folder: Path) -> Path:
    """Write a key and its certificate for 127.0.0.1 into a folder, as one PEM file."""
    key, name = _new_key(), _name("127.0.0.1")
    return _write(folder / "impostor.pem", key, _builder(name, name, key).sign(key, hashes.SHA256()))


@dataclass(frozen=True)
class Authority:
    """
    A certificate authority that no computer trusts, in a folder of its own.

    :ivar bundle: its certificate, a PEM file.
    """

    folder: Path
    name: str = "Test CA"

    @cached_property
    def _key(self) -> Any:
        return _new_key()

    @cached_property
    def bundle(self) -> Path:
        name, identifier = _name(self.name), x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = (
            _builder(name, name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(identifier, critical=False)
        )
        path = self.folder / f"{self.name}.pem"
        path.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        return path

    @cached_property
    def hashed(self) -> Path:
        """A folder in which OpenSSL finds the certificate."""
        name_hash = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(self.bundle)]
        found = subprocess.run(name_hash, capture_output=True, text=True, check=True).stdout.strip()
        folder = self.folder / f"{self.name} hashed"
        folder.mkdir()
        (folder / f"{found}.0").write_bytes(self.bundle.read_bytes())
        return folder

    def sign(self, *names: str, expired: bool = False, common_name: str = "server") -> Path:
        """Write a key and its certificate for host names and addresses, as one PEM file."""
        self.bundle  # noqa: B018
        key, issuer = _new_key(), self._key.public_key()
        builder = (
            _builder(_name(common_name), _name(self.name), key, age=timedelta(days=3 if expired else 0))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(map(_general, names)), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return _write(self.folder / f"{certificate.serial_number}.pem", key, certificate)


def _new_key() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, age: timedelta = timedelta()
) -> x509.CertificateBuilder:
    """Return a certificate that is valid for one day from ``age`` ago."""
    begin = datetime.now(UTC) - age - timedelta(minutes=5)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=1))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, key: Any, certificate: x509.Certificate) -> Path:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + _pem(certificate))
    return path
