"""The dashboard's start: the first rows at once, then all jobs, then the servers."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import TYPE_CHECKING

from textual import events

from exauq_tui.app.commands import command_by_id
from exauq_tui.app.later import import_rest
from exauq_tui.app.screens import OPENED_CSS
from exauq_tui.app.threads import in_thread
from exauq_tui.errors import RecordError
from exauq_tui.hardware.status import JobStatus

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp

Typed = events.Key | events.Paste

_DRAWN_WITHIN = 1.0
"""Seconds after which the start goes on even if the terminal has not taken what is drawn."""

_AT_ONCE = ("cursor-down", "cursor-up", "cursor-top", "page-up", "mark", "help", "quit")
"""Commands that mean the same while only the first rows are there as with all of them."""

_WAYS_OUT = frozenset({"ctrl+q", "ctrl+c"})


def is_at_once(action: str) -> bool:
    """Whether an action need not wait until all jobs are there."""
    return action in _ACTIONS


_ACTIONS = {command_by_id(id_).action for id_ in _AT_ONCE} | {"leave", "help_quit"}


class Start:
    """Goes through it once, and lets what needs all jobs wait for them.

    Args:
        app: Has fleet, model and screens.

    Attributes:
        failure: Why not all jobs could be read, where that is so; the app is then left.
    """

    def __init__(self, app: ExauqApp) -> None:
        self._app = app
        self._kept: list[Typed] = []
        self._let_go: list[Typed] = []
        self.failure: RecordError | None = None

    def begin(self) -> None:
        """Show the first rows where they are at hand, and go on in the background."""
        app = self._app
        first = app.fleet.first_rows()
        if first is not None:
            app.model.show_first(first, app.fleet.servers())
        app.run_worker(self._go_on(first is not None), group="load", exit_on_error=False)

    def keeps(self, event: Typed) -> bool:
        """Whether what was typed waits until all jobs are there: a filter or a verb means them.

        What was typed after it waits as well: it may be meant for the field that opens.
        """
        app = self._app
        if self._let_go:
            if event in self._let_go:
                self._let_go.remove(event)
            else:
                app.post_message(event)  # behind those that it came after
                return True
        keys = {event.key, event.character} if isinstance(event, events.Key) else set()
        if app.model.loaded or app.screen is not app.main or keys & _WAYS_OUT:
            return False
        if not self._kept and any(
            keys.intersection(app.commands.keys(command_by_id(id_))) for id_ in _AT_ONCE
        ):
            return False
        self._kept.append(event)
        return True

    def _let_keys_go(self) -> None:
        self._let_go, self._kept = self._kept, []
        for event in self._let_go.copy():
            self._app.post_message(event)

    async def _go_on(self, has_first: bool) -> None:
        """Read what was last known, then let the servers be connected to."""
        app = self._app
        if has_first:
            # Both want the processor, and people wait for the rows.
            await self._drawn()
        try:
            await self._read()
        except RecordError as error:
            self.failure = error
            app.leave_at_once(1)
            return
        await self._drawn()
        self._start_fleet()

    async def _drawn(self) -> None:
        drawn = asyncio.Event()
        self._app.main.call_after_refresh(drawn.set)
        with suppress(TimeoutError):
            await asyncio.wait_for(drawn.wait(), _DRAWN_WITHIN)

    async def _read(self) -> None:
        """Fill a model in a thread, where no key waits for it, and show it in place of ours."""
        app = self._app
        filled = app.model.emptied()

        def read() -> None:
            # What the start left is collected now, for with all jobs that takes much longer.
            gc.collect()
            rows, servers = app.fleet.load(), app.fleet.servers()
            app.news.load(rows, servers)
            filled.load(rows, servers)
            if filled.counts.get(JobStatus.PENDING_SUBMIT):
                app.main.outbox.load(rows)
            # They are here to stay: looking through them takes 100 ms and more each time. It was
            # put off until now by whoever started us.
            gc.freeze()
            gc.enable()

        await in_thread(read)
        app.main.take_over(filled)
        self._let_keys_go()
        if app.warnings.notice(app.model.servers.values()):
            app.prompt_waiting()

    def _start_fleet(self) -> None:
        app = self._app
        app.stylesheet.read(OPENED_CSS)
        app.stylesheet.parse()
        app.run_worker(in_thread(app.fleet.start), group="load", exit_on_error=False)
        app.run_worker(in_thread(_finish), group="load", exit_on_error=False)


def _finish() -> None:
    """Do what nobody waits for."""
    import_rest()
    # Here, as it brings ctypes along, which the first picture does not need.
    from exauq_tui.app.trimming import give_memory_back  # noqa: PLC0415

    give_memory_back()
