"""Plots: what is in them, how they are drawn, and the screen that shows them."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exauq_tui.app.plot_data import RunTimes, Scatter, Series, run_times, scatter
from exauq_tui.app.plotting import Lines, axis, draw_run_times, draw_scatter
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.screens.plot import PlotScreen
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import MAY_BE_PARTIAL
from exauq_tui.monitor.snapshot import JobRow
from tests.app.fake_fleet import FakeFleet, job, server
from tests.app.harness import Dashboard, running, until

NAMES = {"hpc1": ("x1", "x2", "x3")}
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def completed(key: int, x: float, y: float | None, **changes: object) -> JobRow:
    row = job(key, JobStatus.COMPLETED, inputs=(x, 2.0, 3))
    return replace(row, output=y, **changes)  # type: ignore[arg-type]  # fields of a row


def text(lines: Lines) -> list[str]:
    return ["".join(part for part, _ in line) for line in lines]


def discs(lines: Lines) -> int:
    """How many cells below the legend have a disc, which stands for a point or more."""
    return sum(line.count("•") + line.count("●") for line in text(lines)[1:])


def dots(lines: Lines) -> int:
    """How many braille dots there are."""
    return sum(
        (ord(sign) - 0x2800).bit_count()
        for line in text(lines)
        for sign in line
        if 0x2800 <= ord(sign) <= 0x28FF
    )


def points(*pairs: tuple[float, float]) -> Scatter:
    return Scatter("y against x", "x", (Series("Completed", "$success", "a", pairs),), (), "")


# What is in a plot


def test_jobs_with_an_output_are_points_and_the_others_are_counted() -> None:
    rows = [
        completed(1, 0.5, 7.0),
        completed(2, 0.6, None),
        completed(3, 0.7, math.nan),
        job(4, JobStatus.FAILED, inputs=(0.9, 2.0, 3)),
        job(5),
        job(6, JobStatus.FAILED, inputs=()),
        completed(7, 10**400, 1.0),
    ]
    plot = scatter(rows, NAMES, "x1", "status")
    assert [(each.name, each.points) for each in plot.series] == [("Completed", ((0.5, 7.0),))]
    assert plot.failed == (0.9,)
    assert plot.caption == "n = 1, 1 failed, marked below, 5 without output"


def test_points_are_told_apart_by_status_level_or_server() -> None:
    rows = [
        completed(1, 0.1, 1.0),
        completed(2, 0.2, 2.0, note=f"end not witnessed, {MAY_BE_PARTIAL}"),
        completed(3, 0.3, 3.0, level=10, server="lab", inputs=(0.3, 1, 1)),
        completed(4, 0.4, 4.0, level=9),
    ]
    names = {**NAMES, "lab": ("x1", "x2", "x3")}

    def groups(colour: str) -> list[tuple[str, int]]:
        series = scatter(rows, names, "x1", colour).series
        return [(each.name, len(each.points)) for each in series]

    assert groups("status") == [("Completed", 3), ("may be partial", 1)]
    assert groups("level") == [("level 1", 2), ("level 9", 1), ("level 10", 1)]
    assert groups("server") == [("hpc1", 3), ("lab", 1)]


def test_an_input_is_found_by_its_name_wherever_it_stands() -> None:
    rows = [completed(1, 0.1, 1.0), completed(2, 5.0, 2.0, server="lab", inputs=(8.0, 0.2))]
    plot = scatter(rows, {**NAMES, "lab": ("y", "x1")}, "x1", "server")
    assert [each.points for each in plot.series] == [((0.1, 1.0),), ((0.2, 2.0),)]


def test_run_times_are_those_of_jobs_whose_start_and_end_are_known() -> None:
    rows = [
        job(1, JobStatus.COMPLETED, started=5.0, finished=7.5),
        job(2, JobStatus.FAILED, started=5.0, finished=65.0),
        job(3, JobStatus.CANCELLED, started=None),
        job(4, JobStatus.COMPLETED, started=5.0, finished=4.0),
        job(5),
    ]
    plot = run_times(rows)
    assert plot.seconds == (2.5, 60.0)
    assert plot.caption == (
        "n = 2, half took at most 1m00, the longest 1m00, 1 not ended, 2 whose time is not known"
    )


# How it is drawn


def test_each_of_few_points_is_a_disc_in_its_place() -> None:
    lines = draw_scatter(points((0.0, 0.0), (0.015, 0.02), (1.0, 1.0)), 60, 20)
    assert discs(lines) == 2
    assert dots(lines) == 0
    assert len(lines) == 20
    drawn = text(lines)
    assert drawn[1].endswith("•")  # the highest, and the farthest to the right
    assert drawn[16][11:13] == "┤●"  # two in one place
    assert drawn[0] == "  ● Completed"
    assert drawn[-1].strip() == "x"


def test_each_of_many_points_is_a_dot_in_its_place() -> None:
    middle = [(0.5, 0.5)] * 300
    lines = draw_scatter(points((0.0, 0.0), (1.0, 1.0), *middle), 60, 20)
    assert discs(lines) == 0
    assert dots(lines) == 3
    drawn = text(lines)
    assert drawn[1].endswith("⠈")
    assert drawn[16][11:13] == "┤⡀"


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (-3.1, 11.0, (0.0, 5.0, 10.0)),
        (1000.0, 1100.0, (1000.0, 1020.0, 1040.0, 1060.0, 1080.0, 1100.0)),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, ticks: Sequence[float]) -> None:
    assert axis([low, high], 5).ticks == pytest.approx(ticks)


def test_failed_jobs_are_marked_where_they_failed() -> None:
    plot = replace(points((0.0, 0.0), (1.0, 1.0)), failed=(0.999,))
    *_, failed, _, _, _ = text(draw_scatter(plot, 60, 20))
    assert failed.startswith("    failed │ ")
    assert failed.endswith("✗")
    assert failed.count("✗") == 1


def test_letters_stand_for_series_where_there_are_no_colours() -> None:
    plot = points((0.0, 0.0), (1.0, 1.0))
    second = Series("level 2", "$warning", "2", ((0.5, 0.5),))
    drawn = text(draw_scatter(replace(plot, series=(*plot.series, second)), 60, 20, by_letter=True))
    body = "".join(line[12:] for line in drawn[1:17])
    assert (body.count("a"), body.count("2")) == (2, 1)
    assert drawn[0] == "  a Completed  2 level 2"
    assert discs(draw_scatter(plot, 60, 20, by_letter=True)) == 2  # there is nothing to tell apart


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=20))
def test_any_numbers_are_drawn_within_the_bounds(pairs: list[tuple[float, float]]) -> None:
    lines = draw_scatter(points(*pairs), 70, 20)
    assert 1 <= discs(lines) <= len(pairs)
    assert len(lines) == 20
    assert max(map(len, text(lines))) <= 70


@given(st.lists(FLOATS, max_size=5), st.integers(2, 20))
def test_an_axis_holds_its_values_and_its_ticks(values: list[float], most: int) -> None:
    found = axis(values, most)
    assert found.low < found.high
    assert all(0 <= found.part(value) <= 1 for value in [*values, *found.ticks])
    assert len(found.ticks) <= most + 2


@pytest.mark.parametrize("value", [0.0, 1.0, sys.float_info.max, -sys.float_info.max, 5e-324])
def test_a_single_value_stands_in_the_plot(value: float) -> None:
    assert discs(draw_scatter(points((value, value)), 70, 20)) == 1


def test_without_points_or_room_there_are_words() -> None:
    nothing = Scatter("", "x", (), (), "")
    assert "No job here has both" in "".join(text(draw_scatter(nothing, 60, 20)))
    assert "no room" in "".join(text(draw_scatter(points((0, 0)), 20, 20)))
    assert "No job here has ended" in "".join(text(draw_run_times(RunTimes((), ""), 60, 20)))
    assert "no room" in "".join(text(draw_run_times(RunTimes((1.0,), ""), 60, 3)))


@given(
    st.lists(st.floats(0, 1e9), min_size=1, max_size=30), st.integers(30, 200), st.integers(8, 60)
)
def test_run_times_fit_whatever_they_are(seconds: list[float], width: int, height: int) -> None:
    lines = text(draw_run_times(RunTimes(tuple(seconds), ""), width, height))
    assert len(lines) == height
    assert max(map(len, lines)) <= width
    # Whatever there is can be seen.
    assert any(sign in lines[-4] for sign in "▁▂▃▄▅▆▇█")


def test_the_highest_bar_reaches_the_top_and_is_labelled_with_its_number() -> None:
    lines = text(draw_run_times(RunTimes((10.0,) * 5 + (50.0,), ""), 60, 12))
    assert lines[0].split()[0] == "5"
    assert "█" in lines[0]
    assert lines[-1].strip() == "run time in seconds"


# The screen


def curve(count: int = 50) -> FakeFleet:
    rows = [completed(key, key / count, math.sin(key / 8)) for key in range(1, count + 1)]
    rows.append(job(count + 1, JobStatus.FAILED))
    return FakeFleet(rows)


def shows(app: Dashboard, words: str) -> bool:
    return words in app.text()


async def test_a_plot_is_opened_turned_over_and_left() -> None:
    async with running(curve()) as (app, pilot):
        await pilot.press("P")
        await until(pilot, lambda: shows(app, "output against x1, by status  51 jobs"))
        assert shows(app, "n = 50, 1 failed, marked below")
        assert isinstance(app.screen, PlotScreen)
        await pilot.press("x")
        await until(pilot, lambda: shows(app, "output against x2"))
        await pilot.press("X", "X")
        await until(pilot, lambda: shows(app, "output against x3"))
        await pilot.press("C")
        await until(pilot, lambda: shows(app, "by level"))
        await pilot.press("t")
        await until(pilot, lambda: shows(app, "run time in minutes"))
        await pilot.press("x")
        await until(pilot, lambda: shows(app, "output against x1"))
        await pilot.press("q")
        assert isinstance(app.screen, MainScreen)


async def test_only_what_the_table_shows_is_plotted() -> None:
    async with running(curve()) as (app, pilot):
        await pilot.press("3", "P")
        await until(pilot, lambda: shows(app, "1 shown job"))
        assert shows(app, "n = 0, 1 failed")


async def test_a_plot_is_drawn_again_on_demand() -> None:
    fleet = curve()
    async with running(fleet) as (app, pilot):
        await pilot.press("P")
        await until(pilot, lambda: shows(app, "n = 50"))
        fleet.change(completed(60, 0.3, 2.0))
        await until(pilot, lambda: app.model.row(60) is not None)
        assert shows(app, "n = 50")
        await pilot.press("r")
        await until(pilot, lambda: shows(app, "n = 51"))


async def test_a_plot_fills_its_screen_at_any_size() -> None:
    async with running(curve()) as (app, pilot):
        await pilot.press("P")
        await until(pilot, lambda: shows(app, "n = 50"))
        for size in ((250, 80), (60, 15), (20, 5), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await until(pilot, lambda: shows(app, "n = 50") and shows(app, "┬"))
        assert len(app.text().split("\n")) == 24


async def test_without_colours_letters_tell_points_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    rows = [completed(key, key / 9, key / 9, level=key % 2 + 1) for key in range(10)]
    async with running(FakeFleet(rows)) as (app, pilot):
        await pilot.press("P", "C")
        await until(pilot, lambda: shows(app, "2 level 2"))


async def test_hostile_names_are_drawn_as_text() -> None:
    rows = [job(1, JobStatus.COMPLETED, inputs=(0.5,), server="[red]\x1b[2J")]
    fleet = FakeFleet(rows, [server("[red]\x1b[2J", input_names=("[/nope]",))])
    async with running(fleet) as (app, pilot):
        await pilot.press("P", "C", "C")
        await until(pilot, lambda: shows(app, "output against [/nope], by server"))
        assert shows(app, "● [red]␛[2J")
