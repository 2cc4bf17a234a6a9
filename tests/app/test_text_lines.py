"""Text of which only the lines that differ are drawn again."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from textual.app import App, ComposeResult
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from exauq_tui.app.widgets.text_lines import TextLines
from tests.app.fake_fleet import FakeFleet, job
from tests.app.harness import running, until

WIDTH, HEIGHT = 20, 12


class TwoTexts(App[None]):
    """One of ours, and one of Textual's."""

    CSS = f"TextLines, Static {{ width: {WIDTH}; height: {HEIGHT}; color: #d0d0d0; }}"

    def compose(self) -> ComposeResult:
        yield TextLines(id="ours")
        yield Static(id="theirs", markup=False)


def marked_rows(widget: Widget) -> list[int]:
    """Take out the rows of a widget that are to be drawn in the next frame."""
    return sorted({y for region in widget._exchange_repaint_regions() for y in region.line_range})


def _words(chance: random.Random) -> Content:
    looks = ("", "bold", "$error", "$foreground-muted")
    words = [("word " * chance.randint(0, 9), chance.choice(looks)) for _ in range(3)]
    return Content.assemble(*words, "äöü ▪"[: chance.randint(0, 5)])


async def test_text_that_changes_line_by_line_looks_as_textual_draws_it() -> None:
    chance = random.Random(3)
    app = TwoTexts()
    async with app.run_test() as pilot:
        ours, theirs = app.query_one(TextLines), app.query_one("#theirs", Static)
        lines = [_words(chance) for _ in range(5)]
        for _ in range(60):
            if chance.random() < 0.3:
                lines.insert(chance.randrange(len(lines) + 1), _words(chance))
            elif len(lines) > 1 and chance.random() < 0.4:
                del lines[chance.randrange(len(lines))]
            else:
                lines[chance.randrange(len(lines))] = _words(chance)
            text = Content("\n").join(lines)
            ours.show(text, HEIGHT)
            theirs.update(text)
            await pilot.pause()
            crop = ours.size.region
            assert [list(_cells(strip)) for strip in ours.render_lines(crop)] == [
                list(_cells(strip)) for strip in theirs.render_lines(crop)
            ]


def _cells(strip: Strip) -> Iterator[tuple[str, str, object]]:
    """Each character of a strip, how it looks, and where in the text the mouse finds it."""
    for text, style, _ in strip:
        assert style is not None
        at = style.meta.get("offset", (0, -1))
        for number, character in enumerate(text):
            place = (at[0] + number, at[1]) if "offset" in style.meta else None
            yield character, str(style.color) + str(style.bgcolor) + str(style.bold), place


async def test_only_lines_that_differ_are_drawn_again() -> None:
    app = TwoTexts()
    async with app.run_test() as pilot:
        ours = app.query_one(TextLines)
        await until(pilot, lambda: ours.size.height == HEIGHT)
        ours.show(Content.assemble("one\ntwo\n", ("three\n", "bold"), "four"), HEIGHT)
        marked_rows(ours)
        ours.show(Content.assemble("one\n2\n", ("three\n", "bold"), "four"), HEIGHT)
        assert marked_rows(ours) == [1]
        ours.show(Content.assemble("one\n2\n", ("three\n", "$error"), "four"), HEIGHT)
        assert marked_rows(ours) == [2]  # its looks alone are another
        ours.show(Content.assemble("one\n2\n", ("three\n", "$error"), "four"), HEIGHT)
        assert marked_rows(ours) == []
        ours.show(Content("one\n2"), HEIGHT)
        assert marked_rows(ours) == [2, 3]


async def test_the_cursor_draws_the_lines_anew_by_which_two_jobs_differ() -> None:
    fleet = FakeFleet([job(key, inputs=(1.0, key / 100, 2.0)) for key in range(1, 11)])
    async with running(fleet) as (app, pilot):
        text = app.main.detail._texts["details"]
        await until(pilot, lambda: app.main.details.is_settled)
        before = _shown(text)
        marked_rows(text)
        app.main.table.action_cursor_down()
        after = _shown(text)
        differ = [y for y in range(len(after)) if before[y] != after[y]]
        assert marked_rows(text) == differ
        assert len(after) > 2 * len(differ) > 0


def _shown(text: TextLines) -> list[str]:
    return [text.render_line(y).text for y in range(text.size.height)]


async def test_a_mark_draws_the_first_line_of_the_head_alone() -> None:
    async with running(FakeFleet([job(key) for key in range(1, 11)])) as (app, pilot):
        await until(pilot, lambda: app.main.details.is_settled)
        marked_rows(app.main.header)
        app.main.table.action_mark()
        assert marked_rows(app.main.header) == [0]
        assert "1 marked" in app.main.header.render_line(0).text


@pytest.mark.parametrize(("jobs", "is_drawn"), [(5000, False), (40, True)])
async def test_the_scroll_bar_is_drawn_anew_where_it_looks_different(
    jobs: int, is_drawn: bool
) -> None:
    async with running(FakeFleet([job(key) for key in range(1, jobs + 1)])) as (app, pilot):
        table, bar = app.main.table, app.main.table.vertical_scrollbar
        await until(pilot, lambda: bar.window_virtual_size > jobs and bar.size.height)
        for _ in range(table.page - 1):
            table.action_cursor_down()
        assert table.scroll_offset.y == 0
        marked_rows(bar)
        table.action_cursor_down()
        assert table.scroll_offset.y == 1
        assert bool(marked_rows(bar)) is is_drawn
        assert bar.position == 1
        table.action_cursor_bottom()
        assert marked_rows(bar)


async def test_lines_below_the_first_are_copied_as_they_are_marked() -> None:
    fleet = FakeFleet([job(1, batch="a-batch-with-a-name", inputs=(0.25,))])
    async with running(fleet) as (app, pilot):
        details = app.main.detail._texts["details"]
        rows = _shown(details)
        y = next(y for y, text in enumerate(rows) if "a-batch" in text)
        x = rows[y].index("a-batch")
        await pilot.mouse_down(details, offset=(x + 2, y))
        await pilot.hover(details, offset=(x + 6, y))
        await pilot.mouse_up(details, offset=(x + 6, y))
        await pilot.press("ctrl+c")
        assert app.clipboard == "batch"
        assert any(
            segment.text == "batch" and segment.style and segment.style.bgcolor
            for segment in details.render_line(y)
        )
