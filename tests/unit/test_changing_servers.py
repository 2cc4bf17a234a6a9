"""Servers that are added, changed and removed while the fleet is at work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from exauq_tui.errors import ConnectionLostError, InputError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.snapshot import ServerState
from tests.unit.fake_interfaces import (
    HANG,
    PROFILE,
    TIMEOUT,
    FakeInterface,
    Lab,
    PlainInterface,
    Server,
    reaches,
    row,
    stands,
    until,
)

OTHER = replace(PROFILE, name="lab", host="lab", workspace_dir="/lab")


def names(fleet: Fleet) -> list[str]:
    return [view.name for view in fleet.servers()]


@pytest.fixture
def pollers() -> Callable[[], list[str]]:
    """Gives the names of the threads of servers, those of other tests' fleets left out."""
    others = set(threading.enumerate())

    def names() -> list[str]:
        ours = set(threading.enumerate()) - others
        return [each.name for each in ours if each.name.startswith("poller-")]

    return names


def test_a_server_that_is_added_is_connected_to_and_takes_jobs(lab: Lab) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    fleet.drain()
    fleet.add_server(OTHER)
    stands(fleet, ServerState.UP, "lab")
    assert names(fleet) == ["hpc1", "lab"]
    assert "lab" in {view.name for view in fleet.drain().servers}
    (key,) = fleet.submit("lab", [Input(1)])
    assert reaches(fleet, key, JobStatus.SUBMITTED).server == "lab"


def test_a_server_added_before_the_start_waits_for_it(lab: Lab) -> None:
    fleet = lab.fleet(start=False)
    fleet.add_server(OTHER)
    assert fleet.server("lab").state is ServerState.OFFLINE
    fleet.start()
    stands(fleet, ServerState.UP, "lab")


def test_a_fleet_that_was_stopped_before_its_start_connects_to_nothing(
    lab: Lab, server: Server, pollers: Callable[[], list[str]]
) -> None:
    fleet = lab.fleet(start=False)
    assert names(fleet) == ["hpc1"]
    assert fleet.server("hpc1").where == "alice@hpc1"
    fleet.stop()
    fleet.start()
    assert pollers() == []
    assert "connect" not in server.calls


