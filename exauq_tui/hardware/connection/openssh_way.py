"""The way that the ``ssh`` program takes to a server, by its own account of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from exauq_tui.errors import AuthenticationError, HostKeyError
from exauq_tui.hardware.connection import openssh_config, turns
from exauq_tui.hardware.connection.login import Login, expand_home
from exauq_tui.hardware.connection.openssh_config import HostConfig

_MOST_HOPS = 8


@dataclass(frozen=True, slots=True)
class Way:
    """How a server is reached.

    Attributes:
        config: What the OpenSSH configuration says of it.
        known_hosts: All files of host keys to trust, those of the servers between included.
        accounts: Where ssh logs in, as `turns.account` names them: the server, and those between.
    """

    config: HostConfig
    known_hosts: tuple[Path, ...]
    accounts: tuple[str, ...]


def find_way(program: str, login: Login) -> Way:
    """Ask the ssh program for the way to a server.

    Raises:
        HardwareInterfaceFailureError: It cannot use its configuration.
    """
    config = openssh_config.resolve_as_ssh(
        program, login.host, login.ssh_config_path, login.user, login.port
    )
    reached = [config]
    jump, hops = config.proxy_jump, 0
    while jump and hops < _MOST_HOPS:
        between = openssh_config.parse_proxy_jump(jump)
        found = [
            openssh_config.resolve_as_ssh(
                program, hop.host, login.ssh_config_path, hop.user, hop.port
            )
            for hop in between
        ]
        reached += found
        jump, hops = found[0].proxy_jump, hops + len(between)
    files = [file for each in reached for file in each.known_hosts]
    extra = (login.known_hosts, login.own_known_hosts)
    files += [str(expand_home(file)) for file in extra if file is not None]
    # The system's files are read by ssh besides; in both lists they say the same.
    return Way(
        config,
        tuple(dict.fromkeys(map(Path, files))),
        tuple(turns.account(each.user, each.host_name, each.port) for each in reached),
    )


def check_files(login: Login, config: HostConfig) -> None:
    """Say before connecting what is missing: ssh would only warn, and try other ways.

    Raises:
        AuthenticationError: The key file or the agent is missing.
        HostKeyError: The file of trusted host keys is missing.
    """
    if login.known_hosts is not None and not expand_home(login.known_hosts).is_file():
        raise HostKeyError(f"The known_hosts file {login.known_hosts} does not exist.")
    if login.key_filename is not None and not expand_home(login.key_filename).is_file():
        raise AuthenticationError(f"The key file {login.key_filename} does not exist.")
    agent = config.identity_agent or os.environ.get("SSH_AUTH_SOCK")
    if login.use_ssh_agent and not agent:
        raise AuthenticationError(
            "No ssh-agent is running: SSH_AUTH_SOCK is not set. "
            "Start one (eval $(ssh-agent)) and add a key (ssh-add), or give key_filename."
        )
