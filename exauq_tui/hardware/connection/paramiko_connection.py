"""An SSH connection made by paramiko, and what can be opened over it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import paramiko

from exauq_tui.errors import ConnectionLostError, ServerRefusedError
from exauq_tui.hardware.connection.channel_stream import ChannelStream
from exauq_tui.hardware.connection.pulse import LinkLimits, Pulse
from exauq_tui.hardware.connection.session import Session
from exauq_tui.hardware.connection.sockets import patience

_SLICE = 0.1


class ParamikoConnection:
    """An authenticated SSH connection; a `Transport`.

    Args:
        session: paramiko's end of it.
        where: The server, as it is named in errors: ``user@host``.
        limits: How much silence of the server is put up with.
        is_precious: Whether a one-time code was typed to make it.
    """

    shares_login = True
    """All commands go over the one connection that was logged in."""

    def __init__(
        self, session: Session, where: str, limits: LinkLimits, *, is_precious: bool
    ) -> None:
        self._session = session
        self._link = session.link
        self._where = where
        if is_precious:
            self._link.endure(limits.precious_after)
        self._pulse = Pulse(
            self._link,
            self._ping,
            self._give_up,
            ping_after=limits.ping_after,
            lost_after=limits.precious_after if is_precious else limits.lost_after,
        )

    @property
    def is_open(self) -> bool:
        """Whether streams can (as far as is known) be opened."""
        return self._session.is_active()

    @property
    def silence(self) -> float:
        """For how many seconds the server has owed a sign of life; 0 where it owes none."""
        return self._pulse.overdue

    @property
    def holds_on(self) -> bool:
        """Whether the link is silent: it is not the command that takes its time."""
        return self._pulse.overdue > 0

    def watch(self) -> None:
        """Ask for signs of life from now on; for the last connection of a way."""
        self._pulse.start()

    def probe(self) -> None:
        """Ask the server for a sign of life now; returns at once."""
        self._pulse.probe()

    def endure(self, seconds: float) -> None:
        """Put up with so many seconds of silence."""
        self._link.endure(seconds)

    def _ping(self) -> None:
        # What goes wrong here shows elsewhere: as silence, or to whoever sends.
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            self._session.ping()

    def _give_up(self, words: str) -> None:
        self._session.farewell = self._session.farewell or words
        self.close()

    def open_stream(self, command: str, timeout: float) -> ChannelStream:
        """Start `command` by the account's login shell and give its standard streams.

        Raises:
            ConnectionLostError: The link broke or the server did not answer in time.
            ServerRefusedError: The server does not open another session.
        """
        deadline = time.monotonic() + timeout
        channel = self._open(lambda: self._session.open_session(timeout=timeout), timeout)
        stream = ChannelStream(self._session, channel, self._where)
        answered = threading.Event()
        threading.Thread(
            target=_wake,
            args=(channel, answered, deadline),
            name="exauq-tui-alarm",
            daemon=True,
        ).start()
        try:
            with patience(timeout):
                channel.exec_command(command)
        except (paramiko.SSHException, OSError, EOFError) as error:
            # Closed here, since paramiko's garbage collection of an open channel can lock up.
            stream.close()
            if self._session.is_active() and time.monotonic() < deadline:
                raise ServerRefusedError(
                    f"{self._where} does not run commands for this account ({error})."
                ) from error
            raise self._lost(timeout) from error
        finally:
            answered.set()
        return stream

    def open_way(self, host: str, port: int, timeout: float) -> paramiko.Channel:
        """Have this server connect to another one, and give the way there.

        Raises:
            ConnectionLostError: The link broke or the server did not answer in time.
            ServerRefusedError: The server does not do it, or cannot reach the other one.
        """
        return self._open(
            lambda: self._session.open_channel(
                "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=timeout
            ),
            timeout,
        )

    def close(self) -> None:
        """Close the connection and all its streams; callable from any thread."""
        self._pulse.close()
        # paramiko closes nothing where it believes the connection dead already.
        self._session.close()
        self._link.close()

    def _open(self, call: Callable[[], paramiko.Channel], timeout: float) -> paramiko.Channel:
        try:
            with patience(timeout):
                return call()
        except paramiko.ChannelException as error:
            raise ServerRefusedError(
                f"{self._where} does not open another channel: {error.text}."
            ) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._lost(timeout) from error

    def _lost(self, timeout: float) -> ConnectionLostError:
        if self._session.is_active():
            return ConnectionLostError(f"{self._where} did not answer within {timeout:g} s.")
        words = f": {self._session.farewell}" if self._session.farewell else ""
        return ConnectionLostError(f"The connection to {self._where} was lost{words}.")


def _wake(channel: paramiko.Channel, answered: threading.Event, deadline: float) -> None:
    """End the wait for an answer to a request, which paramiko would never give up."""
    if not answered.wait(max(0.0, deadline - time.monotonic())):
        # Again and again: paramiko clears the event just before it waits.
        while not answered.wait(_SLICE):
            channel.event.set()
