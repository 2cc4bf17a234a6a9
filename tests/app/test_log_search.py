"""Searching in a job's log: what is held, and what is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from exauq_tui.app.log_buffer import LogBuffer
from exauq_tui.app.log_follower import FIRST
from exauq_tui.app.log_scan import scan
from exauq_tui.app.log_search import Hits, find, needle
from exauq_tui.app.screens.log import LogScreen
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.widgets.log_view import LogView
from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.interface import LogChunk
from exauq_tui.hardware.status import JobStatus
from tests.app.fake_fleet import FakeFleet, job
from tests.app.harness import Dashboard, running, until
from tests.app.logs import first_line, numbered, reading, view

# The pure part


def held(log: bytes, start: int = 0) -> LogBuffer:
    buffer = LogBuffer(limit=len(log) + 1)
    buffer.begin(start, log[start:], len(log))
    return buffer


def found(text: str, log: bytes) -> list[bytes]:
    buffer = held(log)
    return [buffer.line(buffer.index_of(at)) for at in find(needle(text), buffer)]


def test_capitals_count_only_where_there_are_some() -> None:
    log = b"an Error\nan error\nnone\nERRORS\n"
    assert found("error", log) == [b"an Error", b"an error", b"ERRORS"]
    assert found("Error", log) == [b"an Error"]


def test_what_is_searched_for_is_no_pattern() -> None:
    assert found("a.c[1]*", b"abc1\nA.C[1]*\n") == [b"A.C[1]*"]


def test_a_text_of_other_letters_is_found_in_either_case() -> None:
    log = "größe\nGRÖSSE\nGröße 1\n".encode()
    assert found("GRÖSSE", log) == ["GRÖSSE".encode()]
    assert found("größe", log) == ["größe".encode(), "Größe 1".encode()]


def test_the_text_is_found_as_it_is_shown() -> None:
    log = b"\x1b[31mErr\x1b[0mor 7\n10 %\r99 %\n\xff error\n"
    assert found("error 7", log) == [b"\x1b[31mErr\x1b[0mor 7"]
    assert found("10 %", log) == []
    assert found("99 %", log) == [b"10 %\r99 %"]
    assert found("31m", log) == []


@given(st.binary(max_size=60).map(lambda raw: raw.replace(b"\r", b"b")), st.sampled_from("abAx["))
def test_bytes_that_stand_as_they_are_give_the_same_as_lines(log: bytes, text: str) -> None:
    buffer = held(log)
    wanted = needle(text)
    slow = [
        buffer.offsets[index]
        for index in range(len(buffer))
        if wanted.spans(buffer.line(index).decode(errors="replace"))
    ]
    if not any(byte < 32 and byte not in b"\t\n" for byte in log) and b"\x7f" not in log:
        assert find(wanted, buffer) == slow


@given(
    st.lists(st.sampled_from([b"ab\n", b"b\n", b"a", b"\n", b"xaay\n"]), max_size=40),
    st.lists(st.tuples(st.sampled_from(["up", "down", "to"]), st.integers(1, 30)), max_size=15),
    st.integers(0, 60),
)
def test_hits_are_kept_in_step_with_a_window_that_moves(
    pieces: list[bytes], moves: list[tuple[str, int]], begin: int
) -> None:
    log = b"".join(pieces)
    buffer = LogBuffer(limit=20)
    begin = min(begin, len(log))
    buffer.begin(begin, log[begin : begin + 5], len(log))
    hits = Hits(needle("a"), buffer)
    for way, size in moves:
        assert buffer.start is not None
        if way == "to":
            buffer.begin(min(size, len(log)), log[size : size + 7], len(log))
        elif way == "up":
            at = max(0, buffer.start - size)
            buffer.prepend(at, log[at : buffer.start], len(log))
        else:
            buffer.append(buffer.end, log[buffer.end : buffer.end + size], len(log))
        hits.update()
        assert hits.offsets == find(needle("a"), buffer)


@pytest.mark.parametrize("upwards", [True, False])
def test_a_scan_finds_each_line_once_whatever_the_pieces(
    upwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exauq_tui.app.log_scan._FIRST", 7)
    monkeypatch.setattr("exauq_tui.app.log_scan._MOST", 11)
    log = b"".join(b"%d\n" % number for number in range(300))
    expected = [at for at in held(log).offsets if b"7" in log[at : log.index(b"\n", at)]]

    async def read(offset: int, limit: int) -> LogChunk:
        return LogChunk(offset, log[offset : offset + limit], len(log))

    async def all_of_them() -> list[int]:
        at, hits = (len(log), []) if upwards else (0, [])  # type: tuple[int, list[int]]
        seen = len(log) if upwards else -1
        while True:
            news = [each async for each in scan(needle("7"), read, at, seen, upwards=upwards)]
            if not news or not isinstance(news[-1], int):
                return hits
            hits.append(news[-1])
            at = seen = news[-1]

    hits = asyncio.run(all_of_them())
    assert hits == (expected[::-1] if upwards else expected)


# The screen


async def search(pilot: Pilot[int], text: Iterable[str]) -> None:
    await pilot.press("slash", *text, "enter")


def current(app: Dashboard) -> bytes:
    at = view(app).current
    return b"" if at is None else view(app).buffer.line(view(app).buffer.index_of(at))


async def test_a_search_goes_to_the_nearest_match_above_the_end() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = numbered(1000)
    async with reading(fleet, "line 999") as (app, pilot):
        await search(pilot, "line 5")
        await until(pilot, lambda: current(app) == b"line 599")
        assert "line 599" in app.text()
        assert "/line 5  111 of 111 lines" in app.text()
        assert "loaded" not in app.text()
        assert not view(app).follow
        await pilot.press("N")
        await until(pilot, lambda: current(app) == b"line 598")
        await pilot.press("n", "n")
        await until(pilot, lambda: "No match below." in app.text())
        assert current(app) == b"line 599"
        assert isinstance(app.screen, LogScreen)
        await pilot.press("escape")  # ends the search first
        await until(pilot, lambda: "/line 5" not in app.text())
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))


async def test_matches_are_highlighted_where_they_stand() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = b"[red] a \x1b[31mmat\x1b[0mch and a MATCH\nelse\nmatch\n"
    async with reading(fleet, "else") as (app, pilot):
        await search(pilot, "match")
        await until(pilot, lambda: current(app).startswith(b"[red]"))
        match, now = (view(app)._style(f"log--{name}") for name in ("match", "current"))

        def marked(y: int) -> list[tuple[str, object]]:
            strip = view(app).render_line(y)
            # Without where on the screen a piece is, which the mouse needs.
            parts = [(part.text, part.style.clear_meta_and_links()) for part in strip if part.style]
            return [(text, style) for text, style in parts if style in (match, now)]

        assert marked(0) == [("match", now), ("MATCH", now)]
        assert marked(1) == []
        assert marked(2) == [("match", match)]
        await pilot.press("w")
        await until(pilot, lambda: view(app).wrap)
        assert marked(0) == [("match", now), ("MATCH", now)]


async def test_a_search_goes_on_in_what_is_not_loaded() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    log = b"the needle\n" + numbered(400_000) + b"the needle again\n" + numbered(400_000)
    fleet.logs[1] = log
    async with reading(fleet, "line 399999") as (app, pilot):
        assert view(app).buffer.start == len(log) - FIRST
        await search(pilot, "needle")
        await until(pilot, lambda: current(app) == b"the needle again")
        assert "the needle again" in app.text()
        assert "1 of 1 line in what is loaded" in app.text()
        await pilot.press("N")
        await until(pilot, lambda: current(app) == b"the needle")
        assert "the needle" in app.text()
        await pilot.press("N")
        await until(pilot, lambda: "No match above." in app.text())
        await pilot.press("n")
        await until(pilot, lambda: current(app) == b"the needle again")
        await pilot.press("n")
        await until(pilot, lambda: "No match below." in app.text())


class Slow(FakeFleet):
    """Keeps whoever asks for a large piece waiting."""

    def read_log(self, key: int, offset: int, limit: int) -> Future[LogChunk]:
        answer = super().read_log(key, offset, limit)
        if limit <= 256 * 1024:
            return answer
        return Future()


async def test_a_search_that_takes_long_says_how_far_it_is_and_can_be_stopped() -> None:
    fleet = Slow([job(1, JobStatus.FAILED)])
    fleet.logs[1] = numbered(400_000)
    async with reading(fleet, "line 399999") as (app, pilot):
        await search(pilot, "nowhere")
        await until(pilot, lambda: "Searching further up … " in app.text() and "%" in app.text())
        assert "Esc stops" in app.text()
        await pilot.press("n")  # is not heard while another is under way
        await pilot.press("escape")
        await until(pilot, lambda: "Stopped." in app.text())
        assert isinstance(app.screen, LogScreen)
        assert "line 399999" in app.text()
        assert view(app).follow


async def test_a_search_that_the_link_cuts_short_says_so() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = numbered(400_000)
    async with reading(fleet, "line 399999") as (app, pilot):
        fleet.errors["read_log"] = ConnectionLostError("hpc1 is LOST")
        await search(pilot, "nowhere")
        await until(pilot, lambda: "hpc1 is LOST" in app.text())
        assert "Searching" not in app.text()


async def test_the_log_tab_has_the_keys_of_the_log_while_it_has_the_focus() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = numbered(100)
    async with running(fleet) as (app, pilot):
        await pilot.press("]", "]")
        await until(pilot, lambda: "line 99" in app.text())
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.focused, LogView))
        await search(pilot, "line 99")
        await until(pilot, lambda: current(app) == b"line 99")
        assert not app.model.query
        await pilot.press("w")
        await until(pilot, lambda: view(app).wrap)
        await pilot.press("slash", "x", "escape")  # closes the field, no more
        await until(pilot, lambda: isinstance(app.focused, LogView))
        assert current(app) == b"line 99"
        await pilot.press("escape")
        await until(pilot, lambda: view(app).hits is None)
        assert isinstance(app.focused, LogView)
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is app.main.table)
        await pilot.press("slash", *"failed", "enter")
        assert app.model.query.text == "failed"


async def test_the_full_screen_goes_on_with_what_the_tab_had_read() -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = numbered(100)
    async with running(fleet) as (app, pilot):
        await pilot.press("]", "]")
        await until(pilot, lambda: "line 99" in app.text())
        reads = len(fleet.called("read_log"))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen) and "line 99" in app.text())
        await pilot.press("g")
        await until(pilot, lambda: first_line(app) == b"line 0")
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, MainScreen) and "line 99" in app.text())
        whole = [call for call in fleet.called("read_log")[reads:] if call[2] and call[1] < 600]
        assert not whole  # nothing was read twice
