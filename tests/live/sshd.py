"""Private SSH servers for the tests, on free loopback ports, as root or as an ordinary user.

Each has its own configuration, host keys, client keys and log in a directory of its own.
Nothing below /etc/ssh, and nothing in anybody's home directory, is read or written: sessions
start in a home directory inside that directory.
"""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")
PASSPHRASE = "open sesame"
CLIENT_KEYS = {
    "ed25519": ["-t", "ed25519"],
    "rsa": ["-t", "rsa", "-b", "2048"],
    "ecdsa": ["-t", "ecdsa"],
}


@dataclass(frozen=True)
class ClientKeys:
    """Private keys that every server of the suite accepts, by kind; made once."""

    directory: Path

    @property
    def ed25519(self) -> Path:
        return self.directory / "ed25519"

    @property
    def rsa(self) -> Path:
        return self.directory / "rsa"

    @property
    def ecdsa(self) -> Path:
        return self.directory / "ecdsa"

    @property
    def encrypted(self) -> Path:
        """Opened by `PASSPHRASE`."""
        return self.directory / "encrypted"

    @property
    def unwelcome(self) -> Path:
        """A key that no server accepts."""
        return self.directory / "unwelcome"

    def authorized(self) -> str:
        return "".join(
            path.with_suffix(".pub").read_text()
            for path in (self.ed25519, self.rsa, self.ecdsa, self.encrypted)
        )


def make_client_keys(directory: Path) -> ClientKeys:
    """Make all client keys in a directory."""
    for name, options in CLIENT_KEYS.items():
        make_key(directory / name, *options)
    make_key(directory / "encrypted", "-t", "ed25519", passphrase=PASSPHRASE)
    make_key(directory / "unwelcome", "-t", "ed25519")
    return ClientKeys(directory)


