"""How an OpenSSH config file says to reach a host (ssh_config(5)).

Where the ``ssh`` program is installed it is asked (``ssh -G``), so that every rule of the
file means here what it means there. Without it, plain Host blocks are read.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from exauq_tui.errors import HardwareInterfaceFailureError
from exauq_tui.hardware.connection.host_keys import SYSTEM_FILES, USER_FILES
from exauq_tui.hardware.connection.login import expand_home, local_user

_SSH_TIMEOUT = 20.0  # `Match exec` runs programs
_DEFAULT_IDENTITIES = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")


@dataclass(frozen=True, slots=True)
class HostConfig:
    """What the config file says of one host.

    Attributes:
        host_name: Where to connect to.
        user: The account there.
        port: The port there.
        identity_files: Private key files to try; they need not exist.
        identities_only: Whether the agent's other keys are left out.
        identity_agent: The agent's socket; None means the environment's, "none" no agent.
        proxy_jump: Other servers to go through, as written; "" means none.
        proxy_command: A command to go through, as written; "" means none.
        host_key_alias: The name to look the host key up by; "" means none.
        known_hosts: known_hosts files, the user's and the system's.
    """

    host_name: str
    user: str
    port: int
    identity_files: tuple[str, ...]
    identities_only: bool = False
    identity_agent: str | None = None
    proxy_jump: str = ""
    proxy_command: str = ""
    host_key_alias: str = ""
    known_hosts: tuple[str, ...] = USER_FILES + SYSTEM_FILES


@dataclass(frozen=True, slots=True)
class Hop:
    """One server of a ProxyJump: the alias, and what the jump says explicitly."""

    host: str
    user: str = ""
    port: int | None = None


def resolve(host: str, config_path: str, user: str = "", port: int | None = None) -> HostConfig:
    """Look a host up in an OpenSSH config file.

    Args:
        host: The alias, as one would type it after ``ssh``.
        config_path: The file.
        user: Wins over the file's, where given.
        port: Wins over the file's, where given.

    Raises:
        HardwareInterfaceFailureError: The file is missing or cannot be used.
    """
    path = expand_home(config_path)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise HardwareInterfaceFailureError(
            f"The OpenSSH config file {path} cannot be read: {error.strerror or error}. "
            "Check ssh_config_path."
        ) from error
    program = shutil.which("ssh")
    if program is None:
        options = _read_plain(text, host, path)
    else:
        options = _ask_ssh(program, host, path, user, port)
    return _interpret(options, host, path, user, port)


def resolve_as_ssh(
    program: str, host: str, config_path: str | None, user: str = "", port: int | None = None
) -> HostConfig:
    """Look a host up as an ``ssh`` program does, in the user's and system's files where None.

    Raises:
        HardwareInterfaceFailureError: ssh cannot use the configuration.
    """
    path = None if config_path is None else expand_home(config_path)
    options = _ask_ssh(program, host, path, user, port)
    return _interpret(options, host, path or Path("~/.ssh/config"), user, port)


def parse_proxy_jump(value: str) -> tuple[Hop, ...]:
    """Split a ProxyJump into its servers, the first to connect to first.

    Raises:
        HardwareInterfaceFailureError: It is not of the form ``[user@]host[:port],...``.
    """
    hops = []
    for part in value.split(","):
        spec = part.strip().removeprefix("ssh://").removesuffix("/")
        user, _, place = spec.rpartition("@")
        match = re.fullmatch(
            r"(?:\[([^\]]+)\]|([^:\s\[\]]+|[^\s\[\]]*:[^\s\[\]]*:[^\s\[\]]*))"
            r"(?::(\d{1,5}))?",
            place,
        )
        if match is None or place.startswith("-"):
            raise HardwareInterfaceFailureError(
                f"The ProxyJump {value!r} is not of the form [user@]host[:port],..."
            )
        hops.append(Hop(match[1] or match[2], user, int(match[3]) if match[3] else None))
    return tuple(hops)


def expand_tokens(text: str, config: HostConfig, alias: str) -> str:
    """Replace %-tokens in a path as ssh_config(5) says; one that is not known stays."""
    local = local_user()
    values = {
        "%": "%",
        "d": str(Path.home()),
        "h": config.host_name,
        "k": config.host_key_alias or config.host_name,
        "n": alias,
        "p": str(config.port),
        "r": config.user,
        "u": local,
    }
    return re.sub(r"%(.)", lambda match: values.get(match[1], match[0]), text)


def _ask_ssh(
    program: str, host: str, path: Path | None, user: str, port: int | None
) -> list[tuple[str, str]]:
    """Let ssh itself say what the file means for the host."""
    command = [program, "-G"]
    if path is not None:
        command += ["-F", str(path.absolute())]
    if user:
        command += ["-l", user]
    if port is not None:
        command += ["-p", str(port)]
    try:
        answer = subprocess.run(
            [*command, "--", host],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SSH_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HardwareInterfaceFailureError(
            f"Looking {host} up in {path or 'your OpenSSH configuration'} by `ssh -G` failed: "
            f"{error}."
        ) from error
    if answer.returncode != 0:
        words = answer.stderr.decode("utf-8", "replace").strip()
        raise HardwareInterfaceFailureError(
            f"ssh cannot use {path or 'your OpenSSH configuration'} for {host}: {words}"
        )
    lines = answer.stdout.decode("utf-8", "surrogateescape").splitlines()
    # The value is the rest of the line as it is: paths with spaces come without quotes.
    return [(name.lower(), value) for name, _, value in (line.partition(" ") for line in lines)]


def _read_plain(text: str, host: str, path: Path) -> list[tuple[str, str]]:
    """Read Host blocks; the first value of an option counts, as OpenSSH has it."""
    options: list[tuple[str, str]] = []
    applies = True
    for number, line in enumerate(text.splitlines(), 1):
        words = _split_line(line, path, number)
        if not words:
            continue
        name, values = words[0].lower(), words[1:]
        if name in ("match", "include"):
            raise HardwareInterfaceFailureError(
                f"{path}, line {number}: {words[0]} is understood only where the ssh program "
                "is installed. Install openssh-client, or give key_filename or use_ssh_agent."
            )
        if name == "host":
            applies = _host_matches(values, host)
        elif applies and values:
            options.append((name, " ".join(values)))
    return options


def _split_line(line: str, path: Path, number: int) -> list[str]:
    """Split ``Name value``, ``Name=value`` and quoted values; a comment gives nothing."""
    line = re.sub(r"^\s*(\w+)\s*=\s*", r"\1 ", line)
    if command := re.match(r"\s*(proxycommand)\s+(.*)", line, re.IGNORECASE):
        return [command[1], command[2].strip()]  # as it stands: a shell reads it later
    try:
        return shlex.split(line, comments=True)
    except ValueError as error:
        raise HardwareInterfaceFailureError(
            f"{path}, line {number}: a quote is opened and not closed."
        ) from error


def _host_matches(patterns: list[str], host: str) -> bool:
    found = False
    for pattern in patterns:
        expression = translate(pattern.removeprefix("!").lower().replace("[", "[[]"))
        if re.fullmatch(expression, host.lower()):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _interpret(
    options: list[tuple[str, str]], host: str, path: Path, user: str, port: int | None
) -> HostConfig:
    def first(name: str) -> str:
        return next((value for key, value in options if key == name), "")

    def none_means_empty(name: str) -> str:
        value = first(name)
        return "" if value.lower() == "none" else value

    try:
        number = port or int(first("port") or "22")
    except ValueError as error:
        raise HardwareInterfaceFailureError(
            f"{path}: the Port for {host} is not a number: {first('port')!r}."
        ) from error
    # %h in HostName is the name as typed; ssh -G has replaced it already.
    host_name = first("hostname").replace("%h", host).replace("%%", "%") or host
    draft = HostConfig(
        host_name=host_name,
        user=user or first("user") or local_user(),
        port=number,
        identity_files=(),
        host_key_alias=first("hostkeyalias"),
    )
    written = [value for name, value in options if name == "identityfile"]
    identities = written or list(_DEFAULT_IDENTITIES)
    agent = first("identityagent")
    user_files = first("userknownhostsfile")
    system_files = first("globalknownhostsfile")
    return HostConfig(
        host_name=host_name,
        user=draft.user,
        port=number,
        identity_files=tuple(
            str(expand_home(expand_tokens(value, draft, host)))
            for value in identities
            if value.lower() != "none"
        ),
        identities_only=first("identitiesonly").lower() in ("yes", "true"),
        identity_agent=str(expand_home(expand_tokens(agent, draft, host)))
        if agent and agent != "SSH_AUTH_SOCK"
        else None,
        proxy_jump=none_means_empty("proxyjump"),
        proxy_command=none_means_empty("proxycommand"),
        host_key_alias=draft.host_key_alias,
        known_hosts=tuple(
            str(expand_home(expand_tokens(file, draft, host)))
            for file in (
                *(_split_paths(user_files) if user_files else USER_FILES),
                *(_split_paths(system_files) if system_files else SYSTEM_FILES),
            )
        ),
    )


def _split_paths(value: str) -> Iterator[str]:
    """Split a list of files; a space in a name is told from one between names by what follows."""
    for path in re.split(r"\s+(?=[/~])", value):
        if path.lower() != "none":
            yield path
