"""What the verbs on one server share while its thread has a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from exauq_tui.errors import AuthenticationError, ConnectionLostError, HostKeyError
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.store import Place, Store

if TYPE_CHECKING:
    from exauq_tui.hardware.interface import HardwareInterface


@dataclass(slots=True)
class Contact:
    """One server, as its thread deals with it between connecting and losing it.

    Attributes:
        interface: The connected interface.
        record: The record of jobs.
        store: What is known, for everybody.
        place: Where the profile's jobs are.
        configured: The workspace as the profile has it, "" for none.
        level: The simulator's level.
        owner: Who takes leases.
        clock: Gives seconds since 1970.
        asked: When each job's cancel was last asked for, our clock.
        cursor: Where the next look goes on.
        refetch: Whether outputs that were never read are to be read at the next look.
        has_moved: Whether another process made the workspace that is to be used.
        is_known: Whether the server was looked at, so that it is known what it has already.
        renumbered: How often each job's id was found to be taken.
        busy_since: When a job was last found to be just being submitted, our clock.
        heed_profile: Has the interface do what the profile says by now; called before jobs are
            sent that may have been submitted after the profile was changed.
    """

    interface: HardwareInterface
    record: Record
    store: Store
    place: Place
    configured: str
    level: int
    owner: str
    clock: Callable[[], float]
    asked: dict[int, float] = field(default_factory=dict)
    cursor: str | None = None
    refetch: bool = True
    has_moved: bool = False
    is_known: bool = False
    renumbered: dict[int, int] = field(default_factory=dict)
    busy_since: float | None = None
    heed_profile: Callable[[], None] = lambda: None


CUT_OFF: Final = (ConnectionLostError, AuthenticationError, HostKeyError)
"""Errors after which nobody knows, or it is certain that nobody was asked: try again."""


def raise_if_cut_off(answers: Iterable[object]) -> None:
    """Raise the first of several answers that tells that the link is gone."""
    for answer in answers:
        if isinstance(answer, CUT_OFF):
            raise answer


def words_of(error: Exception) -> str:
    """Put an exception, maybe of another author's interface, into words; never empty."""
    return str(error).strip() or type(error).__name__
