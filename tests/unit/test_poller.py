"""The thread of one server: what it makes of trouble, of people, and of being stopped."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from exauq_tui.config import ServerProfile
from exauq_tui.errors import (
    AuthenticationError,
    ConnectionLostError,
    HostKeyError,
    JobExistsError,
    RecordError,
    ServerRefusedError,
)
from exauq_tui.hardware import HardwareInterface
from exauq_tui.hardware.interface import HostKey, JobReport, Look
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input, Job, JobId
from exauq_tui.monitor import pacing, sending, standing
from exauq_tui.monitor.interfaces import Surroundings
from exauq_tui.monitor.owners import is_dead, new_owner
from exauq_tui.monitor.packed_tokens import PackedTokens
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.snapshot import ServerState
from exauq_tui.monitor.stored_job import JobUpdate
from tests.stopwatch import Stopwatch
from tests.unit.fake_interfaces import (
    BROKEN,
    HANG,
    PROFILE,
    REPLY_LOST,
    TIMEOUT,
    FakeInterface,
    Fault,
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
REFUSED = AuthenticationError("alice@hpc1 refused the key")
STRANGE_KEY = HostKey("hpc1", "ssh-ed25519", "SHA256:abc")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again after moments instead of seconds."""
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(pacing, "LONGEST_PAUSE", 0.05)


def stop_within_a_second(lab: Lab) -> None:
    watch = Stopwatch()
    for fleet in lab.fleets:
        fleet.stop()
    assert watch.seconds() < 1.0


# Exactly once


@pytest.mark.parametrize("fault", [REPLY_LOST, BROKEN, REFUSED, HostKeyError("changed")])
@pytest.mark.usefixtures("quick")
def test_a_submission_of_unknown_outcome_is_repeated_with_its_token(
    lab: Lab, server: Server, fault: Fault
) -> None:
    server.faults["submit"].append(fault)
    fleet = lab.fleet()
    keys = fleet.submit("hpc1", [Input(1), Input(2)])

    def accepted() -> bool:
        fleet.look_now()
        return all(row(fleet, key).status is SUBMITTED for key in keys)

    until(accepted)
    assert len(server.ledger) == len(set(server.ledger)) == 2
    ids = {row(fleet, key).job_id for key in keys}
    assert set(server.jobs) == ids


