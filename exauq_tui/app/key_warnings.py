"""Which servers' changed host keys a person has yet to be told of, each once."""

from __future__ import annotations

from collections.abc import Iterable

from exauq_tui.monitor.snapshot import ServerState, ServerView


class KeyWarnings:
    """Collects warnings until they can be shown, and repeats none by itself."""

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}
        self._told: dict[str, str] = {}

    def notice(self, views: Iterable[ServerView]) -> bool:
        """Take over how servers stand; tells whether there is a warning to be shown."""
        for view in views:
            if view.state is not ServerState.HOST_KEY_CHANGED:
                self._waiting.pop(view.name, None)
                self._told.pop(view.name, None)
            elif self._told.get(view.name) != view.message:
                self._waiting[view.name] = view.message
        return bool(self._waiting)

    def next(self) -> tuple[str, str] | None:
        """Take a server and what there is to say of it, or None."""
        if not self._waiting:
            return None
        server = next(iter(self._waiting))
        self._told[server] = self._waiting.pop(server)
        return server, self._told[server]

    def repeat(self) -> None:
        """Warn again where it still is so: a person had the servers tried again."""
        self._told.clear()

    @property
    def is_waiting(self) -> bool:
        """Whether there is a warning to be shown."""
        return bool(self._waiting)
