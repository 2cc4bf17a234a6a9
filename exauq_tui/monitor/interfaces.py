"""From a profile to the hardware interface that it describes; the one place that builds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from exauq_tui.config import ServerProfile

if TYPE_CHECKING:
    from exauq_tui.hardware.connection.pulse import LinkLimits
    from exauq_tui.hardware.interface import (
        AcceptHostKey,
        AskSecret,
        HardwareInterface,
        RunsOtherwise,
    )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an interface needs beside its profile.

    Attributes:
        workspace_dir: The workspace to use: the profile's, or the one made for it before.
        ask_secret: Asks a person for a password, passphrase or code.
        accept_host_key: Asks a person about an unknown host key.
        own_known_hosts: Where host keys that were accepted here are kept.
        read_only: Whether nothing is changed on the server.
    """

    workspace_dir: str | None
    ask_secret: AskSecret
    accept_host_key: AcceptHostKey
    own_known_hosts: Path | None
    read_only: bool = False


MakeInterface = Callable[[ServerProfile, Surroundings], "HardwareInterface"]
"""Builds the interface of a profile, without connecting."""


def make_interface(
    profile: ServerProfile, around: Surroundings, *, link_limits: LinkLimits | None = None
) -> HardwareInterface:
    """Build the interface of a profile; it connects later, and only when told to.

    Args:
        profile: The server.
        around: What it needs beside that.
        link_limits: How much silence of a connection is put up with; None for the usual.

    Raises:
        ValueError: The profile cannot be used.
    """
    # Imported here, on a server's own thread: the screen is there before any of it is needed.
    if profile.kind == "local":
        from exauq_tui.hardware.local import LocalScriptInterface  # noqa: PLC0415

        return LocalScriptInterface(
            profile.program,
            profile.script_path,
            profile.name,
            profile.level,
            around.workspace_dir,
            setup=profile.setup,
            max_running=None if around.read_only else _limit(profile),
            cancel_grace=profile.cancel_grace,
            look_only=around.read_only,
            connect=False,
            reconnect=False,
        )
    from exauq_tui.hardware.unix_server import UnixServerScriptInterface  # noqa: PLC0415

    return UnixServerScriptInterface(
        profile.user,
        profile.host,
        profile.program,
        profile.script_path,
        profile.name,
        profile.level,
        around.workspace_dir,
        _expanded(profile.key_filename),
        _expanded(profile.ssh_config_path),
        profile.use_ssh_agent,
        profile.max_attempts,
        port=profile.port,
        known_hosts=_expanded(profile.known_hosts),
        own_known_hosts=around.own_known_hosts,
        accept_host_key=around.accept_host_key,
        ask_secret=around.ask_secret,
        ssh_backend=profile.ssh_backend,
        link_limits=link_limits,
        remember=profile.remember,
        setup=profile.setup,
        max_running=None if around.read_only else _limit(profile),
        cancel_grace=profile.cancel_grace,
        look_only=around.read_only,
        connect=False,
        reconnect=False,
    )


_ON_PAPER = ("level", "input_names", "source")
_OF_JOBS = ("program", "script_path", "setup", "max_running", "cancel_grace")


def needs_new_connection(before: ServerProfile, after: ServerProfile) -> bool:
    """Whether a changed profile asks for another connection than the one that there is."""
    same = {key: getattr(before, key) for key in (*_ON_PAPER, *_OF_JOBS)}
    return replace(after, **same) != before


def runs_otherwise(before: ServerProfile, after: ServerProfile) -> bool:
    """Whether a changed profile has jobs started otherwise."""
    return any(getattr(before, key) != getattr(after, key) for key in _OF_JOBS)


def adapt_interface(interface: RunsOtherwise, profile: ServerProfile) -> None:
    """Have an interface start jobs as a changed profile says.

    Raises:
        ValueError: The profile cannot be used.
        HardwareInterfaceFailureError: The server could not be told of it.
    """
    interface.run_otherwise(
        profile.program,
        profile.script_path,
        setup=profile.setup,
        max_running=_limit(profile),
        cancel_grace=profile.cancel_grace,
    )


def _limit(profile: ServerProfile) -> int | Literal["auto"]:
    """A profile that says nothing starts with as many jobs at once as there are cores."""
    return "auto" if profile.max_running is None else profile.max_running


def _expanded(path: str | None) -> str | None:
    return None if path is None else str(Path(path).expanduser())


def endpoint_of(profile: ServerProfile) -> str:
    """Name the account and machine that a profile points to, as the record keeps them."""
    if profile.kind == "local":
        return "local"
    port = "" if profile.port is None else f":{profile.port}"
    return f"{profile.user}@{profile.host}{port}"


def where_of(profile: ServerProfile) -> str:
    """Name the machine of a profile as people would."""
    if profile.kind == "local":
        return "this machine"
    return f"{profile.user}@{profile.host}" if profile.user else profile.host
