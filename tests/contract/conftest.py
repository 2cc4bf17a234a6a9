"""The contract suite runs over every interface, on real processes and a real SSH server."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.machines import Machine
from tests.live.sshd import Sshd

_count = itertools.count()


def make_local(home: Path) -> Machine:
    root = home / "test"
    root.mkdir()
    return Machine("local", home, root)


@pytest.fixture(params=["local", pytest.param("ssh", marks=pytest.mark.live)])
def machine(request: pytest.FixtureRequest, isolated_home: Path) -> Iterator[Machine]:
    """A machine to run jobs on; what a test leaves running is ended with it."""
    if request.param == "local":
        made = make_local(isolated_home)
    else:
        server: Sshd = request.getfixturevalue("sshd")
        root = server.home / f"test-{next(_count)}"
        root.mkdir()
        made = Machine("ssh", server.home, root, server)
    yield made
    made.clean_up()


@pytest.fixture
def here(isolated_home: Path) -> Iterator[Machine]:
    """This machine alone: for tests of the server's side, which is the same everywhere."""
    made = make_local(isolated_home)
    yield made
    made.clean_up()
