"""What every part of a fleet is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exauq_tui.errors import InputError
from exauq_tui.monitor.interfaces import MakeInterface
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.server_history import ServerHistory
from exauq_tui.monitor.store import Store
from exauq_tui.monitor.verbs import READ_ONLY, Prompter


@dataclass(frozen=True, slots=True)
class Tools:
    """What every part of a fleet is given.

    Attributes:
        record: The record of jobs.
        store: What is known, for everybody.
        prompter: Asks a person.
        make: Builds interfaces.
        own_known_hosts: Where accepted host keys are kept.
        refresh: Seconds between looks.
        clock: Gives seconds since 1970.
        history: Is told what happens with servers.
        read_only: Whether nothing is sent and no workspace is made.
    """

    record: Record
    store: Store
    prompter: Prompter
    make: MakeInterface
    own_known_hosts: Path | None
    refresh: float
    clock: Callable[[], float]
    history: ServerHistory
    read_only: bool = False

    def must_be_allowed(self) -> None:
        """Refuse a change where there are to be none.

        Raises:
            InputError: This is a read-only view.
        """
        if self.read_only:
            raise InputError(READ_ONLY)
