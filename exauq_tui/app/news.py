"""What the app learns from changes: how fast jobs end, and what is worth a message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exauq_tui.app.links import Links
from exauq_tui.app.notices import Notices
from exauq_tui.app.pace import Pace
from exauq_tui.config_rules import NOTICES
from exauq_tui.monitor.snapshot import Changes, JobRow, ServerView

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp


class News:
    """Looks at each batch of changes before the model takes it over.

    Args:
        app: Has the model and the clock, and tells people.
    """

    def __init__(self, app: ExauqApp) -> None:
        self._app = app
        self._links = Links()
        self.pace = Pace(self._links, self._slots)
        self._notices = Notices(self._links, app.config.app.notify)
        self._rings = app.config.app.bell

    def _slots(self, server: str) -> int | None:
        """How many jobs may run at once, as the profile has it now."""
        profiles = (each for each in self._app.config.servers if each.name == server)
        return next((each.max_running for each in profiles), None)

    def load(self, rows: Sequence[JobRow], servers: Sequence[ServerView]) -> None:
        """Take over what is known at the start: nothing of it is news."""
        self._links.notice(servers, self._app.clock())
        self.pace.load(rows)
        self._notices.load(rows, servers)

    def take(self, changes: Changes) -> None:
        """Find out what is new."""
        now = self._app.clock()
        for server in self._links.notice(changes.servers, now):
            self.pace.forget_endings(server)
        self.pace.take(self._app.model, changes.jobs, now)
        self._notices.take(self._app.model, changes, now)

    def tell(self) -> None:
        """Tell of what happened, all in one message, and ring the bell once."""
        notice = self._notices.due(self._app.clock())
        if notice is not None:
            self._app.tell(notice.text, "warning" if notice.is_bad else "information")
            if self._rings:
                self._app.bell()

    def switch(self) -> None:
        """Go on from notices with the bell to notices without, to none, and round again."""
        if self._notices.kinds and self._rings:
            self._rings = False
        elif self._notices.kinds:
            self._notices.kinds = frozenset()
        else:
            self._notices.kinds = frozenset(self._app.config.app.notify or NOTICES)
            self._rings = True
        bell = "with" if self._rings else "without"
        self._app.tell(
            f"Notices are on, {bell} the bell." if self._notices.kinds else "Notices are off."
        )
