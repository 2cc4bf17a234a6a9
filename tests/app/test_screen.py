"""What the main screen shows, and how it is moved about in."""

from typing import Any

import pytest
from textual.widgets import Input

from exauq_tui.app.job_views import View
from exauq_tui.app.screens.help import HelpScreen
from exauq_tui.config import AppSettings, Config
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.snapshot import JobRow, ServerState
from tests.app.fake_fleet import NOW, FakeFleet, job, server, some_jobs
from tests.app.harness import CONFIG_TEXT, Dashboard, running, type_ahead, until

HOSTILE = "[red]x[/nope] \x1b[2J\x1b]52;c;aGk=\x07 \u202e[@click=app.exit]y"


async def test_the_table_shows_status_inputs_output_and_age() -> None:
    async with running(FakeFleet([job(1, JobStatus.COMPLETED)])) as (app, _):
        head, row, *_ = app.lines()
        assert head.split() == ["STATUS", "ID", "x1", "x2", "x3", "OUTPUT", "AGE▲"]
        assert row.split() == [
            "▸", "✓", "Completed", "…000001", "0.2600", "-1.5000", "1", "14.7562", "59m50",
        ]  # fmt: skip


async def test_a_first_run_says_what_to_press_and_where_the_config_is() -> None:
    async with running(FakeFleet()) as (app, _):
        text = app.text()
        assert "s submits the first" in text
        assert CONFIG_TEXT in text


async def test_rows_of_a_lost_server_keep_their_status_with_a_question_mark() -> None:
    fleet = FakeFleet([job(1), job(2, JobStatus.COMPLETED)])
    async with running(fleet) as (app, pilot):
        assert "Running?" not in app.text()
        fleet.change(servers=[server(state=ServerState.LOST, last_seen=NOW - 95)])
        await until(pilot, lambda: "Running?" in "\n".join(app.lines()))
        assert "✓ Completed " in "\n".join(app.lines())
        assert "LOST 1m35" in app.text()
        fleet.change(servers=[server()])
        await until(pilot, lambda: "Running?" not in "\n".join(app.lines()))


@pytest.mark.parametrize(
    ("row", "line", "details"),
    [
        (
            job(1, JobStatus.COMPLETED, note="end not witnessed, output may be partial"),
            ["✓", "Completed", "14.7562?"],
            ["end not witnessed, output may be partial"],
        ),
        (
            job(1, JobStatus.FAILED, note="end not witnessed (reboot), output may be partial"),
            ["✗", "Failed"],
            ["end not witnessed (reboot)"],
        ),
        (job(1, note=GONE), ["►", "Running?", "—"], ["► Running?", GONE]),
        (job(1, JobStatus.SUBMITTED, note=GONE), ["⇡", "Submitted?"], [GONE]),
        (job(1, JobStatus.COMPLETED, note=GONE), ["✓", "Completed", "14.7562"], [GONE, "14.7562"]),
        (job(1, note="recorder gone"), ["►", "Running"], ["► Running", "recorder gone"]),
        (job(1, note="on login-2"), ["►", "Running"], ["on login-2"]),
        (
            job(1, JobStatus.FAILED_CANCEL, error="still running: process 4711 4712"),
            ["‼", "Failed", "cancel"],
            ["‼ Failed cancel", "still running: process 4711 4712"],
        ),
        (
            job(1, JobStatus.FAILED_SUBMIT, error="hpc1: No space left on device"),
            ["‼", "Failed", "submit"],
            ["No space left on device"],
        ),
    ],
)
async def test_what_a_person_should_know_of_a_job_is_said(
    row: JobRow, line: list[str], details: list[str]
) -> None:
    async with running(FakeFleet([row]), size=(80, 24)) as (app, pilot):
        cells = app.lines()[1].split()
        assert [cell for cell in line if cell not in cells] == []
        await pilot.press("enter")
        await pilot.pause()
        assert [text for text in details if text not in app.text()] == []


async def test_remote_text_is_only_looked_at() -> None:
    row = job(
        1, JobStatus.FAILED, batch=HOSTILE, error=HOSTILE, note=HOSTILE, workspace=HOSTILE,
        output_error=HOSTILE, server="hp[red]c1",
    )  # fmt: skip
    view = server(
        "hp[red]c1", state=ServerState.FAULT, message=HOSTILE, where=HOSTILE, input_names=("[b]",)
    )
    fleet = FakeFleet([row], [view, server("two")])
    async with running(fleet) as (app, pilot):
        text = app.text()
        assert "[red]x[/nope] ␛[2J␛]52;c;aGk=␇" in text
        assert "\x1b" not in text
        await pilot.press("]", "]", "]", "s", "escape", "R", "escape", "D", "escape", "/", *"[red]")
        await pilot.pause()
        assert app.is_running


