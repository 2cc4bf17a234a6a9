"""Jobs on a Unix server that is reached over SSH."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Literal

from exauq_tui.hardware.connection.login import SSHBackend
from exauq_tui.hardware.connection.pulse import LinkLimits
from exauq_tui.hardware.connection.transport import ByteStream
from exauq_tui.hardware.interface import AcceptHostKey, AskSecret
from exauq_tui.hardware.script_ending import CANCEL_GRACE
from exauq_tui.hardware.script_jobs import ScriptJobs
from exauq_tui.hardware.ssh import SSHInterface

_OPEN_TIMEOUT = 30.0


class UnixServerScriptInterface(ScriptJobs, SSHInterface):
    """Runs ``program script input.csv output.txt`` on a server, one process per job.

    Args:
        user: The account on the server; "" where an OpenSSH config file gives it.
        host: The server: a name, an address, or an alias in the OpenSSH config file.
        program: What runs the script there, split like shell words (``python3 -u``); a leading
            ``~/`` is the home directory, and nothing else is expanded.
        script_path: The simulator script on the server; ``~/`` likewise, and a relative path
            starts where an SSH session starts.
        name: What people call this interface.
        level: The level of the simulator.
        workspace_dir: Where job directories live on the server. Existing: its jobs are known to
            this object. Missing: made, with its parents, when the first job is submitted.
            None: a new directory ``exauqXXXXX`` beside the script, made likewise.
        key_filename: A private key file.
        ssh_config_path: An OpenSSH client configuration.
        use_ssh_agent: Whether to use the keys of the running ssh-agent.
        max_attempts: How often a password or passphrase may be typed.
        port: The port; None means the config file's, else 22.
        known_hosts: A file of host keys to trust, besides the user's and the system's.
        own_known_hosts: A file of the application's own, to which accepted keys are added.
        accept_host_key: Asked about an unknown host key (see `SSHInterface`).
        ask_secret: Asked for passwords, passphrases and codes (see `SSHInterface`).
        ssh_backend: "paramiko", or "openssh" for the user's own ``ssh`` (see `SSHInterface`).
        link_limits: How much silence of the connection is put up with (see `SSHInterface`).
        remember: Whether passwords and passphrases are kept in memory (see `SSHInterface`).
        setup: Bash lines that run before the program, such as ``module load R``.
        max_running: How many jobs of the workspace run at once; 0: no limit; None: what the
            workspace has (no limit where it has nothing); "auto": likewise, but the number of
            cores where it has nothing.
        cancel_grace: Seconds between asking a job's processes to end and killing them.
        look_only: Whether nothing is changed on the server, not even what died there mended; the
            verbs that change something are refused.
        connect: Whether to connect now.
        reconnect: Whether a call makes a connection anew that was lost meanwhile.

    Raises:
        ValueError: A parameter cannot be used; before any connection.
        AuthenticationError: The server did not accept us.
        HostKeyError: The server's key is unknown and not accepted, changed, or revoked.
        HardwareInterfaceFailureError: Other trouble with the connection or the server.
    """

    def __init__(
        self,
        user: str,
        host: str,
        program: str,
        script_path: str | PathLike[str],
        name: str,
        level: int = 1,
        workspace_dir: str | PathLike[str] | None = None,
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
        setup: str = "",
        max_running: int | Literal["auto"] | None = None,
        cancel_grace: float = CANCEL_GRACE,
        look_only: bool = False,
        connect: bool = True,
        reconnect: bool = True,
    ) -> None:
        # Before the base class connects.
        self._set_up_jobs(
            program,
            fspath(script_path),
            None if workspace_dir is None else fspath(workspace_dir),
            where=f"{user}@{host}" if user else host,
            setup=setup,
            max_running=max_running,
            cancel_grace=cancel_grace,
            look_only=look_only,
            reconnect=reconnect,
        )
        SSHInterface.__init__(
            self,
            user,
            host,
            name,
            level,
            key_filename,
            ssh_config_path,
            use_ssh_agent,
            max_attempts,
            port=port,
            known_hosts=known_hosts,
            own_known_hosts=own_known_hosts,
            accept_host_key=accept_host_key,
            ask_secret=ask_secret,
            ssh_backend=ssh_backend,
            link_limits=link_limits,
            remember=remember,
            connect=connect,
        )

    def connect(self) -> None:
        """Connect now and find the workspace; nothing happens where connected."""
        SSHInterface.connect(self)
        self._open_session()

    def close(self) -> None:
        """Drop the connection; callable from any thread, unblocks a waiting call."""
        self._close_session()
        SSHInterface.close(self)

    def _start(self, command: str) -> ByteStream:
        return self._open_stream(command, _OPEN_TIMEOUT)

    def _connection_is_open(self) -> bool:
        connection = self._connection
        return connection is not None and connection.is_open

    def _link_holds_on(self) -> bool:
        connection = self._connection
        return connection is not None and connection.holds_on

    def _may_start_more(self) -> bool:
        # Where each command is an `ssh` of its own, it logs in of its own.
        return bool(getattr(self._connection, "shares_login", False))

    def _give_up_connection(self) -> None:
        connection = self._connection
        if connection is not None:
            self._drop(connection)
