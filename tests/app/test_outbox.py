"""How far the jobs are that wait to be sent."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from textual import events

from exauq_tui.app.outbox import Outbox
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.snapshot import Changes, JobRow, ServerState
from tests.app.fake_fleet import FakeFleet, job, server
from tests.app.harness import running, until

PENDING = JobStatus.PENDING_SUBMIT
SERVERS = {"hpc1": server(), "lab": server("lab", state=ServerState.LOST)}


def pending(count: int, first: int = 1, name: str = "hpc1") -> list[JobRow]:
    return [job(first + number, PENDING, server=name) for number in range(count)]


def sent(rows: Sequence[JobRow], status: JobStatus = JobStatus.SUBMITTED) -> Changes:
    return Changes(jobs=tuple(replace(row, status=status) for row in rows))


def text(outbox: Outbox) -> str:
    return str(outbox.text(SERVERS))


def test_it_tells_for_each_server_how_many_were_sent() -> None:
    outbox = Outbox()
    rows = pending(200)
    assert outbox.take(Changes(jobs=(*rows, *pending(50, 1000, "lab"))))
    assert outbox.take(sent(rows[:120]))
    assert "hpc1 120 of 200" in text(outbox)
    assert "lab 0 of 50 · waits: LOST" in text(outbox)


def test_what_fails_or_is_deleted_waits_no_more() -> None:
    outbox = Outbox()
    rows = pending(200)
    outbox.load(rows)
    outbox.take(sent(rows[:10], JobStatus.FAILED_SUBMIT))
    outbox.take(Changes(removed=tuple(row.key for row in rows[10:20])))
    assert "hpc1 20 of 200" in text(outbox)


def test_it_begins_anew_once_all_were_sent() -> None:
    outbox = Outbox()
    rows = pending(200)
    outbox.take(Changes(jobs=tuple(rows)))
    assert outbox.is_worth_a_line
    outbox.take(sent(rows))
    assert not outbox.is_worth_a_line
    outbox.take(Changes(jobs=tuple(pending(3, 1000))))
    assert not outbox.is_worth_a_line
    assert "hpc1 0 of 3" in text(outbox)


def test_other_changes_change_nothing() -> None:
    outbox = Outbox()
    assert not outbox.take(Changes(jobs=(job(1),), servers=(server(),)))
    assert not outbox.take(sent([job(1)], JobStatus.COMPLETED))


async def test_a_line_tells_how_far_it_is_and_goes_when_all_were_sent() -> None:
    rows = pending(300)
    fleet = FakeFleet(rows)
    async with running(fleet) as (app, pilot):
        await until(pilot, lambda: "hpc1 0 of 300" in app.text())
        fleet.change(*sent(rows[:150]).jobs)
        await until(pilot, lambda: "hpc1 150 of 300" in app.text())
        await pilot.press("j", "j")
        assert app.model.cursor_index == 2
        fleet.change(*sent(rows[150:]).jobs)
        await until(pilot, lambda: "Sending" not in app.text())


async def test_keys_are_answered_while_ten_thousand_jobs_are_recorded() -> None:
    fleet = FakeFleet([job(1), job(2)])
    goes_on = threading.Event()
    submit = fleet.submit

    def slow(server: str, inputs: Sequence[Input], *, batch: str = "") -> tuple[int, ...]:
        assert goes_on.wait(10)
        return submit(server, inputs, batch=batch)

    fleet.submit = slow  # type: ignore[method-assign]
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        app.post_message(events.Paste("\n".join(f"{n},1,2" for n in range(10_000))))
        await until(pilot, lambda: "10,000 jobs" in app.text())
        await pilot.press("enter")
        await until(pilot, lambda: "Recording 10,000 jobs" in app.text())
        await pilot.press("j")
        assert app.model.cursor_index == 1
        goes_on.set()
        await until(pilot, lambda: "hpc1 0 of 10,000" in app.text())
        assert "Recording" not in app.text()


async def test_changes_that_arrive_while_the_screen_is_taken_down_do_no_harm() -> None:
    fleet = FakeFleet(pending(300))
    async with running(fleet) as (app, _):
        await app.main.query_one("#sending").remove()
        app.main.take(sent(pending(100)))
        app.main.take(Changes(servers=(server(state=ServerState.LOST),)))
        assert "hpc1 100 of 300" in text(app.main.outbox)