async def test_the_cursor_stays_on_its_job_and_line_while_others_come() -> None:
    fleet = FakeFleet([job(key) for key in range(1, 101)])
    async with running(fleet) as (app, pilot):
        await pilot.press("G", *["k"] * 40)
        line = next(at for at, text in enumerate(app.lines()) if text.startswith("▸"))
        key = app.model.cursor
        for new in range(101, 131):
            fleet.change(job(new))
        await until(pilot, lambda: app.model.total == 130)
        assert app.model.cursor == key
        assert app.lines()[line].startswith("▸")


async def test_at_the_top_new_jobs_are_seen_coming_in() -> None:
    fleet = FakeFleet([job(key) for key in range(1, 101)])
    async with running(fleet) as (app, pilot):
        fleet.change(job(101))
        await until(pilot, lambda: "…000101" in app.lines()[1])
        assert app.lines()[2].startswith("▸")


async def test_keys_move_the_cursor() -> None:
    fleet = FakeFleet([job(key) for key in range(1, 101)])
    async with running(fleet) as (app, pilot):
        for keys, expected in [
            ("j", 1), ("down", 2), ("k", 1), ("up", 0), ("up", 0), ("G", 99), ("j", 99),
            ("g", 0), ("end", 99), ("home", 0), ("pagedown", 30), ("pageup", 0),
        ]:  # fmt: skip
            await pilot.press(keys)
            assert app.model.cursor_index == expected, keys
            assert any(line.startswith("▸") for line in app.lines())


async def test_the_screen_is_not_laid_out_afresh_by_moving_the_cursor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(FakeFleet([job(key, JobStatus.FAILED) for key in range(1, 30)])) as (
        app,
        pilot,
    ):
        laid_out: list[object] = []
        reflow = app.main._compositor.reflow

        def noted(*arguments: Any) -> Any:
            laid_out.append(arguments)
            return reflow(*arguments)

        monkeypatch.setattr(app.main._compositor, "reflow", noted)
        await pilot.press("j", "j", "space", "k")
        await until(pilot, lambda: "20261113090000027" in app.text())
        assert laid_out == []
        await pilot.press("2")  # which has no job to tell of
        await until(pilot, lambda: "No job here." in app.text())
        await pilot.press("1", "]")
        await until(pilot, lambda: "No job here." not in app.text())


async def test_a_key_draws_all_that_it_changes_at_once() -> None:
    async with running(FakeFleet([job(key) for key in range(1, 11)])) as (app, _):
        app.main.table.action_mark()  # with no message handled, and no frame drawn in between
        text = app.text()
        assert "1 marked" in text
        assert "2 of 10" in text
        assert "20261113090000009" in text


async def test_marks_by_space_range_and_all() -> None:
    fleet = FakeFleet([job(key) for key in range(1, 11)])
    async with running(fleet) as (app, pilot):
        await pilot.press("space", "space")
        assert app.model.marks == {10, 9}
        await pilot.press("v", "j", "j", "v")
        assert app.model.marks == {10, 9, 8, 7, 6}
        await pilot.press("a")
        assert len(app.model.marks) == 10
        assert "▪ 10 marked" in app.text()
        await pilot.press("a")
        assert app.model.marks == set()


async def test_the_mouse_selects_marks_opens_and_scrolls() -> None:
    fleet = FakeFleet([job(key) for key in range(1, 101)])
    async with running(fleet) as (app, pilot):
        await pilot.click("#jobs", offset=(20, 3))
        assert app.model.cursor_index == 2
        await pilot.click("#jobs", offset=(1, 5))
        assert app.model.marks == {96}
        await pilot.click("#jobs", offset=(20, 2), times=2)
        assert app.main.detail.has_focus_within
        app.main.table.scroll_to(y=10, animate=False)
        await pilot.click("#jobs", offset=(20, 1))
        assert app.model.cursor_index == 10


async def test_titles_and_footer_can_be_clicked() -> None:
    fleet = FakeFleet(some_jobs())
    async with running(fleet) as (app, pilot):
        line = app.text().splitlines()[2]
        await pilot.click(offset=(line.index("3 failed"), 2))
        await until(pilot, lambda: app.model.view is View.FAILED)
        foot = app.text().splitlines()[-1]
        await pilot.click(offset=(foot.index("help"), 35))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_quick_views() -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        for key, view in zip("2341", (View.ACTIVE, View.FAILED, View.DONE, View.ALL), strict=True):
            await pilot.press(key)
            assert app.model.view is view
            assert len(app.model) == app.model.view_count(view)


