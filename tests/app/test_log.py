"""Reading a job's log."""

import re
from concurrent.futures import Future

import pytest

from exauq_tui.app.log_follower import FIRST
from exauq_tui.app.screens.log import LogScreen
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.widgets.log_view import LogView
from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.interface import LogChunk
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.snapshot import JobRow
from tests.app.fake_fleet import NOW, FakeFleet, job
from tests.app.harness import Dashboard, running, until
from tests.app.logs import first_line, numbered, reading, view


async def test_the_log_opens_at_its_end_and_follows() -> None:
    fleet = FakeFleet([job(1)])
    fleet.logs[1] = numbered(100)
    async with reading(fleet, "line 99") as (app, pilot):
        assert isinstance(app.screen, LogScreen)
        fleet.logs[1] += b"and more\n"
        await until(pilot, lambda: "and more" in app.text())
        assert "following" in app.text()


async def test_scrolling_up_stops_following_and_the_end_resumes_it() -> None:
    fleet = FakeFleet([job(1)])
    fleet.logs[1] = numbered(100)
    async with reading(fleet, "line 99") as (app, pilot):
        await pilot.press("up")
        await until(pilot, lambda: not view(app).follow)
        fleet.logs[1] += b"and more\n"
        await until(pilot, lambda: view(app).buffer.text().endswith(b"and more\n"))
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
    async with reading(fleet, "[red]not markup[/nope]") as (app, _):
        assert "�␀bin" in app.text()
        assert "\x1b" not in app.text()


async def test_long_lines_are_wrapped_when_asked() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = b"start " + b"x" * 300 + b" END\n" + "größe ".encode() * 60 + b"STOP\n"
    async with reading(fleet, "start") as (app, pilot):
        assert "END" not in app.text()
        await pilot.press("w")
        await until(pilot, lambda: "END" in app.text() and "STOP" in app.text())
        assert "wrapped" in app.text()


def is_what_stands_there(app: Dashboard, log: bytes) -> bool:
    buffer = view(app).buffer
    return buffer.start is not None and buffer.text() == log[buffer.start : buffer.end]


async def test_a_long_log_opens_at_its_end_with_one_small_read() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = numbered(1_000_000)
    async with reading(fleet, "line 999999") as (_, pilot):
        await pilot.pause(0.1)
        of_details = (1, -4096, 4096)
        reads = [call for call in fleet.called("read_log") if call != of_details]
        assert reads[0] == (1, -FIRST, FIRST)
        assert len(reads) <= 2


@pytest.mark.parametrize("wrap", [False, True])
async def test_scrolling_up_reaches_the_whole_log_without_a_jump(wrap: bool) -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    log = fleet.logs[1] = b"".join(b"line %d %s\n" % (n, b"x" * (n % 300)) for n in range(40_000))
    async with running(fleet) as (app, pilot):
        await pilot.press("l", *("w" if wrap else ""))
        await until(pilot, lambda: "line 39999" in app.text())
        while (start := view(app).buffer.start or 0) > 0:
            view(app).scroll_to(y=0, animate=False)
            top = view(app).bounds()[0]
            assert top == start
            await until(pilot, lambda start=start: (view(app).buffer.start or 0) < start)  # type: ignore[misc]
            buffer = view(app).buffer
            shown = buffer.index_of(view(app).bounds()[0])
            assert shown == buffer.index_of(top)  # what was read before moved nothing
            assert is_what_stands_there(app, log)
            assert len(buffer.text()) <= 3 * 1024 * 1024
        view(app).scroll_to(y=0, animate=False)
        await pilot.pause()
        assert "line 0" in app.text()
        assert view(app).buffer.end < len(log)
        while view(app).buffer.end < len(log):
            end, top = view(app).buffer.end, view(app).bounds()[0]
            view(app).scroll_to(y=view(app).max_scroll_y, animate=False)
            await until(pilot, lambda end=end: view(app).buffer.end > end)  # type: ignore[misc]
            assert view(app).bounds()[0] >= top
            assert is_what_stands_there(app, log)
        await pilot.press("end")
        await until(pilot, lambda: "line 39999" in app.text())


async def test_the_first_key_leads_to_the_first_line_and_the_last_back_to_the_end() -> None:
    fleet = FakeFleet([job(1)])
    log = fleet.logs[1] = numbered(1_000_000)
    async with reading(fleet, "line 999999") as (app, pilot):
        await pilot.press("g")
        await until(pilot, lambda: first_line(app) == b"line 0")
        assert "paused" in app.text()
        assert is_what_stands_there(app, log)
        fleet.logs[1] += b"and more\n"
        await until(pilot, lambda: view(app).buffer.size == len(log) + 9)
        assert first_line(app) == b"line 0"
        await pilot.press("G")
        await until(pilot, lambda: "and more" in app.text())
        assert view(app).follow
        read = sum(limit for _, _, limit in fleet.called("read_log"))
        assert read < 4_000_000


async def test_what_is_printed_faster_than_it_can_be_read_is_passed_over() -> None:
    fleet = FakeFleet([job(1)])
    fleet.logs[1] = numbered(10)
    async with reading(fleet, "line 9") as (app, pilot):
        fleet.logs[1] += numbered(2_000_000)
        await until(pilot, lambda: "line 1999999" in app.text())
        assert view(app).follow
        assert sum(limit for _, _, limit in fleet.called("read_log")) < 4_000_000


