"""The submit dialog: rows from file and clipboard, what ran already, where the jobs go."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual import events
from textual.app import App
from textual.widgets import Button, Input, Select

from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.screens.submit import SubmitDialog
from exauq_tui.app.widgets.choice import Choice
from exauq_tui.errors import InputError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input as Point
from exauq_tui.monitor.snapshot import ServerState
from exauq_tui.monitor.verbs import Destination
from tests.app.fake_fleet import FakeFleet, job, server
from tests.app.harness import Dashboard, running, until

ROWS = "x1,x2,x3\r1,2,3\r4,5,6\r7,8,9"  # terminals paste line ends so


def paste(app: App[int], text: str) -> None:
    app.post_message(events.Paste(text))


def field(app: Dashboard, name: str) -> Input:
    return app.screen.query_one(f"#{name}", Input)


def choose(app: Dashboard, name: str) -> Choice:
    choice = app.screen.query_one(f"#{name}", Choice)
    app.screen.set_focus(choice)
    return choice


def button(app: Dashboard) -> str:
    return str(app.screen.query_one("#yes", Button).label)


async def test_rows_pasted_into_any_field_are_submitted() -> None:
    fleet = FakeFleet()
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        paste(app, ROWS)
        await until(pilot, lambda: "3 jobs" in app.text())
        assert "4 lines pasted" in app.text()
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert fleet.called("submit") == [
            ("hpc1", (Point(1, 2, 3), Point(4, 5, 6), Point(7, 8, 9)), "pasted")
        ]


async def test_one_line_pasted_into_a_field_stays_there() -> None:
    async with running(FakeFleet()) as (app, pilot):
        await pilot.press("s")
        paste(app, "0.25\r")
        await until(pilot, lambda: field(app, "x0").value == "0.25")


async def test_pasted_rows_can_be_dropped_again() -> None:
    async with running(FakeFleet()) as (app, pilot):
        await pilot.press("s")
        paste(app, ROWS)
        await until(pilot, lambda: "3 jobs" in app.text())
        app.screen.set_focus(field(app, "rows"))
        await pilot.press("delete")
        await until(pilot, lambda: "Fill in every field" in app.text())
        assert app.screen.query_one("#yes", Button).disabled


async def test_a_row_can_be_typed() -> None:
    fleet = FakeFleet()
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        app.screen.set_focus(field(app, "rows"))
        await pilot.press(*"1,2,3", "enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert fleet.called("submit") == [("hpc1", (Point(1, 2, 3),), "")]


def slow_down(fleet: FakeFleet) -> tuple[threading.Event, threading.Event]:
    """Let a look-up wait: tells of it by the first event, and goes on by the second."""
    reads, goes_on = threading.Event(), threading.Event()
    find_runs = fleet.find_runs

    def slow(destination: Destination, inputs: Sequence[Point]) -> tuple[int | None, ...]:
        reads.set()
        assert goes_on.wait(10)
        return find_runs(destination, inputs)

    fleet.find_runs = slow  # type: ignore[method-assign]
    return reads, goes_on


async def test_keys_are_answered_while_a_megabyte_of_rows_is_read() -> None:
    text = "\r".join(f"{n},0.123456789,{n}.5" for n in range(50_000))
    assert len(text) > 1_000_000
    fleet = FakeFleet()
    async with running(fleet) as (app, pilot):
        reads, goes_on = slow_down(fleet)
        await pilot.press("s")
        paste(app, text)
        await until(pilot, reads.is_set)
        await until(pilot, lambda: "Reading …" in app.text())
        app.screen.set_focus(field(app, "batch"))
        await pilot.press(*"big")
        assert field(app, "batch").value == "big"
        goes_on.set()
        await until(pilot, lambda: "50,000 jobs" in app.text())
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("submit"))
        ((_, points, batch),) = fleet.called("submit")
        assert (len(points), batch) == (50_000, "big")


async def test_enter_typed_ahead_submits_once_the_rows_are_read() -> None:
    fleet = FakeFleet()
    async with running(fleet) as (_, pilot):
        reads, goes_on = slow_down(fleet)
        await pilot.press("s")
        paste(pilot.app, ROWS)
        await until(pilot, reads.is_set)
        await pilot.press("enter")
        assert fleet.called("submit") == []
        goes_on.set()
        await until(pilot, lambda: fleet.called("submit"))
        assert len(fleet.called("submit")[0][1]) == 3


async def test_enter_typed_ahead_does_not_submit_what_ought_to_be_looked_at() -> None:
    fleet = FakeFleet()
    async with running(fleet) as (app, pilot):
        reads, goes_on = slow_down(fleet)
        await pilot.press("s")
        paste(app, ROWS + "\r1,2,3")
        await until(pilot, reads.is_set)
        await pilot.press("enter")
        goes_on.set()
        await until(pilot, lambda: "Repeated rows: 1." in app.text())
        assert fleet.called("submit") == []
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert len(fleet.called("submit")[0][1]) == 3


BAD = "1,2,3\n1,2\n4,5,6\n1,x,3\n"


async def test_every_bad_line_is_listed_and_nothing_is_submitted_by_itself(tmp_path: Path) -> None:
    fleet = FakeFleet()
    path = tmp_path / "bad.csv"
    path.write_text(BAD)
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        field(app, "file").value = str(path)
        await until(pilot, lambda: "2 lines cannot be read" in app.text())
        text = app.text()
        assert "line 2: 2 values given, 3 expected (x1, x2, x3)" in text
        assert "line 4: x2: 'x' is not a number" in text
        assert "Nothing to submit" in text
        app.screen.set_focus(field(app, "file"))
        await pilot.press("enter")
        assert fleet.called("submit") == []
        assert app.focused is app.screen.query_one("#bad")


async def test_the_good_lines_alone_are_submitted_where_a_person_says_so(tmp_path: Path) -> None:
    fleet = FakeFleet()
    path = tmp_path / "bad.csv"
    path.write_text(BAD)
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        field(app, "file").value = str(path)
        await until(pilot, lambda: "2 lines cannot be read" in app.text())
        choose(app, "bad")
        await pilot.press("right")
        await until(pilot, lambda: "Submit 2 jobs" in button(app))
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert fleet.called("submit") == [("hpc1", (Point(1, 2, 3), Point(4, 5, 6)), "bad.csv")]
        await until(pilot, lambda: app.told)
        assert app.told == ["2 jobs for hpc1; 2 bad lines left out"]


async def test_hundreds_of_bad_lines_can_be_scrolled_by_key(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("1,2\n" * 300)
    async with running(FakeFleet()) as (app, pilot):
        await pilot.press("s")
        field(app, "file").value = str(path)
        await until(pilot, lambda: "300 lines cannot be read" in app.text())
        await pilot.press(*["pagedown"] * 8)
        await until(pilot, lambda: "and 250 more" in app.text())


def known() -> FakeFleet:
    """A fleet whose job 1 completed with the input of the first of `ROWS`, and 2 runs."""
    return FakeFleet(
        [
            job(1, JobStatus.COMPLETED, inputs=(1, 2, 3), output=14.5),
            job(2, inputs=(4, 5, 6)),
            job(3, JobStatus.FAILED, inputs=(7, 8, 9)),
        ]
    )


async def test_what_ran_already_is_shown_and_skipped() -> None:
    fleet = known()
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        paste(app, ROWS)
        await until(pilot, lambda: "Ran already, or under way: 2 of 3." in app.text())
        assert "✓ 14.5000 …000001" in app.text()
        assert "► Running …000002" in app.text()
        assert "Submit 1 job" in button(app)
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert fleet.called("submit") == [("hpc1", (Point(7, 8, 9),), "pasted")]
        await until(pilot, lambda: app.told)
        assert app.told == ["1 job for hpc1; 2 duplicates skipped"]


async def test_what_ran_already_is_run_again_where_a_person_says_so() -> None:
    fleet = known()
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        paste(app, ROWS)
        await until(pilot, lambda: "under way: 2 of 3" in app.text())
        choose(app, "known")
        await pilot.press("space")
        await until(pilot, lambda: "Submit 3 jobs" in button(app))
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert len(fleet.called("submit")[0][1]) == 3


async def test_jobs_that_ran_already_are_marked_together_with_the_new() -> None:
    fleet = known()
    async with running(fleet) as (app, pilot):
        await pilot.press("space", "s")
        paste(app, ROWS)
        await until(pilot, lambda: "under way: 2 of 3" in app.text())
        choose(app, "known")
        await pilot.press("left", "enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert fleet.called("submit") == [("hpc1", (Point(7, 8, 9),), "pasted")]
        await until(pilot, lambda: app.model.marks == {1, 2, 4})
        assert app.told == ["1 job for hpc1; 2 jobs that ran already are marked too"]


async def test_the_first_rows_are_as_many_as_there_is_room_for_now() -> None:
    async with running(FakeFleet(), (80, 24)) as (app, pilot):
        await pilot.press("s")
        paste(app, "\r".join(f"{n},2,3" for n in range(20)))
        await until(pilot, lambda: "and 17 more" in app.text())
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: "and 14 more" in app.text())


async def test_where_all_ran_already_nothing_is_submitted_and_their_jobs_can_be_marked() -> None:
    fleet = known()
    async with running(fleet) as (app, pilot):
        await pilot.press("3", "s", *"1", "tab", *"2", "tab", *"3", "enter")
        await until(pilot, lambda: "This input ran already, or is under way." in app.text())
        await until(pilot, lambda: "✓ 14.5000" in app.text())
        assert app.screen.query_one("#yes", Button).disabled
        await pilot.press("enter")
        assert app.focused is app.screen.query_one("#known")
        await pilot.press("left")
        await until(pilot, lambda: "Mark 1 job" in button(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.told)
        assert app.told == ["1 job that ran already is marked"]
        assert fleet.called("submit") == []
        assert app.model.marks == {1}
        assert app.model.cursor == 1  # shown, although the view was of failed jobs only


async def test_what_others_submitted_since_the_preview_is_shown_before_anything_is_sent() -> None:
    fleet = FakeFleet()
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        paste(app, ROWS)
        await until(pilot, lambda: "Submit 3 jobs" in button(app))
        fleet.change(job(1, JobStatus.PENDING_SUBMIT, inputs=(4, 5, 6)))
        await pilot.press("enter")
        await until(pilot, lambda: "Not submitted yet: 1 input more ran" in app.text())
        assert fleet.called("submit") == []
        assert "Ran already, or under way: 1 of 3." in app.text()
        assert "Submit 2 jobs" in button(app)
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert fleet.called("submit") == [("hpc1", (Point(1, 2, 3), Point(7, 8, 9)), "pasted")]


async def test_a_job_that_failed_since_the_preview_is_no_reason_to_skip_its_input() -> None:
    fleet = known()
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        paste(app, ROWS)
        await until(pilot, lambda: "Submit 1 job" in button(app))
        fleet.change(job(2, JobStatus.FAILED, inputs=(4, 5, 6)))
        await pilot.press("enter")
        await until(pilot, lambda: "1 input did not come to an output after all" in app.text())
        assert "Submit 2 jobs" in button(app)
        assert fleet.called("submit") == []


async def test_what_is_typed_while_it_is_looked_up_once_more_calls_off_the_submitting() -> None:
    fleet = FakeFleet()
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        paste(app, ROWS)
        await until(pilot, lambda: "Submit 3 jobs" in button(app))
        reads, goes_on = slow_down(fleet)
        await pilot.press("enter")
        await until(pilot, reads.is_set)
        await until(pilot, lambda: "Reading …" in app.text())
        app.screen.set_focus(field(app, "rows"))
        paste(app, "7,7,7\r8,8,8")
        await until(pilot, lambda: "2 lines pasted" in app.text())
        goes_on.set()
        await until(pilot, lambda: "Submit 2 jobs" in button(app))
        assert fleet.called("submit") == []


async def test_a_server_that_went_away_meanwhile_is_said_to_be_none() -> None:
    fleet = FakeFleet()
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        paste(app, ROWS)
        await until(pilot, lambda: "Submit 3 jobs" in button(app))
        fleet.errors["find_runs"] = InputError("there is no server hpc1")
        await pilot.press("enter")
        await until(pilot, lambda: "there is no server hpc1" in app.text())
        assert fleet.called("submit") == []
        assert app.screen.query_one("#yes", Button).disabled


def two(**changes: object) -> FakeFleet:
    return FakeFleet([job(1), job(2)], [server(), server("lab", **changes)])


async def test_any_server_of_the_level_shares_the_jobs_by_who_has_least_to_do() -> None:
    fleet = two()
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        app.screen.query_one("#server", Select).value = Destination("", 1)
        paste(app, "\n".join(f"{n},0,0" for n in range(10)))
        await until(pilot, lambda: "10 jobs  to lab 6, hpc1 4" in app.text())
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("submit_to_level"))
        await until(pilot, lambda: app.told)
        assert app.told == ["10 jobs for lab 6, hpc1 4"]
        await until(pilot, lambda: app.model.total == 12)


async def test_a_lost_server_is_not_chosen_while_another_is_up() -> None:
    fleet = two(state=ServerState.LOST)
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        app.screen.query_one("#server", Select).value = Destination("", 1)
        paste(app, ROWS)
        await until(pilot, lambda: "3 jobs  to hpc1" in app.text())


@pytest.mark.parametrize("changes", [{"level": 2}, {"input_names": ("a", "b")}])
async def test_servers_that_differ_are_not_offered_as_one(changes: dict[str, object]) -> None:
    async with running(two(**changes)) as (app, pilot):
        await pilot.press("s")
        offered = app.screen.query_one("#server", Select)._options
        assert [value for _, value in offered] == [
            Destination("hpc1", 1),
            Destination("lab", int(str(changes.get("level", 1)))),
        ]


async def test_tab_completes_a_path_and_then_goes_on(tmp_path: Path) -> None:
    (tmp_path / "design one.csv").write_text("1,2,3\n")
    (tmp_path / "design two.csv").write_text("1,2,3\n")
    async with running(FakeFleet()) as (app, pilot):
        await pilot.press("s")
        path = field(app, "file")
        app.screen.set_focus(path)
        path.value = f"{tmp_path}/d"
        await until(pilot, lambda: "design one.csv  design two.csv" in app.text())
        await pilot.press("tab")
        await until(pilot, lambda: path.value == f"{tmp_path}/design ")
        await pilot.press("o", "tab")
        await until(pilot, lambda: path.value == f"{tmp_path}/design one.csv")
        await until(pilot, lambda: "1 job" in app.text())
        await pilot.press("tab")
        assert app.focused is field(app, "rows")


async def test_a_batch_has_the_file_s_name_or_another(tmp_path: Path) -> None:
    fleet = FakeFleet()
    (tmp_path / "sweep.csv").write_text("1,2,3\n")
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        field(app, "file").value = str(tmp_path / "sweep.csv")
        await until(pilot, lambda: field(app, "batch").placeholder == "sweep.csv")
        app.screen.set_focus(field(app, "batch"))
        await pilot.press(*"first", "enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert fleet.called("submit")[0][2] == "first"
        await until(pilot, lambda: isinstance(app.screen, MainScreen))


async def test_what_was_typed_last_counts(tmp_path: Path) -> None:
    (tmp_path / "sweep.csv").write_text("1,2,3\n4,5,6\n")
    async with running(FakeFleet()) as (app, pilot):
        await pilot.press("s")
        field(app, "file").value = str(tmp_path / "sweep.csv")
        await until(pilot, lambda: "2 jobs" in app.text())
        paste(app, ROWS)
        await until(pilot, lambda: "3 jobs" in app.text())
        app.screen.set_focus(field(app, "x0"))
        await pilot.press("1", "tab", "2", "tab", "3")
        await until(pilot, lambda: "1 job " in app.text())
        field(app, "file").value = ""
        await pilot.pause()
        assert isinstance(app.screen, SubmitDialog)
        assert "1 job " in app.text()


async def test_a_server_that_is_away_is_told_of_before_jobs_are_kept_for_it() -> None:
    fleet = FakeFleet(servers=[server(state=ServerState.LOST)])
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        paste(app, ROWS)
        await until(pilot, lambda: "hpc1 is LOST: its jobs are kept" in app.text())
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("submit"))


async def test_a_path_may_be_in_quotes(tmp_path: Path) -> None:
    fleet = FakeFleet()
    (tmp_path / "a sweep.csv").write_text("1,2,3\n")
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        app.screen.set_focus(field(app, "file"))
        paste(app, f"'{tmp_path}/a sweep.csv'")
        await until(pilot, lambda: "1 job " in app.text())
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert fleet.called("submit")[0][2] == "a sweep.csv"


@pytest.mark.parametrize(
    "text",
    [
        "\x1b]52;c;YWJj\x07\n[/nope]\n1,2,3",
        "1,2,3\n\ud800,2,3\n[bold]1,2,3",
        "9" * 1_000_000,
        "1," * 500_000,
        "x" * 1_000_000 + "\n1,2,3",
        "\n\r\n",
        "",
    ],
    ids=["escapes", "surrogates", "a long number", "many columns", "a long word", "ends", "none"],
)
@pytest.mark.parametrize("names", [("x1", "x2", "x3"), ()], ids=["names", "no-names"])
async def test_no_text_that_is_pasted_does_any_harm(text: str, names: tuple[str, ...]) -> None:
    fleet = FakeFleet(servers=[server(input_names=names)])
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        paste(app, text)
        await pilot.pause()
        await until(pilot, lambda: not any(worker.is_running for worker in app.workers))
        assert "\x1b" not in app.text()
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
