"""Connects to a server by the user's own ``ssh`` program, run as a child process.

This is the way for whatever paramiko does not speak: Kerberos, FIDO keys, old servers. Each
stream is an ``ssh`` of its own, which logs in when it is opened; it has no terminal, and what
it asks arrives at a socket (`openssh_setting`). ssh never becomes a master that others share;
one that the user keeps running (ControlPath) is used.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Collection, Sequence
from functools import cache

from exauq_tui.errors import (
    ConnectionLostError,
    HardwareInterfaceFailureError,
)
from exauq_tui.hardware.connection import host_keys, openssh_errors, turns
from exauq_tui.hardware.connection.attempt import Attempt
from exauq_tui.hardware.connection.child_stream import ChildStream
from exauq_tui.hardware.connection.host_keys import KnownKey
from exauq_tui.hardware.connection.last_words import describe_end
from exauq_tui.hardware.connection.login import Login, expand_home
from exauq_tui.hardware.connection.memory import Memory
from exauq_tui.hardware.connection.openssh_errors import Offence
from exauq_tui.hardware.connection.openssh_prompts import Answers
from exauq_tui.hardware.connection.openssh_setting import Setting, answer, make_setting
from exauq_tui.hardware.connection.openssh_way import Way, check_files, find_way

_SILENCE = 90.0  # how long nothing may happen while logging in: a person may have to press a key
_GRACE = 0.5  # from TERM to KILL
_CHUNK = 65536
_MARKS_QUESTIONS = (8, 5)  # the first OpenSSH that says who asks: "(user@host) Password:"


def connect(login: Login, memory: Memory, attempt: Attempt) -> OpenSSHProgram:
    """Prepare to reach a server by the ``ssh`` program; each stream then logs in.

    Args:
        login: The server, and how to prove who we are.
        memory: What a person said earlier; added to.
        attempt: Another thread can call it off.

    Raises:
        AuthenticationError: The key file or the agent is missing.
        HostKeyError: The file of trusted host keys is missing.
        HardwareInterfaceFailureError: There is no ssh program, or it cannot use its
            configuration.
    """
    program = shutil.which("ssh")
    if program is None:
        raise HardwareInterfaceFailureError(
            f"{login.host} is to be reached by the ssh program (ssh_backend), which is not "
            "installed on this machine: install openssh-client, or leave ssh_backend out."
        )
    way = find_way(program, login)
    check_files(login, way.config)
    attempt.check()
    memory.user = way.config.user
    return OpenSSHProgram(program, login, memory, way)


def build_arguments(program: str, login: Login, setting: Setting, command: str) -> list[str]:
    """Give the command line of ssh, which holds no secret and is read by no shell here."""
    words = [program, "-F", str(setting.config), "-T"]
    if login.user:
        words += ["-l", login.user]
    if login.port is not None:
        words += ["-p", str(login.port)]
    if setting.key is not None:
        words += ["-i", str(setting.key), "-o", "IdentitiesOnly=yes"]
    if login.use_ssh_agent:
        words += ["-o", "IdentityFile=none", "-o", "IdentitiesOnly=no"]
    return [*words, "--", login.host, command]


@cache
def _version(program: str) -> tuple[int, int]:
    """Ask ssh for its version; (0, 0) where it is not told."""
    try:
        told = subprocess.run(
            [program, "-V"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0, 0
    found = re.match(rb"OpenSSH_(\d+)\.(\d+)", told)
    return (int(found[1]), int(found[2])) if found else (0, 0)


class OpenSSHProgram:
    """Reaches one server by ``ssh`` processes; a `Transport`.

    Args:
        program: The ssh program.
        login: The server, and how to prove who we are.
        memory: What a person said earlier; added to.
        way: How the server is reached.
    """

    def __init__(self, program: str, login: Login, memory: Memory, way: Way) -> None:
        self._program = program
        self._login = login
        self._memory = memory
        self._way = way
        config = way.config
        port = f":{config.port}" if config.port != 22 else ""
        self._where = f"{config.user}@{login.host}{port}"
        self._lock = threading.Lock()
        self._streams: set[SSHStream] = set()
        self._closed = False
        self._lost = False
        self._is_precious = False

    silence: float | None = None
    """Nobody can be asked: ssh itself gives up a link that is silent for five minutes."""

    @property
    def holds_on(self) -> bool:
        """Whether a command that is silent is to be waited for: a code was typed to reach it."""
        return self._is_precious and self.is_open

    def probe(self) -> None:
        """Do nothing: only a command can be asked."""

    @property
    def is_open(self) -> bool:
        """Whether streams can (as far as is known) be opened."""
        with self._lock:
            return not (self._closed or self._lost or any(each.is_lost for each in self._streams))

    def open_stream(self, command: str, timeout: float) -> SSHStream:  # noqa: ARG002 - people are asked meanwhile; the log-in has limits of its own
        """Log in, start `command` by the account's login shell and give its standard streams.

        Raises:
            AuthenticationError: The server did not accept us.
            HostKeyError: The server's key is unknown and not accepted, changed, or revoked.
            ConnectionLostError: The server could not be reached, or `close` was called.
            ServerRefusedError: The server does not run the command.
            HardwareInterfaceFailureError: ssh cannot be started or configured.
        """
        try:
            return self._open(command)
        except BaseException as error:
            self._lost = True
            if self._closed and isinstance(error, HardwareInterfaceFailureError):
                # A question that `close` took back was not refused.
                raise ConnectionLostError(
                    f"The connection to {self._where} was closed here while it was being made."
                ) from error
            raise

    def close(self) -> None:
        """End all ssh processes; callable from any thread."""
        with self._lock:
            self._closed = True
            streams, self._streams = self._streams, set()
        for stream in streams:
            stream.close()

    def _open(self, command: str) -> SSHStream:
        login = self._login
        with make_setting(
            config_path=None
            if login.ssh_config_path is None
            else expand_home(login.ssh_config_path),
            known_hosts=self._way.known_hosts,
            accepted=sorted(self._memory.accepted_keys),
            key=None if login.key_filename is None else expand_home(login.key_filename),
            attempts=login.max_attempts,
        ) as setting:
            # By its answer we know that the log-in is over; every shell understands it alike.
            mark = f"exauq-tui-{secrets.token_hex(8)}"
            accounts, check = self._way.accounts, self._refuse_if_closed
            with turns.turn(accounts, check, login.name, login.tell_wait):
                stream = self._start(setting, f"echo {mark}; {command}")
                answers = self._answers(setting)
                try:
                    stream.log_in(setting, answers, mark.encode())
                except BaseException:
                    stream.close()
                    raise
                finally:
                    self._keep_accepted(setting, answers.only_once)
            answers.keep()
            if answers.code_typed:
                self._is_precious = True
                stream.least = login.limits.precious_after
            return stream

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ConnectionLostError(f"The connection to {self._where} was closed here.")

    def _start(self, setting: Setting, command: str) -> SSHStream:
        arguments = build_arguments(self._program, self._login, setting, command)
        try:
            # A session of its own: ssh finds no terminal to ask on or to break, and hears no
            # ctrl+C typed there.
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=setting.environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise HardwareInterfaceFailureError(
                f"The ssh program {self._program} could not be started: {error.strerror or error}."
            ) from error
        stream = SSHStream(process, self._where, setting)
        with self._lock:
            closed = self._closed
            self._streams = {known for known in self._streams if not known.is_closed}
            self._streams.add(stream)
        if closed:
            stream.close()
            raise ConnectionLostError(f"The connection to {self._where} was closed here.")
        return stream

    def _answers(self, setting: Setting) -> Answers:
        config = self._way.config
        hosts = {self._login.host, config.host_name, config.host_key_alias}
        return Answers(
            login=self._login,
            memory=self._memory,
            where=self._where,
            names=frozenset(f"{config.user}@{host.lower()}" for host in hosts if host),
            is_alone=not (config.proxy_jump or config.proxy_command),
            can_tell=_version(self._program) >= _MARKS_QUESTIONS,
            real=setting.real,
        )

    def _keep_accepted(self, setting: Setting, only_once: Collection[str]) -> None:
        """Take over the host keys that a person accepted just now."""
        for line in setting.accepted():
            known = (line.hosts, line.key_type, line.key)
            if known in self._memory.accepted_keys:
                continue
            self._memory.accepted_keys.add(known)
            is_kept = host_keys.fingerprint(line.key) not in only_once
            if is_kept and self._login.own_known_hosts is not None:
                host_keys.remember(expand_home(self._login.own_known_hosts), *known)


class SSHStream(ChildStream):
    """The standard streams of a command that ``ssh`` runs on a server; a `ByteStream`.

    Attributes:
        least: No `send` gives up before so many seconds.
    """

    def __init__(self, process: subprocess.Popen[bytes], where: str, setting: Setting) -> None:
        super().__init__(process, f"The ssh program for {where}")
        self._where = where
        self._real = setting.real
        self._known = setting.known
        self._first = b""
        self._signalling = threading.Lock()
        self._ending = False
        self.least = 0.0

    @property
    def is_lost(self) -> bool:
        """Whether ssh ended because of the connection, as opposed to the command's end."""
        code = self._process.poll()
        return code is not None and (code < 0 or code == openssh_errors.OWN_TROUBLE)

    def log_in(self, setting: Setting, answers: Answers, mark: bytes) -> None:
        """Answer what ssh asks until the command has started.

        Raises:
            HardwareInterfaceFailureError: That did not come about.
        """
        wanted = {self._stdout: select.POLLIN, setting.listener.fileno(): select.POLLIN}
        heard = b""
        said = 0
        with self._in_use():
            while mark + b"\n" not in heard:
                ready = self._wait(wanted, time.monotonic() + _SILENCE)
                if not ready:
                    notice = f" ({answers.notice})" if answers.notice else ""
                    raise ConnectionLostError(
                        f"Logging in to {self._where} came to nothing in {_SILENCE:g} s{notice}."
                    )
                if setting.listener.fileno() in ready:
                    said = self._answer(setting, answers, said)
                if self._stdout in ready:
                    data = os.read(self._stdout, _CHUNK)
                    if not data:
                        raise self._explain()
                    # Start-up files may print anything before.
                    heard = heard[-len(mark) :] + data
        self._first = heard.partition(mark + b"\n")[2]

    def send(self, data: bytes, timeout: float) -> None:
        """Send all of `data`.

        Raises:
            ConnectionLostError: The command ended, `close` was called, or nothing could be
                sent for `timeout` seconds.
        """
        super().send(data, max(timeout, self.least))

    def receive(self, limit: int, timeout: float) -> bytes:
        """Wait for at least one byte; b"" at the end of the command.

        Raises:
            TimeoutError: Nothing came within `timeout` seconds; the stream is still good.
            ConnectionLostError: The link broke, or `close` was called.
        """
        data, self._first = self._first[:limit], self._first[limit:]
        if data:
            return data
        data = super().receive(limit, timeout)
        if not data and (self._ending or (self._exit_code() is not None and self.is_lost)):
            raise self._explain()
        return data

    def describe_end(self) -> str:
        """Say how the command ended and what it last said on its standard error."""
        return describe_end(self._exit_code(), self._plain_words())

    def _answer(self, setting: Setting, answers: Answers, said: int) -> int:
        """Have one question answered; gives how much ssh had said by then."""
        taken = setting.take_question()
        if taken is None:
            return said
        self._hear()
        words = self._words.text()
        link, hint, prompt = taken
        with link:
            reply = answers.answer(
                prompt,
                hint,
                openssh_errors.plain_words(words[said:]),
                partial=openssh_errors.has_partial_success(words),
            )
            answer(link, reply)
        return len(words)

    def _explain(self) -> HardwareInterfaceFailureError:
        if self._ending:
            return self._closed_here()
        code = self._exit_code()
        return openssh_errors.explain(
            code, self._real(self._words.text()), self._where, self._find_lines
        )

    def _find_lines(self, offence: Offence) -> Sequence[KnownKey]:
        if offence.is_revoked:
            host = offence.host.lower()
            return [line for line in self._known.lines if line.revoked and line.is_for(host)]
        return [line for line in self._known.lines if f"{line.path}:{line.line}" in offence.places]

    def _plain_words(self) -> str:
        return openssh_errors.plain_words(self._real(self._words.text()))

    def _closed_here(self) -> ConnectionLostError:
        return ConnectionLostError(f"The connection to {self._where} was closed here.")

    def close(self) -> None:
        """End ssh, and with it the command's input; callable from any thread."""
        # Known before ssh ends by it: whoever waits for its output is told that it was us.
        self._ending = True
        # On a black-holed link ssh would wait for its peer: it is not asked to finish.
        self._signal(signal.SIGTERM)
        super().close()
        # Whoever still uses the stream may be waiting for a person, and is not waited for.
        if self._process.poll() is None:
            threading.Thread(target=self._reap, name="exauq-tui-reap", daemon=True).start()

    def _signal(self, number: signal.Signals) -> None:
        # The group: a ProxyCommand or a jump's ssh may not have heard of it. It exists as long
        # as the child is not collected, so that no other group can have its number.
        with self._signalling, contextlib.suppress(ProcessLookupError, PermissionError):
            if self._process.poll() is None:
                os.killpg(self._process.pid, number)

    def _reap(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_GRACE)
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
