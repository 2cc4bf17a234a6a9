"""Reads private key files: Ed25519, ECDSA and RSA, in OpenSSH's, PEM and PKCS#8 form."""

from __future__ import annotations

import io
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from exauq_tui.errors import AuthenticationError
from exauq_tui.hardware.connection.login import expand_home

_MOST_BYTES = 1 << 20  # a private key is far smaller; a log given by mistake is not read whole

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class KeyFile:
    """A private key file, read but not necessarily decrypted.

    Args:
        path: The file; a leading ``~`` is the home directory.

    Raises:
        AuthenticationError: The file is missing, cannot be read, or is no private key.
    """

    def __init__(self, path: str) -> None:
        self.path = expand_home(path)
        try:
            with self.path.open("rb") as file:
                self._data = file.read(_MOST_BYTES)
        except OSError as error:
            raise AuthenticationError(
                f"The key file {self.path} cannot be read: {error.strerror or error}."
            ) from error
        self._plain: PrivateKey | None = None
        self.is_encrypted = False
        try:
            self._plain = self._load(None)
        except TypeError:  # how both loaders say that there is a passphrase
            self.is_encrypted = True

    def key(self, passphrase: bytes | None = None) -> paramiko.PKey | None:
        """Give the key for paramiko, or None where the passphrase does not open it.

        Raises:
            AuthenticationError: It is of a kind that cannot be used.
        """
        if self._plain is None:
            try:
                self._plain = self._load(passphrase)
            except (ValueError, TypeError):  # TypeError: an empty passphrase
                return None
        return _for_paramiko(self._plain)

    def certified_key(self) -> paramiko.PKey | None:
        """Give the opened key with the certificate that lies beside it, where one does."""
        certificate = Path(f"{self.path}-cert.pub")
        if self._plain is None or not certificate.is_file():
            return None
        key = _for_paramiko(self._plain)
        try:
            key.load_certificate(str(certificate))
        except (OSError, ValueError, paramiko.SSHException):
            return None  # the plain key is tried in any case
        return key

    def public_blob(self) -> bytes | None:
        """Give the public half in SSH's binary form, where that needs no passphrase."""
        if self._plain is not None:
            return _for_paramiko(self._plain).asbytes()
        public = Path(f"{self.path}.pub")
        try:
            return paramiko.pkey.PublicBlob.from_file(str(public)).key_blob
        except (OSError, ValueError):
            return None

    def _load(self, passphrase: bytes | None) -> PrivateKey:
        if passphrase is None:
            _refuse_what_is_no_private_key(self.path, self._data)
        key: object
        try:
            if b"BEGIN OPENSSH PRIVATE KEY" in self._data:
                key = load_ssh_private_key(self._data, passphrase)
            else:
                key = load_pem_private_key(self._data, passphrase)
        except UnsupportedAlgorithm as error:
            raise AuthenticationError(
                f"The key file {self.path} holds a kind of key that cannot be used here "
                f"({error}). Use an Ed25519, ECDSA or RSA key."
            ) from error
        except ValueError as error:
            if passphrase is not None:
                raise
            raise AuthenticationError(
                f"The key file {self.path} is not a private key that can be read ({error})."
            ) from error
        if not isinstance(key, PrivateKey):
            raise AuthenticationError(
                f"The key file {self.path} holds a kind of key that SSH servers no longer "
                "accept. Use an Ed25519, ECDSA or RSA key."
            )
        return key


def _refuse_what_is_no_private_key(path: Path, data: bytes) -> None:
    """Say what the file is instead, for the usual mistakes."""
    if data.startswith(b"PuTTY-User-Key-File"):
        raise AuthenticationError(
            f"The key file {path} is in PuTTY's format. Convert it: "
            "puttygen FILE -O private-openssh -o NEWFILE."
        )
    if data.startswith((b"ssh-", b"ecdsa-", b"sk-")):
        raise AuthenticationError(
            f"The key file {path} is a public key. Give the private one, "
            "usually the same name without .pub."
        )
    if b"PRIVATE KEY-----" not in data:
        raise AuthenticationError(f"The key file {path} is not a private key.")


def _for_paramiko(key: PrivateKey) -> paramiko.PKey:
    """Hand a key over by way of the one form that paramiko reads for all types."""
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii")
    kind: type[paramiko.PKey]
    if isinstance(key, rsa.RSAPrivateKey):
        kind = paramiko.RSAKey
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        kind = paramiko.ECDSAKey
    else:
        kind = paramiko.Ed25519Key
    return kind.from_private_key(io.StringIO(text))
