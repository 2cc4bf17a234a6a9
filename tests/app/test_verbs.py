"""Each verb, from the key to the call of the fleet."""

from pathlib import Path

import pytest
from textual.widgets import Button, Input, Select

from exauq_tui.app.screens.dialogs import ConfirmDialog, TypeToConfirmDialog
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.screens.submit import SubmitDialog
from exauq_tui.errors import HardwareInterfaceFailureError, RecordError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input as Point
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.snapshot import ServerState
from exauq_tui.monitor.verbs import Destination
from tests.app.fake_fleet import FakeFleet, job, server
from tests.app.harness import running, type_ahead, until


def three() -> FakeFleet:
    """A failed job, a completed one and a running one, from the top: 3, 2, 1."""
    return FakeFleet([job(1), job(2, JobStatus.COMPLETED), job(3, JobStatus.FAILED)])


async def test_a_form_submits_one_job_and_the_cursor_goes_to_it() -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press("j", "s", *"0.5", "tab", *"-2", "tab", *"1e3", "enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert fleet.called("submit") == [("hpc1", (Point(0.5, -2, 1000.0),), "")]
        await until(pilot, lambda: app.model.cursor == 4)
        assert app.lines()[1].startswith("▸  ◌ Pending submit")


async def test_keys_typed_ahead_of_the_submit_dialog_reach_its_fields() -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        type_ahead(app, "s", "1", "tab", "2", "tab", "3", "enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert fleet.called("submit") == [("hpc1", (Point(1, 2, 3),), "")]


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("abc", "'abc' is not a number"), ("nan", "NaN is not a number"), ("inf", "infinite")],
)
async def test_a_field_with_a_bad_number_is_marked_and_nothing_is_submitted(
    typed: str, reason: str
) -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press("s", "1", "tab", *typed, "tab", "3", "enter")
        await until(pilot, lambda: app.screen.query_one("#x1", Input).has_class("-wrong"))
        assert reason in app.text()
        assert app.focused is app.screen.query_one("#x1")
        assert app.screen.query_one("#yes", Button).disabled
        assert fleet.called("submit") == []


async def test_an_unfinished_form_leads_to_the_first_empty_field() -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press("s", "1", "enter")
        assert app.focused is app.screen.query_one("#x1")
        assert fleet.called("submit") == []


async def test_a_csv_file_is_counted_and_submitted_under_its_name(tmp_path: Path) -> None:
    fleet = three()
    path = tmp_path / "sweep.csv"
    path.write_text("x2,x1,x3\n" + "".join(f"{n},1,0.5\n" for n in range(100)))
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        app.screen.query_one("#file", Input).value = str(path)
        await until(pilot, lambda: "100 jobs" in app.text())
        app.screen.set_focus(app.screen.query_one("#file"))
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("submit"))
        ((name, points, batch),) = fleet.called("submit")
        assert (name, batch, len(points)) == ("hpc1", "sweep.csv", 100)
        assert points[7] == Point(1, 7, 0.5)
        await until(pilot, lambda: app.model.total == 103)


async def test_a_csv_file_with_a_bad_line_is_refused_with_its_number(tmp_path: Path) -> None:
    fleet = three()
    path = tmp_path / "bad.csv"
    path.write_text("1,2,3\n" * 6 + "1,2\n")
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        app.screen.query_one("#file", Input).value = str(path)
        await until(pilot, lambda: "line 7: 2 values given, 3 expected" in app.text())
        app.screen.set_focus(app.screen.query_one("#file"))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, SubmitDialog)
        assert fleet.called("submit") == []


async def test_the_server_is_chosen_where_there_are_several() -> None:
    fleet = FakeFleet([job(1)], [server(), server("lab", input_names=())])
    async with running(fleet) as (app, pilot):
        await pilot.press("s")
        app.screen.query_one("#server", Select).value = Destination("lab")
        await until(pilot, lambda: len(app.screen.query("#point Input")) == 1)
        app.screen.set_focus(app.screen.query_one("#x0"))
        await pilot.press(*"1,2,3,4,5", "enter")
        await until(pilot, lambda: fleet.called("submit"))
        assert fleet.called("submit") == [("lab", (Point(1, 2, 3, 4, 5),), "")]


async def test_a_submit_that_the_record_refuses_is_told() -> None:
    fleet = three()
    fleet.errors["submit"] = RecordError("the disk is full [red]")
    async with running(fleet) as (app, pilot):
        await pilot.press("s", "1", "tab", "2", "tab", "3", "enter")
        await until(pilot, lambda: app.told)
        assert app.told == ["the disk is full [red]"]
        assert isinstance(app.screen, MainScreen)


