"""A fleet of servers in memory, which most tests of pollers and fleets begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exauq_tui.monitor.record import Record
from tests.unit.fake_interfaces import Lab, Server


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def lab(tmp_path: Path, server: Server) -> Iterator[Lab]:
    lab = Lab(Record(tmp_path / "lab.sqlite3"), server)
    yield lab
    lab.close()
