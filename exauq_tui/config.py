"""From TOML files to frozen server profiles.

A file for everybody on the machine is read first; what the user writes is laid over it, key by
key. The user's own file is only ever read. Profiles made in the app have a file each in the
directory ``profiles.d`` beside it (`exauq_tui.config_saving` writes them).
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from exauq_tui import locations
from exauq_tui.config_file import ConfigFile, read_config_file
from exauq_tui.config_rules import (
    APP,
    NOTICES,
    TABLES,
    Rule,
    check_filled_text,
    check_key,
    check_server,
    check_text,
)


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
        ssh_backend: What speaks SSH: "paramiko", or "openssh" for the user's ssh program.
        remember: Whether typed passwords and passphrases are kept in memory for re-connecting.
        setup: Bash lines to run before the program, or "".
        max_running: How many jobs of the workspace run at once, 0 for no limit; None: as the
            workspace has it, or at first the server's number of cores.
        cancel_grace: Seconds that a job has to end by itself when it is cancelled, before its
            processes are killed.
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
    ssh_backend: Literal["paramiko", "openssh"] = "paramiko"
    remember: bool = True
    setup: str = ""
    max_running: int | None = None
    cancel_grace: float = 5.0
    input_names: tuple[str, ...] = ()
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class AppSettings:
    """The ``[app]`` table.

    Attributes:
        refresh: Seconds between looks at a server.
        theme: The name of a Textual theme, or None for the default.
        notify: What the dashboard sends notices of: "batch", "failure", "connection".
        bell: Whether the terminal's bell rings with a notice.
        read_only: Whether nothing is to be changed on servers or in profiles.
        ascii: Whether only signs of ASCII are drawn; None: where the locale is not UTF-8.
    """

    refresh: float = 2.0
    theme: str | None = None
    notify: tuple[str, ...] = NOTICES
    bell: bool = True
    read_only: bool = False
    ascii: bool | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that was read, and what could not be.

    Attributes:
        servers: The usable profiles, in the order of the files.
        app: Settings of the dashboard.
        keymap: Action id to key or comma-separated keys.
        problems: One sentence for each thing that is wrong, naming file, table and key.
        path: The file that was read, or None where there was none.
        names: Every name of a server that stands in a file, usable or not, and which file.
    """

    servers: tuple[ServerProfile, ...] = ()
    app: AppSettings = field(default_factory=AppSettings)
    keymap: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    path: Path | None = None
    names: Mapping[str, Path] = field(default_factory=dict)


