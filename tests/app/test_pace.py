"""How fast jobs end, and about when the last will have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from exauq_tui.app.job_model import JobModel
from exauq_tui.app.links import Links
from exauq_tui.app.pace import Pace, left_text, rate_text
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import Changes, JobRow, ServerState, ServerView
from tests.app.fake_fleet import FakeFleet, job, server
from tests.app.harness import running, until

SKEW = 7200.0
"""How far the servers' clocks are ahead of ours."""


class World:
    """A model and its pace, a clock, and jobs that start and end."""

    def __init__(self, rows: Sequence[JobRow] = (), slots: int | None = None) -> None:
        self.now = 1000.0
        self.links = Links()
        self.pace = Pace(self.links, lambda _: slots)
        self.model = JobModel()
        self.pace.load(rows)
        self.model.load(rows, [server()])
        self.links.notice([server()], self.now)
        self.now += 60

    def take(self, *rows: JobRow) -> None:
        self.pace.take(self.model, rows, self.now)
        self.model.apply(Changes(rows))

    def link(self, view: ServerView) -> None:
        for name in self.links.notice([view], self.now):
            self.pace.forget_endings(name)
        self.model.apply(Changes(servers=(view,)))

    def start(self, *keys: int) -> None:
        self.take(
            *(
                job(key, started=self.now + SKEW, created=self.now)
                for key in keys
            )
        )  # fmt: skip

    def end(self, *keys: int, status: JobStatus = JobStatus.COMPLETED) -> None:
        rows = [self.model.row(key) for key in keys]
        self.take(*(replace(row, status=status, finished=self.now + SKEW) for row in rows if row))

    @property
    def rate(self) -> float:
        return self.pace.rate(self.model, self.now)

    @property
    def left(self) -> float | None:
        return self.pace.seconds_left(self.model, self.now)


def ended(count: int, seconds: float, server: str = "hpc1") -> list[JobRow]:
    """Jobs of earlier days, which ran for so long."""
    return [
        job(key, JobStatus.COMPLETED, started=5.0, finished=5.0 + seconds, server=server)
        for key in range(900, 900 + count)
    ]


def queued(*keys: int) -> list[JobRow]:
    return [job(key, JobStatus.SUBMITTED) for key in keys]


def steady(world: World, endings: int, every: float) -> None:
    """Let one job end and the next start, again and again."""
    for key in range(1, endings + 1):
        world.now += every
        world.end(key)
        world.start(key + 1)


def test_the_rate_is_that_of_the_last_endings() -> None:
    world = World([job(1), *queued(*range(2, 50))])
    steady(world, 10, every=6.0)
    assert world.rate == pytest.approx(1 / 6)


def test_the_rate_is_not_told_from_too_few_endings_or_too_short_a_time() -> None:
    world = World([job(1), *queued(*range(2, 50))])
    steady(world, 2, every=30.0)
    assert world.rate == 0
    hasty = World([job(1), *queued(*range(2, 50))])
    steady(hasty, 10, every=0.1)
    assert hasty.rate == 0


def test_the_rate_falls_while_nothing_ends() -> None:
    world = World([job(1), *queued(*range(2, 50))])
    steady(world, 10, every=6.0)
    world.now += 54
    assert world.rate == pytest.approx(9 / 108)


def test_old_endings_are_forgotten() -> None:
    world = World([job(1), *queued(*range(2, 400))])
    steady(world, 30, every=60.0)
    steady_from = 31
    for key in range(steady_from, steady_from + 300):
        world.now += 2
        world.end(key)
        world.start(key + 1)
    assert world.rate == pytest.approx(0.5)


def test_what_had_ended_before_the_connection_makes_no_rate() -> None:
    world = World([job(key) for key in range(1, 50)])
    world.link(server(state=ServerState.LOST))
    world.now += 3600
    world.link(server())
    world.end(*range(1, 40))
    world.now += 10
    assert world.rate == 0


def test_a_lost_server_has_no_rate_and_lets_nothing_be_foretold() -> None:
    world = World([*ended(20, 30.0), job(1), *queued(*range(2, 50))])
    steady(world, 10, every=6.0)
    assert world.left is not None
    for state in (ServerState.STALE, ServerState.LOST):
        world.link(server(state=state))
        assert world.rate == 0
        assert world.left is None


def test_when_all_has_ended_there_is_neither() -> None:
    world = World([job(1), *queued(*range(2, 11))])
    steady(world, 10, every=6.0)
    world.end(11)
    assert world.rate == 0
    assert world.left is None


