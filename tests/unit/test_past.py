"""What the record and a fleet tell of the past: servers, tries, texts of outputs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from exauq_tui.errors import SimulatorOutputParsingError
from exauq_tui.hardware.interface import HostKey, HostKeyDecision
from exauq_tui.hardware.replies import parse_output
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input, JobId
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.record_file import MIGRATIONS, RecordFile
from exauq_tui.monitor.record_history import KEPT
from exauq_tui.monitor.server_history import ServerHistory, StateNotes
from exauq_tui.monitor.snapshot import Event, ServerState
from exauq_tui.monitor.stored_job import JobUpdate
from tests.unit.fake_interfaces import (
    BROKEN,
    FakeInterface,
    Lab,
    Person,
    PlainInterface,
    Server,
    reaches,
    row,
    stands,
    until,
)
from tests.unit.record_kit import PLACE, Clock, add


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def record(tmp_path: Path, clock: Clock) -> Iterator[Record]:
    with Record(tmp_path / "jobs.sqlite3", clock) as record:
        yield record


# The record


def test_of_each_server_the_newest_events_are_kept(record: Record) -> None:
    record.add_server_events([("other", Event(1.0, "of the other"))])
    record.add_server_events([("hpc1", Event(float(n), f"{n}")) for n in range(KEPT + 20)])
    record.add_server_events([("hpc1", Event(9000.0, "the last \udce9"))])
    events = record.server_events("hpc1")
    assert len(events) == KEPT
    assert events[0] == Event(21.0, "21")
    assert events[-1] == Event(9000.0, "the last \udce9")
    assert [event.text for event in record.server_events("other")] == ["of the other"]
    assert record.server_events("third") == ()


def test_the_tries_of_one_input_are_found_from_each_of_them(record: Record) -> None:
    (first,) = add(record)
    second, third = (record.add_jobs(*PLACE, True, [Input(1)], try_of=[first])[0] for _ in range(2))
    (fourth,) = record.add_jobs(*PLACE, True, [Input(1)], try_of=[third])
    record.add_jobs("other", *PLACE[1:], True, [Input(1)], try_of=[first])
    add(record, 3)
    wanted = [job.key for job in (first, second, third, fourth)]
    for key in wanted:
        assert [job.key for job in record.tries(key)] == wanted
    record.delete([third.key])
    assert [job.key for job in record.tries(first.key)] == [first.key, second.key]
    assert [job.key for job in record.tries(fourth.key)] == [fourth.key]
    assert record.tries(999) == []


def test_tries_are_looked_up_without_going_through_all_jobs(record: Record) -> None:
    queries = ("id = '1' AND server = 'a'", "try_of = '1' AND try_of != '' AND server = 'a'")
    connection = sqlite3.connect(record.path)
    for query in queries:
        (plan,) = connection.execute(f"EXPLAIN QUERY PLAN SELECT key FROM jobs WHERE {query}")
        assert "SEARCH jobs USING" in plan[3]
    connection.close()


def test_a_record_of_the_first_version_keeps_its_jobs(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    RecordFile(path, MIGRATIONS[:1]).close()
    connection = sqlite3.connect(path)
    connection.execute(
        "INSERT INTO jobs VALUES (1, 's', 'e', 'w', 1, '7', 1, 'b', '1.5', 'COMPLETED', '2.0', "
        "'2', '', 0, 1.0, 1.0, 1.0, 1.0, 1.0, '', 1, 't', '', '', '', NULL, 1, 0)"
    )
    connection.commit()
    connection.close()
    with Record(path) as record:
        (job,) = record.load()
        assert (job.job_id, job.output, job.output_read) == ("7", 2.0, None)
        record.apply([JobUpdate(job.key, output_read=5.0)])
        assert record.load()[0].output_read == 5.0


# What is noted of servers


def test_a_server_that_stays_away_is_noted_once() -> None:
    notes = StateNotes()
    up, lost, stale = ServerState.UP, ServerState.LOST, ServerState.STALE
    connecting = ServerState.CONNECTING
    seen = [
        notes.words(state, message)
        for state, message in [
            (connecting, ""), (up, ""), (up, ""), (stale, "no answer"), (up, ""),
            (lost, "no route"), (connecting, ""), (lost, "no route"), (lost, "refused"),
            (up, ""), (ServerState.OFFLINE, ""), (ServerState.OFFLINE, "disconnected by hand"),
        ]
    ]  # fmt: skip
    assert [words for words in seen if words] == [
        "Connected", "STALE: no answer", "Answers again", "LOST: no route", "LOST: refused",
        "Connected", "OFFLINE: disconnected by hand",
    ]  # fmt: skip


def test_what_cannot_be_written_now_is_written_later(record: Record, clock: Clock) -> None:
    history = ServerHistory(record, clock)
    history.note("hpc1", "first")
    away = record.path.with_name("away")
    record.path.rename(away)
    history.flush()
    clock.now += 1
    history.note("hpc1", "second")
    away.rename(record.path)
    history.flush()
    history.flush()
    assert [event.text for event in record.server_events("hpc1")] == ["first", "second"]


# A fleet


def told(fleet: Fleet) -> list[str]:
    return [event.text for event in fleet.server_events("hpc1")]


def test_a_fleet_keeps_what_happened_with_its_servers(lab: Lab, server: Server) -> None:
    server.faults["connect"].append(BROKEN)
    fleet = lab.fleet()
    stands(fleet, ServerState.LOST)
    fleet.look_now()
    stands(fleet, ServerState.UP)
    fleet.disconnect("hpc1")
    stands(fleet, ServerState.OFFLINE)
    until(lambda: told(fleet)[-1].startswith("OFFLINE"))
    assert told(fleet) == [
        f"LOST: {BROKEN}", "Connected", "OFFLINE: disconnected by hand",
    ]  # fmt: skip
    fleet.stop()
    again = lab.fleet(start=False)
    assert told(again) == told(fleet)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HostKeyDecision.REMEMBER, "accepted"),
        (HostKeyDecision.ONCE, "accepted until the end of the program"),
        (False, "not accepted"),
    ],
)
def test_what_was_said_of_a_host_key_is_kept(
    lab: Lab, answer: HostKeyDecision | bool, words: str
) -> None:
    class Decides(Person):
        def accept_host_key(self, server: str, key: HostKey) -> HostKeyDecision | bool:  # type: ignore[override]  # as a person in the dashboard may
            return answer

    class Asking(FakeInterface):
        def connect(self) -> None:
            self.around.accept_host_key(HostKey("hpc1", "ssh-ed25519", "SHA256:abc"))
            super().connect()

    lab.person = Decides()
    fleet = lab.fleet(kind=Asking)
    stands(fleet, ServerState.UP)
    assert f"Host key SHA256:abc (ssh-ed25519) of hpc1 {words}" in told(fleet)


def test_the_text_of_an_output_that_is_no_number_is_kept_and_when_it_was_read(
    lab: Lab, server: Server
) -> None:
    text = "no number\n" + "x" * 5000

    class Odd(PlainInterface):
        def get_job_output(self, job_id: JobId) -> float | None:
            return parse_output(text, job_id)

    fleet = lab.fleet(kind=Odd)
    (key,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, key, JobStatus.SUBMITTED)
    assert fleet.output_text(key) is None
    server.turn(row(fleet, key).job_id, JobStatus.COMPLETED)
    until(lambda: row(fleet, key).output_error)
    assert fleet.output_text(key) == text
    assert row(fleet, key).output_read is not None
    assert fleet.output_text(999) is None


def test_when_an_output_was_read_is_kept_and_is_no_news_the_next_time(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet()
    (key,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, key, JobStatus.SUBMITTED)
    server.turn(row(fleet, key).job_id, JobStatus.COMPLETED, output="2.5")
    until(lambda: row(fleet, key).output == 2.5)
    read = row(fleet, key).output_read
    assert read is not None
    looks = server.calls.count("look")
    until(lambda: server.calls.count("look") > looks + 2)
    assert row(fleet, key).output_read == read


def test_the_error_of_an_odd_output_has_its_text() -> None:
    with pytest.raises(SimulatorOutputParsingError) as caught:
        parse_output("[red]\n", JobId(1))
    assert caught.value.text == "[red]\n"


def test_a_fleet_gives_the_tries_as_rows(lab: Lab, server: Server) -> None:
    fleet = lab.fleet()
    (key,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, key, JobStatus.SUBMITTED)
    server.turn(row(fleet, key).job_id, JobStatus.FAILED)
    reaches(fleet, key, JobStatus.FAILED)
    (again,) = fleet.resubmit([key])
    assert [each.key for each in fleet.tries(again)] == [key, again]
    assert [each.try_number for each in fleet.tries(key)] == [1, 2]
