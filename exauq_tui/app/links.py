"""Since when each server has been answering, so that news is told from what was caught up on."""

from __future__ import annotations

from collections.abc import Iterable

from exauq_tui.monitor.snapshot import ServerState, ServerView

CATCHING_UP = 3.0
"""What comes within so many seconds of a connection happened before it (as far as it matters)."""

LINKED = frozenset({ServerState.UP, ServerState.STALE})


class Links:
    """Follows the servers' states."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def notice(self, views: Iterable[ServerView], now: float) -> list[str]:
        """Take over how servers stand; returns those whose link is gone since."""
        gone = []
        for view in views:
            if view.state in LINKED:
                self._since.setdefault(view.name, now)
            elif self._since.pop(view.name, None) is not None:
                gone.append(view.name)
        return gone

    def is_settled(self, server: str, now: float) -> bool:
        """Whether what a server tells now has just happened there."""
        since = self._since.get(server)
        return since is not None and now - since >= CATCHING_UP

    def settles_at(self, server: str) -> float | None:
        """When a server will have settled, or has; None where it is not linked."""
        since = self._since.get(server)
        return None if since is None else since + CATCHING_UP