async def test_cancel_asks_and_only_y_does_it() -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press("G", "c")
        assert isinstance(app.screen, ConfirmDialog)
        assert app.focused is app.screen.query_one("#no")
        await pilot.press("y")
        await until(pilot, lambda: fleet.called("cancel"))
        assert fleet.called("cancel") == [((1,),)]
        await until(pilot, lambda: "Pending cancel" in app.lines()[3])


@pytest.mark.parametrize("keys", [["enter"], ["escape"], ["n"], ["c"], ["tab", "enter"], ["space"]])
async def test_no_other_key_cancels(keys: list[str]) -> None:
    fleet = three()
    async with running(fleet) as (_, pilot):
        await pilot.press("G", "c", *keys)
        await pilot.pause()
        assert fleet.called("cancel") == []


async def test_cancel_takes_the_marked_jobs_that_have_not_ended() -> None:
    fleet = FakeFleet([job(1), job(2, JobStatus.COMPLETED), job(3), job(4)])
    async with running(fleet) as (app, pilot):
        await pilot.press("j", "space", "space", "space", "c")
        dialog = app.screen
        assert isinstance(dialog, ConfirmDialog)
        assert "1 of 3 have ended and are left alone." in app.text()
        await pilot.press("y")
        await until(pilot, lambda: fleet.called("cancel"))
        assert fleet.called("cancel") == [((3, 1),)]


async def test_a_dialog_acts_on_what_it_lists_whatever_changes_behind_it() -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press("G", "c")
        fleet.change(job(4), job(5), removed=(3,))
        await until(pilot, lambda: app.model.total == 4)
        await pilot.press("y")
        await until(pilot, lambda: fleet.called("cancel"))
        assert fleet.called("cancel") == [((1,),)]


async def test_more_than_twenty_jobs_are_cancelled_by_typing_their_number() -> None:
    fleet = FakeFleet([job(key) for key in range(1, 26)])
    async with running(fleet) as (app, pilot):
        await pilot.press("a", "c")
        assert isinstance(app.screen, TypeToConfirmDialog)
        assert "and 15 more" in app.text()
        await pilot.press("y", "enter")
        assert fleet.called("cancel") == []
        await pilot.press("backspace", "2", "5", "enter")
        await until(pilot, lambda: fleet.called("cancel"))
        assert len(fleet.called("cancel")[0][0]) == 25


async def test_a_job_that_has_ended_is_not_cancelled() -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: app.told)
        assert app.told == ["This job has ended already."]


async def test_marks_that_a_filter_hides_are_left_out_and_told() -> None:
    fleet = FakeFleet([job(1), job(2, batch="other"), job(3)])
    async with running(fleet) as (app, pilot):
        await pilot.press("a", "/", *"design", "enter", "c")
        assert "1 marked but hidden by view or filter: left out." in app.text()
        await pilot.press("y")
        await until(pilot, lambda: fleet.called("cancel"))
        assert fleet.called("cancel") == [((3, 1),)]


async def test_resubmit_asks_and_takes_failed_jobs_only() -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press("a", "R")
        assert "2 of 3 did not fail and are left out." in app.text()
        await pilot.press("enter")
        assert fleet.called("resubmit") == []
        await pilot.press("R", "y")
        await until(pilot, lambda: fleet.called("resubmit"))
        assert fleet.called("resubmit") == [((3,),)]
        await until(pilot, lambda: app.model.cursor == 4)


def gone() -> FakeFleet:
    """From the top: a job that ran and two that completed when their directories vanished."""
    return FakeFleet(
        [
            job(1, JobStatus.COMPLETED, note=GONE),
            job(2, JobStatus.COMPLETED, note=GONE, output=None),
            job(3, note=GONE),
        ]
    )


async def test_jobs_that_are_gone_and_brought_nothing_are_resubmitted_with_a_warning() -> None:
    fleet = gone()
    async with running(fleet) as (app, pilot):
        await pilot.press("a", "R")
        text = app.text()
        assert "1 of 3 did not fail and are left out." in text
        assert "1 of these is gone from server, and may still run there." in text
        await pilot.press("y")
        await until(pilot, lambda: fleet.called("resubmit"))
        assert fleet.called("resubmit") == [((3, 2),)]


async def test_jobs_that_are_gone_can_be_deleted_whatever_their_status() -> None:
    fleet = gone()
    async with running(fleet) as (app, pilot):
        await pilot.press("a", "D")
        assert "never fetched" not in app.text()
        await pilot.press("3", "enter")
        await until(pilot, lambda: fleet.called("delete_jobs"))
        assert fleet.called("delete_jobs") == [((3, 2, 1),)]


