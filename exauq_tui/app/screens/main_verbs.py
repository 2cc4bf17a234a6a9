"""The verbs of the main screen: from a key to `JobVerbs`, or to a screen of their own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from exauq_tui.app.job_details import JobDetails
from exauq_tui.app.screens.main_panes import MainPanes
from exauq_tui.app.screens.server_actions import ServerActions

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp
    from exauq_tui.app.job_verbs import JobVerbs
    from exauq_tui.app.take_away import TakeAway


class MainVerbs(MainPanes, ServerActions):
    """The part of the main screen that acts upon jobs and servers."""

    app: ExauqApp
    details: JobDetails

    @cached_property
    def verbs(self) -> JobVerbs:
        """What people ask for concerning jobs."""
        from exauq_tui.app.job_verbs import JobVerbs  # noqa: PLC0415 - not at the start

        return JobVerbs(self.app, self.show_new)

    @cached_property
    def take_away(self) -> TakeAway:
        """What people take out of the dashboard."""
        from exauq_tui.app.take_away import TakeAway  # noqa: PLC0415 - not at the start

        return TakeAway(self.app)

    def show_new(self, keys: Sequence[int]) -> None:
        """Put the cursor on the first of new jobs."""
        raise NotImplementedError

    async def action_submit(self) -> None:
        """Submit jobs."""
        await self.verbs.submit(self.chosen_server())

    async def action_cancel(self) -> None:
        """Cancel jobs."""
        await self.verbs.cancel()

    async def action_resubmit(self) -> None:
        """Submit jobs once more."""
        await self.verbs.resubmit()

    def action_output(self) -> None:
        """Fetch outputs, and show that of the job under the cursor."""
        if len(self.model.targets()) == 1:
            self.detail.choose("output")
        self.verbs.fetch_outputs()

    async def action_log(self) -> None:
        """Show the log on the whole screen."""
        row = self.model.cursor_row()
        if row is not None:
            from exauq_tui.app.screens.log import LogScreen  # noqa: PLC0415 - not before it is opened

            self.details.pause()
            await self.app.push_screen(LogScreen(self.app, row))

    async def action_copy(self) -> None:
        """Copy something of jobs to the clipboard."""
        await self.take_away.copy()

    async def action_export(self) -> None:
        """Write jobs to a file."""
        await self.take_away.export()

    async def action_delete_jobs(self) -> None:
        """Delete job directories."""
        await self.verbs.delete_jobs()

    def action_delete_workspace(self) -> None:
        """Delete a server's workspace."""
        self.verbs.delete_workspace(self.chosen_server())

    def action_look_now(self) -> None:
        """Look, or try to connect, at once."""
        self.app.warnings.repeat()
        self.verbs.look_now()

    async def action_plot(self) -> None:
        """Plot the jobs that are shown."""
        from exauq_tui.app.screens.plot import PlotScreen  # noqa: PLC0415 - not before it is opened

        await self.app.push_screen(PlotScreen(self.app.commands))

    def action_notices(self) -> None:
        """Go on from notices with the bell to notices without, to none, and round again."""
        self.app.news.switch()

    async def action_doctor(self) -> None:
        """Examine a server step by step."""
        await self.action_server_test()

    async def action_servers(self) -> None:
        """Show all servers."""
        from exauq_tui.app.screens.servers import ServersScreen  # noqa: PLC0415 - not before it is opened

        await self.app.push_screen(ServersScreen(self.app, self.chosen_server()))

    def chosen_server(self) -> str | None:
        """The server that is meant: focused, picked, under the cursor, or the only one."""
        if self.focused is self.server_list:
            return self.server_list.selected
        row = self.model.cursor_row()
        if self.model.server is None and row is not None and row.server in self.model.servers:
            return row.server
        return self.model.server or next(iter(self.model.servers), None)
