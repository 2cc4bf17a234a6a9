"""Jobs on this machine, without SSH: the same verbs, errors and files as on a server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.connection.local_bash import LocalBash
from exauq_tui.hardware.connection.transport import ByteStream
from exauq_tui.hardware.diagnosis import Finding, Trail
from exauq_tui.hardware.script_ending import CANCEL_GRACE
from exauq_tui.hardware.script_jobs import ScriptJobs


class LocalScriptInterface(ScriptJobs):
    """Runs ``program script input.csv output.txt`` on this machine.

    Args:
        program: What runs the script, split like shell words (``python3 -u``).
        script_path: The simulator script; ``~/`` is the home directory, and a relative path
            starts there, as in an SSH session.
        name: What people call this interface.
        level: The level of the simulator.
        workspace_dir: Where job directories live; made where missing. None: a new directory
            ``exauqXXXXX`` beside the script.
        setup: Bash lines that run before the program.
        max_running: How many jobs of the workspace run at once; 0: no limit; None: what the
            workspace has (no limit where it has nothing); "auto": likewise, but the number of
            cores where it has nothing.
        cancel_grace: Seconds between asking a job's processes to end and killing them.
        look_only: Whether nothing is changed, not even what died there mended; the verbs that
            change something are refused.
        start_dir: Where relative paths start and jobs run; the home directory where None.
        connect: Whether to start the server program at once.
        reconnect: Whether a call starts it anew where it was ended meanwhile.

    Raises:
        ValueError: A parameter cannot be used.
        HardwareInterfaceFailureError: There is no usable Bash on this machine.
    """

    def __init__(
        self,
        program: str,
        script_path: str,
        name: str,
        level: int = 1,
        workspace_dir: str | None = None,
        *,
        setup: str = "",
        max_running: int | Literal["auto"] | None = None,
        cancel_grace: float = CANCEL_GRACE,
        look_only: bool = False,
        start_dir: str | None = None,
        connect: bool = True,
        reconnect: bool = True,
    ) -> None:
        super().__init__(name, level)
        self._start_dir = start_dir
        self._closed = False
        self._bash: LocalBash | None = None
        self._bash_lock = threading.Lock()
        self._set_up_jobs(
            program,
            script_path,
            workspace_dir,
            where="this machine",
            setup=setup,
            max_running=max_running,
            cancel_grace=cancel_grace,
            look_only=look_only,
            reconnect=reconnect,
        )
        if connect:
            self.connect()

    def _start(self, command: str) -> ByteStream:
        with self._bash_lock:
            if self._closed:
                raise ConnectionLostError(
                    "The connection to this machine was closed here; connect() opens it again."
                )
            if self._bash is None:
                self._bash = LocalBash(self._start_dir)
            bash = self._bash
        return bash.open_stream(command, 10.0)

    @property
    def is_remote(self) -> bool:
        """False: this is the machine."""
        return False

    @property
    def trail(self) -> Trail:
        """Nothing: there is no way to be taken."""
        return Trail()

    def on_step(self, listener: Callable[[Finding], None] | None) -> None:
        """Do nothing: likewise."""

    def _connection_is_open(self) -> bool:
        return self._bash is not None

    def connect(self) -> None:
        """Start the server program now, also after `close`; nothing happens where it runs."""
        with self._bash_lock:
            self._closed = False
        self._open_session()

    def close(self) -> None:
        """End the server program (never the jobs); callable from any thread."""
        with self._bash_lock:
            self._closed = True
            bash, self._bash = self._bash, None
        self._close_session()
        if bash is not None:
            bash.close()

    def __enter__(self) -> LocalScriptInterface:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
