"""What known_hosts files say about a server's host key (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

paramiko's own reader dies on ``@cert-authority`` and ``@revoked``, knows no wildcards, and
drops entries when it saves. This one only reads, and adds single lines to the application's
own file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from pathlib import Path

from exauq_tui.errors import HostKeyError
from exauq_tui.hardware.interface import HostKey

ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Host key algorithms in the order that they are wanted where nothing is known."""

SYSTEM_FILES = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
USER_FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")


class Trust(Enum):
    """What the files say about a key."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One line of a known_hosts file.

    Attributes:
        path: The file.
        line: The line's number, from 1.
        hosts: The host patterns, or a hashed name, as they stand there.
        key_type: Such as ``ssh-ed25519``.
        key: The public key in SSH's binary form.
        revoked: Whether the line says that the key must not be trusted.
        is_authority: Whether the key is not a host's, but signs certificates for hosts.
    """

    path: str
    line: int
    hosts: str
    key_type: str
    key: bytes
    revoked: bool
    is_authority: bool = False

    def is_for(self, name: str) -> bool:
        """Tell whether the line speaks of the host looked up as `name` (lower case)."""
        if self.hosts.startswith("|1|"):
            return _hash_matches(self.hosts, name)
        found = False
        for pattern in self.hosts.split(","):
            if _pattern_matches(pattern.removeprefix("!"), name):
                if pattern.startswith("!"):
                    return False
                found = True
        return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the files say about a key, and which lines say so.

    Attributes:
        trust: The verdict.
        lines: The lines that led to it; none where the key is unknown.
    """

    trust: Trust
    lines: tuple[KnownKey, ...] = ()


class KnownHosts:
    """All lines of a few known_hosts files."""

    def __init__(self, lines: Iterable[KnownKey]) -> None:
        every = tuple(lines)
        # A certificate authority's key vouches for hosts; it is never the key of one.
        self._lines = tuple(line for line in every if not line.is_authority)
        self._authorities = tuple(line for line in every if line.is_authority)

    @classmethod
    def read(cls, paths: Iterable[str | Path]) -> KnownHosts:
        """Read files; a missing one holds nothing, and a line that makes no sense is skipped.

        Raises:
            HostKeyError: A file is there but cannot be read: what it would say about a
                changed key must not be missed.
        """
        return cls(line for path in dict.fromkeys(map(str, paths)) for line in _read_file(path))

    @property
    def lines(self) -> tuple[KnownKey, ...]:
        """All lines of hosts' own keys, in the order of the files."""
        return self._lines

    def authorities_for(self, names: Sequence[str]) -> tuple[KnownKey, ...]:
        """Give the lines of certificate authorities that may vouch for a host."""
        return tuple(
            line for line in self._authorities if any(line.is_for(name.lower()) for name in names)
        )

    def revocations(self, names: Sequence[str], key: bytes) -> tuple[KnownKey, ...]:
        """Give the lines that revoke a key, or what it signs as an authority, for a host."""
        return tuple(
            line
            for line in self._lines
            if line.revoked and line.key == key and any(line.is_for(name.lower()) for name in names)
        )

    def types_for(self, names: Sequence[str]) -> tuple[str, ...]:
        """Give the types of the keys that are known, and not revoked, for a host."""
        return tuple(
            dict.fromkeys(
                line.key_type
                for name in names
                for line in self._lines
                if not line.revoked and line.is_for(name.lower())
            )
        )

    def verdict(self, names: Sequence[str], key_type: str, key: bytes) -> Verdict:
        """Judge the key that a server shows.

        Args:
            names: What the server is looked up as, as `lookup_names` gives it: the first
                decides, the others can only make the key known or revoked.
            key_type: The key's type.
            key: The key in SSH's binary form.

        Returns:
            CHANGED where other keys are known for the first name. That includes keys of
            other types only: servers are asked for the known types first, so one that shows
            another type no longer has (or never had) the key that is known.
        """
        matching = [[line for line in self._lines if line.is_for(name.lower())] for name in names]
        same = [line for lines in matching for line in lines if line.key == key]
        if revoked := tuple(line for line in same if line.revoked):
            return Verdict(Trust.REVOKED, revoked)
        if same:
            return Verdict(Trust.KNOWN, tuple(same))
        usable = {_type_of(algorithm) for algorithm in ALGORITHMS}
        others = [line for line in matching[0] if not line.revoked and line.key_type in usable]
        same_type = [line for line in others if line.key_type == key_type]
        if others:
            return Verdict(Trust.CHANGED, tuple(same_type or others))
        return Verdict(Trust.UNKNOWN)


def lookup_names(host: str, port: int, alias: str = "") -> tuple[str, ...]:
    """Give the names that a server is looked up as, the one to remember it by first.

    As OpenSSH does it: a HostKeyAlias as it stands; else ``host`` on port 22; else
    ``[host]:port``, and a key that is known for the plain host is good there as well.
    """
    if alias:
        return (alias.lower(),)
    host = host.lower()
    return (host,) if port == 22 else (f"[{host}]:{port}", host)