def test_new_work_is_not_measured_by_the_endings_of_old() -> None:
    world = World([job(1), *queued(*range(2, 11))])
    steady(world, 10, every=6.0)
    world.end(11)
    world.now += 86_400
    world.take(*queued(*range(20, 60)))
    world.start(20)
    for key in range(20, 30):
        world.now += 10
        world.end(key)
        world.start(key + 1)
    assert world.rate == pytest.approx(0.1)


def test_the_time_left_follows_from_run_times_and_slots() -> None:
    world = World([*ended(20, 30.0), *(job(key) for key in range(1, 5)), *queued(*range(5, 45))])
    assert world.left == pytest.approx(40 / 4 * 30 + 30)


def test_slots_that_are_about_to_be_taken_count() -> None:
    world = World([*ended(20, 30.0), job(1), *queued(*range(2, 42))], slots=8)
    assert world.left == pytest.approx(40 / 8 * 30 + 30)


def test_without_a_limit_all_that_wait_start_soon() -> None:
    world = World([*ended(20, 30.0), *queued(*range(2, 42))], slots=0)
    assert world.left == pytest.approx(30)


def test_the_last_to_start_is_about_the_last_to_end() -> None:
    world = World([*ended(20, 30.0), *queued(1, 2)])
    world.start(1)
    world.now += 5
    world.start(2)
    world.now += 10
    assert world.left == pytest.approx(20)
    world.now += 30
    assert world.left is None  # it takes longer than what was seen so far


@pytest.mark.parametrize(
    "rows",
    [
        [*ended(4, 30.0), job(1), *queued(2)],  # too few to learn from
        [*ended(20, 30.0), *queued(2)],  # nothing runs, and no number of slots is known
        [*ended(20, 30.0), job(1)],  # nobody saw it start
        [*ended(20, 30.0, server="lab"), job(1), *queued(2)],  # learnt elsewhere
        [],
    ],
)
def test_nothing_is_foretold_without_evidence(rows: list[JobRow]) -> None:
    assert World(rows).left is None


def test_the_slowest_server_decides() -> None:
    rows = [*ended(20, 30.0), job(1), *queued(2)]
    rows += [replace(row, server="lab", key=row.key + 2000) for row in [*ended(20, 300.0), *rows]]
    world = World(rows)
    assert world.left == pytest.approx(60)  # the other is not known to the configuration
    world.model.apply(Changes(servers=(server("lab"),)))
    assert world.left == pytest.approx((20 * 30 + 20 * 300) / 40 + 300)


@pytest.mark.parametrize(
    ("per_second", "text"),
    [
        (0, ""), (23.4, "23 jobs/s"), (2.34, "2.3 jobs/s"), (0.5, "30 jobs/min"),
        (0.02, "1.2 jobs/min"), (0.001, "3.6 jobs/h"), (0.00001, "0.0 jobs/h"),
    ],
)  # fmt: skip
def test_a_rate_has_two_digits(per_second: float, text: str) -> None:
    assert rate_text(per_second) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""), (1, "ETA ~10s"), (44, "ETA ~40s"), (56, "ETA ~1m"), (1080, "ETA ~18m"),
        (3569, "ETA ~59m"), (3571, "ETA ~1.0h"), (80_000, "ETA ~22h"), (200_000, "ETA ~2.3d"),
        (9_000_000, "ETA ~104d"),
    ],
)  # fmt: skip
def test_what_is_left_is_told_no_finer_than_it_is_known(seconds: float | None, text: str) -> None:
    assert left_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "line"), [((120, 36), "30 jobs/min  ETA ~5m"), ((80, 24), "%  30 jobs/min  ETA ~5m")]
)
async def test_the_header_says_both(size: tuple[int, int], line: str) -> None:
    now = [100_000.0]
    rows = [*ended(20, 30.0), *(job(key, started=100_040.0) for key in range(1, 6))]
    rows += queued(*range(6, 60))
    fleet = FakeFleet(rows)
    async with running(fleet, size, clock=lambda: now[0]) as (app, pilot):
        now[0] += 60
        for key in range(1, 6):
            now[0] += 2
            fleet.change(
                replace(fleet.jobs[key], status=JobStatus.COMPLETED, finished=now[0]),
                job(key + 5, started=now[0]),
            )
            last = key + 5
            await until(pilot, lambda: app.model.row(last) == fleet.jobs[last])  # noqa: B023 - at once
        assert line in app.text().split("\n")[1]
