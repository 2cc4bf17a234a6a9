"""Host keys that a certificate authority vouches for (``@cert-authority`` in known_hosts).

The certificates are OpenSSH's (PROTOCOL.certkeys). What counts is what ssh(1) checks, and a
little more: a certificate that names no host vouches for none, and no SHA-1 signature counts.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Sequence
from fnmatch import translate

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from exauq_tui.hardware.connection.host_keys import KnownHosts, KnownKey, Trust, Verdict

SUFFIX = "-cert-v01@openssh.com"
_SHORTEST_RSA = 2048  # bits; ssh(1) asks for less, but nobody signs hosts by less any more


class CertificateError(Exception):
    """A certificate does not vouch for the host; the message says why, as part of a sentence."""


def judge(
    known: KnownHosts, names: Sequence[str], host: str, certificate: bytes, key: bytes
) -> tuple[Verdict, str]:
    """Judge a certificate that a server shows.

    Args:
        known: What the known_hosts files say.
        names: What the server is looked up as in them.
        host: The name that has to stand in the certificate, without a port.
        certificate: The certificate in SSH's binary form.
        key: The key that the server proved to have.

    Returns:
        KNOWN or REVOKED with the lines that say so, else UNKNOWN: then the key itself has to be
        judged. And why the certificate does not vouch for the host, "" where it does or where
        no authority is known that could.
    """
    authorities = known.authorities_for(names)
    try:
        parsed = _parse(certificate)
        signer = _blob(parsed.signature_key())
    except CertificateError as error:
        return Verdict(Trust.UNKNOWN), str(error) if authorities else ""
    if revoked := known.revocations(names, key) + known.revocations(names, signer):
        return Verdict(Trust.REVOKED, revoked), ""
    if not authorities:
        return Verdict(Trust.UNKNOWN), ""
    lines = tuple(line for line in authorities if line.key == signer)
    try:
        _check(parsed, lines, host, key)
    except CertificateError as error:
        return Verdict(Trust.UNKNOWN), str(error)
    return Verdict(Trust.KNOWN, lines), ""


def note_for(authorities: Sequence[KnownKey], flaw: str) -> str:
    """Tell a person who is asked about a key why no authority vouches for it."""
    if not authorities:
        return ""
    places = ", ".join(f"{line.path}:{line.line}" for line in authorities)
    return (
        f"A certificate authority is known for this host ({places}), but it does not vouch for "
        f"this key: {flaw or 'the server shows no certificate'}."
    )


def _parse(certificate: bytes) -> SSHCertificate:
    kind = certificate[4 : 4 + int.from_bytes(certificate[:4], "big")]
    try:
        parsed = load_ssh_public_identity(kind + b" " + base64.b64encode(certificate))
        if isinstance(parsed, SSHCertificate):
            parsed.signature_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"its certificate cannot be read ({error})") from error
    if not isinstance(parsed, SSHCertificate):
        raise CertificateError("what it shows is no certificate")
    return parsed


def _check(parsed: SSHCertificate, lines: Sequence[KnownKey], host: str, key: bytes) -> None:
    if not lines:
        raise CertificateError("another authority signed its certificate")
    if _blob(parsed.public_key()) != key:
        raise CertificateError("its certificate is for another key")
    if parsed.type is not SSHCertificateType.HOST:
        raise CertificateError("its certificate is a user's and not a host's")
    signer = parsed.signature_key()
    if isinstance(signer, RSAPublicKey):
        if signer.key_size < _SHORTEST_RSA:
            raise CertificateError("the authority's RSA key is too short")
        if _signed_by(parsed) == b"ssh-rsa":
            raise CertificateError("its certificate is signed by SHA-1, which can be forged")
    try:
        parsed.verify_cert_signature()
    except (InvalidSignature, ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError("the signature of its certificate is wrong") from error
    now = time.time()
    if now < parsed.valid_after:
        raise CertificateError(f"its certificate is valid from {_date(parsed.valid_after)} only")
    if now >= parsed.valid_before:
        raise CertificateError(f"its certificate expired on {_date(parsed.valid_before)}")
    if parsed.critical_options:
        raise CertificateError("its certificate has conditions that are not understood here")
    if not any(_matches(pattern, host) for pattern in parsed.valid_principals):
        named = b", ".join(parsed.valid_principals).decode("utf-8", "replace") or "no host"
        raise CertificateError(f"its certificate is for {named} and not for {host}")


def _blob(key: object) -> bytes:
    """Give a public key in SSH's binary form."""
    text: bytes = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)  # type: ignore[attr-defined] # all kinds have it
    return base64.b64decode(text.split()[1])


def _signed_by(parsed: SSHCertificate) -> bytes:
    """Give the algorithm of the signature: the last field of a certificate begins with it."""
    body = base64.b64decode(parsed.public_bytes().split()[1])
    signer = _blob(parsed.signature_key())
    if (place := body.rfind(signer)) < 0:
        raise CertificateError("the authority's key is written in an unusual way in it")
    signature = body[place + len(signer) + 4 :]
    return signature[4 : 4 + int.from_bytes(signature[:4], "big")]


def _matches(pattern: bytes, host: str) -> bool:
    text = pattern.decode("utf-8", "replace").lower().replace("[", "[[]")
    return re.fullmatch(translate(text), host.lower()) is not None


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(min(seconds, 253402300799)))
