"""Reading one job's log: following it, searching in it, opening it in a pager."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.worker import Worker

from exauq_tui.app import format as fmt
from exauq_tui.app import log_text
from exauq_tui.app.log_follower import LogFollower
from exauq_tui.app.log_pager import MOST, fetch, pager_command, show
from exauq_tui.app.log_scan import Read, scan
from exauq_tui.app.log_search import Hits, needle
from exauq_tui.app.threads import answer
from exauq_tui.app.widgets.log_panel import LogPanel
from exauq_tui.errors import ExauqTuiError
from exauq_tui.monitor.snapshot import JobRow, ServerState

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp
    from exauq_tui.hardware.interface import LogChunk


class LogReading:
    """Does what is asked for on one panel, and says in it how that goes.

    Args:
        app: Has the fleet, the clock, and the logs that were read before.
        panel: Shows the log.
        row: Gives the job as it is known now.
    """

    def __init__(self, app: ExauqApp, panel: LogPanel, row: Callable[[], JobRow | None]) -> None:
        self._app = app
        self._panel = panel
        self._view = panel.view
        self._row = row
        self._follower = LogFollower(
            panel.view, app.fleet, row, app.log_shelf, app.clock, self.draw
        )
        self._work: Worker[None] | None = None
        self._turn = 0
        self._busy = self._remark = ""

    @property
    def key(self) -> int | None:
        """The job whose log is shown."""
        return self._follower.key

    def follow(self, key: int) -> None:
        """Show a job's log, from its end."""
        self._stop_work()
        self._remark = ""
        self._follower.follow(key)
        self.draw()

    def stop(self) -> None:
        """Stop reading."""
        self._stop_work()
        self._follower.stop()

    def moved(self) -> None:
        """Something else is in view."""
        self._follower.wake()

    def draw(self) -> None:
        """Say below the log what is to be said of it, and in its place why there is none."""
        self._follower.say_why_empty()
        view, row = self._view, self._row()
        trouble = self._follower.trouble if len(view.buffer) else ""
        if len(view.buffer) and row is not None and not trouble:
            server = self._app.model.servers.get(row.server)
            is_away = server is not None and server.state is not ServerState.UP
            if server is not None and is_away and not row.is_terminal:
                trouble = f"{server.name} is {server.state.value}."
        self._panel.is_busy = bool(self._busy)
        self._panel.say(
            log_text.line(
                view.hits,
                current=view.current,
                busy=self._busy,
                remark=self._remark,
                trouble=trouble,
                read_at=view.buffer.read_at,
                now=self._app.clock(),
            )
        )

    def asked(self, what: str) -> None:
        """Do what a key asked for."""
        if what == "search":
            self._panel.open_search()
        elif what in ("next", "previous"):
            self._step(upwards=what == "previous")
        elif what == "top":
            self._follower.go_to(0)
        elif what == "pager" and self.key is not None:
            self._begin(partial(self._open_pager, self.key))

    def stopped(self) -> None:
        """Stop what goes on; else end the search."""
        if self._busy:
            self._stop_work()
            self._remark = "Stopped."
        else:
            self._view.set_hits(None)
            self._remark = ""
        self.draw()

    # Searching

    def search(self, text: str) -> None:
        """Search for a text, and go to where it stands nearest."""
        self._panel.close_search()
        self._stop_work()
        self._remark = ""
        self._view.set_hits(Hits(needle(text), self._view.buffer) if text else None)
        self.draw()
        hits = self._view.hits
        if hits is None or self._view.buffer.start is None:
            return
        top, bottom = self._view.bounds()
        on_screen = hits.after(top - 1)
        if on_screen is not None and on_screen <= bottom:
            self._show(on_screen)
        elif self._view.follow:
            self._seek(top, upwards=True, other_way=False)
        else:
            self._seek(top, upwards=False, other_way=True)

    def _step(self, *, upwards: bool) -> None:
        """Go to the next match, or the one before."""
        if self._view.hits is None:
            self._panel.open_search()
            return
        if self._busy or self._view.buffer.start is None:
            return
        top, bottom = self._view.bounds()
        at = self._view.current
        if at is None or not top <= at <= bottom:
            at = top if upwards else top - 1  # somebody scrolled away from it
        self._seek(at, upwards=upwards, other_way=False)

    def _seek(self, at: int, *, upwards: bool, other_way: bool) -> None:
        hits, buffer = self._view.hits, self._view.buffer
        assert hits is not None
        assert buffer.start is not None
        self._remark = ""
        found = hits.before(at) if upwards else hits.after(at)
        if found is not None:
            self._show(found)
        elif (buffer.start > 0) if upwards else (buffer.end < buffer.size):
            self._begin(partial(self._scan, hits, at, upwards=upwards, other_way=other_way))
        elif other_way:
            self._seek(at, upwards=not upwards, other_way=False)
        else:
            self._nothing(upwards=upwards)

    def _show(self, offset: int) -> None:
        self._view.current = offset
        buffer = self._view.buffer
        if buffer.start is not None and buffer.start <= offset < buffer.end:
            self._view.reveal(offset)
            self._view.refresh()
        else:
            self._follower.go_to(offset)
        self.draw()

    def _nothing(self, *, upwards: bool) -> None:
        self._remark = "No match above." if upwards else "No match below."
        self.draw()

    async def _scan(self, hits: Hits, at: int, *, upwards: bool, other_way: bool) -> None:
        """Search what is not held."""
        key, buffer = self.key, self._view.buffer
        if key is None or buffer.start is None:
            return
        way = "up" if upwards else "down"
        # The lines at the seams may be known in part only.
        seam = 1 if upwards and len(buffer) > 1 else 0 if upwards else len(buffer) - 1
        start = buffer.offsets[seam]
        self._say_busy(f"Searching further {way} …")
        async for news in scan(hits.wanted, self._reader(key), start, at, upwards=upwards):
            if isinstance(news, int):
                self._busy = ""
                self._show(news)
                return
            self._say_busy(f"Searching further {way} … {news:.0%}")
        self._busy = ""
        if other_way:
            self._seek(self._view.bounds()[0], upwards=not upwards, other_way=False)
        else:
            self._nothing(upwards=upwards)

    def _reader(self, key: int) -> Read:
        async def read(offset: int, limit: int) -> LogChunk:
            return await answer(self._app.fleet.read_log(key, offset, limit))

        return read

    # The pager

    async def _open_pager(self, key: int) -> None:
        """Fetch the log into a file and show it."""
        row = self._row()
        if not len(self._view.buffer) or row is None:
            self._app.tell(self._view.note or "There is no log to open.", "warning")
            return
        command = pager_command()
        size = self._view.buffer.size
        part = f"the last {fmt.size(MOST)}" if size > MOST else fmt.size(min(size, MOST))
        self._say_busy(f"Fetching {part} for the pager …")

        def progress(share: float) -> None:
            self._say_busy(f"Fetching {part} for the pager … {share:.0%}")

        with await fetch(self._reader(key), size, progress) as file:
            self._busy = ""
            self.draw()
            show(self._app, command, file.name)
        if size > MOST:
            self._app.tell(f"The pager showed {part} of {fmt.size(size)}.")

    # What goes on in the background

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        self._stop_work()
        self._turn += 1
        run = partial(self._run, work, self._turn)
        self._work = self._app.run_worker(run, group="log-work", exit_on_error=False)

    async def _run(self, work: Callable[[], Awaitable[None]], turn: int) -> None:
        try:
            await work()
        except ExauqTuiError as error:
            if turn == self._turn:
                self._remark = fmt.safe(str(error))
        finally:
            if turn == self._turn:
                self._busy = ""
                self.draw()

    def _say_busy(self, text: str) -> None:
        self._busy, self._remark = text, ""
        self.draw()

    def _stop_work(self) -> None:
        if self._work is not None:
            self._work.cancel()
            self._work = None
        self._busy = ""