def test_a_name_that_is_used_is_refused_and_nothing_changes(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    tries = server.calls.count("connect")
    with pytest.raises(InputError, match="there is a server 'hpc1' already"):
        fleet.add_server(replace(PROFILE, host="elsewhere"))
    assert fleet.server("hpc1").where == "alice@hpc1"
    assert server.calls.count("connect") == tries


def test_a_server_that_is_removed_is_hung_up_and_its_thread_ends(
    lab: Lab, pollers: Callable[[], list[str]]
) -> None:
    fleet = lab.fleet(PROFILE, OTHER)
    stands(fleet, ServerState.UP, "lab")
    stands(fleet, ServerState.UP)
    fleet.drain()
    fleet.remove_server("lab")
    assert names(fleet) == ["hpc1"]
    assert fleet.drain().gone_servers == ("lab",)
    until(lambda: "poller-lab" not in pollers())
    gone = [i for i in lab.interfaces if i.name == "lab"]
    assert all(isinstance(each, FakeInterface) and each.closed.is_set() for each in gone)
    with pytest.raises(InputError, match="there is no server 'lab'"):
        fleet.submit("lab", [Input(1)])
    with pytest.raises(InputError, match="known: hpc1"):
        fleet.remove_server("lab")
    stands(fleet, ServerState.UP)


def test_a_server_that_hangs_is_removed_promptly_and_says_nothing_afterwards(
    lab: Lab, server: Server, pollers: Callable[[], list[str]]
) -> None:
    server.faults["connect"].append(HANG)
    fleet = lab.fleet()
    until(server.hangs.is_set)
    fleet.remove_server("hpc1")
    until(lambda: "poller-hpc1" not in pollers())
    assert names(fleet) == []
    assert fleet.drain().servers == ()


def test_jobs_of_a_removed_server_stay_and_what_needs_the_server_says_why(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet(shows_all=True)
    runs, ended = fleet.submit("hpc1", [Input(1), Input(2)])
    ids = {key: reaches(fleet, key, JobStatus.SUBMITTED).job_id for key in (runs, ended)}
    fleet.disconnect("hpc1")
    stands(fleet, ServerState.OFFLINE)
    (unsent,) = fleet.submit("hpc1", [Input(3)])
    fleet.drain()
    fleet.remove_server("hpc1")
    assert {each.key for each in fleet.drain().jobs} == {runs, ended, unsent}
    assert row(fleet, runs).status is JobStatus.SUBMITTED
    assert not row(fleet, runs).current
    assert fleet.cancel([runs]).asked == ()
    assert "not in the configuration" in fleet.delete_jobs([runs]).result(TIMEOUT)[runs]
    with pytest.raises(InputError, match="not in the configuration"):
        fleet.read_log(runs, 0, 10).result(TIMEOUT)
    # What no server ever got can be called off here.
    assert fleet.cancel([unsent]).asked == (unsent,)
    assert row(fleet, unsent).status is JobStatus.CANCELLED
    assert set(ids.values()) == set(server.jobs)
    # The next start of the program shows them too, and a command that wants one server does not.
    assert len(lab.fleet(OTHER, start=False, shows_all=True).rows()) == 3
    assert lab.fleet(OTHER, start=False).rows() == ()


@pytest.mark.parametrize("shows_all", [True, False])
def test_a_server_that_comes_back_has_its_jobs_and_sends_what_waited(
    lab: Lab, server: Server, shows_all: bool
) -> None:
    first = lab.fleet()
    (known,) = first.submit("hpc1", [Input(1)])
    reaches(first, known, JobStatus.SUBMITTED)
    first.disconnect("hpc1")
    stands(first, ServerState.OFFLINE)
    (waits,) = first.submit("hpc1", [Input(2)])
    first.remove_server("hpc1")
    fleet = lab.fleet(OTHER, shows_all=shows_all)
    fleet.add_server(PROFILE)
    assert reaches(fleet, known, JobStatus.SUBMITTED).current
    reaches(fleet, waits, JobStatus.SUBMITTED)
    assert len(server.ledger) == len(set(server.ledger)) == 2


def test_a_changed_profile_is_used_at_once_and_binds_no_job_to_another_workspace(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet(replace(PROFILE, workspace_dir="/one"))
    (old,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, old, JobStatus.SUBMITTED)
    fleet.replace_server(replace(PROFILE, workspace_dir="/two", level=7, user="bob"))
    stands(fleet, ServerState.UP)
    view = fleet.server("hpc1")
    assert (view.where, view.level) == ("bob@hpc1", 7)
    (new,) = fleet.submit("hpc1", [Input(2)])
    assert reaches(fleet, new, JobStatus.SUBMITTED).level == 7
    assert not row(fleet, old).current
    assert row(fleet, old).status is JobStatus.SUBMITTED
    assert {job.workspace for job in server.jobs.values()} == {"/one", "/two"}


@pytest.mark.parametrize(
    ("change", "connects"),
    [
        ({"level": 7, "input_names": ("x1", "x2")}, False),
        ({"script_path": "other.py", "max_running": 3, "cancel_grace": 9.0}, False),
        ({"setup": "module load R", "program": "Rscript"}, False),
        ({"key_filename": "~/.ssh/other"}, True),
        ({"ssh_backend": "openssh"}, True),
        ({"port": 2222}, True),
        ({"workspace_dir": "/two"}, True),
        ({"remember": False}, True),
        ({"level": 7, "host": "hpc2"}, True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_only_what_concerns_the_connection_has_a_changed_profile_connect_anew(
    lab: Lab, server: Server, change: dict[str, object], connects: bool
) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    after = replace(PROFILE, **change)  # type: ignore[arg-type]
    fleet.replace_server(after)
    if connects:
        until(lambda: server.calls.count("connect") == 2)
        stands(fleet, ServerState.UP)
        return
    assert fleet.server("hpc1").state is ServerState.UP
    assert (fleet.server("hpc1").level, fleet.server("hpc1").input_names) == (
        after.level,
        after.input_names,
    )
    (key,) = fleet.submit("hpc1", [Input(*range(len(after.input_names or (1,))))])
    assert reaches(fleet, key, JobStatus.SUBMITTED).level == after.level
    (interface,) = lab.interfaces
    assert isinstance(interface, FakeInterface)
    assert interface.script == after.script_path
    assert server.calls.count("connect") == 1


def test_jobs_submitted_after_a_change_are_started_by_it(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    fleet.replace_server(replace(PROFILE, script_path="other.py", max_running=3))
    (key,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, key, JobStatus.SUBMITTED)
    calls = server.calls
    assert calls.index("run other.py at most 3") < calls.index("submit")


def test_a_change_while_a_server_is_away_is_heeded_when_it_is_back(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    fleet.disconnect("hpc1")
    stands(fleet, ServerState.OFFLINE)
    fleet.replace_server(replace(PROFILE, script_path="other.py"))
    fleet.connect("hpc1")
    stands(fleet, ServerState.UP)
    assert "run other.py at most auto" in server.calls
    assert len(lab.interfaces) == 1


def test_an_interface_that_cannot_run_jobs_otherwise_makes_way_for_another(lab: Lab) -> None:
    fleet = lab.fleet(kind=PlainInterface)
    stands(fleet, ServerState.UP)
    fleet.replace_server(replace(PROFILE, level=2))
    stands(fleet, ServerState.UP)
    assert len(lab.interfaces) == 1
    fleet.replace_server(replace(PROFILE, level=2, script_path="other.py"))
    until(lambda: len(lab.interfaces) == 2)
    stands(fleet, ServerState.UP)


def test_two_threads_never_deal_with_one_server(
    lab: Lab, server: Server, pollers: Callable[[], list[str]]
) -> None:
    server.faults["connect"].append(HANG)
    fleet = lab.fleet()
    until(server.hangs.is_set)
    for level in range(2, 12):
        fleet.replace_server(replace(PROFILE, level=level, key_filename=f"key-{level}"))
    stands(fleet, ServerState.UP)
    until(lambda: pollers() == ["poller-hpc1"])
    assert fleet.server("hpc1").level == 11
    keys = fleet.submit("hpc1", [Input(1), Input(2)])
    for key in keys:
        reaches(fleet, key, JobStatus.SUBMITTED)
    assert len(server.ledger) == len(set(server.ledger)) == 2


def test_a_thread_that_does_not_end_is_waited_for_however_often_the_profile_changes(
    lab: Lab, server: Server
) -> None:
    stuck, gate = threading.Event(), threading.Event()

    def be_stuck(_: object) -> None:
        stuck.set()
        gate.wait(15)

    server.on_submit = be_stuck
    fleet = lab.fleet()
    fleet.submit("hpc1", [Input(1)])
    assert stuck.wait(10)
    fleet.replace_server(replace(PROFILE, key_filename="two"))
    fleet.replace_server(replace(PROFILE, key_filename="three"))
    lab.let_others_look()
    assert server.calls.count("connect") == 1
    assert fleet.server("hpc1").state is ServerState.OFFLINE
    gate.set()
    stands(fleet, ServerState.UP)
    until(lambda: len(server.ledger) == 1)


def test_a_server_that_a_person_disconnected_stays_so_when_its_profile_changes(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    fleet.disconnect("hpc1")
    stands(fleet, ServerState.OFFLINE)
    tries = server.calls.count("connect")
    fleet.replace_server(replace(PROFILE, key_filename="two"))
    until(lambda: fleet.server("hpc1").message == "disconnected by hand")
    lab.let_others_look()
    assert server.calls.count("connect") == tries
    fleet.connect("hpc1")
    stands(fleet, ServerState.UP)


def test_a_request_that_waits_when_its_server_is_removed_fails(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    server.faults["describe"].append(HANG)
    asked = fleet.describe_workspace("hpc1")
    until(server.hangs.is_set)
    fleet.remove_server("hpc1")
    with pytest.raises(ConnectionLostError):
        asked.result(TIMEOUT)


def test_a_fleet_that_was_stopped_starts_no_more_threads(
    lab: Lab, pollers: Callable[[], list[str]]
) -> None:
    fleet = lab.fleet()
    fleet.stop()
    fleet.add_server(OTHER)
    until(lambda: not pollers())
