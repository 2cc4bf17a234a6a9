"""What the tests of the server's side get: this machine, as one that runs jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.machines import Machine


@pytest.fixture
def here(isolated_home: Path) -> Iterator[Machine]:
    """This machine; what a test leaves running is ended with it."""
    root = isolated_home / "test"
    root.mkdir()
    made = Machine("local", isolated_home, root)
    yield made
    made.clean_up()
