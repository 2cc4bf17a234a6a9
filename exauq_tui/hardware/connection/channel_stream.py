"""A byte stream over a paramiko channel."""

from __future__ import annotations

import threading
import time

import paramiko

from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.connection.last_words import LastWords, describe_end
from exauq_tui.hardware.connection.session import WINDOW, Session
from exauq_tui.hardware.connection.sockets import patience

_PIECE = 256 * 1024  # larger pieces make paramiko's copying quadratic
_LOOK_UP = 0.1  # how often a blocked send looks around
_PARTING = 0.5  # how long `close` waits for its message to leave
_END_WAIT = 1.0  # how long `describe_end` waits for the exit code that follows the end of output
_MOMENT = 0.01


class _Signal:
    """An event that both of a channel's buffers set, and that only the receiver clears."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def set(self) -> None:
        self._event.set()

    def clear(self) -> None:
        """Do nothing: the buffer that is empty cannot speak for the other one."""


class ChannelStream:
    """The standard streams of a command on a server; a `ByteStream`.

    Args:
        session: The connection.
        channel: The channel, with a command started on it.
        where: How the server is named in errors.
    """

    def __init__(self, session: Session, channel: paramiko.Channel, where: str) -> None:
        self._session = session
        self._channel = channel
        self._where = where
        self._closed = False
        self._words = LastWords()
        # What was taken from the channel beyond what was asked for: taking all of it at
        # once spares paramiko from moving the rest forward at each read.
        self._taken = memoryview(b"")
        self._something = threading.Event()
        channel.settimeout(_LOOK_UP)
        signal = _Signal(self._something)
        channel.in_buffer.set_event(signal)  # type: ignore[arg-type]
        channel.in_stderr_buffer.set_event(signal)  # type: ignore[arg-type]

    def send(self, data: bytes, timeout: float) -> None:
        """Send all of `data`.

        Raises:
            ConnectionLostError: The link broke, the command ended, or nothing could be sent
                for `timeout` seconds.
        """
        start = 0
        with patience(timeout):
            while start < len(data):
                piece = data[start : start + _PIECE]
                start += len(piece)
                while piece:
                    piece = piece[self._send_some(piece, timeout) :]
        if not self._session.is_active():
            raise self._lost()

    def _send_some(self, piece: bytes, timeout: float) -> int:
        deadline = time.monotonic() + max(timeout, self._session.link.least)
        while True:
            try:
                count = self._channel.send(piece)
            except TimeoutError:  # the server's window is full
                self._hear()  # a command that waits to be heard reads nothing
                if time.monotonic() < deadline:
                    continue
                raise ConnectionLostError(
                    f"{self._where} took nothing in for {timeout:g} s."
                ) from None
            except (OSError, EOFError, paramiko.SSHException) as error:
                raise self._failed(error) from error
            if count == 0:
                raise self._lost()
            return count

    def receive(self, limit: int, timeout: float) -> bytes:
        """Wait for at least one byte; b"" at the end of the stream.

        Raises:
            TimeoutError: Nothing came within `timeout` seconds; the stream is still good.
            ConnectionLostError: The link broke, or `close` was called.
        """
        if self._closed:
            raise self._lost()
        if not self._taken:
            self._take(timeout)
        data = bytes(self._taken[:limit])
        self._taken = self._taken[limit:]
        return data

    def _take(self, timeout: float) -> None:
        """Wait for the channel to hold something, and take all of it."""
        channel = self._channel
        deadline = time.monotonic() + timeout
        while True:
            self._something.clear()  # before looking, so that nothing is missed between
            self._hear()
            if channel.recv_ready() or channel.eof_received or channel.closed:
                break
            left = deadline - time.monotonic()
            if left <= 0 or not self._something.wait(left):
                # Once more, for a byte that came at the last moment.
                if channel.recv_ready():
                    break
                if time.monotonic() >= deadline:
                    raise TimeoutError(f"{self._where} sent nothing for {timeout:g} s.")
        try:
            self._taken = memoryview(channel.recv(WINDOW))
        except TimeoutError:  # another thread took it
            raise
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise self._failed(error) from error
        if not self._taken and (self._closed or self._is_cut()):
            raise self._lost()

    def _is_cut(self) -> bool:
        """Tell whether the link broke before the server said that the stream is at its end."""
        return not self._session.is_active() and not self._channel.eof_received

    def _hear(self) -> None:
        """Take in what waits on the standard error, so that it never fills the window."""
        while self._channel.recv_stderr_ready():
            try:
                self._words.add(self._channel.recv_stderr(WINDOW))
            except (OSError, EOFError, paramiko.SSHException):
                return

    def close(self) -> None:
        """Close the stream; the command sees the end of its input; callable from any thread."""
        if self._closed:
            return
        self._closed = True
        # Waiting receivers wake at once; the message to the server may have to wait for a
        # link that takes nothing, which is nothing to wait for here.
        thread = threading.Thread(target=self._part, name="exauq-tui-part", daemon=True)
        thread.start()
        thread.join(_PARTING)

    def _part(self) -> None:
        try:
            self._channel.close()
        except (OSError, EOFError, paramiko.SSHException):
            self._session.close()

    def describe_end(self) -> str:
        """Say how the command ended and what it last said on its standard error."""
        channel = self._channel
        deadline = time.monotonic() + _END_WAIT
        # sshd tells the exit code while it still passes on what the command said before.
        while time.monotonic() < deadline and not channel.closed:
            if channel.exit_status_ready() and channel.eof_received:
                break
            self._hear()
            time.sleep(_MOMENT)
        self._hear()
        code = channel.exit_status
        return describe_end(code if code >= 0 else None, self._words.text())

    def _failed(self, error: Exception) -> ConnectionLostError:
        """Translate what paramiko raised while it sent."""
        if isinstance(error, (EOFError, paramiko.SSHException)):
            # Perhaps half a packet left: what follows on this connection could not be read.
            self._session.close()
        return self._lost()

    def _lost(self) -> ConnectionLostError:
        if self._closed:
            return ConnectionLostError(f"The stream to {self._where} was closed here.")
        if not self._session.is_active():
            words = f": {self._session.farewell}" if self._session.farewell else ""
            return ConnectionLostError(f"The connection to {self._where} was lost{words}.")
        end = self.describe_end() or "no reason given"
        return ConnectionLostError(f"The command on {self._where} ended ({end}).")
