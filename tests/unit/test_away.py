"""Servers that are away: what is accepted meanwhile, and what becomes of it when they are back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from exauq_tui.errors import (
    AuthenticationError,
    ConnectionLostError,
    HostKeyError,
    ServerRefusedError,
)
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor import pacing, standing
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.snapshot import ServerState
from tests.unit.fake_interfaces import (
    BROKEN,
    HANG,
    PROFILE,
    TIMEOUT,
    FakeInterface,
    Fault,
    Lab,
    Server,
    reaches,
    row,
    stands,
    until,
)

AWAY: dict[ServerState, Fault] = {
    ServerState.CONNECTING: HANG,
    ServerState.LOST: BROKEN,
    ServerState.AUTH_NEEDED: AuthenticationError("the key was refused"),
    ServerState.HOST_KEY_UNKNOWN: HostKeyError("unknown"),
    ServerState.HOST_KEY_CHANGED: HostKeyError("changed", changed=True),
    ServerState.FAULT: ServerRefusedError("there is no Bash"),
}


def send_away(fleet: Fleet, server: Server, state: ServerState) -> None:
    """Bring a server that is UP into a state in which it stays."""
    if state is ServerState.STALE:
        server.faults["look"].append(HANG)
    else:
        fleet.disconnect("hpc1")
        stands(fleet, ServerState.OFFLINE)
        if state is not ServerState.OFFLINE:
            server.faults["connect"].append(AWAY[state])
            fleet.connect("hpc1")
    stands(fleet, state)


@pytest.mark.parametrize(
    "state", [ServerState.OFFLINE, ServerState.STALE, *AWAY], ids=lambda state: state.value
)
def test_what_is_asked_for_while_a_server_is_away_is_kept_checked_and_sent_once(
    lab: Lab, server: Server, state: ServerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing comes back by itself while the test looks at it.
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 3600.0)
    monkeypatch.setattr(pacing, "LONGEST_PAUSE", 3600.0)
    fleet = lab.fleet()
    runs, ends, vanishes = fleet.submit("hpc1", [Input(1), Input(2), Input(3)])
    ids = {key: reaches(fleet, key, JobStatus.SUBMITTED).job_id for key in (runs, ends, vanishes)}
    monkeypatch.setattr(standing, "STALE_AFTER", 0.1)
    send_away(fleet, server, state)

    (new,) = fleet.submit("hpc1", [Input(4)])
    (never,) = fleet.submit("hpc1", [Input(5)])
    assert set(fleet.cancel([runs, ends, vanishes, never]).asked) == {runs, ends, vanishes, never}
    assert row(fleet, new).status is JobStatus.PENDING_SUBMIT
    assert row(fleet, never).status is JobStatus.CANCELLED
    assert {row(fleet, key).status for key in ids} == {JobStatus.PENDING_CANCEL}
    assert not server.asked
    with server.lock:
        server.turn(ids[ends], JobStatus.COMPLETED, output="4")
        del server.jobs[ids[vanishes]]
    assert fleet.server("hpc1").state is state

    fleet.disconnect("hpc1")
    fleet.connect("hpc1")
    reaches(fleet, new, JobStatus.SUBMITTED)
    moot = reaches(fleet, ends, JobStatus.COMPLETED)
    until(lambda: row(fleet, ends).output == 4)
    assert moot.error == ""
    assert "Completed, before it could be cancelled" in [e.text for e in fleet.events(ends)]
    lost = reaches(fleet, vanishes, JobStatus.FAILED_CANCEL)
    assert lost.note == GONE
    assert "gone from the server" in lost.error
    until(lambda: server.jobs[ids[runs]].status is JobStatus.PENDING_CANCEL)
    server.turn(ids[runs], JobStatus.CANCELLED)
    reaches(fleet, runs, JobStatus.CANCELLED)
    assert len(server.ledger) == len(set(server.ledger)) == 4
    assert sum(ids[runs] in asked for asked in server.asked) == 1


def test_a_server_that_a_person_disconnected_stays_away_until_it_is_connected(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    fleet.disconnect("hpc1")
    assert stands(fleet, ServerState.OFFLINE).message == "disconnected by hand"
    tries = server.calls.count("connect")
    fleet.look_now()
    with pytest.raises(ConnectionLostError, match="OFFLINE"):
        fleet.send_pending("hpc1").result(TIMEOUT)
    lab.let_others_look()
    assert fleet.server("hpc1").state is ServerState.OFFLINE
    assert server.calls.count("connect") == tries
    assert all(isinstance(each, FakeInterface) and each.closed.is_set() for each in lab.interfaces)
    fleet.connect("hpc1")
    stands(fleet, ServerState.UP)


def test_a_connection_that_is_being_made_when_a_person_says_no_is_dropped(
    lab: Lab, server: Server
) -> None:
    server.faults["connect"].append(HANG)
    fleet = lab.fleet()
    until(server.hangs.is_set)
    begun = time.monotonic()
    fleet.disconnect("hpc1")
    stands(fleet, ServerState.OFFLINE)
    assert time.monotonic() - begun < TIMEOUT / 2  # it would hang for longer


# Links that watch over themselves


class Linked(FakeInterface):
    """Knows its link: a test says for how long the server has owed a sign of life."""

    link_silence: float | None = 0.0
    probes = 0

    def probe_link(self) -> None:
        self.probes += 1


def linked(lab: Lab) -> Linked:
    (interface,) = lab.interfaces
    assert isinstance(interface, Linked)
    return interface


def test_a_dark_link_is_stale_though_nothing_is_asked_and_up_as_soon_as_it_is_heard(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet(kind=Linked, refresh=3600)
    stands(fleet, ServerState.UP)
    seen = fleet.server("hpc1").last_seen
    looks = server.calls.count("look")
    linked(lab).link_silence = standing.SIGN_WITHIN + 0.1
    stands(fleet, ServerState.STALE)
    assert fleet.server("hpc1").last_seen == seen
    linked(lab).link_silence = 0.0
    stands(fleet, ServerState.UP)
    until(lambda: server.calls.count("look") > looks)
    assert server.calls.count("connect") == 1


def test_a_long_request_over_a_good_link_is_not_stale_and_over_a_dark_one_it_is(
    lab: Lab, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = lab.fleet(kind=Linked, refresh=3600)
    stands(fleet, ServerState.UP)
    monkeypatch.setattr(standing, "STALE_AFTER", 0.0)
    server.faults["submit"].append(HANG)
    fleet.submit("hpc1", [Input(1)])
    until(server.hangs.is_set)
    lab.let_others_look()
    assert fleet.server("hpc1").state is ServerState.UP
    linked(lab).link_silence = standing.SIGN_WITHIN + 0.1
    stands(fleet, ServerState.STALE)
    linked(lab).link_silence = 0.0
    stands(fleet, ServerState.UP)
    assert server.calls.count("submit") == 1


class Wall:
    """The time of day, which a test can have jump as it does while a machine sleeps."""

    def __init__(self) -> None:
        self.slept = 0.0

    def __call__(self) -> float:
        return time.time() + self.slept


def test_after_a_sleep_the_link_is_probed_at_once(lab: Lab) -> None:
    wall = Wall()
    fleet = lab.fleet(kind=Linked, refresh=3600, clock=wall)
    stands(fleet, ServerState.UP)
    wall.slept = 3600
    until(lambda: linked(lab).probes)
    linked(lab).link_silence = standing.SIGN_WITHIN + 0.1
    stands(fleet, ServerState.STALE)
    assert linked(lab).probes == 1


def test_after_a_sleep_a_server_whose_link_nobody_watches_is_looked_at_at_once(
    lab: Lab, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "STALE_AFTER", 3600.0)
    monkeypatch.setattr(standing, "SIGN_WITHIN", 0.1)
    wall = Wall()
    fleet = lab.fleet(refresh=3600, clock=wall)
    stands(fleet, ServerState.UP)
    server.faults["look"].append(HANG)
    wall.slept = 3600
    stands(fleet, ServerState.STALE)


@pytest.mark.parametrize("state", [ServerState.LOST, ServerState.FAULT, ServerState.AUTH_NEEDED])
def test_after_a_sleep_a_pause_is_over_but_a_person_is_still_waited_for(
    lab: Lab, server: Server, state: ServerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 7200.0)
    monkeypatch.setattr(pacing, "LONGEST_PAUSE", 7200.0)
    server.faults["connect"].append(AWAY[state])
    wall = Wall()
    fleet = lab.fleet(clock=wall)
    stands(fleet, state)
    wall.slept = 3600
    if state is ServerState.AUTH_NEEDED:
        lab.let_others_look()
        assert fleet.server("hpc1").state is state
        assert server.calls.count("connect") == 1
    else:
        stands(fleet, ServerState.UP)


def test_a_link_of_which_only_answers_tell_is_not_left_alone_for_long(lab: Lab) -> None:
    class Unwatched(Linked):
        link_silence = None

    fleet = lab.fleet(PROFILE, kind=Unwatched, refresh=3600)
    view = stands(fleet, ServerState.UP)
    assert view.next_try is not None
    assert view.last_seen is not None
    assert view.next_try - view.last_seen < 4


def test_a_server_that_waits_for_another_s_log_in_says_for_which(lab: Lab, server: Server) -> None:
    gate = threading.Event()

    class Patient(FakeInterface):
        """Waits before it connects."""

        def on_wait(self, listener: Callable[[str], None] | None) -> None:
            self.tell = listener

        def connect(self) -> None:
            assert self.tell is not None
            self.tell("lab")
            gate.wait(TIMEOUT)
            self.tell("")
            super().connect()

    fleet = lab.fleet(kind=Patient)
    words = "waits for lab, which logs in to the same account"
    until(lambda: fleet.server("hpc1").message == words)
    assert fleet.server("hpc1").state is ServerState.CONNECTING
    gate.set()
    assert stands(fleet, ServerState.UP).message == ""