async def test_lines_that_come_while_somebody_reads_above_move_nothing() -> None:
    fleet = FakeFleet([job(1)])
    fleet.logs[1] = numbered(400_000)
    async with reading(fleet, "line 399999") as (app, pilot):
        await pilot.press("pageup", "pageup")
        shown = first_line(app)
        for number in range(12):
            fleet.logs[1] += b"%d more\n" % number * 40_000
            size = len(fleet.logs[1])
            view(app).post_message(LogView.Moved())
            await until(pilot, lambda size=size: view(app).buffer.size == size)  # type: ignore[misc]
            assert first_line(app) == shown
        assert len(view(app).buffer.text()) <= 3 * 1024 * 1024


async def test_the_log_of_a_job_that_ended_is_read_to_its_last_byte_and_then_left_alone() -> None:
    fleet = FakeFleet([job(1)])
    fleet.logs[1] = b"one\n"
    async with reading(fleet, "one") as (app, pilot):
        fleet.logs[1] += b"the last words\n"
        fleet.change(job(1, JobStatus.FAILED))
        await until(pilot, lambda: "the last words" in app.text())
        reads = len(fleet.called("read_log"))
        view(app).post_message(LogView.Moved())
        await pilot.pause(0.1)
        assert len(fleet.called("read_log")) == reads


async def test_what_was_read_stays_with_its_age_while_the_server_is_away() -> None:
    fleet = FakeFleet([job(1), job(2)])
    fleet.logs = {1: numbered(100), 2: b"of the second\n"}
    now = [NOW]
    async with reading(fleet, "of the second", clock=lambda: now[0]) as (app, pilot):
        fleet.errors["read_log"] = ConnectionLostError("hpc1 is LOST: no route")
        now[0] += 125
        view(app).post_message(LogView.Moved())
        await until(pilot, lambda: "As read 2m05 ago. hpc1 is LOST: no route" in app.text())
        assert "of the second" in app.text()
        await pilot.press("escape", "j", "l")
        await until(pilot, lambda: "hpc1 is LOST: no route" in app.text())
        assert "As read" not in app.text()  # nothing of this one was
        await pilot.press("escape", "k", "l")
        await until(pilot, lambda: "As read 2m05 ago" in app.text())
        assert "of the second" in app.text()
        assert "of the second" in app.text()
        del fleet.errors["read_log"]
        fleet.logs[2] += b"and on\n"
        await until(pilot, lambda: "and on" in app.text())
        await until(pilot, lambda: "As read" not in app.text())


async def test_a_log_that_was_left_in_the_middle_is_there_again_while_the_server_is_away() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = numbered(1_000_000)
    async with reading(fleet, "line 999999") as (app, pilot):
        await pilot.press("g")
        await until(pilot, lambda: first_line(app) == b"line 0")
        fleet.errors["read_log"] = ConnectionLostError("hpc1 is LOST")
        await pilot.press("escape", "l")
        await until(pilot, lambda: "As read 0s ago. hpc1 is LOST" in app.text())
        assert re.search(r"│line \d+ ", app.text())
        del fleet.errors["read_log"]
        view(app).post_message(LogView.Moved())
        await until(pilot, lambda: "line 999999" in app.text())


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (job(1, JobStatus.PENDING_SUBMIT), "the job is not sent yet"),
        (job(1, JobStatus.FAILED_SUBMIT), "the job never got to the server"),
        (
            job(1, JobStatus.CANCELLED, submitted=None, last_seen=None),
            "the job was cancelled before it was sent",
        ),
        (job(1, JobStatus.COMPLETED, note=GONE), "The log is gone from server"),
        (job(1, JobStatus.FAILED, current=False), "to which the profile does not point"),
    ],
)
async def test_a_job_that_can_have_no_log_says_why(row: JobRow, words: str) -> None:
    fleet = FakeFleet([row])
    async with reading(fleet, words):
        assert not fleet.called("read_log")


async def test_a_log_that_cannot_be_read_says_why() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.errors["read_log"] = ConnectionLostError("hpc1: the link broke")
    async with reading(fleet, "hpc1: the link broke") as (app, pilot):
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))


async def test_an_empty_log_says_so() -> None:
    async with running(FakeFleet([job(1, JobStatus.FAILED)])) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: "The job printed nothing." in app.text())
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert app.is_running


async def test_what_is_said_of_an_empty_log_is_never_of_another_status() -> None:
    fleet = FakeFleet([job(1, JobStatus.SUBMITTED)])
    async with reading(fleet, "the job waits for a free slot") as (app, pilot):
        read_log, answers = fleet.read_log, list[Future[LogChunk]]()

        def hold(key: int, offset: int, limit: int) -> Future[LogChunk]:
            answers.append(Future())
            return answers[-1]

        fleet.read_log = hold  # type: ignore[method-assign]  # the server takes its time
        await until(pilot, lambda: answers)
        fleet.change(job(1, JobStatus.RUNNING))
        await until(pilot, lambda: "Running" in app.text())
        assert "free slot" not in app.text()
        fleet.change(job(1, JobStatus.COMPLETED))
        await until(pilot, lambda: "Completed" in app.text())
        assert "printed nothing" not in app.text()
        fleet.read_log = read_log  # type: ignore[method-assign]
        answers[-1].set_result(LogChunk(0, b"", 0))
        await until(pilot, lambda: "The job printed nothing." in app.text())


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
    async with reading(fleet, "line 49") as (app, pilot):
        fleet.logs[1] = b"again\n"
        await until(pilot, lambda: "again" in app.text())
        assert "line 49" not in app.text()
