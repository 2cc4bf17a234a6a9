"""From TOML files to frozen server profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """One ``[servers.NAME]`` table; the keys are those of the hardware interfaces.

    Attributes:
        name: The table's name.
        kind: "unix" (a server reached over SSH) or "local" (this machine).
        program: What runs the script, split like shell words.
        script_path: The simulator script on the server.
        user: The account there ("" for local, or where an SSH config gives it).
        host: The server's name or address ("" for local).
        level: The simulator's level.
        workspace_dir: Where job directories live there, or None for a new one by the script.
        key_filename: A private key file, or None.
        ssh_config_path: An OpenSSH client configuration, or None.
        use_ssh_agent: Whether to use the running agent.
        max_attempts: How often a password is asked for.
        port: The TCP port, or None for the SSH config's, else 22.
        known_hosts: A further file of trusted host keys, or None.
        setup: Bash lines to run before the program, or "".
        input_names: Names of the simulator's inputs; their number is the dimension.
        source: The file that the table stands in, or None for the built-in profile.
    """

    name: str
    kind: str
    program: str
    script_path: str
    user: str = ""
    host: str = ""
    level: int = 1
    workspace_dir: str | None = None
    key_filename: str | None = None
    ssh_config_path: str | None = None
    use_ssh_agent: bool = False
    max_attempts: int = 3
    port: int | None = None
    known_hosts: str | None = None
    setup: str = ""
    input_names: tuple[str, ...] = ()
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class AppSettings:
    """The ``[app]`` table.

    Attributes:
        refresh: Seconds between looks at a server.
        theme: The name of a Textual theme, or None for the default.
    """

    refresh: float = 2.0
    theme: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that was read, and what could not be.

    Attributes:
        servers: The usable profiles, in the order of the files.
        app: Settings of the dashboard.
        keymap: Action id to key or comma-separated keys.
        problems: One sentence for each thing that is wrong, naming file, table and key.
        path: The file that was read, or None where there was none.
    """

    servers: tuple[ServerProfile, ...] = ()
    app: AppSettings = field(default_factory=AppSettings)
    keymap: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    path: Path | None = None
