"""What a connection gives to the layers above it: byte streams to commands on a server."""

from __future__ import annotations

from typing import Protocol


class ByteStream(Protocol):
    """A command's standard input and output, somewhere.

    `close` may be called from any thread and unblocks a waiting `receive`.
    """

    def send(self, data: bytes, timeout: float) -> None:
        """Send all of `data`.

        Raises:
            ConnectionLostError: The link broke, or nothing could be sent for `timeout` seconds.
        """

    def receive(self, limit: int, timeout: float) -> bytes:
        """Wait for at least one byte; b"" at the end of the stream.

        Raises:
            TimeoutError: Nothing came within `timeout` seconds; the stream is still good.
            ConnectionLostError: The link broke, or `close` was called.
        """

    def close(self) -> None:
        """Close the stream; the command sees the end of its input."""

    def describe_end(self) -> str:
        """What is known of why the stream ended: exit code, last words on stderr, or ""."""


class Transport(Protocol):
    """An open connection to one machine."""

    @property
    def is_open(self) -> bool:
        """Whether streams can (as far as is known) be opened."""

    @property
    def silence(self) -> float | None:
        """For how many seconds the server has owed a sign of life; None where nobody asks it."""

    @property
    def holds_on(self) -> bool:
        """Whether a command that is silent is to be waited for, since it may be the link.

        The connection is given up by itself when that has lasted too long.
        """

    def probe(self) -> None:
        """Ask the server for a sign of life now, where that can be done; returns at once."""

    def open_stream(self, command: str, timeout: float) -> ByteStream:
        """Start `command` by the account's login shell and give its standard streams.

        Raises:
            ConnectionLostError: The link broke or the server did not answer in time.
            ServerRefusedError: The server does not open another session.
        """

    def close(self) -> None:
        """Close the connection and all its streams; callable from any thread."""
