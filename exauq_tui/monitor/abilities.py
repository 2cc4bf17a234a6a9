"""What an interface can do beyond the four verbs that every one has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from exauq_tui.hardware.interface import (
    DeletesJobs,
    HardwareInterface,
    PushesChanges,
    ReadsLogs,
)


def is_pushing(interface: HardwareInterface) -> TypeGuard[PushesChanges]:
    """Whether changes come unasked at this moment."""
    return isinstance(interface, PushesChanges) and interface.is_pushing


def verbs_of(interface: HardwareInterface) -> Iterator[str]:
    """The verbs that the screens may offer."""
    yield from ("submit", "cancel", "output")
    if isinstance(interface, ReadsLogs):
        yield "log"
    if isinstance(interface, DeletesJobs):
        yield "delete"
