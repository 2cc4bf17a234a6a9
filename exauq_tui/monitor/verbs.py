"""What the screens and the command line may ask of a fleet of servers.

The dashboard depends on these Protocols alone; `exauq_tui.monitor.fleet.Fleet` is the real
thing, and tests of the screens may bring their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from exauq_tui.config import ServerProfile
from exauq_tui.jobs import Input
from exauq_tui.monitor.snapshot import Changes, Event, FirstRows, JobRow, ServerView

if TYPE_CHECKING:
    from exauq_tui.hardware.diagnosis import Finding
    from exauq_tui.hardware.interface import HostKey, HostKeyDecision, LogChunk, WorkspaceSummary

READ_ONLY = "This is a read-only view: nothing is changed on servers or in profiles from here."
"""What whoever asks for a change is told where there are to be none."""


@dataclass(frozen=True, slots=True)
class CancelResult:
    """What became of a request to cancel.

    Attributes:
        asked: Rows that are now Pending cancel (or, never sent, Cancelled at once).
        left: Rows left alone because they had come to their end.
    """

    asked: tuple[int, ...]
    left: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where jobs are to go: to one server, or to whichever of a level has least to do.

    Attributes:
        server: The profile's name; "" where any of the level will do.
        level: The simulator's level; where a server is named it is that server's.
    """

    server: str = ""
    level: int = 1


class Prompter(Protocol):
    """Asks a person on behalf of a server's thread, which waits for the answer."""

    def ask_secret(self, server: str, prompt: str) -> str | None:
        """Ask for a password, passphrase or code; None where the person refuses."""

    def accept_host_key(self, server: str, key: HostKey) -> bool | HostKeyDecision:
        """Ask whether an unknown host key is to be trusted."""


class FleetVerbs(Protocol):
    """Every verb on jobs and servers.

    Verbs that return a Future are carried out on the server's own thread; the Future fails
    with an `ExauqTuiError` whose message is fit to be shown. The others write to the local
    record and return within milliseconds, but they do touch the disk: call them from a
    worker, not from the UI thread.
    """

    def start(self) -> None:
        """Start one thread per server."""

    def stop(self) -> None:
        """Stop promptly, whatever a socket is doing; work not sent stays in the record."""

    def set_listener(self, listener: Callable[[], None] | None) -> None:
        """Set what is called, from any thread, once when something changed after a drain."""

    def servers(self) -> tuple[ServerView, ...]:
        """All servers, in the order of the configuration."""

    def rows(self) -> tuple[JobRow, ...]:
        """All jobs that are known, oldest first."""

    def first_rows(self) -> FirstRows | None:
        """What a table shows first, where that was read before all jobs; once at most."""

    def load(self) -> tuple[JobRow, ...]:
        """All jobs, oldest first; may have to read them. `drain` tells what changes after that."""

    def drain(self) -> Changes:
        """What changed since the last call."""

    def submit(self, server: str, inputs: Sequence[Input], *, batch: str = "") -> tuple[int, ...]:
        """Record jobs as Pending submit and have them sent; returns their keys.

        Raises:
            InputError: The server is unknown, or an input has the wrong dimension.
            RecordError: The record could not be written, so nothing was submitted.
        """

    def submit_to_level(
        self, level: int, inputs: Sequence[Input], *, batch: str = ""
    ) -> Mapping[str, tuple[int, ...]]:
        """Share jobs out among the servers of a level, and record them as `submit` does.

        Each goes to the server that has then the fewest active jobs (for each slot, where all
        have limits). Servers that cannot be reached get none while another is up.

        Returns:
            The keys of the new jobs, by server.

        Raises:
            InputError: As for `submit`, or the level's servers take different inputs.
            RecordError: The record could not be written, so nothing was submitted.
        """

    def share_out(self, level: int, count: int) -> Mapping[str, int]:
        """Tell how many of so many jobs each server would get by `submit_to_level` now.

        Raises:
            InputError: The level has no server, or its servers take different inputs.
        """

    def find_runs(
        self, destination: Destination, inputs: Sequence[Input]
    ) -> tuple[int | None, ...]:
        """Tell for each input which job ran it, or is to run it, already; None where none.

        What counts is a job of the same level whose output is there or can be expected: on the
        same server, or on another whose profile names the same inputs. Numbers are compared
        exactly. Jobs that another process recorded count as well. The first call after the
        start reads all jobs; later ones are quick.

        Raises:
            InputError: There is no server of that name.
            RecordError: The record could not be read.
        """

    def resubmit(self, keys: Sequence[int]) -> tuple[int, ...]:
        """Submit the inputs of jobs that ended, or are gone, under new ids; returns new keys."""

    def cancel(self, keys: Sequence[int]) -> CancelResult:
        """Record jobs as Pending cancel and have the request sent."""

    def fetch_outputs(self, keys: Sequence[int]) -> Future[Mapping[int, float | str]]:
        """Read outputs now; a str says why there is no number."""

    def read_log(self, key: int, offset: int, limit: int) -> Future[LogChunk]:
        """Read a piece of a job's log; a negative offset counts from the end."""

    def delete_jobs(self, keys: Sequence[int]) -> Future[Mapping[int, str]]:
        """Delete job directories and their rows; values are "" or why it was not done."""

    def describe_workspace(self, server: str) -> Future[WorkspaceSummary]:
        """Tell what `delete_workspace` would delete."""

    def delete_workspace(self, server: str) -> Future[None]:
        """Delete the workspace on the server; the rows stay, marked gone."""

    def look_now(self, server: str | None = None) -> None:
        """Look, or try to connect, at once (all servers where None)."""

    def connect(self, server: str) -> None:
        """Connect to a server that a person had disconnected; elsewhere try at once."""

    def disconnect(self, server: str) -> None:
        """Drop a server's connection, and make none until somebody says `connect`.

        Submissions and cancels are accepted meanwhile, and kept.
        """

    def add_server(self, profile: ServerProfile) -> None:
        """Deal with one more server from now on, and with the jobs that are recorded for it.

        Raises:
            InputError: There is one of that name.
        """

    def replace_server(self, profile: ServerProfile) -> None:
        """Deal with a server by another profile of the same name.

        A server that a person had disconnected stays so; jobs stay in the workspace that they
        were sent to. It is connected to anew only where it is another machine or account, or
        another way to it.
        """

    def remove_server(self, server: str) -> None:
        """Deal with a server no longer; its jobs stay where they are, and in the record."""

    def diagnose(self, server: str, tell: Callable[[Finding], None]) -> Future[tuple[Finding, ...]]:
        """Examine a server step by step; where there is no connection, by making it.

        Args:
            server: Its name.
            tell: Called with each finding as it is made, from any thread.

        Returns:
            All findings, in the order of the checks; trouble is one of them, not an error.
        """

    def events(self, key: int) -> tuple[Event, ...]:
        """A job's history, oldest first."""

    def server_events(self, server: str) -> tuple[Event, ...]:
        """What happened with a server (connections, host keys, failed looks), oldest first."""

    def tries(self, key: int) -> tuple[JobRow, ...]:
        """All jobs that tried what one job tries, itself among them, in their order."""

    def output_text(self, key: int) -> str | None:
        """The start of a job's output file, 64 KiB at most; None where only a number is known."""
