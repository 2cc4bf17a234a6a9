"""Resubmitting: what is marked, the job under the cursor, or all failed that are shown."""

from __future__ import annotations

from dataclasses import replace

from textual.widgets import Button

from exauq_tui.app.screens.dialogs import ConfirmDialog, TypeToConfirmDialog
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.screens.resubmit import ResubmitDialog
from exauq_tui.hardware.status import JobStatus
from tests.app.fake_fleet import FakeFleet, job
from tests.app.harness import running, until

FAILED = JobStatus.FAILED


def mixed() -> FakeFleet:
    """From the top: failed 6 and 5 of another batch, cancelled 4, running 3, failed 2 and 1."""
    return FakeFleet(
        [
            job(1, FAILED),
            job(2, JobStatus.FAILED_SUBMIT),
            job(3),
            job(4, JobStatus.CANCELLED),
            job(5, FAILED, batch="other"),
            job(6, FAILED, batch="other"),
        ]
    )


async def test_without_marks_y_takes_the_job_under_the_cursor_alone() -> None:
    fleet = mixed()
    async with running(fleet) as (app, pilot):
        await pilot.press("R")
        assert isinstance(app.screen, ResubmitDialog)
        assert app.focused is app.screen.query_one("#no")
        assert "20261113090000006" in app.text()
        await pilot.press("y")
        await until(pilot, lambda: fleet.called("resubmit"))
        assert fleet.called("resubmit") == [((6,),)]


async def test_all_failed_are_listed_before_they_are_sent_and_no_others() -> None:
    fleet = mixed()
    async with running(fleet) as (app, pilot):
        await pilot.press("R", "a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        text = app.text()
        assert "Resubmit 4 jobs?" in text
        for key in (1, 2, 5, 6):
            assert f"2026111309000000{key}" in text
        await pilot.press("y")
        await until(pilot, lambda: fleet.called("resubmit"))
        assert fleet.called("resubmit") == [((6, 5, 2, 1),)]


async def test_all_means_what_view_and_filter_show() -> None:
    fleet = mixed()
    async with running(fleet) as (app, pilot):
        await pilot.press("/", *"other", "enter", "R", "a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("y")
        await until(pilot, lambda: fleet.called("resubmit"))
        assert fleet.called("resubmit") == [((6, 5),)]


async def test_where_the_job_under_the_cursor_did_not_fail_only_all_is_offered() -> None:
    fleet = mixed()
    async with running(fleet) as (app, pilot):
        await pilot.press("j", "j", "j", "R")
        assert "The job under the cursor cannot be resubmitted." in app.text()
        assert len(app.screen.query(Button)) == 2
        await pilot.press("y")
        assert isinstance(app.screen, ResubmitDialog)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert fleet.called("resubmit") == []


async def test_no_key_but_its_own_takes_all_failed() -> None:
    fleet = mixed()
    async with running(fleet) as (app, pilot):
        for key in ("enter", "R", "n", "escape"):
            await pilot.press("R")
            await pilot.press(key)
            await pilot.pause()
            assert fleet.called("resubmit") == []
            if isinstance(app.screen, ResubmitDialog):
                await pilot.press("escape")


async def test_a_failed_job_that_was_tried_again_is_not_among_all_failed() -> None:
    fleet = mixed()
    fleet.jobs[7] = replace(job(7), try_of=fleet.jobs[6].job_id, try_number=2)
    async with running(fleet) as (app, pilot):
        await pilot.press("j", "R")
        assert "1 of these was tried again already." in app.text()
        assert "3 failed jobs not tried again yet" in app.text()
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("y")
        await until(pilot, lambda: fleet.called("resubmit"))
        assert fleet.called("resubmit") == [((5, 2, 1),)]


async def test_marks_decide_where_there_are_some_and_hidden_ones_are_told() -> None:
    fleet = mixed()
    async with running(fleet) as (app, pilot):
        await pilot.press("G", "space", "g", "space", "/", *"other", "enter", "R")
        assert isinstance(app.screen, ConfirmDialog)
        assert "1 marked but hidden by view or filter: left out." in app.text()
        await pilot.press("y")
        await until(pilot, lambda: fleet.called("resubmit"))
        assert fleet.called("resubmit") == [((6,),)]


async def test_more_than_twenty_failed_are_confirmed_by_typing_their_number() -> None:
    fleet = FakeFleet([job(key, FAILED) for key in range(1, 31)])
    async with running(fleet) as (app, pilot):
        await pilot.press("R", "a")
        await until(pilot, lambda: isinstance(app.screen, TypeToConfirmDialog))
        await pilot.press("3", "0", "enter")
        await until(pilot, lambda: fleet.called("resubmit"))
        assert len(fleet.called("resubmit")[0][0]) == 30


async def test_a_single_failed_job_is_asked_about_at_once() -> None:
    fleet = FakeFleet([job(1), job(2, FAILED)])
    async with running(fleet) as (app, pilot):
        await pilot.press("R")
        assert isinstance(app.screen, ConfirmDialog)
        await pilot.press("y")
        await until(pilot, lambda: fleet.called("resubmit"))
        assert fleet.called("resubmit") == [((2,),)]
