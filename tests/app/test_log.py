"""Reading a job's log."""

from exauq_tui.app.screens.log import LogScreen
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.widgets.log_view import LogView
from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.status import JobStatus
from tests.app.fake_fleet import FakeFleet, job
from tests.app.harness import Dashboard, running, until


def view(app: Dashboard) -> LogView:
    return app.screen.query_one(LogView)


def numbered(count: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(count))


async def test_the_log_opens_at_its_end_and_follows() -> None:
    fleet = FakeFleet([job(1)])
    fleet.logs[1] = numbered(100)
    async with running(fleet) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: "line 99" in app.text())
        assert isinstance(app.screen, LogScreen)
        fleet.logs[1] += b"and more\n"
        await until(pilot, lambda: "and more" in app.text())
        assert "following" in app.text()


async def test_scrolling_up_stops_following_and_the_end_resumes_it() -> None:
    fleet = FakeFleet([job(1)])
    fleet.logs[1] = numbered(100)
    async with running(fleet) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: "line 99" in app.text())
        await pilot.press("up")
        await until(pilot, lambda: not view(app).follow)
        fleet.logs[1] += b"and more\n"
        await until(pilot, lambda: view(app).buffer.lines[-2] == b"and more")
        assert "and more" not in app.text()
        assert "paused" in app.text()
        await pilot.press("end")
        await until(pilot, lambda: "and more" in app.text())
        assert view(app).follow
        await pilot.press("f")
        assert not view(app).follow


async def test_what_a_job_printed_is_harmless() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = b"[red]not markup[/nope]\n\x1b[31mred\x1b[0m \x1b]52;c;aGk=\x07\n\xff\x00bin\n"
    async with running(fleet) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: "[red]not markup[/nope]" in app.text())
        assert "�␀bin" in app.text()
        assert "\x1b" not in app.text()


async def test_long_lines_are_wrapped_when_asked() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = b"start " + b"x" * 300 + b" END\n" + "größe ".encode() * 60 + b"STOP\n"
    async with running(fleet) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: "start" in app.text())
        assert "END" not in app.text()
        await pilot.press("w")
        await until(pilot, lambda: "END" in app.text() and "STOP" in app.text())
        assert "wrapped" in app.text()


async def test_a_long_log_is_read_from_its_end_and_earlier_parts_when_asked() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = numbered(100_000)
    async with running(fleet) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: "line 99999" in app.text())
        held = view(app).buffer.start
        assert held is not None
        assert held > 500_000
        await pilot.press("g", "g")
        await until(pilot, lambda: (view(app).buffer.start or 0) < held)
        log = fleet.logs[1]
        assert b"\n".join(view(app).buffer.lines) == log[view(app).buffer.start :]


async def test_a_log_that_cannot_be_read_says_why() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.errors["read_log"] = ConnectionLostError("hpc1: the link broke")
    async with running(fleet) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: "hpc1: the link broke" in app.text())
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))


async def test_an_empty_log_says_so() -> None:
    async with running(FakeFleet([job(1, JobStatus.FAILED)])) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: "The job printed nothing." in app.text())
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert app.is_running


async def test_the_log_tab_follows_the_cursor() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED), job(2, JobStatus.FAILED)])
    fleet.logs = {1: b"of the first\n", 2: b"of the second\n"}
    async with running(fleet) as (app, pilot):
        await pilot.press("]", "]")
        await until(pilot, lambda: "of the second" in app.text())
        await pilot.press("j")
        await until(pilot, lambda: "of the first" in app.text())
        assert "of the second" not in app.text()


async def test_a_log_that_was_begun_afresh_is_read_afresh() -> None:
    fleet = FakeFleet([job(1)])
    fleet.logs[1] = numbered(50)
    async with running(fleet) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: "line 49" in app.text())
        fleet.logs[1] = b"again\n"
        await until(pilot, lambda: "again" in app.text())
        assert "line 49" not in app.text()
