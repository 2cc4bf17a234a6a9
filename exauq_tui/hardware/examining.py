"""Examines a server over its connection: asks for facts, and has findings made of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from statistics import median

from exauq_tui.errors import ConnectionLostError, ServerRefusedError
from exauq_tui.hardware.agent import AgentSession
from exauq_tui.hardware.connection.transport import ByteStream
from exauq_tui.hardware.diagnosis import Check, Finding, Result
from exauq_tui.hardware.facts import examine_facts, examine_rehearsal, read_facts
from exauq_tui.hardware.link_facts import (
    USED_SESSIONS,
    examine_clock,
    examine_greeting,
    examine_latency,
    examine_noise,
    examine_sessions,
)
from exauq_tui.hardware.server_program import COMMAND, seldom_used_part

REHEARSAL_LIMIT = 20
"""Seconds that setup lines may take; on a cold file system `module load` takes several."""

_FACTS_TIMEOUT = 60.0
_PINGS = 5
_PATIENCE = 10.0
_HANGS = (
    "The connection itself is good: perhaps a network file system there hangs. Try `df` and `ls` "
    "of the workspace in a login of your own, and tell the administrators."
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined.

    Attributes:
        session: The session that the interface works with.
        start: Starts another command on the same connection; None where that could cost
            another login.
        where: The server, for messages.
        workspace: Its absolute path, or "".
        script: The script's path, as configured.
        setup: The setup lines.
        word: The program's first word.
        is_remote: Whether there is a way to the machine that can be slow, noisy or limited.
        settings: What agents are told there (see `server_program.settings_of`).
    """

    session: AgentSession
    start: Callable[[str], ByteStream] | None
    where: str
    workspace: str
    script: str
    setup: str
    word: str
    is_remote: bool
    settings: str = ""


def examine(subject: Subject) -> Iterator[Finding]:
    """Examine a connected server, one finding after the other.

    It asks in a session of its own where that is to be had: what hangs there (a dead network
    disk, say) takes nothing else with it.

    Raises:
        ConnectionLostError: The link broke, or an answer did not come in time.
    """
    yield examine_greeting(subject.session.hello)
    with _sessions(subject) as (session, opened):
        try:
            yield from _ask(subject, session, opened)
        except ConnectionLostError as error:
            if session is subject.session:
                raise
            subject.session.request("ping", timeout=_PATIENCE)  # raises where all is gone
            yield Finding(Check.FILES, Result.FAILED, str(error), _HANGS)


def _ask(subject: Subject, session: AgentSession, opened: int | None) -> Iterator[Finding]:
    trips = [_ping(session) for _ in range(_PINGS)]
    session.request("learn", (seldom_used_part("doctor.sh"),))
    asked = time.time()
    reply = session.request("doctor", (subject.workspace, subject.script), _FACTS_TIMEOUT)
    facts = read_facts(reply.fields())
    if subject.is_remote:
        yield examine_noise(*subject.session.noise, facts.get("shell", ""))
        if opened is not None:
            yield examine_sessions(opened)
        yield examine_latency(trips)
        with suppress(ValueError):
            # The server reads its clock first of all, half a round trip after it was asked.
            trip = median(trips)
            yield examine_clock(float(facts.get("now", "")) - asked - trip / 2, max(trips))
    yield from examine_facts(facts)
    fields = (subject.setup, subject.word, str(REHEARSAL_LIMIT))
    rehearsal = session.request("rehearse", fields, REHEARSAL_LIMIT + _FACTS_TIMEOUT)
    yield from examine_rehearsal(read_facts(rehearsal.fields()), subject.setup, subject.word)


def _ping(session: AgentSession) -> float:
    begun = time.monotonic()
    session.request("ping")
    return time.monotonic() - begun


@contextmanager
def _sessions(subject: Subject) -> Iterator[tuple[AgentSession, int | None]]:
    """Open as many sessions as are used at most; give one to ask in, and how many there are.

    Only one is kept: the others would wait for commands that do not come.
    """
    if subject.start is None:
        yield subject.session, None
        return
    own: AgentSession | None = None
    spare: list[ByteStream] = []
    opened = 1
    try:
        with suppress(ServerRefusedError):
            own = AgentSession(subject.start(COMMAND), subject.where, settings=subject.settings)
            opened += 1
            while opened < USED_SESSIONS:
                spare.append(subject.start(COMMAND))
                opened += 1
        while spare:
            spare.pop().close()
        yield own or subject.session, opened
    finally:
        for stream in spare:
            stream.close()
        if own is not None:
            own.close()
