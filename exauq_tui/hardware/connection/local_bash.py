"""A transport to this very machine: commands run by Bash, as an SSH server would run them."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from exauq_tui.errors import ConnectionLostError, ServerRefusedError
from exauq_tui.hardware.connection.last_words import LastWords, describe_end

_CHUNK = 65536
_END_WAIT = 0.5  # how long `describe_end` waits for the exit code that follows the end of output
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


class LocalStream:
    """The standard streams of a command on this machine; a `ByteStream`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._pipes = (process.stdin, process.stdout, process.stderr)
        self._stdin, self._stdout, self._stderr = (pipe.fileno() for pipe in self._pipes)
        for descriptor in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(descriptor, False)
        # A byte in this pipe ends every wait. It is never read: the stream stays closed.
        self._wake_out, self._wake_in = os.pipe()
        self._words = LastWords()
        self._stderr_ended = False
        # Descriptors are closed by whoever is last to use them: one that is closed under a
        # waiting thread may come back as another file.
        self._lock = threading.Lock()
        self._users = 0
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def send(self, data: bytes, timeout: float) -> None:
        """Send all of `data`.

        Raises:
            ConnectionLostError: The command ended, `close` was called, or nothing could be
                sent for `timeout` seconds.
        """
        with self._in_use():
            position = 0
            deadline = time.monotonic() + timeout
            while position < len(data):
                try:
                    position += os.write(self._stdin, data[position : position + _CHUNK])
                    deadline = time.monotonic() + timeout
                except BlockingIOError:
                    if not self._wait(self._stdin, select.POLLOUT, deadline):
                        raise ConnectionLostError(
                            f"The command on this machine took nothing in for {timeout:g} s."
                        ) from None
                except BrokenPipeError as error:
                    self._hear()
                    raise ConnectionLostError(
                        f"The command on this machine ended ({self.describe_end() or 'no reason'})."
                    ) from error

    def receive(self, limit: int, timeout: float) -> bytes:
        """Wait for at least one byte; b"" at the end of the stream.

        Raises:
            TimeoutError: Nothing came within `timeout` seconds; the stream is still good.
            ConnectionLostError: `close` was called.
        """
        with self._in_use():
            deadline = time.monotonic() + timeout
            while True:
                try:
                    return os.read(self._stdout, limit)
                except BlockingIOError:
                    if not self._wait(self._stdout, select.POLLIN, deadline):
                        raise TimeoutError(f"Nothing came within {timeout:g} s.") from None

    def close(self) -> None:
        """Close the stream; the command sees the end of its input; callable from any thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.write(self._wake_in, b"x")
            last = self._users == 0
        if last:
            self._release()

    def describe_end(self) -> str:
        """Say how the command ended and what it last said on its standard error."""
        code = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=_END_WAIT)
        with contextlib.suppress(ConnectionLostError), self._in_use():
            self._hear()
        return describe_end(code, self._words.text())

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[None]:
        """Keep the descriptors from being closed meanwhile."""
        with self._lock:
            if self._closed:
                raise ConnectionLostError("The stream to this machine was closed here.")
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                last = self._closed and self._users == 0
            if last:
                self._release()

    def _release(self) -> None:
        """Close the descriptors and see to it that the child is reaped."""
        for pipe in self._pipes:
            pipe.close()
        os.close(self._wake_out)
        os.close(self._wake_in)
        if self._process.poll() is None:
            threading.Thread(target=self._reap, name="exauq-tui-reap", daemon=True).start()

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

    def _wait(self, descriptor: int, events: int, deadline: float) -> bool:
        """Wait until a pipe is ready (True) or the deadline passed (False)."""
        while True:
            poller = select.poll()
            poller.register(descriptor, events)
            poller.register(self._wake_out, select.POLLIN)
            if not self._stderr_ended:
                poller.register(self._stderr, select.POLLIN)
            left = max(0.0, deadline - time.monotonic())
            ready = {number for number, _ in poller.poll(left * 1000)}
            if self._wake_out in ready:
                raise ConnectionLostError("The stream to this machine was closed here.")
            if self._stderr in ready:
                self._hear()
            if descriptor in ready:
                return True
            if time.monotonic() >= deadline:
                return False

    def _hear(self) -> None:
        """Take in what waits on the standard error, so that its pipe never fills."""
        try:
            while data := os.read(self._stderr, _CHUNK):
                self._words.add(data)
            self._stderr_ended = True
        except BlockingIOError:
            return
