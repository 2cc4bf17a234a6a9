"""What people ask for concerning servers and their profiles: ask, write, do, and tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from exauq_tui.app import format as fmt
from exauq_tui.app.screens.dialogs import TypeToConfirmDialog
from exauq_tui.app.threads import in_thread
from exauq_tui.config import ServerProfile
from exauq_tui.config_saving import delete_profile, is_own
from exauq_tui.errors import ExauqTuiError
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp


class ServerVerbs:
    """Carries out the verbs on servers and their profiles.

    Args:
        app: Where dialogs and messages are shown, and whose configuration changes.
    """

    def __init__(self, app: ExauqApp) -> None:
        self._app = app
        self._fleet = app.fleet

    def connect(self, server: str | None) -> None:
        """Connect to a server that was disconnected; elsewhere try at once."""
        self._tell_fleet(server, self._fleet.connect, "is being connected to")

    def disconnect(self, server: str | None) -> None:
        """Drop a server's connection until somebody wants it again."""
        if server is not None:
            self._app.prompter.withdraw(server)
        self._tell_fleet(server, self._fleet.disconnect, "is disconnected; its jobs go on")

    def retry(self, server: str | None) -> None:
        """Try to connect to a server, or look at it, at once."""
        self._app.warnings.repeat()
        self._tell_fleet(server, self._fleet.look_now, "")

    def _tell_fleet(self, server: str | None, verb: Callable[[str], None], words: str) -> None:
        async def do(name: str) -> None:
            await in_thread(partial(verb, name))
            if words:
                self._app.tell(f"{fmt.safe(name)} {words}.")

        if server is not None:
            self._run(do(server))

    # Profiles

    def profile(self, server: str | None) -> ServerProfile | None:
        """The profile of a server."""
        return next((each for each in self._app.config.servers if each.name == server), None)

    def is_own(self, profile: ServerProfile) -> bool:
        """Whether a profile was made here, and can be changed here."""
        return is_own(profile, self._app.profiles_dir)

    async def delete(self, server: str | None) -> None:
        """Ask for a server's name, and delete its profile."""
        profile = self.profile(server)
        if profile is None:
            return
        if not self.is_own(profile):
            where = "is built in" if profile.source is None else f"stands in {profile.source}"
            advice = "" if profile.source is None else ", which is only read: remove it there"
            self._app.tell(f"{profile.name} {where}{advice}.", "warning")
            return
        dialog = TypeToConfirmDialog(
            f"Delete the profile {fmt.safe(profile.name)}",
            profile.name,
            "the server's name",
            [str(profile.source)],
            "Delete profile",
            self._delete_notes(profile.name),
        )
        await self._app.push_screen(
            dialog, lambda yes: self._run(self._delete(profile)) if yes else None
        )

    def _delete_notes(self, server: str) -> list[str]:
        counts = self._app.model.server_counts(server)
        unsent = counts.get(JobStatus.PENDING_SUBMIT, 0)
        live = sum(n for status, n in counts.items() if status not in TERMINAL_STATUSES) - unsent
        notes = ["Nothing is deleted on the server: its jobs stay there, and go on."]
        if live:
            verb = "has" if live == 1 else "have"
            notes.append(f"{fmt.count(live, 'job')} there {verb} not ended.")
        if unsent:
            notes.append(
                f"{fmt.count(unsent, 'job')} not sent yet: kept, and sent once a server of this "
                "name and address is there again."
            )
        notes.append("Its jobs stay listed here as last known.")
        return notes

    async def _delete(self, profile: ServerProfile) -> None:
        def remove() -> None:
            delete_profile(profile)
            self._fleet.remove_server(profile.name)

        await in_thread(remove)
        self._app.prompter.withdraw(profile.name)
        self._configure(lambda servers: [s for s in servers if s.name != profile.name])
        names = {name: at for name, at in self._app.config.names.items() if name != profile.name}
        self._app.config = replace(self._app.config, names=names)
        self._app.tell(f"The profile {fmt.safe(profile.name)} is deleted.")

    def _configure(self, change: Callable[[list[ServerProfile]], list[ServerProfile]]) -> None:
        servers = tuple(change(list(self._app.config.servers)))
        self._app.config = replace(self._app.config, servers=servers)

    def _run(self, work: Awaitable[None]) -> None:
        self._app.run_worker(self._guarded(work), group="verbs", exit_on_error=False)

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except ExauqTuiError as error:
            self._app.tell(str(error), "error")
