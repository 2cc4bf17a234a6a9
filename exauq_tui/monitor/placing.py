"""Which server of a level gets a job: the one that has the least to do for its size (pure)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from exauq_tui.errors import InputError
from exauq_tui.monitor.snapshot import ServerState

_TIERS = (
    frozenset({ServerState.UP}),
    frozenset({ServerState.STALE, ServerState.CONNECTING}),
    frozenset({ServerState.LOST, ServerState.OFFLINE}),
    frozenset(ServerState),
)
"""From where jobs are run soonest; a server is left alone while one of a better tier is there."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server that a job may go to.

    Attributes:
        name: The profile's name.
        state: How it stands.
        active: How many of its jobs have not come to their end.
        slots: How many jobs it runs at once, or 0 where that is not known or not limited.
    """

    name: str
    state: ServerState
    active: int
    slots: int = 0


def usable(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that are in the best state of all."""
    for tier in _TIERS:
        found = [each for each in candidates if each.state in tier]
        if found:
            return found
    return []


def share_out(candidates: Sequence[Candidate], count: int) -> list[str]:
    """Say for each of some jobs which server it goes to, job by job to the least loaded.

    The load is the number of active jobs, for each slot where every server's slots are known
    (else a server without a limit would take all). Among equals the first named wins.

    Args:
        candidates: The servers that there are.
        count: How many jobs.

    Returns:
        A server's name for each job.

    Raises:
        InputError: There is no server.
    """
    chosen = usable(candidates)
    if not chosen:
        raise InputError("there is no server of this level in the configuration")
    sized = all(each.slots > 0 for each in chosen)
    weights = [each.slots if sized else 1 for each in chosen]
    # What the load would be with one job more: a small server does not get the first of few.
    heap = [
        ((each.active + 1) / weights[place], place, each.active + 1)
        for place, each in enumerate(chosen)
    ]
    heapq.heapify(heap)
    names = []
    for _ in range(count):
        _, place, active = heap[0]
        names.append(chosen[place].name)
        heapq.heapreplace(heap, ((active + 1) / weights[place], place, active + 1))
    return names
