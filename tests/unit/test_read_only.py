"""A fleet that changes nothing: it looks, and sends nothing, not even what waits."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exauq_tui.config import ServerProfile
from exauq_tui.errors import InputError
from exauq_tui.hardware.script_jobs import ScriptJobs
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.interfaces import Surroundings, make_interface
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.snapshot import ServerState
from tests.unit.fake_interfaces import PROFILE, TIMEOUT, Lab, Server, reaches, row, stands, until

CHANGES: dict[str, Callable[[Fleet, int], object]] = {
    "submit": lambda fleet, key: fleet.submit("hpc1", [Input(1)]),
    "submit_to_level": lambda fleet, key: fleet.submit_to_level(1, [Input(1)]),
    "resubmit": lambda fleet, key: fleet.resubmit([key]),
    "cancel": lambda fleet, key: fleet.cancel([key]),
    "delete_jobs": lambda fleet, key: fleet.delete_jobs([key]),
    "delete_workspace": lambda fleet, key: fleet.delete_workspace("hpc1"),
    "add_server": lambda fleet, key: fleet.add_server(replace(PROFILE, name="new")),
    "replace_server": lambda fleet, key: fleet.replace_server(replace(PROFILE, level=2)),
    "remove_server": lambda fleet, key: fleet.remove_server("hpc1"),
}


@pytest.mark.parametrize("verb", CHANGES)
def test_every_verb_that_changes_something_is_refused_in_one_sentence(
    lab: Lab, server: Server, verb: str
) -> None:
    writing = lab.fleet()
    (key,) = writing.submit("hpc1", [Input(1)])
    server.turn(reaches(writing, key, JobStatus.SUBMITTED).job_id, JobStatus.FAILED)
    reaches(writing, key, JobStatus.FAILED)
    fleet = lab.fleet(read_only=True)
    before = (dict(server.jobs), [job.key for job in lab.record.load()])
    with pytest.raises(InputError, match="read-only view: nothing is changed"):
        CHANGES[verb](fleet, key)
    assert (dict(server.jobs), [job.key for job in lab.record.load()]) == before
    assert [view.level for view in fleet.servers()] == [1]


def test_what_another_process_left_to_be_sent_is_left_and_what_happens_is_seen(
    lab: Lab, server: Server
) -> None:
    writing = lab.fleet()
    (runs,) = writing.submit("hpc1", [Input(1)])
    job_id = reaches(writing, runs, JobStatus.SUBMITTED).job_id
    writing.disconnect("hpc1")
    stands(writing, ServerState.OFFLINE)
    (waits,) = writing.submit("hpc1", [Input(2)])
    writing.cancel([runs])
    writing.stop()

    fleet = lab.fleet(read_only=True)
    stands(fleet, ServerState.UP)
    fleet.send_pending("hpc1").result(TIMEOUT)
    lab.let_others_look()
    assert len(server.ledger) == 1
    assert not server.asked
    assert row(fleet, waits).status is JobStatus.PENDING_SUBMIT
    assert row(fleet, runs).status is JobStatus.PENDING_CANCEL
    server.turn(job_id, JobStatus.COMPLETED, output="2.5")
    assert reaches(fleet, runs, JobStatus.COMPLETED).output == 2.5
    # One that may write sends it: nothing was lost by looking.
    fleet.stop()
    reaches(lab.fleet(), waits, JobStatus.SUBMITTED)
    assert len(server.ledger) == 2


def test_no_workspace_is_made(lab: Lab, server: Server) -> None:
    waiting = lab.fleet(start=False)
    waiting.submit("hpc1", [Input(1)])
    fleet = lab.fleet(read_only=True)
    stands(fleet, ServerState.UP)
    until(lambda: server.calls.count("look") > 3)
    assert server.made == 0


def test_the_limit_of_a_workspace_is_left_as_it_is(tmp_path: Path) -> None:
    script = tmp_path / "sim.py"
    script.write_text("import sys\nopen(sys.argv[2], 'w').write('1')\n")
    workspace = tmp_path / "ws"
    profile = ServerProfile(
        "here", "local", sys.executable, str(script), workspace_dir=str(workspace), max_running=2
    )

    def look(limit: int, *, read_only: bool) -> str:
        """Connect with a limit, and tell what the workspace has then."""
        with Record(tmp_path / "jobs.sqlite3") as record:
            fleet = Fleet(
                [replace(profile, max_running=limit)],
                record,
                Lab(record, Server()).person,
                refresh=0.05,
                make=make_interface,
                read_only=read_only,
            )
            fleet.start()
            try:
                stands(fleet, ServerState.UP, "here")
                if not workspace.exists() and not read_only:
                    (key,) = fleet.submit("here", [Input(1)])
                    reaches(fleet, key, JobStatus.COMPLETED)
            finally:
                fleet.stop()
        limits = workspace / ".exauq-tui" / "max_running"
        return limits.read_text().strip() if limits.exists() else ""

    assert look(2, read_only=True) == ""
    assert not workspace.exists()
    assert look(2, read_only=False) == "2"
    assert look(7, read_only=True) == "2"
    assert look(7, read_only=False) == "7"


@pytest.mark.parametrize("kind", ["local", "unix"])
def test_a_server_is_connected_to_for_looking_only(kind: str, tmp_path: Path) -> None:
    profile = ServerProfile(
        "there", kind, sys.executable, "sim.py", workspace_dir=str(tmp_path / "ws"), user="alice",
        host="hpc1",
    )  # fmt: skip
    for read_only, settings in ((False, "5000"), (True, "5000 look")):
        around = Surroundings(str(tmp_path), lambda _: None, lambda _: False, None, read_only)
        interface = make_interface(profile, around)
        assert isinstance(interface, ScriptJobs)
        assert interface._settings == settings
