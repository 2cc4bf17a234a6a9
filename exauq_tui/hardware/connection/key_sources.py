"""Where keys come from: a file, the running ssh-agent, or what a config file names."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import paramiko
from paramiko.agent import AgentSSH

from exauq_tui.errors import AuthenticationError
from exauq_tui.hardware.connection.memory import Memory
from exauq_tui.hardware.connection.openssh_config import HostConfig
from exauq_tui.hardware.connection.private_keys import KeyFile
from exauq_tui.hardware.interface import AskSecret

_AGENT_TIMEOUT = 60.0  # an agent may ask a person to confirm, or to touch a device


@dataclass(frozen=True, slots=True)
class Candidate:
    """A key that can be offered.

    Attributes:
        label: How it is named in errors.
        load: Gives it, asking for a passphrase where needed; none where it has to be left out.
    """

    label: str
    load: Callable[[], list[paramiko.PKey]]


class AgentKey(paramiko.AgentKey):
    """A key in the agent, whose refusal to sign costs that key and not the connection."""

    def sign_ssh_data(self, data: object, algorithm: str | None = None) -> bytes:  # type: ignore[override]
        """Sign; where the agent does not, give a signature that the server turns down."""
        try:
            signature: bytes = super().sign_ssh_data(data, algorithm)  # type: ignore[arg-type,assignment]
        except (paramiko.SSHException, OSError):
            # An exception here would end paramiko's thread, and the connection with it.
            message = paramiko.Message()
            message.add_string(algorithm or self.get_name())
            message.add_string(bytes(64))
            return message.asbytes()
        return signature


class Agent(AgentSSH):
    """The running ssh-agent.

    Args:
        path: Its socket; SSH_AUTH_SOCK of the environment where None.

    Raises:
        AuthenticationError: No agent runs there.
    """

    def __init__(self, path: str | None = None) -> None:
        super().__init__()
        path = path or os.environ.get("SSH_AUTH_SOCK")
        if not path:
            raise AuthenticationError(
                "No ssh-agent is running: SSH_AUTH_SOCK is not set. "
                "Start one (eval $(ssh-agent)) and add a key (ssh-add), or give key_filename."
            )
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        wire.settimeout(_AGENT_TIMEOUT)
        try:
            wire.connect(path)
            self._connect(wire)  # type: ignore[attr-defined] # missing in the stubs
        except (OSError, paramiko.SSHException) as error:
            wire.close()
            raise AuthenticationError(
                f"No ssh-agent answers at {path} ({error}). "
                "Start one (eval $(ssh-agent)) and add a key (ssh-add), or give key_filename."
            ) from error

    def candidates(self) -> list[Candidate]:
        """Give the agent's keys, in its order."""
        return [self._candidate(key) for key in self.get_keys() if key.get_name() != "ssh-dss"]

    def _candidate(self, known: paramiko.AgentKey) -> Candidate:
        key = AgentKey(self, known.blob, known.comment)
        label = f"agent key {known.comment or known.get_name()}"
        return Candidate(label, lambda: [key])

    def close(self) -> None:
        """Close the socket to the agent."""
        self._close()  # type: ignore[attr-defined] # missing in the stubs


def from_file(path: str, ask: AskSecret, max_attempts: int, memory: Memory) -> Iterator[Candidate]:
    """Give the key in a file that was named explicitly.

    Raises:
        AuthenticationError: At once where the file is not a key; when it is loaded where
            nobody gives its passphrase.
    """
    file = KeyFile(path)

    def load() -> list[paramiko.PKey]:
        keys = _open_key(file, ask, max_attempts, memory)
        if not keys:
            raise AuthenticationError(
                f"The key file {file.path} is encrypted and its passphrase was not given "
                f"({max_attempts} tries)."
            )
        return keys

    return iter([Candidate(f"key file {file.path}", load)])


def from_config(
    config: HostConfig, agent: Agent | None, ask: AskSecret, max_attempts: int, memory: Memory
) -> Iterator[Candidate]:
    """Give keys as OpenSSH would offer them, files that need a passphrase last.

    First the agent's keys that the config names, then the named files, then the agent's
    other keys unless IdentitiesOnly, then the named files that are encrypted.
    """
    files = []
    for path in config.identity_files:
        try:
            files.append(KeyFile(path))
        except AuthenticationError:
            continue  # most of the default names do not exist
    held = agent.candidates() if agent is not None else []
    blobs = {key.load()[0].asbytes(): key for key in held}
    named = [(file, blobs.get(file.public_blob() or b"")) for file in files]
    in_agent = [key for _, key in named if key is not None]
    yield from in_agent
    rest = [file for file, key in named if key is None]
    for file in rest:
        if not file.is_encrypted:
            yield _file_candidate(file, ask, max_attempts, memory)
    if not config.identities_only:
        yield from (key for key in held if key not in in_agent)
    for file in rest:
        if file.is_encrypted:
            yield _file_candidate(file, ask, max_attempts, memory)


def _file_candidate(file: KeyFile, ask: AskSecret, max_attempts: int, memory: Memory) -> Candidate:
    return Candidate(f"key file {file.path}", lambda: _open_key(file, ask, max_attempts, memory))


def _open_key(
    file: KeyFile, ask: AskSecret, max_attempts: int, memory: Memory
) -> list[paramiko.PKey]:
    """Open a key file: its certified form first, then the plain key; none without passphrase."""
    key = None
    if not file.is_encrypted:
        key = file.key()
    elif (remembered := memory.passphrases.get(str(file.path))) is not None:
        key = file.key(remembered)
    prompt = f"Passphrase for key {file.path}: "
    for _ in range(max_attempts):
        if key is not None:
            break
        typed = ask(prompt)
        if not typed:
            return []
        key = file.key(typed.encode())
        if key is not None:
            memory.keep_passphrase(str(file.path), typed.encode())
        prompt = f"That passphrase does not open it. Passphrase for key {file.path}: "
    if key is None:
        return []
    certified = file.certified_key()
    return [key] if certified is None else [certified, key]