def make_key(path: Path, *options: str, passphrase: str = "") -> None:
    """Make one key pair; `path` may hold anything a file name may hold."""
    subprocess.run(
        ["ssh-keygen", "-q", *options, "-N", passphrase, "-C", path.name, "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )


class Sshd:
    """One private server; started by the constructor.

    Args:
        directory: Where all of it goes; made where missing.
        keys: The client keys that it accepts.
        extra: Further lines of its sshd_config.
        password_login: Whether passwords are taken, by PAM; needs root.
        own_home: Whether sessions start in `home`, with HOME set so; else where the account
            says.
    """

    def __init__(
        self,
        directory: Path,
        keys: ClientKeys,
        *,
        extra: tuple[str, ...] = (),
        password_login: bool = False,
        own_home: bool = True,
    ) -> None:
        assert SSHD is not None
        self.directory = directory
        self.keys = keys
        self.host = "127.0.0.1"
        self.user = getpass.getuser()
        self.port = 0
        self.home = directory / "home"
        self.log = directory / "sshd.log"
        self.known_hosts = directory / "known_hosts"
        self.host_key = directory / "host_ed25519"
        self._config = directory / "sshd_config"
        self._extra = extra
        self._password_login = password_login
        self._own_home = own_home
        self._process: subprocess.Popen[bytes] | None = None
        self.home.mkdir(parents=True, exist_ok=True)
        self._authorized = directory / "authorized_keys"
        self._authorized.write_text(keys.authorized())
        if not self.host_key.exists():
            make_key(self.host_key, "-t", "ed25519")
            make_key(directory / "host_ecdsa", "-t", "ecdsa")
        if os.geteuid() == 0:
            # Compiled in: where the unprivileged half of a root sshd is locked up.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.start()

    def start(self) -> None:
        """Start it, on the same port as before where it was stopped."""
        for _ in range(5):
            # Somebody else may take the port between our choice and sshd's start.
            port = self.port or free_port()
            self._config.write_text(self._lines(port))
            assert SSHD is not None
            self._process = subprocess.Popen(
                [SSHD, "-D", "-f", str(self._config), "-E", str(self.log)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            if self._answers(port):
                self.port = port
                break
            self.stop()
        else:
            raise RuntimeError(f"sshd did not start:\n{self.log.read_text(errors='replace')}")
        self.known_hosts.write_text(
            f"[{self.host}]:{self.port} {_public(self.host_key)}\n"
            f"[{self.host}]:{self.port} {_public(self.directory / 'host_ecdsa')}\n"
        )

    def _lines(self, port: int) -> str:
        root = os.geteuid() == 0
        lines = [
            *self._extra,  # first: sshd takes the first value of most options
            f"Port {port}",
            f"ListenAddress {self.host}",
            f"HostKey {self.host_key}",
            f"HostKey {self.directory / 'host_ecdsa'}",
            "PidFile none",
            f"AuthorizedKeysFile {self._authorized}",
            "StrictModes no",  # temporary directories lie below one that all may write to
            "PermitRootLogin yes",
            f"UsePAM {'yes' if root else 'no'}",
            f"PasswordAuthentication {'yes' if self._password_login else 'no'}",
            f"KbdInteractiveAuthentication {'yes' if self._password_login else 'no'}",
            "PrintMotd no",
            "PrintLastLog no",
            "UseDNS no",
            "LogLevel VERBOSE",
        ]
        if not any(line.startswith("MaxStartups") for line in self._extra):
            lines.append("MaxStartups 100:30:200")  # of this option sshd takes the last value
        if self._own_home:
            home = shlex.quote(str(self.home))
            # For the login shell, whose start-up files are nobody's business here (one that is
            # killed halfway may leave the account's own tools locked). Sessions would still
            # start in the account's directory.
            lines.append(f'SetEnv HOME="{self.home}"')
            lines.append(
                f"ForceCommand cd {home} && HOME={home} "
                'exec /bin/sh -c "${SSH_ORIGINAL_COMMAND:-exec /bin/sh}"'
            )
        return "\n".join(lines) + "\n"

    def _answers(self, port: int) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            with suppress(OSError), socket.create_connection((self.host, port), 5) as link:
                if link.recv(4) == b"SSH-":
                    return True
            time.sleep(0.05)
        return False

    def stop(self) -> None:
        """End the server and all its connections, as a crash of the machine would."""
        if self._process is None:
            return
        # Its children leave the server's session and process group: they are found by parent.
        for pid in [*descendants(self._process.pid), self._process.pid]:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def drop_connections(self) -> None:
        """End all connections, and keep listening."""
        assert self._process is not None
        for pid in descendants(self._process.pid):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def log_text(self) -> str:
        """Give what the server logged so far."""
        return self.log.read_text(errors="replace")


StartSshd = Callable[..., Sshd]
"""Starts further servers, with `Sshd`'s options."""


@dataclass(frozen=True)
class Account:
    """A Unix account made for the tests."""

    name: str
    password: str


def administer(*command: str) -> None:
    """Change an account of this machine, by useradd, say.

    Tried again for as long as somebody else is at the files of accounts, or a process of an
    account that is to go has not quite ended.
    """
    deadline = time.monotonic() + 60
    while (done := subprocess.run(command, check=False, capture_output=True)).returncode:
        assert time.monotonic() < deadline, (command, done.stderr)
        time.sleep(0.05)


def free_port() -> int:
    """Give a port of the loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _public(key: Path) -> str:
    kind, blob, *_ = key.with_suffix(".pub").read_text().split()
    return f"{kind} {blob}"


def descendants(root: int) -> list[int]:
    """Give the processes below one, the deepest first."""
    table = subprocess.run(
        ["ps", "-ww", "-e", "-o", "pid=,ppid="], check=True, capture_output=True, text=True
    ).stdout
    children: dict[int, list[int]] = {}
    for line in table.splitlines():
        pid, parent = map(int, line.split())
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    level = [root]
    while level:
        level = [pid for parent in level for pid in children.get(parent, [])]
        found += level
    return found[::-1]
