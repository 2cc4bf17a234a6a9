"""Messages about batches, failures and connections: each once, none about what was known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from exauq_tui.app.job_model import JobModel
from exauq_tui.app.links import Links
from exauq_tui.app.notices import Notices
from exauq_tui.config import AppSettings, Config
from exauq_tui.config_rules import NOTICES
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.snapshot import Changes, JobRow, ServerState, ServerView
from tests.app.fake_fleet import NOW, FakeFleet, job, server
from tests.app.harness import running, until

UP, LOST = server(), server(state=ServerState.LOST)
OFFLINE = server(state=ServerState.OFFLINE)
CONNECTING = server(state=ServerState.CONNECTING)


class World:
    """A dashboard's model and notices, with a clock."""

    def __init__(
        self,
        rows: Sequence[JobRow] = (),
        view: ServerView = UP,
        kinds: Collection[str] = NOTICES,
    ) -> None:
        self.now = 1000.0
        self.links = Links()
        self.notices = Notices(self.links, kinds)
        self.model = JobModel()
        self.links.notice([view], self.now)
        self.notices.load(rows, [view])
        self.model.load(rows, [view])
        self.now += 60

    def take(self, *rows: JobRow, servers: Sequence[ServerView] = (), gone: int = 0) -> None:
        changes = Changes(rows, (gone,) if gone else (), tuple(servers))
        self.links.notice(changes.servers, self.now)
        self.notices.take(self.model, changes, self.now)
        self.model.apply(changes)

    def end(self, *keys: int, status: JobStatus = JobStatus.COMPLETED) -> None:
        rows = [self.model.row(key) for key in keys]
        self.take(*(replace(row, status=status, exit_code=3) for row in rows if row))

    def told(self) -> str:
        notice = self.notices.due(self.now)
        return "" if notice is None else notice.text


def test_nothing_is_told_of_what_was_known_at_the_start() -> None:
    rows = [job(1, JobStatus.COMPLETED), job(2, JobStatus.FAILED, batch="b")]
    world = World(rows, LOST)
    assert world.told() == ""
    world.take(*rows, servers=[LOST])
    assert world.told() == ""


def test_a_batch_that_ends_is_told_once() -> None:
    world = World([job(1), job(2, JobStatus.COMPLETED), job(3, JobStatus.PENDING_CANCEL)])
    world.end(1)
    assert world.told() == ""
    world.end(3, status=JobStatus.CANCELLED)
    assert world.told() == "design.csv has ended: 2 completed, 1 cancelled"
    world.take(job(1, JobStatus.COMPLETED, output=7.0))
    assert world.told() == ""


def test_the_first_failure_of_a_batch_is_told_and_no_other() -> None:
    world = World([job(key) for key in range(1, 6)])
    world.end(2, 3, status=JobStatus.FAILED)
    told = "design.csv: the first failure, job 20261113090000002 on hpc1 (exit 3)"
    assert world.told() == told
    world.end(4, status=JobStatus.FAILED)
    assert world.told() == ""


def test_a_failure_that_ends_its_batch_is_told_as_that_alone() -> None:
    world = World([job(1)])
    world.end(1, status=JobStatus.FAILED)
    assert world.told() == "design.csv has ended: 1 failed"


def test_a_batch_that_is_run_again_has_a_first_failure_and_an_end_again() -> None:
    world = World([job(1, JobStatus.FAILED)])
    world.take(job(2), job(3))
    world.end(2, status=JobStatus.FAILED)
    assert "the first failure, job 20261113090000002" in world.told()
    world.end(3)
    assert world.told() == "design.csv has ended: 1 completed, 2 failed"


def test_jobs_without_a_batch_are_called_so() -> None:
    world = World([job(1, batch="")])
    world.end(1)
    assert world.told() == "Jobs without a batch have ended: 1 completed"


def test_what_will_never_end_keeps_no_batch_from_ending() -> None:
    stuck = [job(1, note=GONE), job(2, JobStatus.FAILED_CANCEL)]
    world = World([*stuck, job(3)])
    world.end(3)
    assert world.told() == "design.csv has ended: 1 completed, 2 in doubt"


def test_a_batch_whose_jobs_were_deleted_has_not_ended() -> None:
    world = World([job(1, JobStatus.PENDING_SUBMIT)])
    world.take(gone=1)
    assert world.told() == ""


def test_many_ends_and_failures_at_once_are_summed_up() -> None:
    world = World([job(key, batch=f"b{key % 5}") for key in range(1, 21)])
    world.end(*range(1, 11), status=JobStatus.FAILED)
    assert world.told() == "First jobs failed in 5 batches."
    world.end(*range(11, 21))
    assert world.told() == ("5 batches have ended (b1, b2, b3 and 2 more): 10 completed, 10 failed")


def test_a_lost_connection_and_its_return_are_told_once_each() -> None:
    world = World([job(1), job(2)])
    world.take(servers=[LOST])
    assert world.told() == "Connection lost: hpc1; its jobs are shown as last known."
    world.take(servers=[replace(LOST, next_try=NOW)])
    world.take(servers=[CONNECTING])
    world.take(servers=[LOST])
    assert world.told() == ""
    world.take(servers=[CONNECTING])
    world.take(servers=[UP])
    world.end(1)
    assert world.told() == ""
    world.now += 3
    assert world.told() == "hpc1 is back.\nMeanwhile: 1 completed."
    world.now += 3
    assert world.told() == ""


