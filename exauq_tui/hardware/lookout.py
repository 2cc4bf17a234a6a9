"""Looks at one workspace: from what the server pushes, from its journal, or at everything."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from exauq_tui.errors import ConnectionLostError, ServerRefusedError
from exauq_tui.hardware.agent import AgentSession
from exauq_tui.hardware.agent_line import AgentLine
from exauq_tui.hardware.frames import Reply
from exauq_tui.hardware.interface import Look
from exauq_tui.hardware.replies import JobLines, read_job_lines
from exauq_tui.hardware.status import TERMINAL_STATUSES

_SNAPSHOT_SHARE = 500
"""A full look is made when this many times its own duration has passed ..."""
_SNAPSHOT_EVERY = (10.0, 120.0)
"""... but not before and not after these many seconds."""
_SNAPSHOT_PUSHED = 60.0
"""While the server pushes there is less need: not before so many."""

_QUIET = 2.5
"""A server that pushes says something every two seconds; after these it is asked ..."""
_ANSWER_WITHIN = 25.0
"""... and has so many seconds to answer."""
_MISSING = 7.0
"""One that answers, and told nothing unasked for so many seconds, cannot push."""

_START_AFRESH = b"-\n"

_KINDS = {"workspace": str, "generation": str, "offset": int, "due": float, "foreign": bool}
"""What stands in a cursor."""


@dataclass(frozen=True, slots=True)
class Position:
    """What a cursor holds.

    Attributes:
        workspace: The workspace's path.
        generation: The journal that the offset counts in; "-" for none.
        offset: What is known up to, in bytes.
        due: When a full look is due, by our monotonic clock.
        foreign: Whether jobs of EXAUQ-Toolbox run, which write no journal: only a full look
            tells of them.
    """

    workspace: str
    generation: str
    offset: int
    due: float
    foreign: bool

    @classmethod
    def read(cls, cursor: str | None) -> Position | None:
        """Read a cursor; None where it is of no use."""
        try:
            values = json.loads(cursor) if cursor else None
        except ValueError:
            return None
        if isinstance(values, dict) and all(
            isinstance(values.get(name), kind) for name, kind in _KINDS.items()
        ):
            return cls(**{name: values[name] for name in _KINDS})
        return None

    def cursor(self) -> str:
        """Write a cursor."""
        return json.dumps(asdict(self))

    def is_good_for(self, workspace: str) -> bool:
        """Whether changes since then are all that one needs to know."""
        return (
            self.workspace == workspace
            and self.generation != "-"
            and not self.foreign
            and 0 < self.due - time.monotonic() <= _SNAPSHOT_EVERY[1]
        )


class Lookout:
    """Makes looks at the workspace of one server.

    Args:
        line: The line to the agent.
        ask: Asks over it.
        where: The server, for messages.
    """

    def __init__(
        self,
        line: AgentLine,
        ask: Callable[[str, Sequence[str], float], Reply],
        where: str,
    ) -> None:
        self._line = line
        self._ask = ask
        self._where = where
        self._watching: AgentSession | None = None
        self._watching_since = 0.0
        self._pushed: Position | None = None

    @property
    def is_watching(self) -> bool:
        """Whether the server pushes changes at this moment."""
        return self._watching is not None and self._watching.is_open

    def look(self, workspace: str, cursor: str | None, *, push: bool) -> Look:
        """Tell what changed since `cursor`; with `push`, have the server push from here on."""
        position = Position.read(cursor)
        if position is not None and position.is_good_for(workspace):
            if self._watching is not None and position == self._pushed:
                look = self._look_at_pushes(position, self._watching)
            elif push and self._line.may_push and self._watching is None:
                look = None  # a full look is what pushing begins with
            else:
                look = self._look_at_journal(position)
            if look is not None:
                return look
        return self._look_at_all(workspace, push=push)

    def _look_at_pushes(self, position: Position, session: AgentSession) -> Look | None:
        if not session.is_open:
            self._watching = None
            return self._look_at_journal(position)
        lines: list[str] = []
        for payload in session.take_pushes():
            if payload == _START_AFRESH:
                return None
            head, *news = Reply("push", payload).lines()
            if news and _end_of(head) <= position.offset:
                continue  # on its way when it was asked for
            lines[:1] = [head]
            lines += news
        if lines:
            return self._changes(position, read_job_lines(lines))
        if session.silence > _QUIET:
            return self._look_after(position, session)
        return Look(position.cursor(), complete=False, reports=())

    def _look_after(self, position: Position, session: AgentSession) -> Look | None:
        """Ask a server that is silent; it may be that just its pushes do not come through."""
        look = self._look_at_journal(position, _ANSWER_WITHIN)
        last_push = max(self._watching_since, session.pushed_at)
        if session.is_open and time.monotonic() - last_push > _MISSING:
            self._watching = self._pushed = None
            self._line.stop_pushing()
        return look

    def _look_at_journal(self, position: Position, timeout: float = 60.0) -> Look | None:
        fields = (position.workspace, position.generation, str(position.offset))
        reply = self._ask("delta", fields, timeout)
        if reply.status != "ok" or reply.payload == _START_AFRESH:
            return None
        return self._changes(position, read_job_lines(reply.lines()))

    def _changes(self, position: Position, lines: JobLines) -> Look | None:
        if lines.odd or lines.generation != position.generation:
            return None
        position = replace(position, offset=lines.offset)
        if self._watching is not None:
            self._pushed = position
        return _as_look(lines, position, complete=False)

    def _look_at_all(self, workspace: str, *, push: bool) -> Look:
        self._watching = self._pushed = None
        push = push and self._line.may_push
        begun = time.monotonic()
        reply = self._ask("snapshot", (workspace, "watch" if push else ""), 60.0)
        if reply.status == "missing":
            return Look("", complete=True, reports=())
        if reply.status != "ok":
            words = reply.payload.decode("utf-8", errors="replace").strip()
            raise ServerRefusedError(f"{self._where}: {words}")
        lines = read_job_lines(reply.lines())
        if lines.unreadable:
            raise ServerRefusedError(f"{self._where}: its answer about all jobs cannot be read")
        now = time.monotonic()
        first, last = _SNAPSHOT_EVERY
        first = max(first, _SNAPSHOT_PUSHED) if push else first
        pause = min(max(_SNAPSHOT_SHARE * (now - begun), first), last)
        foreign = any(
            report.job_id in lines.foreign and report.status not in TERMINAL_STATUSES
            for report in lines.reports
        )
        position = Position(workspace, lines.generation, lines.offset, now + pause, foreign)
        session = self._line.session
        if push and lines.generation != "-" and self._line.may_push and session is not None:
            self._watching, self._watching_since, self._pushed = session, now, position
        return _as_look(lines, position, complete=True)


def _end_of(head: str) -> int:
    """The byte of the journal that a push goes up to, by its first line."""
    try:
        return int(head.split(" ")[1])
    except (IndexError, ValueError) as error:
        raise ConnectionLostError(f"unreadable news from the server: {head}") from error


def _as_look(lines: JobLines, position: Position, *, complete: bool) -> Look:
    return Look(position.cursor(), complete, lines.reports, lines.deleted, lines.server_time)
