"""Runs the dashboard over a fleet in memory, with a frozen clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from exauq_tui.app.app import ExauqApp
from exauq_tui.config import Config
from exauq_tui.monitor.verbs import FleetVerbs
from tests.app.fake_fleet import NOW, FakeFleet

CONFIG_TEXT = "~/.config/exauq-tui/config.toml"


class Dashboard(ExauqApp):
    """Remembers what it told."""

    def __init__(self, fleet: FleetVerbs, config: Config | None = None, **others: Any) -> None:
        self.told: list[str] = []
        options: dict[str, Any] = {"clock": lambda: NOW, "config_text": CONFIG_TEXT, **others}
        super().__init__(fleet, config or Config(), **options)

    def tell(self, text: str, severity: str = "information") -> None:
        self.told.append(text)
        super().tell(text, severity)

    def lines(self) -> list[str]:
        """The lines of the job table, as they would be drawn."""
        table = self.main.table
        return [table.render_line(y).text.rstrip() for y in range(table.size.height)]

    def text(self) -> str:
        """Everything that is on the screen."""
        lines = self.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in lines)


def type_ahead(app: Dashboard, *keys: str) -> None:
    """Put keys into the app's queue at once, as a fast typist or a paste does."""
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 else key
        app.post_message(events.Key(name, key if len(key) == 1 else None))


async def until(pilot: Pilot[Any], condition: Callable[[], object], seconds: float = 60) -> None:
    """Let the app go on until something is so."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come to be"
        await pilot.pause(0.005)
    await pilot.pause()


@asynccontextmanager
async def running(
    fleet: FakeFleet, size: tuple[int, int] = (120, 36), **others: Any
) -> AsyncIterator[tuple[Dashboard, Pilot[int]]]:
    """Run the dashboard until it shows what the fleet knows."""
    app = Dashboard(fleet, **others)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: fleet.called("start"))
        yield app, pilot
