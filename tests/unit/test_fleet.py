"""The verbs of the fleet, over servers in memory: with every verb, and with just the four."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from exauq_tui.config import ServerProfile
from exauq_tui.errors import (
    ConnectionLostError,
    HardwareInterfaceFailureError,
    InputError,
    RecordError,
    ServerRefusedError,
    SimulatorOutputParsingError,
)
from exauq_tui.hardware import HardwareInterface
from exauq_tui.hardware.interface import JobReport, Look
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input, Job, JobId
from exauq_tui.monitor import pacing
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.interfaces import Surroundings
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.snapshot import ServerState
from exauq_tui.monitor.verbs import Destination
from tests.unit.fake_interfaces import (
    BROKEN,
    PROFILE,
    TIMEOUT,
    FakeInterface,
    Lab,
    PlainInterface,
    RemoteJob,
    Server,
    reaches,
    row,
    stands,
    until,
)

SUBMITTED = JobStatus.SUBMITTED
RUNNING = JobStatus.RUNNING
COMPLETED = JobStatus.COMPLETED
CANCELLED = JobStatus.CANCELLED
PENDING_CANCEL = JobStatus.PENDING_CANCEL
FAILED_CANCEL = JobStatus.FAILED_CANCEL


def submitted(fleet: Fleet, *inputs: float) -> list[int]:
    """Jobs that the server accepted."""
    keys = fleet.submit("hpc1", [Input(number) for number in inputs])
    for key in keys:
        reaches(fleet, key, SUBMITTED)
    return list(keys)


def id_of(fleet: Fleet, key: int) -> str:
    return row(fleet, key).job_id


def events(fleet: Fleet, key: int) -> list[str]:
    return [event.text for event in fleet.events(key)]


def test_all_nine_statuses_are_reached(lab: Lab, server: Server) -> None:
    seen: set[JobStatus] = set()
    fleet = lab.fleet(start=False)
    (unsent,) = fleet.submit("hpc1", [Input(0)])
    seen.add(row(fleet, unsent).status)
    fleet.cancel([unsent])
    seen.add(row(fleet, unsent).status)
    fleet.start()
    completed, failed, stubborn = submitted(fleet, 1, 2, 3)
    seen.add(row(fleet, completed).status)
    server.turn(id_of(fleet, completed), RUNNING)
    seen.add(reaches(fleet, completed, RUNNING).status)
    server.turn(id_of(fleet, completed), COMPLETED, output="2.5")
    server.turn(id_of(fleet, failed), JobStatus.FAILED)
    assert reaches(fleet, completed, COMPLETED).output == 2.5
    seen |= {COMPLETED, reaches(fleet, failed, JobStatus.FAILED).status}
    fleet.cancel([stubborn])
    seen.add(row(fleet, stubborn).status)
    server.turn(id_of(fleet, stubborn), FAILED_CANCEL, note="process 17 survives")
    assert reaches(fleet, stubborn, FAILED_CANCEL).error == "process 17 survives"
    seen.add(FAILED_CANCEL)
    server.faults["submit"].append(ServerRefusedError("no such script"))
    (refused,) = fleet.submit("hpc1", [Input(4)])
    seen.add(reaches(fleet, refused, JobStatus.FAILED_SUBMIT).status)
    assert seen == set(JobStatus)


# Submitting


def test_a_job_is_in_the_record_before_its_server_hears_of_it(lab: Lab, server: Server) -> None:
    found: list[JobStatus] = []

    def look_into_the_record(jobs: Sequence[Job]) -> None:
        found.extend(job.status for job in lab.record.load())

    server.on_submit = look_into_the_record
    submitted(lab.fleet(), 1, 2)
    assert found == [JobStatus.PENDING_SUBMIT] * 2


def test_a_full_disk_refuses_the_jobs_before_anything_is_sent(
    lab: Lab, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)

    def full(*arguments: object, **options: object) -> None:
        raise RecordError("the disk is full")

    monkeypatch.setattr(Record, "add_orders", full)
    with pytest.raises(RecordError, match="full"):
        fleet.submit("hpc1", [Input(1)])
    looks = server.calls.count("look")
    until(lambda: server.calls.count("look") > looks + 3)
    assert "submit" not in server.calls
    assert fleet.rows() == ()


def two(**changes: object) -> tuple[ServerProfile, ServerProfile]:
    """Two servers of one level; the second differs as the changes have it."""
    return PROFILE, replace(PROFILE, **({"name": "hpc2"} | changes))  # type: ignore[arg-type]


def test_jobs_for_a_level_go_one_by_one_to_the_server_that_has_least_to_do(lab: Lab) -> None:
    fleet = lab.fleet(*two())
    for name in ("hpc1", "hpc2"):
        until(lambda name=name: fleet.server(name).state is ServerState.UP)  # type: ignore[misc]
    fleet.submit("hpc1", [Input(-1), Input(-2), Input(-3)])
    assert fleet.share_out(1, 5) == {"hpc1": 1, "hpc2": 4}
    new = fleet.submit_to_level(1, [Input(number) for number in range(5)], batch="sweep")
    assert {name: len(keys) for name, keys in new.items()} == {"hpc1": 1, "hpc2": 4}
    rows = {each.key: each for each in fleet.rows()}
    for name, keys in new.items():
        assert {(rows[key].server, rows[key].batch) for key in keys} == {(name, "sweep")}
    placed = [rows[key].inputs for keys in new.values() for key in keys]
    assert sorted(placed) == [(number,) for number in range(5)]


def test_a_lost_server_gets_no_job_for_its_level_while_another_is_up(lab: Lab) -> None:
    away, there = Server(), Server()
    away.faults["connect"].extend([BROKEN] * 1000)

    def make(profile: ServerProfile, around: Surroundings) -> HardwareInterface:
        return FakeInterface(away if profile.name == "hpc1" else there, profile, around)

    fleet = lab.fleet(*two(), make=make)
    stands(fleet, ServerState.UP, "hpc2")
    stands(fleet, ServerState.LOST, "hpc1")
    assert fleet.share_out(1, 4) == {"hpc2": 4}
    assert list(fleet.submit_to_level(1, [Input(1), Input(2)])) == ["hpc2"]


def test_a_batch_for_a_level_is_recorded_as_a_whole_or_not_at_all(lab: Lab) -> None:
    fleet = lab.fleet(*two(input_names=("a", "b")), start=False)
    with pytest.raises(InputError, match="input 1 has 1 numbers, but hpc2 takes 2: a, b"):
        fleet.submit_to_level(1, [Input(1), Input(2)])
    assert fleet.rows() == ()
    assert not lab.record.load()


def test_servers_of_a_level_that_take_different_inputs_are_no_one_target(lab: Lab) -> None:
    first, second = two(input_names=("a", "b"))
    fleet = lab.fleet(replace(first, input_names=("x",)), second, start=False)
    with pytest.raises(InputError, match="take different inputs: hpc1 x; hpc2 a, b"):
        fleet.share_out(1, 1)
    with pytest.raises(InputError, match="no server of this level"):
        fleet.share_out(2, 1)


def test_inputs_that_ran_already_are_found_at_the_same_level(lab: Lab) -> None:
    first, second = two(level=2)
    fleet = lab.fleet(first, second, replace(PROFILE, name="hpc3"), start=False)
    (one,) = fleet.submit("hpc1", [Input(1)])
    (other,) = fleet.submit("hpc2", [Input(2)])
    inputs = [Input(1.0), Input(2), Input(3)]
    assert fleet.find_runs(Destination("hpc1"), inputs) == (one, None, None)
    assert fleet.find_runs(Destination("hpc3"), inputs) == (one, None, None)
    assert fleet.find_runs(Destination("hpc2"), inputs) == (None, other, None)
    assert fleet.find_runs(Destination(level=1), inputs) == (one, None, None)


def test_what_ran_on_a_server_that_takes_other_inputs_did_not_run_here(lab: Lab) -> None:
    first, second = two(input_names=("a",))
    fleet = lab.fleet(first, second, start=False)
    (key,) = fleet.submit("hpc1", [Input(1)])
    assert fleet.find_runs(Destination("hpc2"), [Input(1)]) == (None,)
    assert fleet.find_runs(Destination("hpc1"), [Input(1)]) == (key,)


def test_what_another_process_submitted_a_moment_ago_ran_already(lab: Lab) -> None:
    mine, theirs = lab.fleet(start=False), lab.fleet(start=False)
    assert mine.find_runs(Destination("hpc1"), [Input(1)]) == (None,)
    (key,) = theirs.submit("hpc1", [Input(1)])
    assert mine.find_runs(Destination("hpc1"), [Input(1)]) == (key,)


@pytest.mark.parametrize(
    ("server_name", "inputs", "words"),
    [
        ("hpc2", [Input(1, 2)], "there is no server 'hpc2' in the configuration; known: hpc1"),
        ("hpc1", [Input(1, 2), Input(1)], "input 2 has 1 numbers, but hpc1 takes 2: a, b"),
        ("hpc1", [Input()], "input 1 has no numbers"),
    ],
)
def test_input_that_does_not_fit_is_refused_whole(
    lab: Lab, server_name: str, inputs: list[Input], words: str
) -> None:
    fleet = lab.fleet(replace(PROFILE, input_names=("a", "b")), start=False)
    with pytest.raises(InputError, match=words):
        fleet.submit(server_name, inputs)
    assert fleet.rows() == ()


def test_more_jobs_than_one_request_takes_are_all_sent(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    keys = fleet.submit("hpc1", [Input(n) for n in range(1201)], batch="grid.csv")
    until(lambda: len(server.ledger) == 1201)
    reaches(fleet, keys[-1], SUBMITTED)
    assert len(set(server.ledger)) == 1201
    assert server.calls.count("submit") == 3
    assert {each.batch for each in fleet.rows()} == {"grid.csv"}


def test_only_jobs_that_ended_are_submitted_again(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    (key,) = submitted(fleet, 7)
    with pytest.raises(InputError, match="only a job that ended"):
        fleet.resubmit([key])
    server.turn(id_of(fleet, key), JobStatus.FAILED)
    reaches(fleet, key, JobStatus.FAILED)
    (second,) = fleet.resubmit([key])
    server.turn(reaches(fleet, second, SUBMITTED).job_id, JobStatus.FAILED)
    reaches(fleet, second, JobStatus.FAILED)
    (third,) = fleet.resubmit([second])
    now = row(fleet, third)
    assert (now.inputs, now.try_of, now.try_number) == ((7,), id_of(fleet, second), 3)
    assert len({id_of(fleet, each) for each in (key, second, third)}) == 3


def test_a_job_that_is_gone_from_the_server_can_be_submitted_again(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet()
    (key,) = submitted(fleet, 7)
    server.jobs.pop(id_of(fleet, key))
    until(lambda: row(fleet, key).note == GONE)
    assert row(fleet, key).status is SUBMITTED
    (again,) = fleet.resubmit([key])
    now = reaches(fleet, again, SUBMITTED)
    assert (now.inputs, now.try_of) == ((7,), id_of(fleet, key))


# Cancelling


def test_a_job_that_was_never_sent_is_cancelled_here(lab: Lab, server: Server) -> None:
    fleet = lab.fleet(start=False)
    kept, dropped = fleet.submit("hpc1", [Input(1), Input(2)])
    assert fleet.cancel([dropped]).asked == (dropped,)
    assert row(fleet, dropped).status is CANCELLED
    fleet.start()
    reaches(fleet, kept, SUBMITTED)
    assert len(server.ledger) == 1
    assert server.asked == []
    assert events(fleet, dropped)[-1] == "Cancelled before it was sent"


def test_a_cancel_is_in_the_record_before_its_server_hears_of_it(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    (key,) = submitted(fleet, 1)
    server.faults["cancel"].append(BROKEN)
    server.faults["connect"].extend([BROKEN] * 20)
    fleet.cancel([key])
    assert lab.record.get([key])[0].status is PENDING_CANCEL
    stands(fleet, ServerState.LOST)
    fleet.stop()
    server.faults.clear()
    again = lab.fleet()
    until(lambda: server.jobs[id_of(again, key)].status is PENDING_CANCEL)


def test_a_job_that_ended_is_not_cancelled(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    (key,) = submitted(fleet, 1)
    server.turn(id_of(fleet, key), COMPLETED, output="1")
    reaches(fleet, key, COMPLETED)
    result = fleet.cancel([key, 12345])
    assert (result.asked, result.left) == ((), (key,))


def test_a_cancel_can_follow_a_submission_at_once(lab: Lab, server: Server) -> None:
    # The first submission finds the workspace: what is known here must keep up.
    fleet = lab.fleet()
    (key,) = submitted(fleet, 1)
    assert fleet.cancel([key]).asked == (key,)
    until(lambda: server.asked)


def test_a_job_that_ended_before_the_cancel_arrived_keeps_its_end(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    (key,) = submitted(fleet, 1)
    with server.lock:
        server.turn(id_of(fleet, key), COMPLETED, output="4")
        fleet.cancel([key])
    reaches(fleet, key, COMPLETED)
    until(lambda: row(fleet, key).output == 4)


def test_no_such_job_is_said_so_and_not_taken_for_cancelled(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    (key,) = submitted(fleet, 1)
    server.jobs.clear()
    until(lambda: row(fleet, key).note == GONE)
    fleet.cancel([key])
    now = reaches(fleet, key, FAILED_CANCEL)
    assert (now.note, "gone" in now.error) == (GONE, True)


def test_a_cancel_that_failed_is_watched_and_can_be_asked_for_again_at_once(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet()
    (key,) = submitted(fleet, 1)
    for attempt in (1, 2, 3):
        fleet.cancel([key])
        until(lambda attempt=attempt: len(server.asked) == attempt)  # type: ignore[misc]
        server.turn(id_of(fleet, key), FAILED_CANCEL, note="17 survives")
        assert reaches(fleet, key, FAILED_CANCEL).error == "17 survives"
    server.turn(id_of(fleet, key), COMPLETED, output="8")
    now = reaches(fleet, key, COMPLETED)
    assert (now.output, now.error) == (8, "")


def test_a_refused_cancel_fails_with_the_servers_words_which_stay(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    (key,) = submitted(fleet, 1)
    server.turn(id_of(fleet, key), RUNNING)
    reaches(fleet, key, RUNNING)
    for attempt in (1, 2):
        server.faults["cancel"].append(ServerRefusedError(f"not yours, {attempt}"))
        fleet.cancel([key])
        assert reaches(fleet, key, FAILED_CANCEL).error == f"not yours, {attempt}"
        looks = server.calls.count("look")
        until(lambda looks=looks: server.calls.count("look") > looks + 2)  # type: ignore[misc]
        assert row(fleet, key).error == f"not yours, {attempt}"
    assert "Could not be cancelled: not yours, 2" in events(fleet, key)


def test_a_cancel_without_news_is_asked_for_again_after_a_minute_only(
    lab: Lab, server: Server
) -> None:
    class Clock:
        now = 1_800_000_000.0

        def __call__(self) -> float:
            return self.now

    clock = Clock()
    fleet = lab.fleet(clock=clock)
    (key,) = submitted(fleet, 1)
    fleet.cancel([key])
    until(lambda: len(server.asked) == 1)
    looks = server.calls.count("look")
    until(lambda: server.calls.count("look") > looks + 5)
    assert len(server.asked) == 1
    clock.now += 61
    until(lambda: len(server.asked) == 2)


# Looking


def test_jobs_found_in_the_workspace_are_adopted_with_their_inputs(
    lab: Lab, server: Server
) -> None:
    server.jobs["12"] = RemoteJob("", Input(1, 2.5), COMPLETED, "3.5")
    server.jobs["0013"] = RemoteJob("theirs", Input(4), RUNNING)
    fleet = lab.fleet()
    until(lambda: len(fleet.rows()) == 2)
    rows = {each.job_id: each for each in fleet.rows()}
    assert rows["12"].inputs == (1, 2.5)
    until(lambda: row(fleet, rows["12"].key).output == 3.5)
    assert (rows["0013"].status, rows["0013"].inputs) == (RUNNING, (4,))
    fleet.cancel([rows["0013"].key])
    until(lambda: server.asked == [("0013",)])


def test_inputs_that_cannot_be_read_do_not_keep_a_job_from_being_shown(
    lab: Lab, server: Server
) -> None:
    server.jobs["12"] = RemoteJob("", Input(1), RUNNING)

    class Unreadable(FakeInterface):
        def get_job_inputs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Input | Exception]:
            return {job_id: ServerRefusedError("no input.csv") for job_id in job_ids}

    fleet = lab.fleet(kind=Unreadable)
    until(fleet.rows)
    assert fleet.rows()[0].inputs == ()
    with pytest.raises(InputError, match="only a job that ended"):
        fleet.resubmit([fleet.rows()[0].key])
    server.turn("12", JobStatus.FAILED)
    reaches(fleet, fleet.rows()[0].key, JobStatus.FAILED)
    with pytest.raises(InputError, match="no known input"):
        fleet.resubmit([fleet.rows()[0].key])


def test_a_job_that_is_gone_and_comes_back_loses_the_mark(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    (key,) = submitted(fleet, 1)
    away = server.jobs.pop(id_of(fleet, key))
    until(lambda: row(fleet, key).note == GONE)
    assert row(fleet, key).status is SUBMITTED
    server.jobs[id_of(fleet, key)] = away
    until(lambda: row(fleet, key).note == "")
    assert events(fleet, key)[-2:] == [
        "Its directory is gone from the server",
        "Found on the server again",
    ]


# Outputs and logs


def test_outputs_are_fetched_known_or_told_why_not(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    known, unread, odd, running, gone = submitted(fleet, 1, 2, 3, 4, 5)
    server.turn(id_of(fleet, known), COMPLETED, output="1.5")
    server.turn(id_of(fleet, odd), COMPLETED, output="[red]")
    assert reaches(fleet, known, COMPLETED).output == 1.5
    reaches(fleet, odd, COMPLETED)
    server.turn(id_of(fleet, gone), COMPLETED)
    until(lambda: row(fleet, gone).output_error)
    server.jobs.pop(id_of(fleet, gone))
    until(lambda: row(fleet, gone).note == GONE)
    server.turn(id_of(fleet, unread), COMPLETED)
    until(lambda: row(fleet, unread).output_error)
    assert "could not be read" in row(fleet, unread).output_error
    with server.lock:
        job = server.jobs[id_of(fleet, unread)]
        server.jobs[id_of(fleet, unread)] = replace(job, output="nan")
        results = fleet.fetch_outputs([known, unread, running, gone, 999]).result
    answers = results(10)
    assert answers[known] == 1.5
    assert answers[unread] != answers[unread]
    assert answers[running] == "the job is Submitted"
    assert "could not be read" in str(answers[gone])
    assert 999 not in answers
    assert "[red]" in row(fleet, odd).output_error


def test_an_output_that_could_not_be_read_is_tried_again_at_the_next_contact(
    lab: Lab, server: Server
) -> None:
    class Hiding(FakeInterface):
        """Never sends outputs along, and cannot read them at first."""

        def _look(self, cursor: str | None) -> Look:
            seen = super()._look(cursor)
            bare = (replace(report, output_text=None) for report in seen.reports)
            return replace(seen, reports=tuple(bare))

        def get_job_output(self, job_id: JobId) -> float | None:
            if server.calls.count("connect") == 1:
                raise ServerRefusedError("permission denied")
            return super().get_job_output(job_id)

    fleet = lab.fleet(kind=Hiding)
    (key,) = submitted(fleet, 1)
    server.turn(id_of(fleet, key), COMPLETED, output="2")
    until(lambda: row(fleet, key).output_error)
    tries = server.calls.count("outputs")
    looks = server.calls.count("look")
    until(lambda: server.calls.count("look") > looks + 3)
    assert server.calls.count("outputs") == tries
    server.faults["look"].append(BROKEN)
    until(lambda: fleet.look_now() or row(fleet, key).output == 2)  # type: ignore[func-returns-value]
    assert row(fleet, key).output_error == ""


def test_logs_are_read_where_they_are(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    (key,) = submitted(fleet, 1)
    until(lambda: fleet.server("hpc1").state is ServerState.UP)
    assert fleet.read_log(key, 0, 100).result(TIMEOUT).data == b"a line\n"
    server.faults["log"].append(ServerRefusedError("there is no log yet"))
    with pytest.raises(ServerRefusedError, match="no log yet"):
        fleet.read_log(key, 0, 100).result(TIMEOUT)
    assert fleet.server("hpc1").state is ServerState.UP
    with pytest.raises(InputError):
        fleet.read_log(999, 0, 100).result(TIMEOUT)
    (gone,) = submitted(fleet, 2)
    server.jobs.pop(id_of(fleet, gone))
    until(lambda: row(fleet, gone).note == GONE)
    with pytest.raises(InputError, match="log is gone from server"):
        fleet.read_log(gone, 0, 100).result(TIMEOUT)
    server.faults["log"].append(ZeroDivisionError("of ours"))
    with pytest.raises(ZeroDivisionError):
        fleet.read_log(key, 0, 100).result(TIMEOUT)
    server.faults["log"].append(BROKEN)
    with pytest.raises(ConnectionLostError):
        fleet.read_log(key, 0, 100).result(TIMEOUT)


def test_a_job_has_a_history(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    (key,) = submitted(fleet, 1)
    server.turn(id_of(fleet, key), RUNNING)
    reaches(fleet, key, RUNNING)
    server.turn(id_of(fleet, key), COMPLETED, output="1", note="end not witnessed")
    reaches(fleet, key, COMPLETED)
    texts = events(fleet, key)
    assert texts[:2] == ["Set up", "Submitted to hpc1"]
    assert texts[-2:] == ["Running", "Completed (end not witnessed)"]
    times = [event.at for event in fleet.events(key)]
    assert times == sorted(times)


# Deleting


def test_jobs_of_every_kind_are_deleted_or_told_why_not(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    done, running, gone, vanished = submitted(fleet, 1, 2, 3, 4)
    for key in (done, gone, vanished):
        server.turn(id_of(fleet, key), COMPLETED, output="1")
        reaches(fleet, key, COMPLETED)
    server.jobs.pop(id_of(fleet, gone))
    until(lambda: row(fleet, gone).note == GONE)
    server.faults["submit"].append(ServerRefusedError("no such script"))
    (refused,) = fleet.submit("hpc1", [Input(5)])
    reaches(fleet, refused, JobStatus.FAILED_SUBMIT)
    with server.lock:  # so that it is not sent meanwhile
        server.faults["submit"].append(BROKEN)
        (cancelled,) = fleet.submit("hpc1", [Input(6)])
        fleet.cancel([cancelled])
        server.jobs.pop(id_of(fleet, vanished))
    reaches(fleet, cancelled, CANCELLED)

    def is_up() -> bool:
        fleet.look_now()
        return fleet.server("hpc1").state is ServerState.UP

    until(is_up)
    keys = [done, running, gone, vanished, refused, cancelled]
    results = fleet.delete_jobs(keys).result(TIMEOUT)
    assert results == {
        done: "",
        running: "the job is Submitted: cancel it first",
        gone: "",
        vanished: "",
        refused: "",
        cancelled: "",
    }
    assert [each.key for each in fleet.rows()] == [running]
    assert list(server.jobs) == [id_of(fleet, running)]
    assert set(fleet.drain().removed) == {done, gone, vanished, refused, cancelled}


def test_a_job_that_came_to_life_again_is_not_deleted(lab: Lab, server: Server) -> None:
    fleet = lab.fleet(refresh=3600)
    (key,) = submitted(fleet, 1)
    server.turn(id_of(fleet, key), COMPLETED, output="1")
    fleet.look_now()
    reaches(fleet, key, COMPLETED)
    server.turn(id_of(fleet, key), RUNNING)
    assert fleet.delete_jobs([key]).result(TIMEOUT) == {key: "it has not ended"}
    assert [each.key for each in fleet.rows()] == [key]


def test_what_one_server_does_not_answer_leaves_the_others_results(
    lab: Lab, server: Server
) -> None:
    second = replace(PROFILE, name="hpc2")
    lame = Server()

    def make(profile: ServerProfile, around: Surroundings) -> HardwareInterface:
        return FakeInterface(server if profile.name == "hpc1" else lame, profile, around)

    fleet = lab.fleet(PROFILE, second, make=make)
    (here,) = submitted(fleet, 1)
    (there,) = fleet.submit("hpc2", [Input(2)])
    for key, machine in ((here, server), (there, lame)):
        reaches(fleet, key, SUBMITTED)
        machine.turn(id_of(fleet, key), COMPLETED, output="1")
        reaches(fleet, key, COMPLETED)
    lame.faults["connect"].extend([BROKEN] * 20)
    lame.faults["look"].append(BROKEN)
    stands(fleet, ServerState.LOST, "hpc2")
    results = fleet.delete_jobs([here, there]).result(TIMEOUT)
    assert results[here] == ""
    assert "hpc2 is LOST" in results[there]
    with pytest.raises(ConnectionLostError):
        fleet.delete_jobs([there]).result(TIMEOUT)


def test_a_deleted_workspace_marks_its_rows_gone_and_is_used_again(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet()
    running, done = submitted(fleet, 1, 2)
    server.turn(id_of(fleet, done), COMPLETED, output="1")
    reaches(fleet, done, COMPLETED)
    until(lambda: fleet.server("hpc1").state is ServerState.UP)
    assert fleet.describe_workspace("hpc1").result(TIMEOUT).jobs == 2
    fleet.delete_workspace("hpc1").result(TIMEOUT)
    until(lambda: {each.note for each in fleet.rows()} == {GONE})
    assert (row(fleet, running).status, row(fleet, done).output) == (SUBMITTED, 1)
    submitted(fleet, 3)
    assert server.made == 1
    assert fleet.delete_jobs([running, done]).result(TIMEOUT) == {running: "", done: ""}


def test_a_workspace_that_is_not_deleted_says_why(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    server.faults["erase"].append(ValueError("it is a home directory"))
    with pytest.raises(ValueError, match="home directory"):
        fleet.delete_workspace("hpc1").result(TIMEOUT)
    with pytest.raises(InputError):
        fleet.describe_workspace("hpc9")


# Somebody else's interface, with just the four verbs


def test_an_interface_with_the_four_verbs_is_enough(lab: Lab, server: Server) -> None:
    fleet = lab.fleet(kind=PlainInterface)
    keys = submitted(fleet, 1, 2, 3, 4)
    completed, failed, cancelled, odd = keys
    assert fleet.server("hpc1").verbs == {"submit", "cancel", "output"}
    server.turn(id_of(fleet, completed), RUNNING)
    reaches(fleet, completed, RUNNING)
    server.turn(id_of(fleet, completed), COMPLETED, output="2.5")
    server.turn(id_of(fleet, failed), JobStatus.FAILED)
    server.turn(id_of(fleet, odd), COMPLETED)
    fleet.cancel([cancelled])
    until(lambda: row(fleet, completed).output == 2.5)
    reaches(fleet, failed, JobStatus.FAILED)
    reaches(fleet, cancelled, CANCELLED)
    until(lambda: row(fleet, odd).output_error)
    assert fleet.fetch_outputs([completed]).result(TIMEOUT) == {completed: 2.5}
    for request in (
        fleet.read_log(completed, 0, 10),
        fleet.describe_workspace("hpc1"),
        fleet.delete_workspace("hpc1"),
        fleet.delete_jobs([completed]),
    ):
        with pytest.raises((ServerRefusedError, InputError), match="hpc1"):
            request.result(TIMEOUT)
    assert fleet.server("hpc1").state is ServerState.UP
    # Only jobs that may still change are asked about.
    until(lambda: all(row(fleet, key).is_terminal for key in keys))
    asked = server.calls.count("status")
    fleet.look_now()
    lab.let_others_look()
    assert server.calls.count("status") == asked


@pytest.mark.parametrize("broken", ["submit", "status", "cancel", "output"])
def test_a_plain_interface_that_loses_its_link_is_lost_and_nothing_runs_twice(
    lab: Lab, server: Server, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 0.01)
    fleet = lab.fleet(kind=PlainInterface)
    stands(fleet, ServerState.UP)
    states: set[ServerState] = set()
    fleet.set_listener(lambda: states.update(view.state for view in fleet.drain().servers))
    server.faults[broken].append(BROKEN)
    keys = submitted(fleet, 1, 2, 3)
    server.turn(id_of(fleet, keys[0]), COMPLETED, output="1")
    fleet.cancel([keys[1]])
    until(lambda: row(fleet, keys[0]).output == 1)
    reaches(fleet, keys[1], CANCELLED)
    assert ServerState.LOST in states
    assert len(server.ledger) == len(set(server.ledger)) == 3


def test_a_plain_interface_is_asked_about_a_job_before_it_is_sent_again(
    lab: Lab, server: Server
) -> None:
    first = lab.fleet(kind=PlainInterface, start=False)
    arrived, lost, doubtful = first.submit("hpc1", [Input(1), Input(2), Input(3)])
    lab.record.lease("hpc1", "alice@hpc1", "", "a dead one", 1, 100, "submit")
    lab.record.release("a dead one")
    server.accept(Job(id_of(first, arrived), Input(1)), "")

    class Forgetful(PlainInterface):
        def get_job_status(self, job_id: JobId) -> JobStatus:
            if str(job_id) == id_of(first, doubtful):
                raise KeyError(str(job_id))
            return super().get_job_status(job_id)

    second = lab.fleet(kind=Forgetful)
    reaches(second, arrived, SUBMITTED)
    reaches(second, lost, SUBMITTED)
    now = reaches(second, doubtful, JobStatus.FAILED_SUBMIT)
    assert "may have been sent before" in now.error
    assert sorted(server.ledger) == sorted([id_of(second, arrived), id_of(second, lost)])


def test_one_bad_job_of_a_plain_interface_does_not_spoil_the_others(
    lab: Lab, server: Server
) -> None:
    server.faults["submit"].append(MemoryError())
    fleet = lab.fleet(kind=PlainInterface)
    bad, good = fleet.submit("hpc1", [Input(1), Input(2)])
    assert reaches(fleet, bad, JobStatus.FAILED_SUBMIT).error == "MemoryError"
    reaches(fleet, good, SUBMITTED)


def test_a_job_that_a_plain_interface_has_forgotten_is_marked_gone(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet(kind=PlainInterface)
    (key,) = submitted(fleet, 1)
    server.jobs.clear()
    until(lambda: row(fleet, key).note == GONE)
    fleet.cancel([key])
    now = reaches(fleet, key, FAILED_CANCEL)
    assert "gone" in now.error


def test_a_cancel_that_a_plain_interface_took_is_not_failed_by_a_lame_status(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet(kind=PlainInterface)
    (key,) = submitted(fleet, 1)
    server.faults["status"].extend([HardwareInterfaceFailureError("busy")] * 6)
    fleet.cancel([key])
    reaches(fleet, key, CANCELLED)
    assert not any("Could not" in text for text in events(fleet, key))


def test_an_odd_output_of_a_plain_interface_is_told(lab: Lab, server: Server) -> None:
    class Odd(PlainInterface):
        def get_job_output(self, job_id: JobId) -> float | None:
            if self.server.jobs[str(job_id)].data == Input(1):
                raise SimulatorOutputParsingError("it holds [red]")
            raise RuntimeError("of another author")

    fleet = lab.fleet(kind=Odd)
    keys = submitted(fleet, 1, 2)
    for key in keys:
        server.turn(id_of(fleet, key), COMPLETED)
    until(lambda: all(row(fleet, key).output_error for key in keys))
    assert row(fleet, keys[0]).output_error == "it holds [red]"
    assert row(fleet, keys[1]).output_error == "could not be read: of another author"


# Several processes


def test_a_row_that_another_process_deletes_goes_away_here(lab: Lab, server: Server) -> None:
    mine, theirs = lab.fleet(), lab.fleet()
    (key,) = submitted(mine, 1)
    reaches(theirs, key, SUBMITTED)
    server.turn(id_of(mine, key), COMPLETED, output="1")
    reaches(theirs, key, COMPLETED)
    assert theirs.delete_jobs([key]).result(TIMEOUT) == {key: ""}
    until(lambda: mine.rows() == ())


def test_a_job_deleted_while_the_answer_was_under_way_is_not_adopted_again(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet(refresh=3600)
    (key,) = submitted(fleet, 1)
    server.turn(id_of(fleet, key), COMPLETED, output="1")
    fleet.look_now()
    until(lambda: row(fleet, key).output == 1)
    gone = id_of(fleet, key)

    def delete() -> None:
        if server.jobs.pop(gone, None) is not None:
            lab.record.delete([key])

    server.on_answer = delete
    fleet.look_now()
    until(lambda: gone not in server.jobs)
    until(lambda: fleet.rows() == ())
    looks = server.calls.count("look")
    fleet.look_now()
    until(lambda: server.calls.count("look") > looks)
    fleet.describe_workspace("hpc1").result(TIMEOUT)  # after that look was taken in
    assert fleet.rows() == ()


@pytest.mark.parametrize("by_another", [False, True])
def test_news_from_before_a_deletion_bring_no_row_back(
    lab: Lab, server: Server, by_another: bool
) -> None:
    fleet = lab.fleet(refresh=3600)
    (key,) = submitted(fleet, 1)
    gone = JobId(id_of(fleet, key))
    server.turn(str(gone), COMPLETED, output="1")
    token = server.jobs[str(gone)].token

    def look() -> None:
        looks = server.calls.count("look")
        fleet.look_now()
        until(lambda: server.calls.count("look") > looks)
        fleet.describe_workspace("hpc1").result(TIMEOUT)  # after that look was taken in

    look()
    if by_another:
        del server.jobs[str(gone)]
        lab.record.delete([key])
    else:
        assert fleet.delete_jobs([key]).result(TIMEOUT) == {key: ""}
    until(lambda: fleet.rows() == ())
    old = JobReport(gone, COMPLETED, token=token)
    for _ in range(2):
        server.news.append(Look("", complete=False, reports=(old,)))
        look()
        assert fleet.rows() == ()
    server.jobs[str(gone)] = RemoteJob("another", Input(2), JobStatus.RUNNING)
    new = JobReport(gone, JobStatus.RUNNING, token="another")
    server.news.append(Look("", complete=False, reports=(new,)))
    look()
    assert [each.status for each in fleet.rows()] == [JobStatus.RUNNING]


def test_a_job_that_somebody_submitted_again_under_its_id_is_told_from_the_one_before(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet(refresh=3600)
    (key,) = submitted(fleet, 1)
    job_id = id_of(fleet, key)
    server.turn(job_id, COMPLETED, output="1")
    fleet.look_now()
    until(lambda: fleet.rows()[0].output == 1.0)
    server.jobs[job_id] = RemoteJob("theirs", Input(1), JobStatus.RUNNING)
    again = JobReport(JobId(job_id), JobStatus.RUNNING, token="theirs")
    server.news.append(Look("", complete=False, reports=(again,)))
    fleet.look_now()
    until(lambda: fleet.rows()[0].status is JobStatus.RUNNING)
    assert fleet.rows()[0].output is None
    assert any("Submitted again under the same id" in each.text for each in fleet.events(key))


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_job_that_never_got_there_makes_way_for_the_one_that_has_its_id(
    lab: Lab, server: Server, cancelled: bool
) -> None:
    fleet = lab.fleet(start=False)
    (key,) = fleet.submit("hpc1", [Input(1)])
    if cancelled:
        fleet.cancel([key])
    else:
        server.faults["submit"].append(ServerRefusedError("no such program"))
    taken = id_of(fleet, key)
    fleet.start()
    reaches(fleet, key, JobStatus.CANCELLED if cancelled else JobStatus.FAILED_SUBMIT)
    server.jobs[taken] = RemoteJob("theirs", Input(2), JobStatus.RUNNING)
    until(lambda: len(fleet.rows()) == 2)
    theirs = next(each for each in fleet.rows() if each.key != key)
    assert (theirs.job_id, theirs.status, theirs.inputs) == (taken, JobStatus.RUNNING, (2,))
    assert id_of(fleet, key) != taken
    assert row(fleet, key).is_terminal


def test_the_listener_hears_of_another_processs_jobs(lab: Lab) -> None:
    mine = lab.fleet(refresh=3600)
    stands(mine, ServerState.UP)
    mine.drain()
    told = threading.Event()
    mine.set_listener(told.set)
    lab.fleet(start=False).submit("hpc1", [Input(1)])
    assert told.wait(10)
    assert mine.drain().jobs
