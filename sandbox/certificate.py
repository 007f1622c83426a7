"""A certificate for https on this machine, made anew at each start."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_CA_FILE, _KEY_FILE = "sandbox-ca.pem", "sandbox-key.pem"
_LIFETIME = timedelta(days=365)
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox")])
_HOSTS = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


def write_certificate(folder: Path) -> Path:
    """Write key and certificate into a folder; returns the certificate, which a client may take as its authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.Encoding.PEM
    private = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / _KEY_FILE).write_bytes(private)
    (folder / _CA_FILE).write_bytes(_self_signed(key).public_bytes(form))
    return folder / _CA_FILE


def server_context(ca_file: Path) -> ssl.SSLContext:
    """TLS settings of a server with a certificate of `write_certificate`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file, ca_file.with_name(_KEY_FILE))
    return context


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(_NAME, _NAME, key.public_key(), x509.random_serial_number())
    # A day back, for a client whose clock is a little behind.
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + _LIFETIME)
    for extension, critical in _extensions(key):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256())


def _extensions(key: ec.EllipticCurvePrivateKey) -> list[tuple[x509.ExtensionType, bool]]:
    """What a strict client (Python from 3.13) asks of an authority and of a server, with whether it is critical."""
    public = key.public_key()
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"), False
    )
    return [
        (x509.SubjectAlternativeName(_HOSTS), False),
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, encipher_only=False, decipher_only=False, **usage
            ),
            True,
        ),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False),
    ]