async def test_the_filter_takes_every_key_that_is_typed_after_the_slash() -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        type_ahead(app, *"/cq?s1")
        await until(pilot, lambda: app.main.query_one("#filter", Input).value == "cq?s1")
        assert "No job matches" in app.text()
        await pilot.press("escape")
        assert not app.model.query
        assert app.focused is app.main.table


async def test_enter_keeps_the_filter_and_escape_clears_it() -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        await pilot.press("/", *"running", "enter")
        assert len(app.model) == 4
        assert app.focused is app.main.table
        assert "/running" in app.text()
        await pilot.press("escape")
        assert len(app.model) == len(some_jobs())


async def test_what_is_wrong_in_a_filter_is_said_under_it_and_what_was_found_stays() -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        await pilot.press(*"/status:faile")
        await until(pilot, lambda: len(app.model) == 7)
        await pilot.press(*"x")
        await until(
            pilot, lambda: 'There is no status "failex"; did you mean failed?' in app.text()
        )
        assert len(app.model) == 7
        await pilot.press("enter")
        assert isinstance(app.focused, Input)
        await pilot.press("backspace", "d", "enter")
        await until(pilot, lambda: app.focused is app.main.table)
        assert "There is no status" not in app.text()
        assert "/status:failed" in app.text()
        assert len(app.model) == 3


async def test_what_may_become_a_term_takes_no_jobs_away_while_it_is_typed() -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        for typed in ("/", "x", "1", ">", "0.5"):
            await pilot.press(*typed)
            await until(pilot, lambda: not app.model.is_filtering)
            assert len(app.model) > 0, typed
        await until(pilot, lambda: len(app.model) == 13)
        await pilot.press("escape", "/", *"x1")
        await until(pilot, lambda: app.main.query_one("#filter", Input).value == "x1")
        assert len(app.model) == len(some_jobs())
        await pilot.press("enter")
        assert len(app.model) == 0


def server_line(app: Dashboard) -> str:
    return app.main.server_list.render().plain


async def test_the_tries_of_a_job_are_one_row_until_they_are_unfolded() -> None:
    first = job(1, JobStatus.FAILED)
    again = job(2, JobStatus.COMPLETED, inputs=first.inputs, try_of=first.job_id, try_number=2)
    async with running(FakeFleet([first, again])) as (app, pilot):
        assert len(app.model) == 1
        assert " 00002#2" in app.lines()[1]
        assert "1 earlier try folded" in app.text()
        assert "3 failed 0" in app.text()
        assert "✓1" in server_line(app)
        assert "✗" not in server_line(app)
        await pilot.press("t")
        assert " 00002#2" in app.lines()[1]
        assert "…000001  " in app.lines()[2]
        assert "3 failed 1" in app.text()
        assert "✗1 ✓1" in server_line(app)
        await pilot.press("t")
        assert len(app.model) == 1


async def test_the_list_of_servers_counts_every_status_that_the_header_counts() -> None:
    rows = [
        job(1, JobStatus.CANCELLED),
        job(2, JobStatus.FAILED_SUBMIT),
        job(3, JobStatus.FAILED_CANCEL),
        job(4, JobStatus.PENDING_CANCEL),
    ]
    async with running(FakeFleet(rows)) as (app, _):
        assert server_line(app).endswith("‼2 ⋯1 ⊘1")


async def test_what_the_list_of_servers_has_no_room_to_count_is_not_passed_over_silently() -> None:
    rows = [
        job(key, status, server="a-long-name-for-it")
        for key, status in enumerate(list(JobStatus) * 1000, start=1)
    ]
    async with running(FakeFleet(rows, [server("a-long-name-for-it")])) as (app, _):
        assert server_line(app).endswith("►1,000 …")
        assert len(server_line(app)) <= app.main.server_list.size.width


async def test_a_filter_by_age_lets_jobs_go_as_time_passes() -> None:
    now = [NOW]
    rows = [job(key, created=NOW - 100 + key) for key in range(1, 4)]
    async with running(FakeFleet(rows), clock=lambda: now[0]) as (app, pilot):
        await pilot.press(*"/age<100s", "enter")
        await until(pilot, lambda: len(app.model) == 3)
        now[0] += 2
        await until(pilot, lambda: len(app.model) == 1)
        assert "1 of 1" in app.text()


