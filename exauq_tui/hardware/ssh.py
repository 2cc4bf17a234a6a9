"""The base of interfaces to servers that are reached over SSH."""

from __future__ import annotations

import threading
from abc import ABC
from collections.abc import Callable
from os import PathLike, fspath
from types import TracebackType
from typing import Self

from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.connection import openssh_program
from exauq_tui.hardware.connection.attempt import Attempt
from exauq_tui.hardware.connection.late_invoke import import_paramiko
from exauq_tui.hardware.connection.login import Login, SSHBackend
from exauq_tui.hardware.connection.memory import Memory
from exauq_tui.hardware.connection.pulse import LinkLimits
from exauq_tui.hardware.connection.transport import ByteStream, Transport
from exauq_tui.hardware.diagnosis import Check, Finding, Trail
from exauq_tui.hardware.interface import AcceptHostKey, AskSecret, HardwareInterface


class SSHInterface(HardwareInterface, ABC):
    """A server that is reached over SSH.

    Who we are is proved by exactly one of a key file, an OpenSSH config file, or the running
    ssh-agent; with none of them a password is asked for. The connection may be shared by
    threads. One that was lost is made again by the next call; after `close`, by `connect`.

    A subclass sets its own attributes *before* it calls ``super().__init__``, which connects
    unless `connect` is false, and so already calls `_after_connect`.

    Args:
        user: The account on the server; "" means the config file's, else this machine's user.
        host: The server: a name, an address, or an alias in the OpenSSH config file.
        name: What people call this interface.
        level: The level of the simulator that it runs.
        key_filename: A private key file; the passphrase of an encrypted one is asked for.
        ssh_config_path: An OpenSSH config file that says how to reach `host`.
        use_ssh_agent: Whether to use the keys of the running ssh-agent.
        max_attempts: How often a password or passphrase may be typed.
        port: The port; None means the config file's, else 22.
        known_hosts: A file of host keys to trust, besides the user's and the system's.
        own_known_hosts: A file of the application's own, trusted likewise, to which host
            keys are added that `accept_host_key` accepted. None adds them nowhere.
        accept_host_key: Asked about an unknown host key. Where None, a script on a terminal
            is asked as ssh asks, and without a terminal the key is refused. Changed and
            revoked keys are always refused.
        ask_secret: Asked for passwords, passphrases and codes; the terminal where None. Like
            `accept_host_key` it is called by the thread that connects.
        ssh_backend: "paramiko", or "openssh" to go by the ``ssh`` program that is installed
            here and its configuration: for Kerberos, FIDO keys and all else that it can do.
        link_limits: How much silence of the connection is put up with; None for what
            `LinkLimits` has.
        remember: Whether passwords and passphrases are kept in memory, so that a connection can
            be made again without asking; one-time codes never are. Where false, a person is
            asked for each log-in (by "openssh", that is for each command).
        connect: Whether to connect now.

    Raises:
        ValueError: More than one way of proving who we are was given, or a value cannot be
            right; before any connection.
        AuthenticationError: The server did not accept us.
        HostKeyError: The server's key is unknown and not accepted, changed, or revoked.
        HardwareInterfaceFailureError: Other trouble on the way to the server.
    """

    def __init__(
        self,
        user: str | None,
        host: str,
        name: str,
        level: int = 1,
        key_filename: str | PathLike[str] | None = None,
        ssh_config_path: str | PathLike[str] | None = None,
        use_ssh_agent: bool = False,
        max_attempts: int = 3,
        *,
        port: int | None = None,
        known_hosts: str | PathLike[str] | None = None,
        own_known_hosts: str | PathLike[str] | None = None,
        accept_host_key: AcceptHostKey | None = None,
        ask_secret: AskSecret | None = None,
        ssh_backend: SSHBackend = "paramiko",
        link_limits: LinkLimits | None = None,
        remember: bool = True,
        connect: bool = True,
    ) -> None:
        super().__init__(name, level)
        self._login = Login(
            host=host,
            user=user or "",
            port=port,
            key_filename=_path(key_filename),
            ssh_config_path=_path(ssh_config_path),
            use_ssh_agent=use_ssh_agent,
            max_attempts=max_attempts,
            known_hosts=_path(known_hosts),
            own_known_hosts=_path(own_known_hosts),
            accept_host_key=accept_host_key,
            ask_secret=ask_secret,
            ssh_backend=ssh_backend,
            limits=link_limits or LinkLimits(),
            remember=remember,
            name=name,
            tell_wait=self._tell_wait,
        )
        self._memory = Memory(keeps_secrets=remember)
        # Held while a connection is made, so that threads share one. Re-entrant, since
        # `_after_connect` speaks over the connection.
        self._connecting = threading.RLock()
        # Guards the four below, for moments only: `close` never waits for a server.
        self._guard = threading.Lock()
        self._connection: Transport | None = None
        self._is_set_up = False
        self._attempt: Attempt | None = None
        self._closed = False
        self._trail_of = Attempt()  # the last attempt to connect
        self._on_step: Callable[[Finding], None] | None = None
        self._on_wait: Callable[[str], None] | None = None
        if connect:
            self.connect()

    @property
    def user(self) -> str:
        """The account on the server; where only the config file names it, once connected."""
        return self._login.user or self._memory.user or self._login.user_or_local

    @property
    def host(self) -> str:
        """The server, as it was given."""
        return self._login.host

    def connect(self) -> None:
        """Connect now; nothing happens where connected. Re-opens what `close` closed.

        Raises:
            AuthenticationError: The server did not accept us.
            HostKeyError: The server's key is unknown and not accepted, changed, or revoked.
            HardwareInterfaceFailureError: Other trouble on the way to the server.
        """
        with self._guard:
            self._closed = False
        self._transport()

    def on_step(self, listener: Callable[[Finding], None] | None) -> None:
        """Have the next attempts to connect tell of each step, from the thread that connects."""
        self._on_step = listener

    def on_wait(self, listener: Callable[[str], None] | None) -> None:
        """Have the next attempts to connect tell whom they wait for; "" once for nobody."""
        self._on_wait = listener

    def _tell_wait(self, name: str) -> None:
        if self._on_wait is not None:
            self._on_wait(name)

    @property
    def trail(self) -> Trail:
        """How far the last attempt to connect came."""
        return self._trail_of.trail

    def close(self) -> None:
        """Drop the connection; callable from any thread, unblocks a waiting call."""
        with self._guard:
            self._closed = True
            attempt, self._attempt = self._attempt, None
            connection, self._connection = self._connection, None
        if attempt is not None:
            attempt.cancel()
        if connection is not None:
            connection.close()

    @property
    def link_silence(self) -> float | None:
        """For how many seconds the server has owed a sign of life; None where it is not asked."""
        connection = self._connection
        return None if connection is None else connection.silence

    def probe_link(self) -> None:
        """Ask the server for a sign of life now; returns at once."""
        connection = self._connection
        if connection is not None:
            connection.probe()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _after_connect(self) -> None:
        """Do what each new connection needs first; for subclasses.

        Called with the connection open, by the thread that made it, before other threads
        get it. An exception closes the connection and goes to the caller.
        """

    def _connect_transport(self) -> Transport:
        """Make a new connection, authenticated and independent of the one that is held.

        Raises:
            AuthenticationError: The server did not accept us.
            HostKeyError: The server's key is unknown and not accepted, changed, or revoked.
            HardwareInterfaceFailureError: Other trouble on the way to the server.
        """
        return self._make_connection(Attempt())

    def _make_connection(self, attempt: Attempt) -> Transport:
        if self._login.ssh_backend == "openssh":
            attempt.begin(Check.SSH)
            connection = openssh_program.connect(self._login, self._memory, attempt)
            attempt.found("reached by the ssh program of this machine")
            for check in (Check.LOOKUP, Check.TCP, Check.HOST_KEY, Check.AUTHENTICATION):
                attempt.begin(check)
                attempt.found("seen to by the ssh program")
            return connection
        # Here, since importing paramiko takes longer than the dashboard's first picture.
        import_paramiko()
        from exauq_tui.hardware.connection import paramiko_ssh  # noqa: PLC0415

        return paramiko_ssh.connect(self._login, self._memory, attempt)

    def _transport(self) -> Transport:
        """Give the connection, making it where there is none or it was lost.

        Raises:
            ConnectionLostError: `close` was called, or the server cannot be reached.
            HardwareInterfaceFailureError: As `connect` raises it.
        """
        with self._guard:
            connection = self._connection if self._is_set_up else None
        if connection is not None and connection.is_open:
            return connection
        with self._connecting:
            with self._guard:
                self._refuse_if_closed()
                connection = self._connection
                if connection is not None and connection.is_open:
                    return connection
                self._connection, self._is_set_up = None, False
                attempt = self._attempt = self._trail_of = Attempt(self._on_step)
            if connection is not None:
                connection.close()
            return self._hold(attempt)

    def _hold(self, attempt: Attempt) -> Transport:
        """Make the connection, keep it, and let the subclass set it up."""
        try:
            connection = self._make_connection(attempt)
        finally:
            with self._guard:
                if self._attempt is attempt:
                    self._attempt = None
        with self._guard:
            if not self._closed:
                self._connection = connection
        try:
            with self._guard:
                self._refuse_if_closed()
            self._after_connect()
            with self._guard:
                self._is_set_up = True
        except BaseException:
            self._drop(connection)
            raise
        return connection

    def _drop(self, connection: Transport) -> None:
        """Close a connection that is of no more use, so that the next call makes another."""
        with self._guard:
            if self._connection is connection:
                self._connection = None
        connection.close()

    def _open_stream(self, command: str, timeout: float) -> ByteStream:
        """Start a command on the server, connecting first where needed.

        Raises:
            ConnectionLostError: The link broke, or no answer came within `timeout` seconds;
                the connection is dropped, and the next call makes another.
            ServerRefusedError: The server does not open another session.
            HardwareInterfaceFailureError: As `connect` raises it.
        """
        connection = self._transport()
        try:
            return connection.open_stream(command, timeout)
        except ConnectionLostError:
            self._drop(connection)
            raise

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ConnectionLostError(
                f"The connection to {self.host} was closed here; connect() opens it again."
            )


def _path(value: str | PathLike[str] | None) -> str | None:
    return None if value is None else fspath(value)
