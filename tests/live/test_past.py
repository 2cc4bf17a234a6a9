"""Logs, odd outputs and the history of a server, as a fleet and the dashboard get them for real."""

from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest

from exauq_tui.app.app import ExauqApp
from exauq_tui.app.widgets.log_view import LogView
from exauq_tui.config import Config
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.snapshot import ServerState
from tests.app.fixed import fix_textual
from tests.app.harness import until as on_screen
from tests.figures import Tell
from tests.live.outage import end
from tests.live.site import Site
from tests.unit.fake_interfaces import reaches, row, stands, until

fix_textual()

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("quick_retries")]

SIZE = 100_000_000
ODD = """\
import sys
from pathlib import Path
Path(sys.argv[2]).write_bytes(b"[mean] 14.8\\n\\x1b[31m3 outliers \\xff\\n" + b"x" * 100_000)
"""


def test_the_output_file_of_a_job_is_kept_as_it_stands_where_it_is_no_number(site: Site) -> None:
    site.script.write_text(ODD)
    fleet = site.fleet()
    (key,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, key, JobStatus.COMPLETED)
    until(lambda: row(fleet, key).output_error)
    text = fleet.output_text(key)
    assert text is not None
    assert text.startswith("[mean] 14.8\n\x1b[31m3 outliers ")
    assert 60_000 < len(text) < 70_000
    read = row(fleet, key).output_read
    assert read is not None
    assert abs(time.time() - read) < 60


def test_what_happens_with_a_server_is_kept_also_over_a_restart(own_site: Site) -> None:
    fleet = own_site.fleet()
    stands(fleet, ServerState.UP)
    end(own_site.sshd)
    stands(fleet, ServerState.LOST)
    own_site.sshd.start()
    stands(fleet, ServerState.UP)
    fleet.stop()
    told = [event.text for event in own_site.fleet(start=False).server_events("hpc1")]
    assert told[0] == "Connected"
    assert told[-1] == "Connected"
    assert any(text.startswith("LOST: ") for text in told)
    assert all(before != after for before, after in pairwise(told))


async def test_a_log_of_100_mb_opens_at_its_end_in_little_memory(
    site: Site, isolated_home: Path, tell: Tell
) -> None:
    fleet = site.fleet()
    short, key = fleet.submit("hpc1", [Input(1), Input(2)])
    for each in (short, key):
        reaches(fleet, each, JobStatus.COMPLETED)
    Path(row(fleet, short).directory, f"{site.script.name}.out").write_text("a short one")
    line = b"a line of a log, fifty bytes of it, as many print\n"
    log = Path(row(fleet, key).directory) / f"{site.script.name}.out"
    log.write_bytes(line * (SIZE // len(line)) + b"the end of it\n")
    fleet.stop()
    app = ExauqApp(site.fleet(start=False), Config())
    async with app.run_test(size=(120, 36)) as pilot:

        def text() -> str:
            return "\n".join(strip.text for strip in app.screen._compositor.render_strips())

        await on_screen(pilot, lambda: "UP" in text())
        took = []
        for words in ("the end of it", "short"):  # the newest is on top
            began = time.monotonic()
            await pilot.press("l")
            await on_screen(pilot, lambda words=words: words in text())  # type: ignore[misc]
            took.append(time.monotonic() - began)
            await pilot.press("escape", "j")
        await pilot.press("g", "l")
        await on_screen(pilot, lambda: "the end of it" in text())
        view = app.screen.query_one(LogView)
        first = view.buffer.end - (view.buffer.start or 0)
        tracemalloc.start()
        try:
            for _ in range(30):  # upwards through as much as is ever held, and more
                start = view.buffer.start or 0
                view.scroll_to(y=0, animate=False)
                await on_screen(pilot, lambda start=start: (view.buffer.start or 0) < start)  # type: ignore[misc]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    long, short_one = took
    tell(
        first_paint=f"{long:.2f} s",
        of_a_short_log=f"{short_one:.2f} s",
        memory=f"{peak / 1e6:.1f} MB",
    )
    assert first < 600_000
    assert len(view.buffer.text()) < 3_000_000
    assert peak < 30_000_000
