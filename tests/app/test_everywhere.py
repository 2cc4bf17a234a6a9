"""What holds everywhere: every theme, any size, any text, whatever is pasted."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from exauq_tui.app.theme import CONTRAST, DARK, LIGHT
from exauq_tui.config import AppSettings, Config
from exauq_tui.hardware.status import JobStatus
from tests.app.fake_fleet import FakeFleet, job, server, some_jobs
from tests.app.harness import Dashboard, running, until

SOME_THEMES = ["textual-dark", "textual-light", "nord", "ansi-dark", "ansi-light"]
OURS = [DARK, LIGHT, CONTRAST]
SCREENS: dict[str, tuple[str, ...]] = {
    "main": (),
    "details": ("enter",),
    "filter": ("/",),
    "help": ("?",),
    "palette": (":",),
    "submit": ("s",),
    "copy": ("y",),
    "export": ("e",),
    "plot": ("P",),
    "log": ("l",),
    "log search": ("l", "/"),
    "doctor": ("d",),
    "servers": ("w",),
    "server form": ("w", "n"),
    "sort": ("S",),
    "columns": ("C",),
    "confirm": ("4", "j", "2", "c"),
    "delete": ("4", "a", "D"),
}
"""How each screen and dialog is opened."""

TEXTS = {
    "wide": "模型の実験",
    "right to left": "ניסוי שלום مرحبا",
    "emoji": "👩‍🔬🧪 run 🇬🇧",
    "combining": "e\u0301tude a\u0308\u0323",
    "controls": "\x1b[2J\x1b]0;x\x07\r\n\t\u202e\u200b\ufeff",
    "surrogate": "a\udc80b",
    "markup": "[/nope] [@click=app.exit]x[/] $text",
    "long": "x" * 5000,
}
HARD = ("emoji", "controls", "surrogate", "markup")


async def test_every_theme_draws_every_state() -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        await pilot.press("space", "j")
        for name in [*SOME_THEMES, *(theme.name for theme in OURS)]:
            app.theme = name
            await pilot.press("y")
            await pilot.pause()
            assert "Copy of" in app.text()
            await pilot.press("escape")


@pytest.mark.parametrize("theme", OURS, ids=lambda theme: theme.name)
async def test_words_stand_out_from_what_is_behind_them(theme: object) -> None:
    name = theme.name  # type: ignore[attr-defined]  # a Theme
    least = 7.0 if theme is CONTRAST else 4.5
    async with running(FakeFleet(some_jobs()), config=Config(app=AppSettings(theme=name))) as (
        app,
        _,
    ):
        table = app.main.table
        for part in sorted(table.PARTS):
            if part.startswith("status--") or part in ("table--row", "table--header"):
                style = table.get_component_rich_style(part)
                assert style.color is not None
                assert style.bgcolor is not None
                front, behind = style.color.get_truecolor(), style.bgcolor.get_truecolor()
                ratio = _ratio(front.normalized, behind.normalized)
                assert ratio >= least, f"{part}: {ratio:.1f}"


def _ratio(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """The contrast of two colours, as WCAG 2 has it."""

    def light(colour: tuple[float, float, float]) -> float:
        parts = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("keys", SCREENS.values(), ids=SCREENS)
async def test_no_screen_minds_a_storm_of_resizing(keys: tuple[str, ...], tmp_path: Path) -> None:
    dice = random.Random(str(keys))
    async with running(FakeFleet(some_jobs()), profiles_dir=tmp_path) as (app, pilot):
        await pilot.press(*keys)
        sizes = [(dice.randint(1, 260), dice.randint(1, 90)) for _ in range(8)]
        for size in [*sizes, (1, 1), (250, 80), (80, 24)]:
            await pilot.resize_terminal(*size)
        await pilot.pause()
        assert app.is_running
        assert len(app.text().split("\n")) == 24
        assert app.told == []


@pytest.mark.parametrize("keys", SCREENS.values(), ids=SCREENS)
async def test_whatever_is_pasted_anywhere_is_taken(keys: tuple[str, ...], tmp_path: Path) -> None:
    async with running(FakeFleet(some_jobs()), profiles_dir=tmp_path) as (app, pilot):
        await pilot.press(*keys)
        await pilot.pause()
        fields = [field for field in app.screen.query(Input) if field.display]
        for number, field in enumerate(fields):
            long = ("0.5,1,2\n" * 131_072, "7" * 1_000_000)
            # A form of many fields takes long to draw so much, and checks all of it each time.
            few = ("7" * 150_000,)
            for text in few if number > 2 else (*map(TEXTS.__getitem__, HARD), *long):
                app.screen.set_focus(field)
                app.post_message(events.Paste(text))
                await pilot.pause()
                assert app.text()
                field.value = ""
        app.post_message(events.Paste("q" * 1_000_000))  # into nothing that takes it
        await pilot.pause()
        assert app.is_running


FIELDS = ("filter", "palette", "submit", "export", "log search", "server form", "delete")


@pytest.mark.parametrize("keys", [SCREENS[name] for name in FIELDS], ids=FIELDS)
@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["wide", "narrow"])
async def test_the_end_of_a_long_text_is_seen_where_it_is_typed(
    keys: tuple[str, ...], size: tuple[int, int], tmp_path: Path
) -> None:
    fleet = FakeFleet(some_jobs())
    async with running(fleet, size, profiles_dir=tmp_path, data_dir=tmp_path) as (app, pilot):
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.focused, Input))
        field = app.focused
        assert isinstance(field, Input)
        field.value = "1" * 300
        await pilot.press("end", *"/24")
        await until(pilot, lambda: "111111/24" in app.text())


async def test_any_text_may_stand_in_names_batches_notes_and_paths() -> None:
    views, rows = [], []
    for number, text in enumerate(TEXTS.values()):
        views.append(
            server(text, where=text, message=text, input_names=(text, "x2", "x3"), workspace=text)
        )
        rows += [
            job(key, status, server=text, batch=text, note=text, error=text, workspace=f"/{text}")
            for key, status in enumerate(JobStatus, start=1 + len(JobStatus) * number)
        ]
    fleet = FakeFleet(rows, views)
    fleet.logs = {row.key: row.batch.encode(errors="surrogateescape") for row in rows}
    async with running(fleet) as (app, pilot):
        for keys in SCREENS.values():
            await pilot.press(*keys)
            await pilot.pause()
            _assert_tame(app)
            while app.screen is not app.main:
                await pilot.press("escape")
            await pilot.press("escape", "escape", "1")
        for name in ("details", "output", "log", "history"):
            app.main.detail.choose(name)
            for index in range(0, len(rows), len(JobStatus)):
                app.model.move_cursor(index)
                app.main.refresh_all()
                await pilot.pause()
                _assert_tame(app)


def _assert_tame(app: Dashboard) -> None:
    """Nothing that is drawn commands the terminal, and every line is as wide as the screen."""
    strips = app.screen._compositor.render_strips()
    for strip in strips:
        assert not any(ord(sign) < 32 or 0x7F <= ord(sign) < 0xA0 for sign in strip.text)
        assert strip.cell_length == app.size.width


@pytest.mark.parametrize("size", [(59, 24), (80, 14), (5, 2)])
async def test_below_the_smallest_size_a_line_says_so(size: tuple[int, int]) -> None:
    async with running(FakeFleet(some_jobs()), size) as (app, pilot):
        await until(pilot, lambda: "too" in app.text() or size[0] < 10)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "Completed" in app.text())
