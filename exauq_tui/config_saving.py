"""Writes the profiles that are made in the app: a file for each, in ``profiles.d``.

The user's own file, and the one for everybody, are never written.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

import tomli_w

from exauq_tui.config import ServerProfile, absolute, profile_files, profile_of
from exauq_tui.config_file import read_config_file
from exauq_tui.config_rules import check_server
from exauq_tui.errors import ConfigError

_LONGEST_STEM = 120


def save_profile(profile: ServerProfile, directory: Path) -> Path:
    """Write a profile made in the app to a file of its own, for the user's eyes only.

    Args:
        profile: The profile; its `source` is not looked at.
        directory: ``profiles.d`` (see `exauq_tui.locations.profiles_dir`); made where missing.

    Returns:
        The new file.

    Raises:
        ConfigError: The name is taken there, the profile could not be loaded again, or the
            file cannot be written.
    """
    data = _toml_of(profile)
    for path in profile_files(directory, []):
        if profile.name in _servers_in(path):
            raise ConfigError(
                f"the server {profile.name!r} stands in {path} already; choose another name"
            )
    path = _file_of(profile.name, directory)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, data, replaces=False)
    except FileExistsError as error:
        if not directory.is_dir():
            raise ConfigError(f"{directory} cannot be written: it is no directory") from error
        raise ConfigError(f"{path} is there already; choose another name") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    return path


def is_own(profile: ServerProfile, directory: Path | None) -> bool:
    """Whether a profile stands in a file that the app made for it alone, and may write.

    Only names are looked at, not the disk: what is in the file is seen when it is to be written.
    """
    if directory is None or profile.source is None:
        return False
    return profile.source == _file_of(profile.name, directory)


def replace_profile(before: ServerProfile, after: ServerProfile) -> None:
    """Write a profile of the app's own in the place of what it was.

    Args:
        before: The profile as it was loaded; see `is_own`.
        after: The profile as it is to be, of the same name.

    Raises:
        ConfigError: It could not be loaded again, the file holds something else than what was
            loaded, or it cannot be written. The file is as it was.
    """
    data, path = _toml_of(after), _unchanged_file(before)
    try:
        _write(path, data, replaces=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def delete_profile(profile: ServerProfile) -> None:
    """Remove the file of a profile of the app's own.

    Raises:
        ConfigError: The file holds something else than what was loaded, or cannot be removed.
    """
    path = _unchanged_file(profile)
    try:
        path.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except OSError as error:
        raise ConfigError(f"{path} cannot be removed: {error.strerror}") from error


def read_profile(path: Path, name: str) -> ServerProfile:
    """Read one profile of a file, as it is read when the program starts.

    Raises:
        ConfigError: It is not there, or makes no profile.
    """
    table = _servers_in(path).get(name)
    if table is None:
        raise ConfigError(f"{path} holds no server {name!r}")
    table = absolute(table, path) if isinstance(table, dict) else table
    for key, complaint in check_server(name, table):
        raise ConfigError(f"{path}, {key or name}: {complaint}")
    return profile_of(name, table, path)


def _unchanged_file(profile: ServerProfile) -> Path:
    """The file of a profile, which holds that profile as it was loaded and nothing else."""
    path = profile.source
    assert path is not None
    if path.is_symlink():
        raise ConfigError(f"{path} is a link: change the file that it leads to with an editor")
    if path.exists() and (
        list(_servers_in(path)) != [profile.name] or read_profile(path, profile.name) != profile
    ):
        raise ConfigError(
            f"{path} says something else than is shown here: change it with an editor, and start "
            "exauq-tui anew"
        )
    return path


def _toml_of(profile: ServerProfile) -> bytes:
    """Put a profile into TOML.

    Raises:
        ConfigError: It could not be loaded again.
    """
    table = _table_of(profile)
    for key, complaint in check_server(profile.name, table):
        subject = f"{key}: " if key else ""
        raise ConfigError(f"the server {profile.name!r} cannot be saved: {subject}{complaint}")
    try:
        return tomli_w.dumps({"servers": {profile.name: table}}).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"the server {profile.name!r} cannot be saved: {error.object[error.start]!r} "
            "is no character"
        ) from error


def _file_of(name: str, directory: Path) -> Path:
    return directory / f"{_file_stem(name)}.toml"


def _table_of(profile: ServerProfile) -> dict[str, Any]:
    """The keys to write: those that have no default, or differ from it."""
    table = {}
    for each in fields(ServerProfile):
        value = getattr(profile, each.name)
        if each.name not in ("name", "source") and value != each.default:
            table[each.name] = list(value) if isinstance(value, tuple) else value
    return table


def _servers_in(path: Path) -> dict[str, Any]:
    try:
        servers = read_config_file(path).data.get("servers")
    except FileNotFoundError:
        return {}
    return servers if isinstance(servers, dict) else {}


def _file_stem(name: str) -> str:
    """Make a file name of a server's name: no two become the same, usual ones stay."""
    stem = quote(name, safe="")
    if stem.startswith("."):
        stem = f"%2E{stem[1:]}"
    if len(stem) > _LONGEST_STEM:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        stem = f"{stem[: _LONGEST_STEM - 17]}-{digest}"
    return stem


def _write(path: Path, data: bytes, *, replaces: bool) -> None:
    """Write a file that appears whole or not at all.

    Raises:
        FileExistsError: It is there, and is not to be replaced.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor has no Path
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if replaces:
            temporary.replace(path)
        else:
            # a link, since a rename would replace a file that another process made meanwhile
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
