"""A certificate for https on this machine, for the row of `benchmarks.limits` that counts connections over TLS."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox")])
HOST = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


def server_context(pem: Path) -> ssl.SSLContext:
    """A server's SSL context; writes its new key and certificate to `pem`, for clients to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + _self_signed(key).public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    now = datetime.now(timezone.utc)
    public = key.public_key()
    builder = x509.CertificateBuilder(NAME, NAME, public, x509.random_serial_number(), now - DAY, now + DAY)
    # Python 3.13 and later reject a certificate authority without these.
    unused = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"), False
    )
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, encipher_only=False, decipher_only=False, **unused
    )
    return (
        builder.add_extension(x509.SubjectAlternativeName([HOST]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