async def test_keys_are_heard_while_many_jobs_are_looked_through() -> None:
    rows = [job(key, JobStatus(list(JobStatus)[key % 9])) for key in range(1, 30_001)]
    async with running(FakeFleet(rows)) as (app, pilot):
        type_ahead(app, *"/fail")
        await until(pilot, lambda: app.main.query_one("#filter", Input).value == "fail")
        app.main._filter_to("run")
        assert app.model.is_filtering
        await until(pilot, lambda: not app.model.is_filtering)
        assert {row.status for row in app.model.rows(app.model.visible_keys())} == {
            JobStatus.RUNNING
        }
        app.main._filter_to("fail")
        await pilot.press("enter")  # finds all there is before it leaves the field
        assert len(app.model) == 10_000


async def test_tab_goes_round_the_panes_and_brackets_through_the_tabs() -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        await pilot.press("tab")
        assert app.main.server_list.has_focus
        await pilot.press("tab")
        assert app.main.detail.has_focus_within
        await pilot.press("tab")
        assert app.main.table.has_focus
        await pilot.press("[")
        assert app.main.detail.tab == "history"
        await until(pilot, lambda: "Submitted" in app.text() and "09:55:00" in app.text())


async def test_picking_a_server_shows_only_its_jobs() -> None:
    fleet = FakeFleet([job(1), job(2, server="lab")], [server(), server("lab")])
    async with running(fleet) as (app, pilot):
        await pilot.press("tab", "j", "enter")
        await until(pilot, lambda: len(app.model) == 1)
        assert app.model.cursor == 2
        assert "only lab" in app.text()
        await pilot.press("escape", "escape")
        assert len(app.model) == 2


async def test_a_narrow_screen_shows_one_thing_at_a_time() -> None:
    async with running(FakeFleet(some_jobs()), size=(80, 24)) as (app, pilot):
        assert not app.main.detail.region.width
        await pilot.press("enter")
        await pilot.pause()
        assert app.main.detail.outer_size.width == 80
        assert not app.main.table.is_on_screen
        await pilot.press("escape")
        await pilot.pause()
        assert app.main.table.region.width >= 78
        await pilot.press("enter", "q")
        await pilot.pause()
        assert app.is_running
        assert app.focused is app.main.table


async def test_a_screen_that_is_too_small_says_so() -> None:
    async with running(FakeFleet(some_jobs()), size=(50, 12)) as (app, pilot):
        assert "50x12 is too small: at least 60x15" in app.text()
        await pilot.resize_terminal(120, 36)
        await pilot.pause()
        assert "STATUS" in app.text()


@pytest.mark.parametrize("size", [(1, 1), (60, 15), (99, 20), (250, 80)])
async def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    async with running(FakeFleet(some_jobs()), size=size) as (app, pilot):
        await pilot.press("enter", "escape", "s", "escape", "?")
        await pilot.pause()
        assert app.is_running


async def test_config_problems_are_shown_and_listed_in_the_help() -> None:
    config = Config(
        problems=('config.toml: [servers.hpc1] has no key "hots".',),
        keymap={"cancle": "x", "mark": "m"},
    )
    async with running(FakeFleet(some_jobs()), config=config) as (app, pilot):
        assert 'has no key "hots".' in app.text()
        assert "and 1 more" in app.text()
        await pilot.press("m")
        assert len(app.model.marks) == 1
        await pilot.press("space")
        assert len(app.model.marks) == 1
        await pilot.press("?")
        await pilot.pause()
        assert 'did you mean "cancel"?' in app.text()


async def test_a_theme_that_is_not_there_is_told() -> None:
    config = Config(app=AppSettings(theme="nrod"))
    async with running(FakeFleet(), config=config) as (app, _):
        assert app.theme == "exauq-dark"
        assert 'there is no theme "nrod"' in app.text()


@pytest.mark.parametrize("theme", ["exauq-light", "ansi-dark", "nord", "textual-light"])
async def test_other_themes_are_drawn(theme: str) -> None:
    config = Config(app=AppSettings(theme=theme))
    async with running(FakeFleet(some_jobs()), config=config) as (app, _):
        assert app.theme == theme
        assert "STATUS" in app.text()


async def test_changes_are_drawn_in_batches() -> None:
    fleet = FakeFleet(some_jobs())
    async with running(fleet) as (app, pilot):
        taken = 0
        take = app.main.take

        def count(changes: object) -> None:
            nonlocal taken
            taken += 1
            take(changes)  # type: ignore[arg-type]  # handed on as it came

        app.main.take = count  # type: ignore[method-assign]
        for key in range(200, 300):
            fleet.change(job(key))
        await until(pilot, lambda: app.model.total == len(some_jobs()) + 100)
        assert taken <= 5


def test_the_app_is_made_without_a_terminal() -> None:
    assert Dashboard(FakeFleet()).title == "exauq"
