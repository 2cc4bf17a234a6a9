"""What people ask for concerning servers and their profiles: ask, write, do, and tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from exauq_tui.app import format as fmt
from exauq_tui.app.profile_fields import empty_values, values_of
from exauq_tui.app.screens.dialogs import ConfirmDialog, TypeToConfirmDialog
from exauq_tui.app.threads import in_thread
from exauq_tui.config import ServerProfile
from exauq_tui.config_saving import (
    delete_profile,
    is_own,
    read_profile,
    replace_profile,
    save_profile,
)
from exauq_tui.errors import ExauqTuiError, InputError
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.monitor.interfaces import needs_new_connection

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp
    from exauq_tui.app.screens.server_form import Save


_WHERE = (
    "It is kept in {}, for your eyes only. Passwords are never written: you are asked for them "
    "when the server is connected to."
)
_EDITED = (
    "Jobs stay in the workspace that they were sent to. What changes where the "
    "server is, or how to log in, has it connected to anew."
)


@runtime_checkable
class ShowsServers(Protocol):
    """A screen that shows servers, with a cursor."""

    def select(self, server: str) -> None:
        """Put the cursor on a server, as soon as it is there."""


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

    async def add(self, like: ServerProfile | None = None) -> None:
        """Ask for a new profile, and add its server.

        Args:
            like: A profile to begin with; its name is not taken over.
        """
        if self._app.profiles_dir is None:
            self._app.tell("No server can be added here: nothing is kept.", "warning")
            return
        values = empty_values() if like is None else {**values_of(like), "name": ""}
        title = "Add a server" if like is None else f"A new server like {fmt.safe(like.name)}"
        notes = [_WHERE.format(self._app.profiles_dir)]
        if any(each.source is None for each in self._app.config.servers):
            notes.append("The built-in server is offered only while there is no other.")
        from exauq_tui.app.screens.server_form import ServerForm  # noqa: PLC0415 - not before it is opened

        form = ServerForm(title, self._add, self._taken(), values, notes=tuple(notes))
        await self._app.push_screen(form, self._saved)

    async def edit(self, server: str | None) -> None:
        """Ask for changes of a profile; one that is only read is offered as a copy."""
        profile = self.profile(server)
        if profile is None:
            return
        if profile.source is None and self._app.profiles_dir is not None:
            save: Save = self._add  # what is built in becomes a file of its own
        elif self.is_own(profile):
            save = partial(self._replace, profile)
        else:
            await self._offer_copy(profile)
            return
        taken = {name: path for name, path in self._taken().items() if name != profile.name}
        title = f"The server {fmt.safe(profile.name)}"
        notes = (_EDITED, _WHERE.format(self._app.profiles_dir))
        from exauq_tui.app.screens.server_form import ServerForm  # noqa: PLC0415 - not before it is opened

        form = ServerForm(title, save, taken, values_of(profile), notes=notes, is_named=True)
        await self._app.push_screen(form, self._saved)

    async def _offer_copy(self, profile: ServerProfile) -> None:
        dialog = ConfirmDialog(
            f"Copy the profile {fmt.safe(profile.name)}?",
            [str(profile.source or "built in")],
            "Copy it",
            ["This file is only read here: change it with an editor. A copy under another name "
             "can be changed here."],
        )  # fmt: skip

        def copy(yes: bool | None) -> None:
            if yes:
                self._app.call_later(self.add, profile)

        await self._app.push_screen(dialog, copy)

    def _taken(self) -> dict[str, Path | None]:
        """The names that are in use, wherever they stand."""
        config = self._app.config
        shown: dict[str, Path | None] = dict.fromkeys(self._app.model.servers)
        return shown | {each.name: each.source for each in config.servers} | dict(config.names)

    async def _add(self, profile: ServerProfile) -> None:
        directory = self._app.profiles_dir
        assert directory is not None
        is_known = self.profile(profile.name) is not None

        def add() -> ServerProfile:
            path = save_profile(profile, directory)
            added = read_profile(path, profile.name)
            try:
                if is_known:
                    self._fleet.replace_server(added)
                else:
                    self._fleet.add_server(added)
            except InputError:
                delete_profile(added)
                raise
            return added

        self._take(await in_thread(add))

    async def _replace(self, before: ServerProfile, after: ServerProfile) -> None:
        assert before.source is not None
        path = before.source
        if replace(after, source=path) == before:
            return  # nothing to do, and no reason to connect anew

        def change() -> ServerProfile:
            replace_profile(before, after)
            changed = read_profile(path, after.name)
            self._fleet.replace_server(changed)
            return changed

        changed = await in_thread(change)
        if needs_new_connection(before, changed):
            self._app.prompter.withdraw(after.name)
        self._take(changed)

    def _take(self, profile: ServerProfile) -> None:
        """Have a profile in the configuration, in the place of one of the same name."""
        config = self._app.config
        servers = {each.name: each for each in config.servers} | {profile.name: profile}
        names = {**config.names, **({profile.name: profile.source} if profile.source else {})}
        self._app.config = replace(config, servers=tuple(servers.values()), names=names)

    def _saved(self, server: str | None) -> None:
        if server is None:
            return
        self._app.tell(f"The profile {fmt.safe(server)} is saved.")
        for screen in self._app.screen_stack:
            if isinstance(screen, ShowsServers):
                screen.select(server)

    async def delete(self, server: str | None) -> None:
        """Ask for a server's name, and delete its profile."""
        profile = self.profile(server)
        if profile is None:
            return
        if not self.is_own(profile):
            where = "is built in" if profile.source is None else f"stands in {profile.source}"
            advice = (
                ": it is offered while there is no other server"
                if profile.source is None
                else ", which is only read: remove it there"
            )
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
                "name, address and workspace is there again."
            )
        notes.append("Its jobs stay listed here as last known.")
        return notes

    async def _delete(self, profile: ServerProfile) -> None:
        def remove() -> None:
            delete_profile(profile)
            self._fleet.remove_server(profile.name)

        await in_thread(remove)
        self._app.prompter.withdraw(profile.name)
        config = self._app.config
        self._app.config = replace(
            config,
            servers=tuple(each for each in config.servers if each.name != profile.name),
            names={name: at for name, at in config.names.items() if name != profile.name},
        )
        self._app.tell(f"The profile {fmt.safe(profile.name)} is deleted.")

    def _run(self, work: Awaitable[None]) -> None:
        self._app.run_worker(self._guarded(work), group="verbs", exit_on_error=False)

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except ExauqTuiError as error:
            self._app.tell(str(error), "error")
