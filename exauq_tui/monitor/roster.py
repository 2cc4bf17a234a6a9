"""The servers of a fleet: a thread for each, and how one is added, changed and let go."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from exauq_tui.config import ServerProfile
from exauq_tui.errors import InputError
from exauq_tui.monitor.outlook import find_target, first_view
from exauq_tui.monitor.owners import new_owner
from exauq_tui.monitor.tools import Tools

if TYPE_CHECKING:
    from exauq_tui.monitor.poller import Poller

_log = logging.getLogger(__name__)

_STOP_WITHIN = 0.5


class Roster:
    """The servers of a fleet; safe between threads.

    Args:
        profiles: The servers at first.
        tools: What their threads work with.
    """

    def __init__(self, profiles: Sequence[ServerProfile], tools: Tools) -> None:
        self._tools = tools
        self._first = tuple(profiles)
        self._lock = threading.RLock()
        self._has_started = self._has_stopped = False
        # Replaced whole, never changed: other threads may be going through it. None until somebody
        # asks, as what they are made of is imported then: the first picture does without it.
        self._pollers: Mapping[str, Poller] | None = None
        for profile in profiles:
            tools.store.set_view(first_view(profile))
            tools.store.set_target(find_target(profile, tools.record))

    @property
    def pollers(self) -> Mapping[str, Poller]:
        """Who deals with each server, by its name; a picture of this moment."""
        with self._lock:
            if self._pollers is None:
                self._pollers = {each.name: self._new(each) for each in self._first}
            return self._pollers

    def get(self, server: str) -> Poller:
        """Who deals with a server.

        Raises:
            InputError: There is no such server.
        """
        pollers = self.pollers
        poller = pollers.get(server)
        if poller is None:
            known = ", ".join(pollers) or "none"
            raise InputError(f"there is no server {server!r} in the configuration; known: {known}")
        return poller

    def start(self) -> None:
        """Start all threads."""
        with self._lock:
            if self._has_stopped:
                return
            self._has_started = True
            for poller in self.pollers.values():
                poller.start()

    def stop(self, deadline: float) -> None:
        """Stop all threads, and wait for them up to a moment of the monotonic clock."""
        with self._lock:
            self._has_stopped = True
            pollers = tuple((self._pollers or {}).values())
        for poller in pollers:
            poller.stop()
        for poller in pollers:
            poller.join(max(0.0, deadline - time.monotonic()))

    def add(self, profile: ServerProfile) -> None:
        """Deal with one more server from now on.

        Raises:
            InputError: There is one of that name.
        """
        with self._lock:
            if profile.name in self.pollers:
                raise InputError(f"there is a server {profile.name!r} already")
            self._tools.store.admit(profile.name)
            self._take(self._new(profile))
        _log.info("the server %s was added", profile.name)

    def replace(self, profile: ServerProfile) -> None:
        """Deal with a server by another profile of the same name.

        The connection stays, unless the profile asks for another one.

        Raises:
            InputError: There is no such server.
        """
        with self._lock:
            before = self.get(profile.name)
            if not before.adopt(profile):
                before.retire()
                poller = self._new(profile, before)
                if before.is_off:
                    poller.disconnect()
                self._take(poller)
        _log.info("the profile of %s was changed", profile.name)

    def remove(self, server: str) -> None:
        """Deal with a server no longer.

        Raises:
            InputError: There is no such server.
        """
        with self._lock:
            poller = self.get(server)
            self._pollers = {name: p for name, p in self.pollers.items() if name != server}
            poller.retire()
            self._tools.store.dismiss(server)
        poller.join(_STOP_WITHIN)
        _log.info("the server %s was removed", server)

    def _new(self, profile: ServerProfile, predecessor: Poller | None = None) -> Poller:
        # An owner of its own each time: what a stopped one still gives back is not the new one's.
        from exauq_tui.monitor.poller import Poller  # noqa: PLC0415 - see __init__

        owner = f"{new_owner()}/{profile.name}"
        return Poller(profile, self._tools, owner, predecessor)

    def _take(self, poller: Poller) -> None:
        self._pollers = {**self.pollers, poller.profile.name: poller}
        if self._has_started and not self._has_stopped:
            poller.start()
