"""Where the user's files are: the only module that knows.

An option of the command line wins over an environment variable, which wins over the
platform's custom. Nothing here touches the disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

APP_NAME = "exauq-tui"

CONFIG_VARIABLE = "EXAUQ_TUI_CONFIG"
"""Environment variable that names the configuration file."""

DATA_VARIABLE = "EXAUQ_TUI_DATA"
"""Environment variable that names the data directory."""


def config_path(option: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The configuration file.

    Args:
        option: What ``--config`` gave, if anything.
        environ: The environment variables.
    """
    named = named_config_path(option, environ)
    return platformdirs.user_config_path(APP_NAME) / "config.toml" if named is None else named


def named_config_path(
    option: str | Path | None = None, environ: Mapping[str, str] = os.environ
) -> Path | None:
    """The configuration file that somebody named, or None where the usual one is meant.

    A file that was named has to be there; the usual one need not be.
    """
    name = option or environ.get(CONFIG_VARIABLE)
    return _absolute(name) if name else None


def site_config_path() -> Path:
    """The configuration for everybody on this machine, kept by whoever looks after it.

    It is read before the user's own: ``/etc/xdg/exauq-tui/config.toml`` on Linux, unless
    XDG_CONFIG_DIRS names another directory.
    """
    return platformdirs.site_config_path(APP_NAME) / "config.toml"


def profiles_dir(config: Path) -> Path:
    """The directory of profiles made in the app, beside a configuration file."""
    return config.parent / "profiles.d"


def data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """The directory of everything that the app keeps for itself."""
    name = environ.get(DATA_VARIABLE)
    return _absolute(name) if name else platformdirs.user_data_path(APP_NAME)


def record_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The record of jobs."""
    return data_dir(environ) / "jobs.sqlite3"


def known_hosts_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Host keys that were accepted in the app; the user's own file is never written."""
    return data_dir(environ) / "known_hosts"


def log_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The app's own log."""
    return data_dir(environ) / "exauq-tui.log"


def local_workspace_dir(server: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The workspace of a server on this machine whose profile is built in."""
    return data_dir(environ) / "workspaces" / server


def expand_home(name: str | Path) -> Path:
    """Put the home directory in place of a leading ``~/``; nothing else is expanded."""
    text = os.fspath(name)
    if text == "~" or text.startswith("~/"):
        return Path.home() / text[2:]
    return Path(text)


def _absolute(name: str | Path) -> Path:
    return expand_home(name).absolute()
