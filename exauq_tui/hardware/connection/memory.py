"""What was learnt while connecting, kept so that a re-connect need not ask again."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, repr=False)
class Memory:
    """Lives as long as one interface object; never written anywhere.

    Attributes:
        passwords: What was typed and worked, by ``user@host:port``. One-time codes are
            never among them.
        passphrases: What opened a key file, by its path.
        user: The account that the server was last logged in to as; "" before.
        accepted_keys: Host keys that a person accepted: name looked up, key type, key.
        keeps_secrets: Whether passwords and passphrases outlive the log-in they were typed for.
    """

    user: str = ""
    passwords: dict[str, str] = field(default_factory=dict)
    passphrases: dict[str, bytes] = field(default_factory=dict)
    accepted_keys: set[tuple[str, str, bytes]] = field(default_factory=set)
    keeps_secrets: bool = True

    def keep_password(self, where: str, password: str) -> None:
        """Remember a password that worked, where secrets are kept."""
        if self.keeps_secrets:
            self.passwords[where] = password

    def keep_passphrase(self, path: str, passphrase: bytes) -> None:
        """Remember what opened a key file, where secrets are kept."""
        if self.keeps_secrets:
            self.passphrases[path] = passphrase
