"""What is asked of widgets, and sent to the terminal, where little has changed."""

import random
import re

import pytest
from textual._compositor import Compositor
from textual.geometry import Region
from textual.strip import Strip

from exauq_tui.app.widgets.header import Header
from exauq_tui.app.widgets.job_table import JobTable
from exauq_tui.app.widgets.pane import Pane
from tests.app.fake_fleet import FakeFleet, some_jobs
from tests.app.harness import Dashboard, running

_MOVE = r"\x1b\[\d+;\d+H"


def _sent(app: Dashboard, kind: type[Compositor], regions: set[Region]) -> str:
    """What a compositor sends for some regions, without ways to where nothing is drawn."""
    compositor = app.main._compositor
    compositor._dirty_regions.update(regions)
    update = kind.render_partial_update(compositor)
    assert update is not None
    return re.sub(rf"({_MOVE})+(?={_MOVE}|\n|$)", "", update.render_segments(app.console))


@pytest.mark.parametrize("with_toast", [False, True])
async def test_the_same_is_sent_as_textual_itself_would_send(with_toast: bool) -> None:
    chance = random.Random(7)
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        if with_toast:
            app.tell("In front of the rest.")
            await pilot.pause()
        width, height = app.size
        for _ in range(100):
            regions = set()
            for _ in range(chance.randint(1, 4)):
                x, y = chance.randrange(width), chance.randrange(height)
                room = width - x, height - y
                regions.add(
                    Region(x, y, chance.randint(1, room[0]), min(room[1], chance.randint(1, 9)))
                )
            wanted = _sent(app, Compositor, regions)
            assert wanted.strip("\n")
            assert _sent(app, type(app.main._compositor), regions) == wanted


async def test_only_lines_that_are_drawn_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def spy(kind: type[JobTable | Header | Pane]) -> None:
        plain = kind.render_lines

        def render_lines(self: JobTable | Header | Pane, crop: Region) -> list[Strip]:
            asked.append((str(self.id), crop.height))
            return plain(self, crop)  # type: ignore[arg-type]

        monkeypatch.setattr(kind, "render_lines", render_lines)

    async with running(FakeFleet(some_jobs())) as (app, pilot):
        await pilot.pause()
        for kind in (JobTable, Header, Pane):
            spy(kind)
        app.main._compositor._dirty_regions.clear()
        _sent(app, type(app.main._compositor), {Region(10, 5, 3, 1), Region(10, 0, 3, 1)})
        assert sorted(asked) == [("header", 1), ("jobs", 1)]


async def test_what_was_marked_before_the_terminal_shrank_is_passed_over() -> None:
    async with running(FakeFleet(some_jobs())) as (app, _):
        width, height = app.size
        kind = type(app.main._compositor)
        app.main._compositor._dirty_regions.clear()
        inside = Region(10, 5, 3, 1)
        wanted = _sent(app, kind, {inside})
        assert _sent(app, kind, {inside, Region(0, height - 1, width, 1), Region(0, height, 5, 9)})
        app.main._compositor._dirty_regions.clear()
        assert _sent(app, kind, {inside, Region(0, height, width, 9)}) == wanted
