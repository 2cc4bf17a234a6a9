"""The garbage collector waits while a key is drawn."""

from __future__ import annotations

import gc

from tests.app.fake_fleet import FakeFleet, job
from tests.app.harness import running, until


async def test_nothing_is_collected_between_a_key_and_what_it_draws() -> None:
    async with running(FakeFleet([job(1), job(2)])) as (app, pilot):
        await until(pilot, gc.isenabled)
        seen = []
        app.main.table.marks_changed = lambda: seen.append(gc.isenabled())
        await pilot.press("space")
        assert seen == [False]
        await until(pilot, gc.isenabled)


async def test_who_put_collecting_off_is_not_overruled_by_a_key() -> None:
    async with running(FakeFleet([job(1)])) as (app, pilot):
        await until(pilot, gc.isenabled)
        gc.disable()
        try:
            app._collector.hold()
            app._collector.release()
            assert not gc.isenabled()
        finally:
            gc.enable()


async def test_collecting_goes_on_after_the_key_that_leaves() -> None:
    async with running(FakeFleet([job(1)])) as (app, pilot):
        await until(pilot, gc.isenabled)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert gc.isenabled()