_LOCAL_PATHS = ("key_filename", "ssh_config_path", "known_hosts")


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration; whatever is wrong with it becomes one of its problems.

    Where nobody wrote down any server, there is one: this machine, with a sample simulator.

    Args:
        path: What ``--config`` named, if anything.
        environ: The environment variables.
    """
    main = locations.config_path(path, environ)
    reading = _Reading()
    site = locations.site_config_path()
    if site != main:
        reading.add_site(site)
    is_there = reading.add(main, TABLES)
    if not is_there and locations.named_config_path(path, environ) is not None:
        reading.is_partial = True
        reading.problems.append(
            f"{main}: there is no such file; make it, or name another with --config or "
            f"{locations.CONFIG_VARIABLE}."
        )
    for each in profile_files(locations.profiles_dir(main), reading.problems):
        reading.add(each, {"servers": TABLES["servers"]})
    reading.finish_site()
    servers = tuple(reading.servers.values())
    if not reading.names and not reading.is_partial:
        servers = (default_profile(environ),)
    return Config(
        servers=servers,
        app=reading.app,
        keymap=reading.keymap,
        problems=tuple(reading.problems),
        path=main if is_there else None,
        names=reading.names,
    )


def default_profile(environ: Mapping[str, str] = os.environ) -> ServerProfile:
    """The built-in profile: this machine, running the sample simulator."""
    name = "local"
    return ServerProfile(
        name=name,
        kind="local",
        program=shlex.quote(sys.executable or "python3"),
        script_path=str(Path(__file__).parent / "demo" / "simulator.py"),
        workspace_dir=str(locations.local_workspace_dir(name, environ)),
        input_names=("x1", "x2", "x3"),
    )


class _Reading:
    """What was read so far, from one file after the other."""

    def __init__(self) -> None:
        self.names: dict[str, Path] = {}
        self.servers: dict[str, ServerProfile] = {}
        self.app = AppSettings()
        self.keymap: dict[str, str] = {}
        self.problems: list[str] = []
        self.is_partial = False
        self._site: ConfigFile | None = None
        self._site_tables: dict[str, dict[str, Any]] = {}

    def add_site(self, path: Path) -> None:
        """Read the file for everybody; its servers wait for what the user lays over them."""
        try:
            file = read_config_file(path)
        except FileNotFoundError:
            return
        self._site = file
        self._take(file, TABLES)
        self.is_partial |= file.is_partial

    def finish_site(self) -> None:
        """Take over the servers for everybody that the user says nothing about."""
        if self._site is None:
            return
        self._add_servers(self._site, dict(self._site_tables))
        self.problems = [*self._site.problems, *self.problems]

    def add(self, path: Path, tables: Mapping[str, Rule]) -> bool:
        """Read one file that may hold some tables; tells whether it was there."""
        try:
            file = read_config_file(path)
        except FileNotFoundError:
            return False
        self._take(file, tables)
        self.is_partial |= file.is_partial
        self.problems += file.problems
        return True

    def _take(self, file: ConfigFile, tables: Mapping[str, Rule]) -> None:
        for key, value in file.data.items():
            complaint = check_key(key, value, tables)
            if complaint:
                file.complain((key,), complaint)
            elif key == "servers" and file is self._site:
                self._site_tables = value
            elif key == "servers":
                self._add_servers(file, value)
            elif key == "app":
                self._add_app(file, value)
            else:
                self._add_keymap(file, value)

    def _add_servers(self, file: ConfigFile, tables: Mapping[str, object]) -> None:
        for name, table in tables.items():
            other = self.names.setdefault(name, file.path)
            below = self._site_table(name) if file is not self._site else {}
            whole = {**below, **absolute(table, file.path)} if isinstance(table, dict) else table
            complaints = list(check_server(name, whole))
            for key, complaint in complaints:
                # a key that only stands in the file for everybody is wrong there
                culprit = self._site if key in below and key not in _keys(table) else file
                assert culprit is not None
                culprit.complain(("servers", name, *filter(None, (key,))), complaint)
            if other != file.path:
                complaint = f"a server of this name stands in {other} already; rename one"
                file.complain(("servers", name), complaint)
            elif not complaints:
                assert isinstance(whole, dict)
                self.servers[name] = profile_of(name, whole, file.path)

    def _site_table(self, name: str) -> dict[str, Any]:
        """The table for everybody that a user's table of this name is laid over."""
        table = self._site_tables.pop(name, {})
        return absolute(table, self._site.path) if self._site and isinstance(table, dict) else {}

    def _add_app(self, file: ConfigFile, table: Mapping[str, Any]) -> None:
        for key, value in table.items():
            complaint = check_key(key, value, APP)
            if complaint:
                file.complain(("app", key), complaint)
            elif key == "refresh":
                self.app = replace(self.app, refresh=float(value))
            elif key == "notify":
                self.app = replace(self.app, notify=tuple(value))
            elif key == "bell":
                self.app = replace(self.app, bell=value)
            elif key == "read_only":
                self.app = replace(self.app, read_only=value)
            elif key == "ascii":
                self.app = replace(self.app, ascii=value)
            else:
                self.app = replace(self.app, theme=value)

    def _add_keymap(self, file: ConfigFile, table: Mapping[str, Any]) -> None:
        for action, keys in table.items():
            # a key may be the space bar, so this one may look empty
            complaint = "" if keys and not check_text(keys) else check_filled_text(keys)
            if complaint:
                file.complain(("keymap", action), complaint)
            else:
                self.keymap[action] = keys


def profile_files(directory: Path, problems: list[str]) -> list[Path]:
    """The files of a ``profiles.d``, in order; a problem is added where they cannot be listed."""
    try:
        names = sorted(each.name for each in directory.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(f"{directory}: its files cannot be listed ({error.strerror}).")
        return []
    return [directory / name for name in names if name.endswith(".toml") and name[0] != "."]


def _keys(table: object) -> Collection[str]:
    return table if isinstance(table, dict) else ()


def absolute(table: Mapping[str, Any], source: Path) -> dict[str, Any]:
    """Find files on this machine beside the configuration where they are not absolute."""
    values = dict(table)
    for key in _LOCAL_PATHS:
        if key in values and not check_filled_text(value := values[key]):
            values[key] = str(source.parent / locations.expand_home(value))
    return values


def profile_of(name: str, table: Mapping[str, Any], source: Path | None) -> ServerProfile:
    """Make a profile of a table that was found to be right."""
    values = dict(table)
    values["input_names"] = tuple(values.get("input_names", ()))
    return ServerProfile(name=name, source=source, **values)
