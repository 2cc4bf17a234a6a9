"""The actions upon one server, which several screens offer for the server that they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp


class ServerActions(Screen[None]):
    """The part of a screen that acts upon a server."""

    app: ExauqApp

    def chosen_server(self) -> str | None:
        """The server that is meant."""
        raise NotImplementedError

    async def action_server_add(self) -> None:
        """Add a server."""
        await self.app.server_verbs.add()

    async def action_server_edit(self) -> None:
        """Change the server's profile."""
        await self.app.server_verbs.edit(self.chosen_server())

    def action_server_connect(self) -> None:
        """Connect."""
        self.app.server_verbs.connect(self.chosen_server())

    def action_server_disconnect(self) -> None:
        """Drop the connection."""
        self.app.server_verbs.disconnect(self.chosen_server())

    def action_server_retry(self) -> None:
        """Try, or look, at once."""
        self.app.server_verbs.retry(self.chosen_server())

    async def action_server_test(self) -> None:
        """Examine the server step by step."""
        server = self.chosen_server()
        if server is not None:
            from exauq_tui.app.screens.doctor import DoctorScreen  # noqa: PLC0415 - not before it is opened

            await self.app.push_screen(DoctorScreen(server, self.app.commands))

    async def action_server_delete(self) -> None:
        """Delete the profile."""
        await self.app.server_verbs.delete(self.chosen_server())
