"""A small SSH server that asks what a real one with PAM would: several prompts, several rounds.

sshd's keyboard-interactive asks what PAM is set up to ask on this machine, which no test may
change. This server speaks to clients as one with a second factor does, and runs commands.
"""

from __future__ import annotations

import getpass
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_PARTIALLY_SUCCESSFUL,
    AUTH_SUCCESSFUL,
    OPEN_SUCCEEDED,
)
from paramiko.server import InteractiveQuery

from tests.live.sshd import ClientKeys

_SLICE = 65536


@dataclass(frozen=True)
class Round:
    """What is asked at once.

    Attributes:
        prompts: The single questions.
        answers: The right answers.
        instructions: What is said before.
    """

    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    instructions: str = ""


@dataclass
class Questioner:
    """The server; it listens once it is made.

    Attributes:
        directory: Where its known_hosts line is put.
        keys: The client keys that it accepts.
        rounds: What it asks, one round after the other.
        wants_key: Whether a key is wanted first.
        more_keys: Public keys that it accepts besides.
        given: All answers that it was given, in order.
        logins: How often somebody was let in.
    """

    directory: Path
    keys: ClientKeys
    rounds: Sequence[Round]
    wants_key: bool = False
    host: str = "127.0.0.1"
    user: str = field(default_factory=getpass.getuser)
    more_keys: str = ""
    given: list[tuple[str, ...]] = field(default_factory=list)
    logins: int = 0

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._key = paramiko.ECDSAKey.generate()
        self._listener = socket.create_server((self.host, 0))
        self.port: int = self._listener.getsockname()[1]
        self.known_hosts = self.directory / "known_hosts"
        self.known_hosts.write_text(
            f"[{self.host}]:{self.port} {self._key.get_name()} {self._key.get_base64()}\n"
        )
        self._transports: list[paramiko.Transport] = []
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def welcomes(self, key: paramiko.PKey) -> bool:
        """Whether a key is one of those that are accepted."""
        return key.get_base64() in self.keys.authorized() + self.more_keys

    def close(self) -> None:
        """End all connections, and listen no more."""
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for transport in self._transports:
            transport.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = paramiko.Transport(link)
            transport.add_server_key(self._key)
            self._transports.append(transport)
            with suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(threading.Event(), _Conversation(self))


class _Conversation(paramiko.ServerInterface):
    """One client's connection."""

    def __init__(self, server: Questioner) -> None:
        self._server = server
        self._left = list(server.rounds)
        self._has_key = False

    def get_allowed_auths(self, username: str) -> str:
        if self._server.wants_key and not self._has_key:
            return "publickey"
        return "keyboard-interactive"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if not self._server.wants_key or not self._server.welcomes(key):
            return AUTH_FAILED
        self._has_key = True
        return AUTH_PARTIALLY_SUCCESSFUL

    def check_auth_interactive(self, username: str, submethods: str) -> int | InteractiveQuery:
        if self._server.wants_key and not self._has_key:
            return AUTH_FAILED
        self._left = list(self._server.rounds)
        return self._ask()

    def _ask(self) -> InteractiveQuery:
        asked = self._left[0]
        return InteractiveQuery(
            "", asked.instructions, *((prompt, False) for prompt in asked.prompts)
        )

    def check_auth_interactive_response(self, responses: list[str]) -> int | InteractiveQuery:
        answers = tuple(word.decode() if isinstance(word, bytes) else word for word in responses)
        self._server.given.append(answers)
        if answers != self._left.pop(0).answers:
            return AUTH_FAILED
        if self._left:
            return self._ask()
        self._server.logins += 1
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=_run, args=(channel, command), daemon=True).start()
        return True


def _run(channel: paramiko.Channel, command: bytes) -> None:
    """Run a command, its standard streams being the channel's."""
    with subprocess.Popen(
        ["/bin/sh", "-c", command.decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd=Path.home(),
    ) as process:
        threading.Thread(target=_feed, args=(channel, process), daemon=True).start()
        assert process.stdout is not None
        with suppress(OSError, EOFError, paramiko.SSHException):
            while data := process.stdout.read(_SLICE):
                channel.sendall(data)
        with suppress(OSError, EOFError, paramiko.SSHException):
            channel.send_exit_status(process.wait())
    # The client may have gone by then, and its connection with it.
    with suppress(OSError, EOFError, paramiko.SSHException):
        channel.close()


def _feed(channel: paramiko.Channel, process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(OSError, EOFError, paramiko.SSHException):
        while data := channel.recv(_SLICE):
            process.stdin.write(data)
    with suppress(OSError):
        process.stdin.close()
