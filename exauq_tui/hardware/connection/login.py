"""Who wants to reach which server, by which way of proving it; checked before any connection."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from exauq_tui.hardware.connection.pulse import LinkLimits
from exauq_tui.hardware.interface import AcceptHostKey, AskSecret

_CONTROL = re.compile(r"[\x00-\x20\x7f]")

SSHBackend = Literal["paramiko", "openssh"]
"""What speaks SSH: this program itself, by paramiko, or the user's own ``ssh`` program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """All that is needed to connect to one server.

    Attributes:
        host: The server: a name, an address, or an alias in the OpenSSH config file.
        user: The account there; "" means the config file's, else this machine's user.
        port: The port; None means the config file's, else 22.
        key_filename: A private key file to prove who we are.
        ssh_config_path: An OpenSSH config file that says how to reach the host.
        use_ssh_agent: Whether the running ssh-agent's keys prove who we are.
        max_attempts: How often a person may type a password, or a key's passphrase.
        known_hosts: A file of host keys to trust, besides the user's and the system's.
        own_known_hosts: The application's own such file, where accepted keys are added.
        accept_host_key: Asked about an unknown host key; the terminal is, where None.
        ask_secret: Asked for passwords, passphrases and codes; the terminal is, where None.
        ssh_backend: What speaks SSH.
        limits: How much silence of a connection is put up with.
        remember: Whether passwords and passphrases are kept in memory for later log-ins.
        name: What others are told who wait for the end of this log-in.
        tell_wait: Told whom this log-in waits for, by name, and "" once for nobody.

    Raises:
        ValueError: More than one way of proving it is given, or a value cannot be right.
    """

    host: str
    user: str = ""
    port: int | None = None
    key_filename: str | None = None
    ssh_config_path: str | None = None
    use_ssh_agent: bool = False
    max_attempts: int = 3
    known_hosts: str | None = None
    own_known_hosts: str | None = None
    accept_host_key: AcceptHostKey | None = field(default=None, repr=False)
    ask_secret: AskSecret | None = field(default=None, repr=False)
    ssh_backend: SSHBackend = "paramiko"
    limits: LinkLimits = field(default_factory=LinkLimits)
    remember: bool = True
    name: str = ""
    tell_wait: Callable[[str], None] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        given = [
            name
            for name, is_given in (
                ("key_filename", self.key_filename is not None),
                ("ssh_config_path", self.ssh_config_path is not None),
                ("use_ssh_agent", self.use_ssh_agent),
            )
            if is_given
        ]
        if len(given) > 1:
            raise ValueError(
                f"{' and '.join(given)} were given for {self.host}: give only one of them "
                "(or none, to be asked for a password)."
            )
        if not self.host or self.host.startswith("-") or _CONTROL.search(self.host):
            raise ValueError(f"{self.host!r} is not a host name.")
        if _CONTROL.search(self.user) or self.user.startswith("-"):
            raise ValueError(f"{self.user!r} is not a user name.")
        if self.port is not None and not 1 <= self.port <= 65535:
            raise ValueError(f"The port must be from 1 to 65535, not {self.port}.")
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, not {self.max_attempts}.")
        if self.ssh_backend not in get_args(SSHBackend):
            raise ValueError(
                f'ssh_backend must be "paramiko" or "openssh", not {self.ssh_backend!r}.'
            )

    @property
    def user_or_local(self) -> str:
        """The account as far as known without the config file: given, or this machine's."""
        return self.user or local_user()


def local_user() -> str:
    """Give the name of the account that this program runs as."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such variable, and no such account (containers)
        return str(os.getuid())


def expand_home(path: str) -> Path:
    """Replace a leading `~` or `~user`; a name that only looks like it stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
