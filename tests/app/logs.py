"""What tests of logs begin with: a log, the screen that shows it, and what is seen there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from exauq_tui.app.widgets.log_view import LogView
from tests.app.fake_fleet import FakeFleet
from tests.app.harness import Dashboard, running, until


def numbered(count: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(count))


def view(app: Dashboard) -> LogView:
    return app.screen.query_one(LogView)


def first_line(app: Dashboard) -> bytes:
    at = view(app)
    return at.buffer.line(at.buffer.index_of(at.bounds()[0]))


@asynccontextmanager
async def reading(
    fleet: FakeFleet, words: str, **others: Any
) -> AsyncIterator[tuple[Dashboard, Pilot[int]]]:
    """Run the dashboard with the log of the job under the cursor open, and words of it shown."""
    async with running(fleet, **others) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: words in app.text())
        yield app, pilot