def order_algorithms(known_types: Sequence[str]) -> list[str]:
    """Order host key algorithms so that those with a known key are asked for first."""
    return sorted(ALGORITHMS, key=lambda name: _type_of(name) not in known_types)


def fingerprint(key: bytes) -> str:
    """Give a key's fingerprint as ``ssh-keygen -l`` prints it."""
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode("ascii")
    return "SHA256:" + digest.rstrip("=")


def refusal(names: Sequence[str], key_type: str, key: bytes, verdict: Verdict) -> HostKeyError:
    """Word the error for a changed or revoked key."""
    places = ", ".join(f"{line.path}:{line.line}" for line in verdict.lines)
    shown = f"{key_type} {fingerprint(key)}"
    if verdict.trust is Trust.REVOKED:
        return HostKeyError(
            f"The host key of {names[0]} is marked as revoked in {places}: {shown}. "
            "It is not trusted. Ask the server's administrators for its present key.",
            changed=True,
        )
    known = ", ".join(
        dict.fromkeys(f"{line.key_type} {fingerprint(line.key)}" for line in verdict.lines)
    )
    return HostKeyError(
        f"The host key of {names[0]} has changed. Known from {places}: {known}. "
        f"Shown now: {shown}. Somebody could be listening in, or the server was set up anew. "
        "Ask its administrators; where the new key is right, remove the old line "
        "and connect again.",
        changed=True,
    )


def describe(names: Sequence[str], key_type: str, key: bytes, note: str = "") -> HostKey:
    """Give what a person is shown who is asked about an unknown key."""
    return HostKey(names[0], key_type, fingerprint(key), note)


def remember(path: str | Path, name: str, key_type: str, key: bytes) -> None:
    """Add one line to the application's own known_hosts file, making it where missing.

    Args:
        path: The file; its missing parents are made for this account alone.
        name: What the server is looked up as: the first of `lookup_names`.
        key_type: The key's type.
        key: The key in SSH's binary form.

    Raises:
        HostKeyError: The file cannot be written.
    """
    target = Path(path)
    line = f"{name} {key_type} {base64.b64encode(key).decode('ascii')}\n"
    try:
        for parent in reversed(target.parents):
            if not parent.exists():
                parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "a+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                if file.read(1) != b"\n":  # a line that was cut short must not swallow ours
                    line = "\n" + line
            file.write(line.encode())  # one write: two programs may add lines at once
    except OSError as error:
        raise HostKeyError(
            f"The host key of {name} was accepted but could not be written to {target}: "
            f"{error.strerror or error}."
        ) from error


def _read_file(path: str) -> list[KnownKey]:
    try:
        data = Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise HostKeyError(
            f"The known_hosts file {path} cannot be read: {error.strerror or error}. "
            "Make it readable, or remove it."
        ) from error
    lines = (
        _parse_line(path, number, raw.decode("utf-8", "replace"))
        for number, raw in enumerate(data.split(b"\n"), 1)
    )
    return [line for line in lines if line is not None]


def _parse_line(path: str, number: int, text: str) -> KnownKey | None:
    """Read one line; None for a comment or nonsense."""
    words = text.split()
    if not words or words[0].startswith("#"):
        return None
    marker = words.pop(0) if words[0] in ("@revoked", "@cert-authority") else ""
    if len(words) < 3 or words[0].startswith("@"):
        return None
    try:
        key = base64.b64decode(words[2], validate=True)
    except binascii.Error:
        return None
    # The key names its own type; a line on which the two differ is not to be relied on.
    if key[4 : 4 + int.from_bytes(key[:4], "big")] != words[1].encode():
        return None
    return KnownKey(
        *(path, number, words[0], words[1], key),
        revoked=marker == "@revoked",
        is_authority=marker == "@cert-authority",
    )


def _hash_matches(hashed: str, name: str) -> bool:
    parts = hashed.split("|")
    if len(parts) != 4:
        return False
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[2:])
    except binascii.Error:
        return False
    # SHA-1 is the file format's choice; it hides names, it proves nothing.
    return hmac.compare_digest(hmac.new(salt, name.encode(), "sha1").digest(), digest)


def _pattern_matches(pattern: str, name: str) -> bool:
    if not any(sign in pattern for sign in "*?"):
        return pattern.lower() == name
    # Only * and ? are special here; fnmatch's [ ] are part of "[host]:port".
    escaped = pattern.lower().replace("[", "[[]")
    return re.fullmatch(translate(escaped), name) is not None


def _type_of(algorithm: str) -> str:
    """Give the key type that an algorithm signs with: RSA keys sign with either hash."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm
