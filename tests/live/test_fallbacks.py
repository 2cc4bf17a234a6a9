"""Servers over which no session stays open, or nothing comes unasked: everything still works."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from exauq_tui.hardware import agent_line, lookout
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor import conversing
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.snapshot import ServerState
from tests.live.conftest import MakeSite
from tests.live.middleman import command_for, requests
from tests.live.site import Site
from tests.live.sshd import StartSshd
from tests.unit.fake_interfaces import TIMEOUT, reaches, row, stands, until

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("quick_retries")]

MakeNarrow = Callable[[str], tuple[Site, Path]]


@pytest.fixture
def narrow(start_sshd: StartSshd, make_site: MakeSite, tmp_path: Path) -> MakeNarrow:
    """Make sites on a server with a middleman; the file that it is told by goes with them."""

    def make(mode: str) -> tuple[Site, Path]:
        file = tmp_path / "mode"
        file.write_text(mode)
        # Where the server will be made.
        home = tmp_path / "sshd-0" / "home"
        return make_site(start_sshd(extra=(command_for(home, file),))), file

    return make


def is_live(fleet: Fleet) -> bool:
    view = fleet.server("hpc1")
    return view.state is ServerState.UP and not view.polled and view.next_try is None


def is_polled(fleet: Fleet) -> bool:
    view = fleet.server("hpc1")
    return view.state is ServerState.UP and view.polled and view.next_try is not None


def see_jobs_through(site: Site, fleet: Fleet, first: int) -> None:
    """Submit, fail, log, fetch, cancel and delete; each job runs once."""
    before = Counter(site.ledger())
    inputs = [Input(first + n) for n in range(6)]
    keys = fleet.submit("hpc1", inputs)
    (failing,) = fleet.submit("hpc1", [Input(98, first)])
    (waiting,) = fleet.submit("hpc1", [Input(99, first)])
    for key, data in zip(keys, inputs, strict=True):
        reaches(fleet, key, JobStatus.COMPLETED)
        until(lambda key=key: row(fleet, key).output is not None)  # type: ignore[misc]  # bound early
        assert row(fleet, key).output == data[0] * 2
    assert reaches(fleet, failing, JobStatus.FAILED).exit_code == 1
    assert fleet.read_log(keys[0], 0, 100).result(TIMEOUT).data == f"running {first}\n".encode()
    reaches(fleet, waiting, JobStatus.RUNNING)
    assert fleet.cancel([waiting]).asked == (waiting,)
    reaches(fleet, waiting, JobStatus.CANCELLED)
    assert fleet.delete_jobs([keys[0]]).result(TIMEOUT) == {keys[0]: ""}
    runs = Counter(site.ledger()) - before
    assert runs == Counter([*(str(first + n) for n in range(6)), f"98,{first}", f"99,{first}"])


def test_a_server_that_ends_each_session_after_a_moment_is_polled(
    narrow: MakeNarrow, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, mode = narrow("a moment")
    fleet = site.fleet()
    see_jobs_through(site, fleet, 1)
    until(lambda: is_polled(fleet), "polling")
    fleet.stop()
    # It is tried again, and where the cause is gone changes are pushed as ever.
    monkeypatch.setattr(agent_line, "TRY_AGAIN", 1.0)
    again = site.fleet()
    until(lambda: is_polled(again), "polling")
    mode.write_text("all")
    until(lambda: is_live(again), "pushes")
    (key,) = again.submit("hpc1", [Input(11)])
    reaches(again, key, JobStatus.COMPLETED)
    until(lambda: is_live(again), "pushes")


def test_a_server_that_hears_one_request_per_session_is_asked_one_by_one(
    narrow: MakeNarrow, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, mode = narrow("one request")
    fleet = site.fleet()
    see_jobs_through(site, fleet, 1)
    begun = len(requests(mode))
    until(lambda: len(requests(mode)) > begun + 10)
    # Where the workspace is, is known, and not asked each time.
    assert requests(mode)[begun:].count("open") <= 1
    assert is_polled(fleet)
    fleet.stop()
    monkeypatch.setattr(agent_line, "TRY_AGAIN", 1.0)
    again = site.fleet()
    until(lambda: is_polled(again), "polling")
    mode.write_text("all")
    until(lambda: is_live(again), "pushes")
    (key,) = again.submit("hpc1", [Input(11)])
    reaches(again, key, JobStatus.COMPLETED)
    until(lambda: is_live(again), "pushes")


def test_a_server_whose_pushes_do_not_arrive_is_polled(
    narrow: MakeNarrow, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, mode = narrow("no pushes")
    with monkeypatch.context() as patch:
        patch.setattr(conversing, "_SILENCE_CHECK", 0.4)
        patch.setattr(lookout, "_QUIET", 0.3)
        patch.setattr(lookout, "_MISSING", 1.0)
        fleet = site.fleet()
        (waiting,) = fleet.submit("hpc1", [Input(99, 50)])
        until(lambda: is_polled(fleet), "polling")
        reaches(fleet, waiting, JobStatus.RUNNING)
        see_jobs_through(site, fleet, 1)
        assert is_polled(fleet)
        fleet.stop()
        monkeypatch.setattr(agent_line, "TRY_AGAIN", 1.0)
        again = site.fleet()
        until(lambda: is_polled(again), "polling")
    mode.write_text("all")
    until(lambda: is_live(again), "pushes")
    site.go()
    reaches(again, waiting, JobStatus.COMPLETED)
    until(lambda: is_live(again), "pushes")


def test_one_session_at_a_time_is_enough_also_when_it_is_ended_again_and_again(
    start_sshd: StartSshd, make_site: MakeSite
) -> None:
    sshd = start_sshd(extra=("MaxSessions 1",))
    site = make_site(sshd)
    fleet = site.fleet()
    states = set()
    for first in (1, 11, 21):
        see_jobs_through(site, fleet, first)
        until(lambda: is_live(fleet), "pushes")
        killed = kill_agents(sshd.home)
        assert killed
        until(lambda killed=killed: not killed & agents_of(sshd.home))  # type: ignore[misc]  # bound early
        until(lambda: agents_of(sshd.home), "another agent")
        states.add(fleet.server("hpc1").state)
    stands(fleet, ServerState.UP)
    assert states == {ServerState.UP}
    assert sshd.log_text().count("Accepted publickey") == 1


def agents_of(home: Path) -> set[int]:
    """The agents that serve sessions which began in a home directory."""
    found = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if (entry / "cmdline").read_bytes() != b"/bin/bash\0-p\0-s\0":
                continue
            if f"HOME={home}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
    return found


def kill_agents(home: Path) -> set[int]:
    found = agents_of(home)
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return found
