"""The standard streams of a program that runs as our child, as a byte stream."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping

from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.connection.last_words import LastWords, describe_end

_CHUNK = 65536
_END_WAIT = 0.5  # how long `describe_end` waits for the exit code that follows the end of output


class ChildStream(ABC):
    """The standard streams of a child process; a `ByteStream`.

    Subclasses say how a child that still runs is ended.

    Args:
        process: The child; its three standard streams are unbuffered pipes.
        what: How it is named at the start of a sentence, such as ``The command``.
    """

    def __init__(self, process: subprocess.Popen[bytes], what: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._what = what
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
                    if not self._wait({self._stdin: select.POLLOUT}, deadline):
                        raise ConnectionLostError(
                            f"{self._what} took nothing in for {timeout:g} s."
                        ) from None
                except BrokenPipeError as error:
                    self._hear()
                    raise ConnectionLostError(
                        f"{self._what} ended ({self.describe_end() or 'no reason'})."
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
                    if not self._wait({self._stdout: select.POLLIN}, deadline):
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
        return describe_end(self._exit_code(), self._words.text())

    def _exit_code(self) -> int | None:
        """Give the exit code that follows the end of output, and take in the last words."""
        code = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(timeout=_END_WAIT)
        with contextlib.suppress(ConnectionLostError), self._in_use():
            self._hear()
        return code

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[None]:
        """Keep the descriptors from being closed meanwhile."""
        with self._lock:
            if self._closed:
                raise self._closed_here()
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                last = self._closed and self._users == 0
            if last:
                self._release()

    def _closed_here(self) -> ConnectionLostError:
        return ConnectionLostError(f"{self._what} was closed here.")

    def _release(self) -> None:
        """Close the descriptors and see to it that the child is reaped."""
        for pipe in self._pipes:
            pipe.close()
        os.close(self._wake_out)
        os.close(self._wake_in)
        if self._process.poll() is None:
            threading.Thread(target=self._reap, name="exauq-tui-reap", daemon=True).start()

    @abstractmethod
    def _reap(self) -> None:
        """Wait for the end of the child, and bring it about where it does not come."""

    def _wait(self, wanted: Mapping[int, int], deadline: float) -> frozenset[int]:
        """Wait until one of some descriptors is ready; none where the deadline passed.

        Args:
            wanted: Descriptors, and what each is waited for (as `select.poll` has it).
            deadline: By the monotonic clock.
        """
        while True:
            poller = select.poll()
            for descriptor, events in wanted.items():
                poller.register(descriptor, events)
            poller.register(self._wake_out, select.POLLIN)
            if not self._stderr_ended:
                poller.register(self._stderr, select.POLLIN)
            left = max(0.0, deadline - time.monotonic())
            ready = {number for number, _ in poller.poll(left * 1000)}
            if self._wake_out in ready:
                raise self._closed_here()
            if self._stderr in ready:
                self._hear()
            if found := ready.intersection(wanted):
                return frozenset(found)
            if time.monotonic() >= deadline:
                return frozenset()

    def _hear(self) -> None:
        """Take in what waits on the standard error, so that its pipe never fills."""
        try:
            while data := os.read(self._stderr, _CHUNK):
                self._words.add(data)
            self._stderr_ended = True
        except BlockingIOError:
            return
