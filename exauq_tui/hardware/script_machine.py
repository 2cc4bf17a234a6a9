"""A machine on which a script runs jobs: how it is asked, and the workspace there.

What the requests and replies hold is told in ``scripts/agent.sh``; `replies` reads them.
"""

from __future__ import annotations

import math
import shlex
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from exauq_tui.errors import ServerRefusedError
from exauq_tui.hardware.agent_line import AgentLine
from exauq_tui.hardware.connection.transport import ByteStream
from exauq_tui.hardware.diagnosis import Finding
from exauq_tui.hardware.examining import Subject, examine
from exauq_tui.hardware.frames import Reply
from exauq_tui.hardware.interface import HardwareInterface, WorkspaceSummary
from exauq_tui.hardware.lookout import Lookout
from exauq_tui.hardware.server_program import settings_of
from exauq_tui.hardware.unanswered import Unanswered


class ScriptMachine(HardwareInterface):
    """A machine with a workspace, which is asked over the agent protocol.

    Subclasses say how to reach the machine, and call `_set_up_jobs` before anything connects.
    """

    def _set_up_jobs(
        self,
        program: str,
        script_path: str,
        workspace_dir: str | None,
        *,
        where: str,
        setup: str,
        max_running: int | str | None,
        cancel_grace: float,
        look_only: bool,
        reconnect: bool,
    ) -> None:
        if workspace_dir == "":
            raise ValueError("workspace_dir is empty: give a path, or None for a new directory")
        self._look_only = look_only
        self._describe_jobs(
            program, script_path, setup=setup, max_running=max_running, cancel_grace=cancel_grace
        )
        self._where = where
        self._configured = None if workspace_dir is None else str(workspace_dir)
        self._workspace: str | None = None
        self._workspace_made = False
        self._unanswered = Unanswered()
        self._on_news: Callable[[], None] | None = None
        self._line = AgentLine(
            _Way(self),
            where,
            greet=self._find_workspace,
            reconnect=reconnect,
            on_news=self._news_came,
            settings=self._settings,
        )
        self._lookout = Lookout(self._line, self._ask, where)

    def _describe_jobs(
        self,
        program: str,
        script_path: str,
        *,
        setup: str,
        max_running: int | str | None,
        cancel_grace: float,
    ) -> None:
        try:
            words = shlex.split(program)
        except ValueError as error:
            raise ValueError(f"program {program!r} cannot be split into words: {error}") from error
        if not words:
            raise ValueError("program is empty: give what runs the script, such as 'python3'")
        if not script_path:
            raise ValueError("script_path is empty: give the path of the simulator script")
        if isinstance(max_running, int) and max_running < 0:
            raise ValueError(f"max_running is {max_running}: give 0 for no limit, or more")
        if not 0 <= cancel_grace < math.inf:
            raise ValueError(f"cancel_grace is {cancel_grace}: give seconds, 0 or more")
        self._words = words
        self._script_path = str(script_path)
        self._setup = setup
        self._limit = "" if max_running is None else str(max_running)
        self._grace = cancel_grace
        self._settings = settings_of(cancel_grace, look_only=self._look_only)

    def run_otherwise(
        self,
        program: str,
        script_path: str,
        *,
        setup: str,
        max_running: int | Literal["auto"] | None,
        cancel_grace: float,
    ) -> None:
        """Start jobs otherwise from now on, over the connection that there is.

        Raises:
            ValueError: A parameter cannot be used; nothing was changed.
            HardwareInterfaceFailureError: The server could not be told of the new limit.
        """
        self._describe_jobs(
            program, script_path, setup=setup, max_running=max_running, cancel_grace=cancel_grace
        )
        self._line.greet_again(self._settings)

    @abstractmethod
    def _start(self, command: str) -> ByteStream:
        """Start a command on the machine; a broken connection is made anew first."""

    @abstractmethod
    def _connection_is_open(self) -> bool:
        """Whether the connection itself lasts, as far as is known."""

    def _give_up_connection(self) -> None:
        """Take it that the connection is broken, whether or not that was noticed below."""

    def _link_holds_on(self) -> bool:
        """Whether an answer that is overdue is to be waited for, since it may be the link."""
        return False

    def _open_session(self) -> None:
        """Have an agent at hand and the workspace known; nothing happens where that is so."""
        self._line.ready()

    def _find_workspace(self, ask: Callable[[str, Sequence[str]], Reply]) -> None:
        """Ask where the workspace is, before anything else is asked of an agent."""
        reply = ask("open", (self._workspace or self._configured or "", self._limit))
        workspace, presence = self._checked(reply).fields()
        self._workspace = workspace or None
        self._workspace_made = presence == "present"

    def _close_session(self) -> None:
        self._line.close()

    def _ask(self, verb: str, fields: Sequence[str] = (), timeout: float = 60.0) -> Reply:
        return self._line.ask(verb, fields, timeout)

    def _refusal(self, reply: Reply) -> ServerRefusedError:
        return ServerRefusedError(f"{self._where}: {_words(reply)}")

    def _checked(self, reply: Reply) -> Reply:
        if reply.status != "ok":
            raise self._refusal(reply)
        return reply

    def _news_came(self) -> None:
        if self._on_news is not None:
            self._on_news()

    # The workspace

    @property
    def workspace_dir(self) -> str | None:
        """The workspace's absolute path on the server, or None while it is not known."""
        return self._workspace

    def make_workspace(self) -> str:
        """Make the workspace where it is missing, and give its absolute path.

        A request of its own: a submission whose answer is lost must find its jobs again.
        """
        self._open_session()
        if not self._workspace_made:
            mark = self._unanswered.workspace_mark
            fields = (self._workspace or "", self._script_path, self._limit, mark)
            self._workspace = self._checked(self._ask("make", fields)).fields()[0]
            self._workspace_made = True
        assert self._workspace is not None
        return self._workspace

    def describe_workspace(self) -> WorkspaceSummary:
        """Tell what `delete_workspace` would delete."""
        self._open_session()
        if self._workspace is None:
            return WorkspaceSummary("", 0, 0, ())
        reply = self._ask("describe", (self._workspace,))
        if reply.status == "missing":
            return WorkspaceSummary(self._workspace, 0, 0, ())
        counts, *others = self._checked(reply).fields()
        jobs, running = (int(word) for word in counts.split())
        return WorkspaceSummary(self._workspace, jobs, running, tuple(others))

    def delete_workspace(self) -> None:
        """Remove the whole workspace, without waiting for running jobs.

        Raises:
            ValueError: The workspace is the root, a home directory or above one, or holds the
                simulator script.
        """
        self._open_session()
        if self._workspace is None:
            return
        reply = self._ask("erase", (self._workspace, self._script_path), timeout=600.0)
        if reply.status == "unsafe":
            raise ValueError(f"not deleted on {self._where}: {_words(reply)}")
        if reply.status != "missing":
            self._checked(reply)
        self._workspace_made = False

    # Examining

    @property
    def is_remote(self) -> bool:
        """Whether there is a way to the machine."""
        return True

    def _may_start_more(self) -> bool:
        """Whether another command can be started without another login."""
        return True

    def examine(self) -> Iterator[Finding]:
        """Look at the machine, one finding after the other; changes nothing there."""
        return examine(
            Subject(
                self._line.open(),
                self._start if self._may_start_more() else None,
                self._where,
                self._workspace or self._configured or "",
                self._script_path,
                self._setup,
                self._words[0],
                self.is_remote,
                self._settings,
            )
        )


class _Way:
    """How an object with jobs reaches its machine."""

    def __init__(self, jobs: ScriptMachine) -> None:
        self._jobs = jobs

    def start(self, command: str) -> ByteStream:
        return self._jobs._start(command)

    def is_connected(self) -> bool:
        return self._jobs._connection_is_open()

    def holds_on(self) -> bool:
        return self._jobs._link_holds_on()

    def give_up(self) -> None:
        self._jobs._give_up_connection()


def _words(reply: Reply) -> str:
    return reply.payload.decode("utf-8", errors="replace").strip()
