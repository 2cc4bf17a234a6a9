"""What the end-to-end tests get: terminals with a program in them, fleets, clean endings."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from exauq_tui import config
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.record import Record
from tests.e2e.terminal import TMUX, Terminal, processes_of, wait_until
from tests.unit.fake_interfaces import Person

OpenTerminal = Callable[..., Terminal]
"""Opens terminals, with `Terminal`'s options."""

OpenFleet = Callable[[], Fleet]
"""Opens and starts a fleet of the configuration as it is now."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Give a directory for all that a test makes; no process that knows it may outlive the test."""
    directory = tmp_path / "place"
    directory.mkdir()
    yield directory
    try:
        wait_until(lambda: not processes_of(directory), f"no process of {directory} is left")
    finally:
        for pid in processes_of(directory):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def open_terminal(place: Path, isolated_home: Path) -> Iterator[OpenTerminal]:
    """Give a function that opens terminals; closed with the test."""
    if TMUX is None:
        pytest.fail(
            "The end-to-end tests need tmux, which is not installed: run "
            "'scripts/install-tools test'.",
            pytrace=False,
        )
    assert os.environ["HOME"] == str(isolated_home)  # a terminal takes over the test's variables
    terminals: list[Terminal] = []

    def open_one(**options: object) -> Terminal:
        directory = place / f"terminal-{len(terminals)}"
        terminals.append(Terminal(directory, **options))  # type: ignore[arg-type]
        return terminals[-1]

    yield open_one
    for terminal in terminals:
        terminal.close()


@pytest.fixture
def open_fleet(place: Path) -> Iterator[OpenFleet]:
    """Give a function that opens fleets of the configuration, all on one record."""
    opened: list[tuple[Fleet, Record]] = []

    def open_one() -> Fleet:
        servers = config.load(Path(os.environ["EXAUQ_TUI_CONFIG"])).servers
        record = Record(place / "jobs.sqlite3")
        fleet = Fleet(servers, record, Person(), refresh=1.0)
        opened.append((fleet, record))
        fleet.start()
        return fleet

    yield open_one
    for fleet, record in opened:
        fleet.stop()
        record.close()
