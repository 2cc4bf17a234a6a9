"""What the verbs on one server share while its thread has a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from exauq_tui.hardware.interface import HardwareInterface
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.store import Place, Store


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
