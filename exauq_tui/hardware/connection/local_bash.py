"""A transport to this very machine: commands run by Bash, as an SSH server would run them."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from pathlib import Path

from exauq_tui.errors import ConnectionLostError, ServerRefusedError
from exauq_tui.hardware.connection.child_stream import ChildStream

_PATIENCE = 30.0  # how long a closed command may take to notice the end of its input
_GRACE = 5.0  # from TERM to KILL, after that


class LocalBash:
    """Starts commands on this machine; a `Transport`.

    Args:
        start_dir: The directory commands start in; the home directory where None, which is
            where an SSH session starts as well.
    """

    def __init__(self, start_dir: str | Path | None = None) -> None:
        self._start_dir = Path.home() if start_dir is None else Path(start_dir)
        self._lock = threading.Lock()
        self._streams: set[LocalStream] = set()
        self._closed = False

    @property
    def is_open(self) -> bool:
        """Whether `close` was not called yet."""
        return not self._closed

    silence: float | None = None
    """There is no link that could be silent."""
    holds_on = False

    def probe(self) -> None:
        """Do nothing: there is no link."""

    def open_stream(self, command: str, timeout: float) -> LocalStream:  # noqa: ARG002 - the protocol has it; starting a process does not wait
        """Start `command` by Bash in a session of its own, and give its standard streams.

        Raises:
            ConnectionLostError: `close` was called.
            ServerRefusedError: Bash or the directory to start in is missing.
        """
        bash = "/bin/bash" if Path("/bin/bash").exists() else shutil.which("bash")
        if bash is None:
            raise ServerRefusedError("Bash is not installed on this machine: install it first.")
        if self._closed:
            raise ConnectionLostError("The connection to this machine was closed here.")
        try:
            # -p: no BASH_ENV and no functions from the environment, which could print.
            # A new session: ctrl+C typed at the dashboard's terminal is not for the command.
            process = subprocess.Popen(
                [bash, "-p", "-c", command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=self._start_dir,
                start_new_session=True,
            )
        except OSError as error:
            raise ServerRefusedError(
                f"Bash could not be started in {str(self._start_dir)!r} on this machine: "
                f"{error.strerror or error}."
            ) from error
        stream = LocalStream(process)
        with self._lock:
            closed = self._closed
            self._streams = {known for known in self._streams if not known.is_closed}
            self._streams.add(stream)
        if closed:
            stream.close()
            raise ConnectionLostError("The connection to this machine was closed here.")
        return stream

    def close(self) -> None:
        """Close all streams; commands see the end of their input."""
        with self._lock:
            self._closed = True
            streams, self._streams = self._streams, set()
        for stream in streams:
            stream.close()


class LocalStream(ChildStream):
    """The standard streams of a command on this machine; a `ByteStream`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(process, "The command on this machine")

    def _closed_here(self) -> ConnectionLostError:
        return ConnectionLostError("The stream to this machine was closed here.")

    def _reap(self) -> None:
        """Wait for the child, which has seen the end of its input; end it where it stays."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_PATIENCE)
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_GRACE)
            return
        self._process.kill()
        self._process.wait()