def test_a_server_that_comes_and_goes_at_once_is_not_told_to_be_back() -> None:
    world = World()
    world.take(servers=[LOST])
    assert world.told()
    world.take(servers=[UP])
    world.now += 1
    world.take(servers=[LOST])
    world.now += 10
    assert world.told() == "Connection lost: hpc1; its jobs are shown as last known."


def test_a_short_silence_is_not_worth_a_message() -> None:
    world = World()
    world.take(servers=[server(state=ServerState.STALE)])
    world.take(servers=[UP])
    world.now += 10
    assert world.told() == ""


def test_a_server_that_a_person_disconnects_is_not_lost() -> None:
    world = World()
    world.take(servers=[OFFLINE])
    world.take(servers=[LOST])
    assert world.told() == ""


def test_what_happened_before_the_first_connection_is_told_in_sum() -> None:
    rows = [job(1), job(2), job(3, batch="b"), job(4, batch="b")]
    world = World(rows, CONNECTING)
    world.take(servers=[UP])
    world.end(1, 3)
    world.end(2, status=JobStatus.FAILED)
    assert world.told() == ""
    world.now += 3
    assert world.told() == "While you were away: 2 completed, 1 failed. design.csv has ended."
    world.end(4, status=JobStatus.FAILED)
    assert world.told() == "b has ended: 1 completed, 1 failed"


def test_a_failure_that_was_caught_up_on_was_the_first() -> None:
    world = World([job(1), job(2), job(3)], CONNECTING)
    world.take(servers=[UP])
    world.end(1, status=JobStatus.FAILED)
    world.now += 3
    assert world.told() == "While you were away: 1 failed."
    world.end(2, status=JobStatus.FAILED)
    assert world.told() == ""


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (("batch",), ["a has ended"]),
        (("failure",), ["b: the first failure"]),
        (("connection",), ["Connection lost"]),
        ((), []),
    ],
)
def test_only_what_is_wanted_is_told(kinds: tuple[str, ...], words: list[str]) -> None:
    world = World([job(1, batch="a"), job(2, batch="b"), job(3, batch="b")], kinds=kinds)
    world.end(1)
    world.end(2, status=JobStatus.FAILED)
    world.take(servers=[LOST])
    told = world.told()
    assert [line for line in told.split("\n") if line] == [
        line for line in told.split("\n") if any(line.startswith(word) for word in words)
    ]
    assert bool(told) == bool(words)


def test_a_batch_of_any_name_is_only_ever_text() -> None:
    world = World([job(1, batch="[red]\x1b[2J")])
    world.end(1)
    assert world.told() == "[red]␛[2J has ended: 1 completed"


# On the screen


async def test_a_notice_is_a_message_and_rings_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [NOW]
    fleet = FakeFleet([job(1), job(2), job(3, batch="b")])
    async with running(fleet, clock=lambda: now[0]) as (app, pilot):
        rung: list[bool] = []
        monkeypatch.setattr(app, "bell", lambda: rung.append(True))
        now[0] += 60
        ends = [replace(row, status=JobStatus.COMPLETED) for row in fleet.jobs.values()]
        fleet.change(*ends)
        await until(pilot, lambda: app.told)
        assert app.told == [
            "design.csv has ended: 2 completed\nb has ended: 1 completed",
        ]
        assert rung == [True]
        assert "design.csv has ended" in app.text()


async def test_notices_are_switched_by_key_and_by_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [NOW]
    fleet = FakeFleet([job(key, batch=f"b{key}") for key in range(1, 6)])
    silent = Config(app=AppSettings(notify=("batch",), bell=False))
    async with running(fleet, clock=lambda: now[0], config=silent) as (app, pilot):
        rung: list[bool] = []
        monkeypatch.setattr(app, "bell", lambda: rung.append(True))
        now[0] += 60

        async def end(key: int) -> list[str]:
            told = len(app.told)
            fleet.change(replace(fleet.jobs[key], status=JobStatus.COMPLETED))
            await until(pilot, lambda: app.model.row(key) == fleet.jobs[key])
            return app.told[told:]

        assert (await end(1), rung) == (["b1 has ended: 1 completed"], [])
        await pilot.press("b")
        assert app.told[-1] == "Notices are off."
        assert await end(2) == []
        await pilot.press("b")
        assert app.told[-1] == "Notices are on, with the bell."
        assert (await end(3), rung) == (["b3 has ended: 1 completed"], [True])
        await pilot.press("b")
        assert app.told[-1] == "Notices are on, without the bell."
        assert (await end(4), rung) == (["b4 has ended: 1 completed"], [True])


async def test_what_happened_meanwhile_is_told_though_nothing_else_changes() -> None:
    now = [NOW]
    fleet = FakeFleet([job(1), job(2)], [CONNECTING])
    async with running(fleet, clock=lambda: now[0]) as (app, pilot):
        fleet.change(replace(fleet.jobs[1], status=JobStatus.COMPLETED), servers=[UP])
        await until(pilot, lambda: app.model.row(1) == fleet.jobs[1])
        assert app.told == []
        now[0] += 3
        await until(pilot, lambda: app.told)
        assert app.told == ["While you were away: 1 completed."]