def test_a_job_that_another_connection_is_just_submitting_stays_pending_and_is_sent_again(
    lab: Lab, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_BUSY_PAUSE", 0.02)
    fleet = lab.fleet(start=False)
    busy, other = fleet.submit("hpc1", [Input(1), Input(2)])
    server.busy.add(row(fleet, busy).job_id)
    fleet.start()
    reaches(fleet, other, SUBMITTED)
    until(lambda: server.calls.count("submit") >= 3)
    assert row(fleet, busy).status is JobStatus.PENDING_SUBMIT
    assert fleet.server("hpc1").state is ServerState.UP
    server.busy.clear()
    reaches(fleet, busy, SUBMITTED)
    assert len(server.ledger) == len(set(server.ledger)) == 2


def test_the_job_that_has_an_id_of_ours_is_shown_once_ours_has_another(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet(start=False)
    (key,) = fleet.submit("hpc1", [Input(1)])
    taken = JobId(row(fleet, key).job_id)
    server.jobs[str(taken)] = RemoteJob("theirs", Input(2), JobStatus.RUNNING)
    # Told once, at a time when it cannot be told from ours.
    report = JobReport(taken, JobStatus.RUNNING, token="theirs")
    server.news.append(Look("a cursor", complete=False, reports=(report,)))
    fleet.start()
    reaches(fleet, key, SUBMITTED)
    until(lambda: len(fleet.rows()) == 2)
    assert {each.job_id: each.inputs for each in fleet.rows()}[str(taken)] == (2,)


def test_a_wish_for_a_look_has_everything_looked_at_also_where_a_server_is_polled(
    lab: Lab, server: Server
) -> None:
    server.news.append(Look("a cursor", complete=True, reports=()))
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    server.jobs["20260101000000001"] = RemoteJob("theirs", Input(2), JobStatus.RUNNING)
    lab.let_others_look()
    assert not fleet.rows()  # nobody tells changes of a stranger's job
    fleet.look_now()
    until(lambda: len(fleet.rows()) == 1)


@pytest.mark.usefixtures("quick")
def test_what_arrived_although_its_reply_was_lost_is_found_by_looking(
    lab: Lab, server: Server
) -> None:
    server.faults["submit"].append(REPLY_LOST)
    fleet = lab.fleet()
    (key,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, key, SUBMITTED)
    # The look comes first: there was nothing left to send.
    assert server.calls.count("submit") == 1


def test_jobs_written_before_a_fleet_died_are_sent_by_the_next(lab: Lab, server: Server) -> None:
    first = lab.fleet(start=False)
    (key,) = first.submit("hpc1", [Input(1)])
    assert row(first, key).status is JobStatus.PENDING_SUBMIT
    second = lab.fleet()
    reaches(second, key, SUBMITTED)
    assert len(server.ledger) == 1


KILLED = """
import sys
from pathlib import Path
from exauq_tui.monitor.owners import new_owner
from exauq_tui.monitor.record import Record

record = Record(Path(sys.argv[1]))
print(len(record.lease("hpc1", "alice@hpc1", "", new_owner() + "/hpc1", 180, 100, "submit")))
sys.stdout.flush()
input()
"""


def test_jobs_that_a_killed_process_was_sending_are_sent_at_once_by_the_next(
    lab: Lab, server: Server
) -> None:
    first = lab.fleet(start=False)
    keys = first.submit("hpc1", [Input(1), Input(2)])
    command = [sys.executable, "-c", KILLED, str(lab.record.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"2\n"
        process.kill()
    second = lab.fleet()
    for key in keys:
        reaches(second, key, SUBMITTED)


def test_jobs_that_a_living_process_is_sending_are_left_to_it(lab: Lab, server: Server) -> None:
    first = lab.fleet(start=False)
    (key,) = first.submit("hpc1", [Input(1)])
    owner = new_owner() + "/hpc1"
    lab.record.lease("hpc1", "alice@hpc1", "", owner, 180, 100, "submit")
    second = lab.fleet()
    stands(second, ServerState.UP)
    until(lambda: server.calls.count("look") > 3)
    assert "submit" not in server.calls
    lab.record.release(owner)
    reaches(second, key, SUBMITTED)


def test_owners_are_judged_only_where_their_process_can_be_seen() -> None:
    mine = new_owner()
    assert not is_dead(mine)
    machine, pid, start, rest = mine.split("/")
    assert is_dead(f"{machine}/{pid}/{int(start) - 1}/{rest}/hpc1")
    assert not is_dead(f"elsewhere/{pid}/1/{rest}/hpc1")
    for odd in ("", "me", "a/b", f"{machine}/x/1/{rest}", f"{machine}/{pid}//{rest}"):
        assert not is_dead(odd)


def test_each_verb_is_sent_by_one_of_two_fleets_on_one_record(lab: Lab, server: Server) -> None:
    first = lab.fleet()
    keys = list(first.submit("hpc1", [Input(-1)] * 3))
    for key in keys:
        reaches(first, key, SUBMITTED)  # so that the workspace is there for both
    fleets = [first, lab.fleet()]
    keys += [key for n in range(9) for key in fleets[n % 2].submit("hpc1", [Input(n)] * 3)]
    for fleet in fleets:
        for key in keys:
            reaches(fleet, key, SUBMITTED)
    assert len(server.ledger) == len(set(server.ledger)) == 30
    assert server.made == 1
    fleets[0].cancel(keys[:15])
    fleets[1].cancel(keys[10:])
    for fleet in fleets:
        for key in keys:
            reaches(fleet, key, JobStatus.PENDING_CANCEL)
    until(lambda: sum(map(len, server.asked)) == 30)
    assert len({job_id for ids in server.asked for job_id in ids}) == 30
    for job_id in server.jobs:
        server.turn(job_id, JobStatus.CANCELLED)
    for fleet in fleets:
        for key in keys:
            reaches(fleet, key, JobStatus.CANCELLED)


def test_an_id_that_is_taken_is_exchanged_for_another(lab: Lab, server: Server) -> None:
    taken: list[Job] = []

    def take(jobs: Sequence[Job]) -> None:
        if not taken:
            taken.append(jobs[0])
            server.accept(jobs[0], "a stranger's")

    server.on_submit = take
    fleet = lab.fleet()
    (key,) = fleet.submit("hpc1", [Input(1)])
    now = reaches(fleet, key, SUBMITTED)
    assert now.job_id != str(taken[0].id)
    assert len(server.jobs) == 2
    assert any("taken" in event.text for event in fleet.events(key))
    # The stranger's job is shown beside it.
    until(lambda: len(fleet.rows()) == 2)


def test_a_server_that_has_every_id_is_not_asked_for_ever(lab: Lab, server: Server) -> None:
    class Full(FakeInterface):
        def submit_jobs_once(
            self, jobs: Sequence[Job], tokens: Mapping[JobId, str]
        ) -> Mapping[JobId, Exception | None]:
            self.step("submit", lambda: None)
            return {job.id: JobExistsError(f"job {job.id} is there") for job in jobs}

    fleet = lab.fleet(kind=Full)
    (key,) = fleet.submit("hpc1", [Input(1)])
    now = reaches(fleet, key, JobStatus.FAILED_SUBMIT)
    assert "is there" in now.error
    assert server.calls.count("submit") < 10


def test_a_job_called_off_in_flight_is_called_off_on_the_server_once_it_arrived(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    asked = []

    def call_off(jobs: Sequence[Job]) -> None:
        asked.append(fleet.cancel([key]))

    server.on_submit = call_off
    with server.lock:  # so that it is not sent before `key` is there
        server.faults["submit"].append(BROKEN)
        key = fleet.submit("hpc1", [Input(1)])[0]
    until(lambda: asked)
    assert asked[0].asked == (key,)
    # The submission broke off, and is not begun again: nothing of it was found there.
    reaches(fleet, key, JobStatus.CANCELLED)
    assert server.ledger == []
    assert server.calls.count("submit") == 1


def test_a_job_called_off_that_arrived_unseen_is_ended_there(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)

    def call_off(jobs: Sequence[Job]) -> None:
        fleet.cancel([row.key for row in fleet.rows()])

    server.on_submit = call_off
    server.faults["submit"].append(REPLY_LOST)
    (key,) = fleet.submit("hpc1", [Input(1)])
    until(lambda: server.asked)
    (job_id,) = server.jobs
    assert server.jobs[job_id].status is JobStatus.PENDING_CANCEL
    server.turn(job_id, JobStatus.CANCELLED)
    reaches(fleet, key, JobStatus.CANCELLED)


def test_a_strangers_job_is_not_cancelled_for_one_that_never_arrived(
    lab: Lab, server: Server
) -> None:
    first = lab.fleet(start=False)
    (key,) = first.submit("hpc1", [Input(1)])
    owner = "elsewhere/1/1/x"
    lab.record.lease("hpc1", "alice@hpc1", "", owner, 180, 100, "submit")
    assert first.cancel([key]).asked == (key,)
    lab.record.release(owner)  # it broke off: the outcome is not known
    server.accept(Job(row(first, key).job_id, Input(9)), "a stranger's")
    second = lab.fleet()
    reaches(second, key, JobStatus.CANCELLED)
    assert server.asked == []
    assert server.jobs[row(second, key).job_id].status is SUBMITTED


# Trouble


def test_a_request_refused_as_a_whole_fails_its_jobs_with_the_servers_words(
    lab: Lab, server: Server
) -> None:
    words = "hpc1: the script ~/sim.py does not exist"
    server.faults["submit"].append(ServerRefusedError(words))
    fleet = lab.fleet()
    keys = fleet.submit("hpc1", [Input(1), Input(2)])
    for key in keys:
        assert reaches(fleet, key, JobStatus.FAILED_SUBMIT).error == words
    assert any(words in event.text for event in fleet.events(keys[0]))
    again = fleet.resubmit(keys)
    assert not set(again) & set(keys)
    for old, new in zip(keys, again, strict=True):
        now = reaches(fleet, new, SUBMITTED)
        assert (now.try_of, now.try_number) == (row(fleet, old).job_id, 2)


def test_a_workspace_that_cannot_be_made_fails_the_jobs_in_words(lab: Lab, server: Server) -> None:
    server.faults["make"].append(ServerRefusedError("hpc1: no room for a workspace"))
    fleet = lab.fleet()
    (key,) = fleet.submit("hpc1", [Input(1)])
    assert "no room" in reaches(fleet, key, JobStatus.FAILED_SUBMIT).error


@pytest.mark.parametrize("verb", ["connect", "look", "submit", "make"])
@pytest.mark.parametrize(
    ("error", "state"),
    [
        (REFUSED, ServerState.AUTH_NEEDED),
        (HostKeyError("another key", changed=True), ServerState.HOST_KEY_CHANGED),
        (HostKeyError("not accepted"), ServerState.HOST_KEY_UNKNOWN),
    ],
)
@pytest.mark.usefixtures("quick")
def test_what_only_a_person_can_settle_waits_for_one(
    lab: Lab, server: Server, verb: str, error: Exception, state: ServerState
) -> None:
    server.faults[verb].append(error)
    fleet = lab.fleet()
    if verb in ("submit", "make"):
        fleet.submit("hpc1", [Input(1)])
    view = stands(fleet, state)
    assert view.next_try is None
    assert view.message == str(error)
    calls = len(server.calls)
    fleet.submit("hpc1", [Input(1)])  # no reason to knock again
    with pytest.raises(ConnectionLostError):
        fleet.describe_workspace("hpc1").result(TIMEOUT)
    with pytest.raises(ConnectionLostError):
        fleet.delete_workspace("hpc1").result(TIMEOUT)
    lab.let_others_look()  # many times the longest pause of this test
    assert len(server.calls) == calls
    fleet.look_now()
    stands(fleet, ServerState.UP)


def test_a_key_pressed_before_the_refusal_is_no_consent_to_another_try(
    lab: Lab, server: Server
) -> None:
    lab.person.may_answer.clear()
    fleet = lab.fleet(kind=Asking)
    until(lab.person.asks.is_set)
    server.faults["connect"].append(REFUSED)
    fleet.look_now()
    lab.person.may_answer.set()
    until(lambda: fleet.server("hpc1").message == str(REFUSED))
    assert not fleet.server("hpc1").asks
    lab.let_others_look()
    assert len(lab.person.asked) == 1


class Asking(FakeInterface):
    """Asks for a password before it connects, as a server without keys does."""

    def connect(self) -> None:
        if self.around.ask_secret("Password: ") is None:
            raise AuthenticationError("no password was given")
        super().connect()


class AskingAboutKeys(FakeInterface):
    """Asks about the host key before it connects."""

    def connect(self) -> None:
        if not self.around.accept_host_key(STRANGE_KEY):
            raise HostKeyError("the key was not accepted")
        super().connect()


@pytest.mark.parametrize(
    ("kind", "state"),
    [(Asking, ServerState.AUTH_NEEDED), (AskingAboutKeys, ServerState.HOST_KEY_UNKNOWN)],
)
def test_a_question_is_shown_for_as_long_as_it_is_open(
    lab: Lab, kind: type[FakeInterface], state: ServerState
) -> None:
    lab.person.may_answer.clear()
    fleet = lab.fleet(kind=kind)
    until(lab.person.asks.is_set)
    view = fleet.server("hpc1")
    assert (view.state, view.asks) == (state, True)
    lab.person.may_answer.set()
    stands(fleet, ServerState.UP)
    assert not fleet.server("hpc1").asks


@pytest.mark.parametrize(
    ("kind", "state"),
    [(Asking, ServerState.AUTH_NEEDED), (AskingAboutKeys, ServerState.HOST_KEY_UNKNOWN)],
)
def test_a_person_who_refuses_is_asked_again_only_on_their_wish(
    lab: Lab, kind: type[FakeInterface], state: ServerState
) -> None:
    lab.person.secret, lab.person.accept = None, False
    fleet = lab.fleet(kind=kind)
    stands(fleet, state)
    until(lambda: not fleet.server("hpc1").asks)
    lab.person.secret, lab.person.accept = "secret", True
    fleet.look_now("hpc1")
    stands(fleet, ServerState.UP)
    assert len(lab.person.asked) == 2


def test_a_lost_server_is_tried_again_later_and_at_once_on_wish(lab: Lab, server: Server) -> None:
    server.faults["connect"].extend([BROKEN] * 8)
    fleet = lab.fleet(clock=lambda: 1000.0)
    pauses = []
    for _ in range(8):
        view = stands(fleet, ServerState.LOST)
        assert view.message == "the link broke"
        assert view.next_try is not None
        pauses.append(view.next_try - 1000)
        tries = server.calls.count("connect")
        fleet.look_now()
        until(lambda tries=tries: server.calls.count("connect") > tries)  # type: ignore[misc]
    stands(fleet, ServerState.UP)
    for number, pause in enumerate(pauses):
        full = min(2.0**number, 60.0)
        assert 0.75 * full <= pause <= 1.25 * full


def test_rows_of_a_lost_server_keep_their_status(
    lab: Lab, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = lab.fleet()
    (key,) = fleet.submit("hpc1", [Input(1)])
    before = reaches(fleet, key, SUBMITTED)
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 3600.0)
    monkeypatch.setattr(pacing, "LONGEST_PAUSE", 3600.0)
    server.faults["look"].append(BROKEN)
    stands(fleet, ServerState.LOST)
    assert row(fleet, key).status is before.status
    fleet.look_now()
    stands(fleet, ServerState.UP)
    assert row(fleet, key).status is before.status
    assert len(server.ledger) == 1


def test_an_answer_that_is_overdue_makes_the_server_stale(
    lab: Lab, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    monkeypatch.setattr(standing, "STALE_AFTER", 0.1)
    server.faults["look"].append(HANG)
    assert "no answer" in stands(fleet, ServerState.STALE).message
    stop_within_a_second(lab)
    stands(fleet, ServerState.OFFLINE)


def test_a_slow_answer_to_a_request_leaves_nothing_stale_behind(
    lab: Lab, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = threading.Event()

    class Slow(FakeInterface):
        def delete_workspace(self) -> None:
            may_go_on.wait(TIMEOUT)

    fleet = lab.fleet(kind=Slow, refresh=3600)
    stands(fleet, ServerState.UP)
    monkeypatch.setattr(standing, "STALE_AFTER", 0.1)
    done = fleet.delete_workspace("hpc1")
    stands(fleet, ServerState.STALE)
    monkeypatch.setattr(standing, "STALE_AFTER", 60)
    may_go_on.set()
    done.result(TIMEOUT)
    stands(fleet, ServerState.UP)


@pytest.mark.parametrize("verb", ["connect", "look", "submit", "cancel", "make"])
def test_an_unforeseen_error_is_shown_and_does_not_end_the_thread(
    lab: Lab, server: Server, verb: str
) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    if verb == "cancel":
        (key,) = fleet.submit("hpc1", [Input(1)])
        reaches(fleet, key, SUBMITTED)
    server.faults[verb].append(ZeroDivisionError("of ours"))
    if verb == "connect":
        server.faults["look"].append(ServerRefusedError("an odd answer"))
    elif verb in ("submit", "make"):
        (key,) = fleet.submit("hpc1", [Input(1)])
    elif verb == "cancel":
        fleet.cancel([key])

    def is_shown() -> bool:
        fleet.look_now()
        return fleet.server("hpc1").message == "of ours"

    until(is_shown)

    def is_up() -> bool:
        fleet.look_now()
        return fleet.server("hpc1").state is ServerState.UP

    until(is_up)
    if verb in ("submit", "make"):
        reaches(fleet, key, SUBMITTED)
    assert len(server.ledger) == len(set(server.ledger))


def test_a_profile_that_makes_no_interface_is_a_fault_in_words(lab: Lab) -> None:
    def refuse(profile: ServerProfile, around: Surroundings) -> HardwareInterface:
        raise ValueError("only one way to authenticate can be used")

    fleet = lab.fleet(make=refuse)
    fault = stands(fleet, ServerState.FAULT)
    assert fault.message == "only one way to authenticate can be used"


def test_an_error_without_words_is_named(lab: Lab, server: Server) -> None:
    server.faults["connect"].append(KeyError())
    fleet = lab.fleet()
    assert stands(fleet, ServerState.FAULT).message == "KeyError"


def test_a_record_that_fails_is_a_fault_and_news_go_on_afterwards(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    fails = True
    since = Record.since

    def full(record: Record, revision: int, tokens: PackedTokens) -> object:
        if fails:
            raise RecordError("the disk is full")
        return since(record, revision, tokens)

    monkeypatch.setattr(Record, "since", full)
    assert stands(fleet, ServerState.FAULT).message == "the disk is full"
    until(lambda: "no news" in caplog.text)  # the ticker meets it too
    fails = False
    fleet.look_now()
    stands(fleet, ServerState.UP)
    other = lab.fleet(start=False)
    (key,) = other.submit("hpc1", [Input(1)])
    reaches(fleet, key, SUBMITTED)


# Stopping


@pytest.mark.parametrize("verb", ["connect", "look", "submit", "make", "cancel", "log"])
def test_a_fleet_stops_within_a_second_whatever_hangs(lab: Lab, server: Server, verb: str) -> None:
    if verb == "connect":
        server.faults["connect"].append(HANG)
    fleet = lab.fleet()
    if verb != "connect":
        stands(fleet, ServerState.UP)
    if verb in ("cancel", "log"):
        (key,) = fleet.submit("hpc1", [Input(1)])
        reaches(fleet, key, SUBMITTED)
    if verb != "connect":
        server.faults[verb].append(HANG)
    if verb in ("submit", "make"):
        fleet.submit("hpc1", [Input(1)])
    elif verb == "cancel":
        fleet.cancel([key])
    log = fleet.read_log(key, 0, 10) if verb == "log" else None
    until(server.hangs.is_set)
    stop_within_a_second(lab)
    stands(fleet, ServerState.OFFLINE)
    if log is not None:
        with pytest.raises(ConnectionLostError):
            log.result(TIMEOUT)


@pytest.mark.parametrize("kind", [Asking, AskingAboutKeys])
def test_a_fleet_stops_within_a_second_while_a_person_is_asked(
    lab: Lab, kind: type[FakeInterface]
) -> None:
    lab.person.may_answer.clear()
    lab.fleet(kind=kind)
    until(lab.person.asks.is_set)
    stop_within_a_second(lab)


def test_a_fleet_stops_within_a_second_while_it_rests(lab: Lab, server: Server) -> None:
    server.faults["connect"].extend([REFUSED])
    fleet = lab.fleet()
    stands(fleet, ServerState.AUTH_NEEDED)
    stop_within_a_second(lab)


def test_a_fleet_that_was_never_started_can_be_stopped(lab: Lab) -> None:
    fleet = lab.fleet(start=False)
    fleet.stop()
    assert fleet.server("hpc1").state is ServerState.OFFLINE


def test_a_connection_begun_in_the_moment_of_stopping_is_closed_too(
    lab: Lab, server: Server
) -> None:
    class Reopening(FakeInterface):
        """Its connect() undoes a close() that came just before, as the real one does."""

        def connect(self) -> None:
            at_the_door.set()
            stopped.wait(TIMEOUT)
            self.closed.clear()
            super().connect()

    at_the_door, stopped = threading.Event(), threading.Event()
    server.faults["connect"].append(HANG)
    fleet = lab.fleet(kind=Reopening)
    until(at_the_door.is_set)
    stop = threading.Thread(target=fleet.stop)
    stop.start()
    interface = lab.interfaces[0]
    assert isinstance(interface, Reopening)
    until(interface.closed.is_set)
    stopped.set()
    stop.join(TIMEOUT)
    stands(fleet, ServerState.OFFLINE)


def test_requests_that_wait_when_the_fleet_stops_fail(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    (key,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, key, SUBMITTED)
    server.faults["look"].append(HANG)
    until(server.hangs.is_set)
    waiting = [fleet.read_log(key, 0, 10) for _ in range(3)]
    fleet.stop()
    for request in waiting:
        with pytest.raises(ConnectionLostError):
            request.result(TIMEOUT)
    with pytest.raises(ConnectionLostError):
        fleet.read_log(key, 0, 10).result(TIMEOUT)


def test_a_fleet_that_stopped_holds_no_lease(lab: Lab, server: Server) -> None:
    first = lab.fleet()
    (key,) = first.submit("hpc1", [Input(1)])
    reaches(first, key, SUBMITTED)
    first.cancel([key])
    until(lambda: server.asked)
    first.stop()
    assert lab.record.get([key])[0].lease_owner == ""


def test_no_thread_and_no_listener_is_left(lab: Lab) -> None:
    others = set(threading.enumerate())
    fleet = lab.fleet()
    stands(fleet, ServerState.UP)
    calls: list[int] = []
    fleet.set_listener(lambda: calls.append(1))
    ours = set(threading.enumerate()) - others
    assert {"poller-hpc1", "fleet-ticker"} <= {thread.name for thread in ours}
    fleet.stop()
    calls.clear()
    until(lambda: not any(thread.is_alive() for thread in ours), "the end of all threads")
    assert calls == []


# Workspaces


def test_a_workspace_that_was_made_is_used_again_by_the_next_start(
    lab: Lab, server: Server
) -> None:
    first = lab.fleet()
    (key,) = first.submit("hpc1", [Input(1)])
    reaches(first, key, SUBMITTED)
    first.stop()
    second = lab.fleet()
    (other,) = second.submit("hpc1", [Input(2)])
    now = reaches(second, other, SUBMITTED)
    assert server.made == 1
    until(lambda: second.server("hpc1").workspace == "/home/alice/exauq00001")
    assert now.directory == f"/home/alice/exauq00001/{now.job_id}"
    assert row(second, key).current


def test_two_fleets_that_lack_a_workspace_make_one(lab: Lab, server: Server) -> None:
    fleets = [lab.fleet(), lab.fleet()]
    for fleet in fleets:
        stands(fleet, ServerState.UP)
    keys = [fleet.submit("hpc1", [Input(n)])[0] for n, fleet in enumerate(fleets)]
    for fleet in fleets:
        for key in keys:
            reaches(fleet, key, SUBMITTED)
        until(lambda fleet=fleet: fleet.server("hpc1").workspace)  # type: ignore[misc]
        until(lambda fleet=fleet: all(row.current for row in fleet.rows()))  # type: ignore[misc]
    assert len({fleet.server("hpc1").workspace for fleet in fleets}) == 1
    assert len({row.directory.rpartition("/")[0] for row in fleets[0].rows()}) == 1


def test_a_workspace_made_in_the_same_moment_as_another_processs_is_given_up(
    lab: Lab, server: Server
) -> None:
    other = "/home/alice/other"

    def be_first() -> None:
        lab.record.claim_place("hpc1", "alice@hpc1", "", other)

    server.on_make = be_first
    fleet = lab.fleet()
    (key,) = fleet.submit("hpc1", [Input(1)])
    now = reaches(fleet, key, SUBMITTED)
    assert now.directory == f"{other}/{now.job_id}"
    assert server.calls.count("erase") == 1
    assert fleet.server("hpc1").workspace == other
    assert len(server.ledger) == 1
    assert not any("not" in event.text for event in fleet.events(key))


def test_jobs_set_up_while_the_workspace_is_being_found_are_sent(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    keys: list[int] = []
    stop = threading.Event()

    def submit_on_and_on() -> None:
        while not stop.is_set() and len(keys) < 300:
            keys.extend(fleet.submit("hpc1", [Input(1)]))

    thread = threading.Thread(target=submit_on_and_on)
    thread.start()
    until(lambda: server.workspace)
    until(lambda: len(keys) > 30)
    stop.set()
    thread.join()
    for key in keys:
        reaches(fleet, key, SUBMITTED)
    assert len(server.ledger) == len(keys)


def test_rows_of_a_workspace_that_the_profile_no_longer_names_are_left_alone(
    lab: Lab, server: Server
) -> None:
    first = lab.fleet(replace(PROFILE, workspace_dir="/w/old"))
    running, done = first.submit("hpc1", [Input(1), Input(2)])
    for key in (running, done):
        reaches(first, key, SUBMITTED)
    server.turn(row(first, done).job_id, JobStatus.COMPLETED, output="3")
    reaches(first, done, JobStatus.COMPLETED)
    (unsent,) = lab.fleet(replace(PROFILE, workspace_dir="/w/old"), start=False).submit(
        "hpc1", [Input(3)]
    )
    first.stop()
    lab.record.apply([JobUpdate(unsent, status=JobStatus.PENDING_SUBMIT)])
    old_ids = {row.job_id for row in first.rows()}
    server.jobs.clear()
    server.ledger.clear()

    second = lab.fleet(replace(PROFILE, workspace_dir="/w/new"))
    (key,) = second.submit("hpc1", [Input(4)])
    reaches(second, key, SUBMITTED)
    assert [row.current for row in second.rows()] == [False, False, False, True]
    assert second.cancel([running, key]).asked == (key,)
    results = second.delete_jobs([done]).result(TIMEOUT)
    assert "elsewhere" in results[done]
    with pytest.raises(Exception, match="not on this server"):
        second.read_log(done, 0, 10).result(TIMEOUT)
    until(lambda: server.asked)
    # Missing from the new workspace says nothing of the old.
    until(lambda: server.calls.count("look") > 5)
    assert row(second, running).note == ""
    assert row(second, running).status is SUBMITTED
    assert not old_ids & {job_id for ids in server.asked for job_id in ids}
    assert len(server.ledger) == 1


def test_a_job_never_sent_can_be_called_off_though_its_workspace_is_named_no_more(
    lab: Lab,
) -> None:
    first = lab.fleet(replace(PROFILE, workspace_dir="~/old"), start=False)
    (key,) = first.submit("hpc1", [Input(1)])
    second = lab.fleet(replace(PROFILE, workspace_dir="~/new"), start=False)
    assert second.cancel([key]).asked == (key,)
    assert row(second, key).status is JobStatus.CANCELLED


def test_plain_interfaces_need_no_workspace(lab: Lab, server: Server) -> None:
    fleet = lab.fleet(kind=PlainInterface)
    (key,) = fleet.submit("hpc1", [Input(1)])
    assert reaches(fleet, key, SUBMITTED).directory == ""
    assert fleet.server("hpc1").workspace == ""
