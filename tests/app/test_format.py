"""How values and remote text are written."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from exauq_tui.app import format as fmt
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.snapshot import ServerState
from tests.app.fake_fleet import NOW, job, server


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m00"), (252, "4m12"), (7500, "2h05"),
        (86400 * 3 + 4 * 3600, "3d04"), (86400 * 412, "412d"),
    ],
)  # fmt: skip
def test_a_duration_takes_at_most_five_cells(seconds: float, text: str) -> None:
    assert fmt.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "  0.5000"), (-1.5, " -1.5000"), (3, "       3"), (1e-7, "1.00e-07"),
        (123456.789, "123456.8"), (-2.5e-300, "-2.5e-300"), (10**30, "1.00e+30"), (0.0, "  0.0000"),
    ],
)  # fmt: skip
def test_numbers_are_aligned_and_fit(value: float, text: str) -> None:
    assert fmt.fit_number(value, 8 if len(text) <= 8 else len(text)) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(8, 14))
def test_any_number_fits_its_cell(value: float, width: int) -> None:
    assert cell_len(fmt.fit_number(value, width)) == width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("[red]x[/]", "[red]x[/]"),
        ("a\x1b[31mb", "a␛[31mb"),
        ("tab\tnew\nline", "tab␉new␊line"),
        ("bell\x07 del\x7f", "bell␇ del␡"),
        ("left\u202eright", "left�right"),
        ("c1\x9b31m", "c1�31m"),
        ("half\udcff", "half�"),
    ],
)
def test_control_characters_become_visible(text: str, shown: str) -> None:
    assert fmt.safe(text) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain", "plain"),
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]52;c;aGVsbG8=\x07copied", "copied"),
        (b"\x1b]0;title\x1b\\shown", "shown"),
        (b"10 %\r50 %\r100 %", "100 %"),
        (b"windows\r", "windows"),
        (b"a\tb", "a       b"),
        (b"\xff\xfe\x00", "��␀"),
        (b"\x1b", "␛"),
        ("größe".encode(), "größe"),
    ],
)
def test_a_log_line_can_only_be_looked_at(raw: bytes, shown: str) -> None:
    assert fmt.safe_log_line(raw) == shown


@given(st.binary(max_size=200))
def test_no_bytes_leave_a_control_character_in_a_log_line(raw: bytes) -> None:
    text = fmt.safe_log_line(raw)
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in text)
    text.encode()


@given(st.text(max_size=60), st.integers(0, 30), st.booleans())
def test_fitted_text_has_the_width_asked_for(text: str, width: int, right: bool) -> None:
    assert cell_len(fmt.fit(fmt.safe(text), width, right=right)) == width


def test_the_short_form_of_an_id_says_that_it_is_short() -> None:
    assert fmt.short_id("20261113090000017", 6) == "…000017"
    assert fmt.short_id("17", 6) == "17"


def test_only_a_status_that_can_change_grows_stale() -> None:
    lost = ServerState.LOST
    assert fmt.is_stale(job(1, JobStatus.RUNNING), lost)
    assert not fmt.is_stale(job(1, JobStatus.RUNNING), ServerState.UP)
    assert not fmt.is_stale(job(1, JobStatus.COMPLETED), lost)
    assert not fmt.is_stale(job(1, JobStatus.PENDING_SUBMIT), lost)
    assert fmt.is_stale(job(1, JobStatus.RUNNING, current=False), ServerState.UP)
    assert fmt.is_stale(job(1, JobStatus.RUNNING, note=GONE), ServerState.UP)
    assert not fmt.is_stale(job(1, JobStatus.RUNNING, note="on login-2"), ServerState.UP)


def test_a_running_job_s_time_is_said_to_be_approximate() -> None:
    assert fmt.run_time(job(1, started=NOW - 60), NOW) == "~1m00"
    assert fmt.run_time(job(1, JobStatus.COMPLETED), NOW) == "4m12"
    assert fmt.run_time(job(1, JobStatus.SUBMITTED), NOW) == fmt.DASH
    assert fmt.run_time(job(1, JobStatus.RUNNING, note=GONE), NOW) == fmt.DASH


@pytest.mark.parametrize(
    "note",
    [
        "end not witnessed, output may be partial",
        f"{GONE}; end not witnessed (reboot), output may be partial",
    ],
)
def test_an_output_that_may_be_partial_is_marked_in_its_cell(note: str) -> None:
    row = job(1, JobStatus.COMPLETED, output=14.8812)
    assert fmt.output_text(row, 9) == "  14.8812"
    assert fmt.output_text(replace(row, note=note), 9) == " 14.8812?"


def test_a_lost_server_tells_since_when_and_the_next_try() -> None:
    view = server(state=ServerState.LOST, last_seen=NOW - 95, next_try=NOW + 12)
    assert fmt.server_text(view, NOW) == "LOST 1m35 · retry 12s"
    assert fmt.server_text(server(), NOW) == "UP · 82ms"
    assert fmt.server_text(server(polled=True), NOW) == "UP · 82ms · polling"


def test_every_glyph_is_one_cell_wide() -> None:
    glyphs = [*fmt.STATUS_GLYPHS.values(), *fmt.SERVER_GLYPHS.values()]
    assert {cell_len(glyph) for glyph in glyphs} == {1}
    assert set(fmt.STATUS_GLYPHS) == set(JobStatus)
    assert set(fmt.SERVER_GLYPHS) == set(ServerState)


def test_a_moment_of_another_day_has_its_date() -> None:
    assert fmt.moment(NOW - 60, NOW) == "09:59:00"
    assert fmt.moment(NOW - 86400, NOW) == "2026-11-12 10:00:00"
    assert fmt.moment(None, NOW) == fmt.DASH
