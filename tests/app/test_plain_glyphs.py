"""ASCII in the place of our signs, for poor terminals and fonts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

import exauq_tui.app
from exauq_tui.app import format as fmt
from exauq_tui.app.plain_glyphs import PlainGlyphs, is_utf8, plain_glyphs
from exauq_tui.config import AppSettings, Config
from exauq_tui.hardware.status import JobStatus
from tests.app.fake_fleet import FakeFleet, job, some_jobs
from tests.app.harness import running, until

BLACK = Color(0, 0, 0)


def plain(text: str, *, strict: bool = False) -> str:
    (segment,) = PlainGlyphs(strict=strict).apply([Segment(text)], BLACK)
    return segment.text


def test_statuses_have_the_signs_that_are_promised() -> None:
    signs = "".join(plain(fmt.STATUS_GLYPHS[status]) for status in JobStatus)
    assert signs == "+x>^.!-~!"


def test_no_two_statuses_that_look_different_become_alike() -> None:
    signs = set(fmt.STATUS_GLYPHS.values())
    assert len({plain(sign) for sign in signs}) == len(signs)


def test_every_sign_in_the_code_of_the_dashboard_has_one_of_ascii() -> None:
    files = Path(exauq_tui.app.__file__).parent.rglob("*.py")
    signs = {sign for each in files for sign in each.read_text(encoding="utf-8")}
    left = {sign for sign in signs if not plain(sign).isascii()}
    assert left == set()


@given(st.text(st.characters(exclude_categories=["C"])))
def test_widths_stay_and_nothing_but_ascii_is_left_where_the_terminal_has_no_more(
    text: str,
) -> None:
    assert plain(text, strict=True).isascii()
    single = "".join(sign for sign in text if cell_len(sign) == 1)
    assert cell_len(plain(single, strict=True)) == cell_len(single)


def test_what_people_wrote_stays_where_the_terminal_can_show_it() -> None:
    assert plain("Zoë ✓ 模型") == "Zoë + 模型"
    assert plain("Zoë ✓ 模型", strict=True) == "Zo? + ????"


def test_styles_and_plain_lines_are_left_alone() -> None:
    filters = PlainGlyphs(strict=True)
    line = [Segment("abc", Style(bold=True))]
    assert filters.apply(line, BLACK) is line
    assert filters.apply([Segment("✓", Style(bold=True))], BLACK) == [
        Segment("+", Style(bold=True))
    ]


@pytest.mark.parametrize(
    ("environ", "can"),
    [
        ({}, True),
        ({"LANG": "en_GB.UTF-8"}, True),
        ({"LANG": "de_DE.utf8@euro"}, True),
        ({"LANG": "C.UTF-8", "LC_ALL": ""}, True),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "en_GB.UTF-8", "LC_CTYPE": "de_DE.ISO-8859-1"}, False),
        ({"LANG": "de_DE"}, False),
    ],
)
def test_the_locale_decides_unless_the_configuration_does(
    environ: dict[str, str], can: bool
) -> None:
    assert is_utf8(environ) is can
    assert (plain_glyphs(None, environ) is None) is can
    assert plain_glyphs(True, environ) is not None
    assert plain_glyphs(False, environ) is None


@pytest.mark.parametrize("keys", [(), ("?",), ("s",), ("P",), ("y",), ("l",), (":",), ("a", "c")])
async def test_no_screen_draws_anything_but_ascii(
    keys: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    fleet = FakeFleet([*some_jobs(), job(99, batch="Zoë 模型")])
    async with running(fleet, size=(100, 30)) as (app, pilot):
        await pilot.press(*keys)
        await pilot.pause()
        assert app.text().isascii()


async def test_the_configuration_asks_for_ascii() -> None:
    config = Config(app=AppSettings(ascii=True))
    async with running(FakeFleet([job(1, JobStatus.COMPLETED)]), config=config) as (app, pilot):
        await until(pilot, lambda: "+ Completed" in app.text())
        assert app.text().isascii()
