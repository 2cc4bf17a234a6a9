"""The private directory that an ``ssh`` process is started with, and what lies in it.

A configuration that wins over the user's, which it includes; a known_hosts file of this one
process, so that ssh never adds to the user's; the program that asks questions, and the socket
where they arrive. Files of the user's are linked to: their names may hold anything, and ssh
would expand ``%``, ``$`` and quotes in them. All of it is gone once the connection stands.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from exauq_tui.errors import HardwareInterfaceFailureError
from exauq_tui.hardware.connection import askpass
from exauq_tui.hardware.connection.host_keys import KnownHosts, KnownKey, remember

_PLAIN = re.compile(r"[\w./-]+", re.ASCII)  # needs no quotes anywhere
_LONGEST_PLACE = 60  # a Unix socket's whole path has about a hundred bytes
_LONGEST_QUESTION = 65536
_QUESTION_TIMEOUT = 5.0
USUAL_CONFIGS = ("~/.ssh/config", "/etc/ssh/ssh_config")
"""What ssh reads where it is given no file; it looks for ``~`` itself."""

# First values win in ssh_config(5): what stands before the user's configuration is fixed, for
# the servers that are jumped through as well; what stands after it is where that says nothing.
_FIXED = """\
BatchMode no
StrictHostKeyChecking ask
UserKnownHostsFile {known_hosts}
UpdateHostKeys no
HashKnownHosts no
CheckHostIP no
VerifyHostKeyDNS no
NoHostAuthenticationForLocalhost no
VisualHostKey no
FingerprintHash sha256
LogLevel VERBOSE
ControlMaster no
ControlPersist no
RequestTTY no
RemoteCommand none
ClearAllForwardings yes
ForwardAgent no
ForwardX11 no
NumberOfPasswordPrompts {attempts}
"""
_WHERE_UNSAID = """\
ConnectTimeout 20
ServerAliveInterval 30
ServerAliveCountMax 10
"""


@dataclass(slots=True)
class Setting:
    """One private directory, with its socket.

    Attributes:
        directory: Where it is.
        listener: The socket where questions arrive.
        config: The configuration for ``ssh -F``.
        known: The user's known_hosts lines.
        key: The link to the key file, or None.
    """

    directory: Path
    listener: socket.socket
    config: Path
    known: KnownHosts
    key: Path | None = None
    _token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    _links: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Give the environment for ssh: ours, and how it asks."""
        return {
            # An ssh before 8.4 asks by the program only where there is a display.
            "DISPLAY": ":0",
            **os.environ,
            "SSH_ASKPASS": str(self.directory / "askpass"),
            "SSH_ASKPASS_REQUIRE": "force",
            askpass.SOCKET_VARIABLE: str(self.directory / "s"),
            askpass.TOKEN_VARIABLE: self._token,
        }

    def link(self, name: str, target: Path) -> Path:
        """Give a plain name to a file of the user's."""
        link = self.directory / name
        link.symlink_to(target.absolute())
        self._links[str(link)] = str(target)
        return link

    def real(self, words: str) -> str:
        """Replace the plain names in ssh's words by the files' own."""
        for link in sorted(self._links, key=len, reverse=True):
            words = words.replace(link, self._links[link])
        return words

    def take_question(self) -> tuple[socket.socket, str, str] | None:
        """Accept a question: where the answer goes, the hint, and the words; None if it is none."""
        try:
            link, _ = self.listener.accept()
        except BlockingIOError:
            return None
        link.settimeout(_QUESTION_TIMEOUT)
        data = b""
        try:
            while len(data) < _LONGEST_QUESTION and (piece := link.recv(4096)):
                data += piece
        except OSError:
            link.close()
            return None
        token, _, rest = data.decode("utf-8", "replace").partition("\0")
        hint, _, words = rest.partition("\0")
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            link.close()
            return None
        return link, hint, words

    def accepted(self) -> tuple[KnownKey, ...]:
        """Give the host keys that are known to this one process."""
        return KnownHosts.read([self.directory / "known"]).lines


def answer(link: socket.socket, words: str | None) -> None:
    """Send an answer to where a question came from; None says that there is none."""
    with link:
        if words is not None:
            try:
                link.sendall(askpass.ANSWERED + words.encode("utf-8", "replace"))
            except OSError:
                return  # ssh has given up meanwhile, and its end tells why


@contextmanager
def make_setting(
    *,
    config_path: Path | None,
    known_hosts: Sequence[Path],
    accepted: Iterable[tuple[str, str, bytes]],
    key: Path | None,
    attempts: int,
) -> Iterator[Setting]:
    """Make a private directory for one ssh process, and remove it in the end.

    Args:
        config_path: The user's configuration; None for the files that ssh reads by itself.
        known_hosts: Files of host keys to trust.
        accepted: Host keys that a person accepted before: name, type and key.
        key: The private key file to use.
        attempts: How often ssh may ask for one password or passphrase.

    Raises:
        HardwareInterfaceFailureError: There is no place for it.
        HostKeyError: A known_hosts file cannot be read.
    """
    known = KnownHosts.read(known_hosts)
    directory = _make_directory()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            setting = Setting(directory, listener, directory / "config", known)
            try:
                _furnish(setting, config_path, known_hosts, accepted, key, attempts)
            except OSError as error:
                raise HardwareInterfaceFailureError(
                    f"The ssh program cannot be prepared in {directory}: {error.strerror or error}."
                ) from error
            yield setting
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _furnish(
    setting: Setting,
    config_path: Path | None,
    known_hosts: Sequence[Path],
    accepted: Iterable[tuple[str, str, bytes]],
    key: Path | None,
    attempts: int,
) -> None:
    """Put everything in its place."""
    setting.listener.bind(str(setting.directory / "s"))
    setting.listener.listen()
    setting.listener.setblocking(False)
    for name, key_type, blob in accepted:
        remember(setting.directory / "known", name, key_type, blob)
    files = [setting.directory / "known"]
    for number, path in enumerate(dict.fromkeys(known_hosts)):
        files.append(setting.link(f"known-{number}", path))
    if key is not None:
        setting.key = setting.link("key", key)
        for suffix in (".pub", "-cert.pub"):
            if (beside := key.with_name(key.name + suffix)).exists():
                setting.link(f"key{suffix}", beside)
    includes: tuple[str, ...] = USUAL_CONFIGS
    if config_path is not None:
        includes = (str(setting.link("user-config", config_path)),)
    fixed = _FIXED.format(known_hosts=" ".join(map(str, files)), attempts=attempts)
    included = "".join(f"Include {path}\n" for path in includes)
    setting.config.write_text(f"{fixed}{included}Host *\n{_WHERE_UNSAID}")


def _make_directory() -> Path:
    """Make the directory, with the program that asks, where programs may be run."""
    problems = []
    for place in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp
        if not _PLAIN.fullmatch(place) or len(place) > _LONGEST_PLACE:
            continue
        try:
            directory = Path(tempfile.mkdtemp(prefix="exauq-tui-", dir=place))
        except OSError as error:
            problems.append(f"{place}: {error.strerror}")
            continue
        program = directory / "askpass"
        words = [sys.executable or "python3", "-I", "-S", askpass.__file__]
        program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$1"\n')
        program.chmod(0o700)
        if os.access(program, os.X_OK):
            return directory
        shutil.rmtree(directory, ignore_errors=True)
        problems.append(f"{place}: programs may not be run there")
    raise HardwareInterfaceFailureError(
        "The ssh program needs a temporary directory in which it can ask questions, and there "
        f"is none ({'; '.join(problems) or 'TMPDIR has an unusual name'}). Set TMPDIR to one."
    )
