"""What the tabs beside the table say of a job."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

import pytest

from exauq_tui.app import detail_text, history_text
from exauq_tui.app.history_text import SHOWN_SERVER_EVENTS, Past
from exauq_tui.errors import ConnectionLostError, RecordError
from exauq_tui.hardware.interface import LogChunk
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import Event, JobRow, ServerState
from tests.app.fake_fleet import NOW, FakeFleet, job, server
from tests.app.harness import running, until
from tests.app.logs import numbered

FAILED, COMPLETED, RUNNING = JobStatus.FAILED, JobStatus.COMPLETED, JobStatus.RUNNING


def again(row: JobRow, key: int, status: JobStatus, **changes: object) -> JobRow:
    """A job that tries another again."""
    number = row.try_number + 1
    return job(key, status, try_of=row.job_id, try_number=number, inputs=row.inputs, **changes)


# The pure part


def test_the_head_says_how_it_ended_when_that_was_seen_and_how_long_it_ran() -> None:
    row = job(1, FAILED, exit_code=3, started=NOW - 500, finished=NOW - 248, current=False)
    text = detail_text.details(replace(row, last_seen=NOW - 3), None, NOW).plain
    assert "exit 3 · ran 4m12 · seen 3s ago" in text


def test_tries_stand_on_one_line_each_with_a_word_of_reason() -> None:
    first = job(1, FAILED)
    second = again(first, 2, JobStatus.FAILED_SUBMIT, error="no such script")
    third = again(second, 3, COMPLETED)
    past = Past(3, (first, second, third))
    assert history_text.tries(third, past).plain == "#1 ✗ exit 1   #2 ‼ failed submit   #3 ✓"
    details = detail_text.details(third, server(), NOW, past).plain
    assert "#1 ✗ exit 1   #2 ‼ failed submit   #3 ✓" in details
    assert "tries" not in detail_text.details(first, server(), NOW, Past(1, (first,))).plain


def test_the_history_has_the_tries_in_full_the_job_and_its_server() -> None:
    first = job(1, FAILED, note="end not witnessed (reboot)")
    second = again(first, 2, COMPLETED, output=2.5)
    events = (Event(NOW - 60, "Set up \x1b[31m"), Event(NOW, "[red]"))
    servers = tuple(Event(NOW - n, f"event {n}") for n in range(SHOWN_SERVER_EVENTS + 3))
    text = history_text.history(second, Past(2, (first, second), events, servers), NOW).plain
    tries, own, there = text.split("\n\n")
    assert tries.split("\n") == [
        "Tries",
        f"  #1 ✗ Failed  {first.job_id}",
        "     exit 1",
        "     end not witnessed (reboot)",
        f"▸ #2 ✓ Completed  {second.job_id}",
        "     output 2.5",
    ]
    assert own == "This job\n09:59:00  Set up ␛[31m\n10:00:00  [red]"
    long_ago = (Event(NOW - 90_000, "before"), Event(NOW - 60, "now"))
    days = history_text.history(first, Past(1, (first,), long_ago, ()), NOW).plain
    assert days.startswith("This job\n2026-11-12\n09:00:00  before\ntoday\n09:59:00  now\n")
    head, before, *rest = there.split("\n")
    assert (head, before) == ("Server hpc1", "3 events before that")
    assert len(rest) == SHOWN_SERVER_EVENTS
    alone = history_text.history(first, Past(1, (first,), (), ()), NOW).plain
    assert alone == "This job\nNothing is recorded.\n\nServer hpc1\nNothing is recorded."


def test_an_output_is_given_in_full_with_the_time_of_its_reading() -> None:
    row = job(1, COMPLETED, output=0.1234567890123456, output_read=NOW - 90)
    text = detail_text.output(row, "o", NOW, "0.1234567890123456\n").plain
    assert "  0.1234567890123456\n" in text
    assert "Read\n  09:58:30, 1m30 ago" in text
    assert "The output file" not in text  # holds just that


@pytest.mark.parametrize("raw", ["1 2\n[red] \x1b[2J", "", "x" * 70_000, "a\n" * 5000])
def test_an_output_file_that_is_no_number_is_shown_as_it_is(raw: str) -> None:
    row = job(1, COMPLETED, output=None, output_error="it holds \x1b", output_read=NOW)
    text = detail_text.output(row, "o", NOW, raw).plain
    assert "Output cannot be read\nit holds ␛" in text
    shown = text.split("The output file\n")[1]
    assert "\x1b" not in text
    assert len(text) < 17_000
    assert text.count("\n") < 230
    if not raw:
        assert shown.startswith("  (empty)")
    elif len(raw) < 100:
        assert shown.startswith("1 2\n[red] ␛[2J\n")
    else:
        assert "characters more" in shown


def test_a_number_that_is_written_otherwise_is_shown_as_it_stands_there() -> None:
    row = job(1, COMPLETED, output=100000.0)
    assert "The output file\n+1e5" in detail_text.output(row, "o", NOW, "+1e5\n").plain


# The screen


async def test_details_show_the_tries_and_the_end_of_the_log() -> None:
    first = job(1, FAILED)
    fleet = FakeFleet([job(0, FAILED), first, again(first, 2, FAILED)])
    fleet.logs = {2: numbered(1000) + b"[red] \x1b]52;c;aGk=\x07the last\n"}
    async with running(fleet) as (app, pilot):
        await until(pilot, lambda: "#1 ✗ exit 1   #2 ✗ exit 1" in app.text())
        await until(pilot, lambda: "[red] the last" in app.text())
        assert "line 999" in app.text()
        assert fleet.called("read_log") == [(2, -4096, 4096)]
        await pilot.press("j")
        await until(pilot, lambda: "the last" not in app.text())
        await until(pilot, lambda: len(fleet.called("read_log")) == 2)


async def test_the_end_of_a_running_jobs_log_is_read_again_but_not_often() -> None:
    fleet = FakeFleet([job(1)])
    fleet.logs[1] = b"begun\n"
    now = [NOW]
    async with running(fleet, clock=lambda: now[0]) as (app, pilot):
        await until(pilot, lambda: "begun" in app.text())
        fleet.logs[1] += b"and on\n"
        for _ in range(5):
            app.main.tick()
            fleet.change(servers=[server(last_seen=now[0])])
            now[0] += 1
            await pilot.pause(0.2)
        assert "as of 5s ago" in app.text()
        assert len(fleet.called("read_log")) == 1
        now[0] += 6
        app.main.tick()
        await until(pilot, lambda: "and on" in app.text())
        fleet.logs[1] += b"the end\n"
        fleet.change(job(1, FAILED))
        await until(pilot, lambda: "the end" in app.text())
        assert "as of" not in app.text()


async def test_the_end_of_a_log_is_shown_though_the_job_changed_while_it_was_read() -> None:
    fleet = FakeFleet([job(1)])
    fleet.logs[1] = b"printed\n"
    reading: Future[LogChunk] = Future()
    read = fleet.read_log

    def read_slowly(key: int, offset: int, limit: int) -> Future[LogChunk]:
        read(key, offset, limit)
        return reading

    fleet.read_log = read_slowly  # type: ignore[method-assign]
    async with running(fleet) as (app, pilot):
        await until(pilot, lambda: fleet.called("read_log"))
        asked = len(fleet.called("tries"))
        fleet.change(job(1, note="another word"))
        await until(pilot, lambda: len(fleet.called("tries")) > asked)
        assert "printed" not in app.text()
        reading.set_result(read(1, 0, 100).result())
        await until(pilot, lambda: "printed" in app.text())


@pytest.mark.parametrize("away", [True, False])
async def test_without_a_link_or_room_no_end_of_a_log_is_read_or_shown(away: bool) -> None:
    view = server(state=ServerState.LOST) if away else server()
    fleet = FakeFleet([job(1, FAILED)], [view])
    fleet.logs[1] = b"printed\n"
    async with running(fleet, size=(120, 36 if away else 18)) as (app, pilot):
        await until(pilot, lambda: fleet.called("tries"))
        await pilot.pause(0.1)
        assert "printed" not in app.text()
        assert "exit 1" in app.text()
        if away:
            assert not fleet.called("read_log")


async def test_the_output_tab_brings_the_text_of_the_file_when_it_is_asked_for() -> None:
    row = job(1, COMPLETED, output=None, output_error="it holds [nan", output_read=NOW - 5)
    fleet = FakeFleet([row])
    fleet.texts[1] = "[/nope] raw\x1b[2J text\n"
    async with running(fleet) as (app, pilot):
        await until(pilot, lambda: fleet.called("tries"))
        assert not fleet.called("output_text")
        await pilot.press("]")
        await until(pilot, lambda: "[/nope] raw␛[2J text" in app.text())
        assert "5s ago" in app.text()


async def test_the_history_tab_is_read_anew_when_something_happens() -> None:
    fleet = FakeFleet([job(1)])
    fleet.server_histories["hpc1"] = (Event(NOW - 900, "Connected"),)
    async with running(fleet) as (app, pilot):
        await pilot.press("[")
        await until(pilot, lambda: "Submitted" in app.text() and "Connected" in app.text())
        fleet.histories[1] = (Event(NOW, "Failed, exit code 1"),)
        fleet.change(job(1, FAILED))
        await until(pilot, lambda: "Failed, exit code 1" in app.text())
        fleet.errors["events"] = RecordError("the record is locked [red]")
        fleet.change(servers=[server(state=ServerState.STALE)])
        await until(pilot, lambda: "the record is locked [red]" in app.text())


async def test_changes_that_never_stop_do_not_keep_the_history_away() -> None:
    fleet = FakeFleet([job(1), job(2)])
    async with running(fleet) as (app, pilot):
        await pilot.press("[")
        await until(pilot, lambda: (2,) in fleet.called("events"))
        await pilot.press("j")
        for number in range(40):  # oftener than the cursor has to rest
            fleet.change(servers=[server(latency=number / 1000)])
            await pilot.pause(0.05)
        assert (1,) in fleet.called("events")
        assert "Submitted" in app.text()


async def test_a_log_that_cannot_be_read_leaves_the_details_as_they_are() -> None:
    fleet = FakeFleet([job(1)])
    fleet.errors["read_log"] = ConnectionLostError("hpc1: broke")
    async with running(fleet) as (app, pilot):
        await until(pilot, lambda: fleet.called("read_log"))
        await pilot.pause(0.1)
        assert "broke" not in app.text()
        assert "Running" in app.text()
