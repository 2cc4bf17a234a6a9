"""Keeps the interface to one server: made from its profile, asking people, shut at any moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from exauq_tui.config import ServerProfile
from exauq_tui.hardware.interface import (
    Connects,
    HardwareInterface,
    HasWorkspace,
    HostKey,
    HostKeyDecision,
    RunsOtherwise,
    WatchesLink,
)
from exauq_tui.monitor.interfaces import (
    Surroundings,
    adapt_interface,
    endpoint_of,
    needs_new_connection,
    runs_otherwise,
)
from exauq_tui.monitor.snapshot import ServerState
from exauq_tui.monitor.standing import Standing
from exauq_tui.monitor.tools import Tools


class Keeper:
    """Keeps the interface to one server.

    Args:
        profile: The server.
        tools: What it is made with.
        standing: Is told while a person is asked.
    """

    def __init__(self, profile: ServerProfile, tools: Tools, standing: Standing) -> None:
        self._profile = profile
        self._tools = tools
        self._standing = standing
        self._lock = threading.Lock()
        self._in_use: HardwareInterface | None = None
        self._made_for: str | None = None
        self._made_by = profile
        self.last: HardwareInterface | None = None
        """The interface that was made last; None before."""

    def obtain(self) -> HardwareInterface:
        """Give the interface: the one from before, which remembers what a person typed.

        Raises:
            ValueError: The profile does not make one.
        """
        profile, around = self._profile, self._surroundings()
        kept, wanted = self.last, around.workspace_dir
        has = kept.workspace_dir if isinstance(kept, HasWorkspace) else None
        if kept is None or wanted not in (self._made_for, has):
            kept = self._tools.make(profile, around)
            self.last, self._made_for, self._made_by = kept, wanted, profile
        self.adapt(kept)
        return kept

    def adopt(self, profile: ServerProfile) -> bool:
        """Go by a changed profile from now on; False where that takes another interface."""
        other = needs_new_connection(self._profile, profile)
        if other or (
            runs_otherwise(self._profile, profile)
            and not isinstance(self.last, RunsOtherwise | None)
        ):
            return False
        self._profile = profile
        return True

    def adapt(self, interface: HardwareInterface) -> None:
        """Have the interface do what the profile says by now; only the server's thread may.

        Raises:
            ValueError: The profile cannot be used.
            HardwareInterfaceFailureError: The server could not be told of it.
        """
        profile = self._profile
        if isinstance(interface, RunsOtherwise) and runs_otherwise(self._made_by, profile):
            adapt_interface(interface, profile)
        self._made_by = profile

    @contextmanager
    def using(self, interface: HardwareInterface) -> Iterator[None]:
        """Have `hang_up` shut an interface meanwhile; in the end it is shut in any case."""
        with self._lock:
            self._in_use = interface
        self._standing.watch(interface if isinstance(interface, WatchesLink) else None)
        try:
            yield
        finally:
            self._standing.watch(None)
            with self._lock:
                self._in_use = None
            if isinstance(interface, Connects):
                interface.close()

    def hang_up(self) -> None:
        """Shut the interface that is in use, which ends whatever it waits for."""
        with self._lock:
            interface = self._in_use
        if isinstance(interface, Connects):
            interface.close()

    def probe(self) -> None:
        """Have the server asked for a sign of life, where the interface can do that."""
        with self._lock:
            interface = self._in_use
        if isinstance(interface, WatchesLink):
            interface.probe_link()

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            workspace_dir=self._profile.workspace_dir
            or self._tools.record.place(self._profile.name, endpoint_of(self._profile), ""),
            ask_secret=self._ask_secret,
            accept_host_key=self._accept_host_key,
            own_known_hosts=self._tools.own_known_hosts,
            read_only=self._tools.read_only,
        )

    def _ask_secret(self, prompt: str) -> str | None:
        with self._asking(ServerState.AUTH_NEEDED):
            return self._tools.prompter.ask_secret(self._profile.name, prompt)

    def _accept_host_key(self, key: HostKey) -> bool | HostKeyDecision:
        with self._asking(ServerState.HOST_KEY_UNKNOWN):
            decision = self._tools.prompter.accept_host_key(self._profile.name, key)
        said = "accepted" if decision else "not accepted"
        if decision is HostKeyDecision.ONCE:
            said = "accepted until the end of the program"
        note = f"Host key {key.fingerprint} ({key.key_type}) of {key.host} {said}"
        self._tools.history.note(self._profile.name, note)
        return decision

    @contextmanager
    def _asking(self, state: ServerState) -> Iterator[None]:
        """Say that a person is asked, for as long as that takes."""
        self._standing.say(state, "waiting for your answer", asks=True)
        try:
            yield
        finally:
            self._standing.say(ServerState.CONNECTING)