async def test_a_job_that_is_gone_can_be_asked_to_end_on_a_server_that_is_up() -> None:
    fleet = gone()
    async with running(fleet) as (app, pilot):
        await pilot.press("c")
        assert "Running?" in app.text()
        assert "cannot be reached" not in app.text()
        await pilot.press("y")
        await until(pilot, lambda: fleet.called("cancel"))
        assert fleet.called("cancel") == [((3,),)]


async def test_fetching_an_output_shows_it() -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press("j", "o")
        await until(pilot, lambda: app.told)
        assert app.told == ["Output: 14.6312"]
        assert app.main.detail.tab == "output"


async def test_an_output_that_cannot_be_read_is_told_with_the_reason() -> None:
    fleet = FakeFleet([job(1, JobStatus.COMPLETED, output=None)])
    async with running(fleet) as (app, pilot):
        await pilot.press("o")
        await until(pilot, lambda: app.told)
        assert app.told == ["1 job could not be read:\nthe output file is empty"]


async def test_deleting_asks_for_the_number_of_jobs() -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press("a", "D")
        assert isinstance(app.screen, TypeToConfirmDialog)
        assert "1 of 3 have not ended and are left alone." in app.text()
        await pilot.press("enter")
        await pilot.press("y", "enter")
        assert fleet.called("delete_jobs") == []
        await pilot.press("backspace", "2", "enter")
        await until(pilot, lambda: fleet.called("delete_jobs"))
        assert fleet.called("delete_jobs") == [((3, 2),)]
        await until(pilot, lambda: app.model.total == 1)


async def test_deleting_says_how_many_outputs_were_never_fetched() -> None:
    fleet = FakeFleet([job(1, JobStatus.COMPLETED, output=None)])
    async with running(fleet) as (app, pilot):
        await pilot.press("D")
        assert "1 output of these never fetched" in app.text()


async def test_a_running_job_is_not_deleted() -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press("G", "D")
        await until(pilot, lambda: app.told)
        assert "cancel them first" in app.told[0]


async def test_a_workspace_is_deleted_by_typing_its_name() -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press("W")
        await until(pilot, lambda: isinstance(app.screen, TypeToConfirmDialog))
        text = app.text()
        assert "It holds 12 jobs. 2 still run or wait, and will be cut off." in text
        assert "Also deleted, though not jobs: notes.txt." in text
        await pilot.press(*"workspace", "enter")
        assert fleet.called("delete_workspace") == []
        app.screen.query_one("#typed", Input).value = "hpc1-workspace"
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("delete_workspace"))
        assert fleet.called("delete_workspace") == [("hpc1",)]


async def test_a_workspace_that_cannot_be_looked_at_is_told() -> None:
    fleet = three()
    fleet.errors["describe_workspace"] = HardwareInterfaceFailureError("hpc1: no route to host")
    async with running(fleet) as (app, pilot):
        await pilot.press("W")
        await until(pilot, lambda: len(app.told) == 2)
        assert app.told[1] == "hpc1: no route to host"
        assert isinstance(app.screen, MainScreen)


async def test_look_now_asks_all_servers() -> None:
    fleet = three()
    async with running(fleet) as (_, pilot):
        await pilot.press("r")
        await until(pilot, lambda: fleet.called("look_now"))


async def test_cancelling_on_a_lost_server_says_that_it_is_done_later() -> None:
    fleet = FakeFleet([job(1)], [server(state=ServerState.LOST)])
    async with running(fleet) as (app, pilot):
        await pilot.press("c")
        assert "hpc1 cannot be reached now: it is done when it is back." in app.text()
        assert "Running?" in app.text()


async def test_the_palette_offers_every_verb_by_name() -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press(":")
        await pilot.pause()
        await pilot.press(*"look now")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("look_now"))
        assert isinstance(app.screen, MainScreen)


async def test_a_verb_typed_at_once_after_a_move_acts_where_the_cursor_went() -> None:
    fleet = FakeFleet([job(1), job(2), job(3)])
    async with running(fleet) as (app, pilot):
        type_ahead(app, "j", "j", "c", "y")
        await until(pilot, lambda: fleet.called("cancel"))
        assert fleet.called("cancel") == [((1,),)]


async def test_a_dialog_lists_as_many_jobs_as_fit_on_the_screen_that_it_is_on_now() -> None:
    async with running(FakeFleet([job(key) for key in range(1, 31)])) as (app, pilot):
        await pilot.press("a", "c")
        await until(pilot, lambda: "and 20 more" in app.text())
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "and 24 more" in app.text())
