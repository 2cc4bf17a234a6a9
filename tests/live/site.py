"""A simulator on a server, and fleets that use it; the ledger tells what really ran."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from exauq_tui.config import ServerProfile
from exauq_tui.hardware import UnixServerScriptInterface
from exauq_tui.hardware.status import TERMINAL_STATUSES
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.interfaces import MakeInterface, make_interface
from exauq_tui.monitor.record import Record
from tests.live.sshd import Sshd
from tests.unit.fake_interfaces import Person

# Adds its input to the ledger first of all; 99 waits for the file "go", 98 fails.
SIMULATOR = """\
import sys, time
from pathlib import Path

here = Path(__file__).parent
line = Path(sys.argv[1]).read_text().strip()
with open(here / "ledger", "a") as ledger:
    ledger.write(line + "\\n")
print("running", line, flush=True)
numbers = [float(word) for word in line.split(",")]
while numbers[0] == 99 and not (here / "go").exists():
    time.sleep(0.02)
if numbers[0] == 98:
    sys.exit("no convergence")
Path(sys.argv[2]).write_text(repr(numbers[0] * 2 + sum(numbers[1:])))
"""


class Site:
    """A simulator on a server, and fleets that use it.

    Args:
        directory: Where all of it goes.
        sshd: The server.
        port: Where fleets find the server; the port of a proxy before it, say.
        program: What runs the simulator.
        simulator: Its text.
    """

    def __init__(
        self,
        directory: Path,
        sshd: Sshd,
        *,
        port: int | None = None,
        program: str = f"{sys.executable} -u",
        simulator: str = SIMULATOR,
    ) -> None:
        self.directory = directory / "it's here; $HOME *"
        self.directory.mkdir()
        self.workspace = self.directory / "work space"
        self.sshd = sshd
        self.script = self.directory / "sim ü.py"
        self.script.write_text(simulator)
        self.person = Person()
        self.own_known_hosts = directory / "own" / "known_hosts"
        self.own_known_hosts.parent.mkdir()
        self.records = directory
        self._open: list[tuple[Fleet, Record]] = []
        known_hosts = sshd.known_hosts
        if port is not None:
            known_hosts = directory / "known_hosts"
            lines = sshd.known_hosts.read_text()
            known_hosts.write_text(lines.replace(f":{sshd.port} ", f":{port} "))
        self.profile = ServerProfile(
            "hpc1",
            "unix",
            program,
            str(self.script),
            user=sshd.user,
            host=sshd.host,
            port=port or sshd.port,
            key_filename=str(sshd.keys.ed25519),
            known_hosts=str(known_hosts),
            workspace_dir=str(self.workspace),
            max_running=0,
        )

    def fleet(
        self,
        profile: ServerProfile | None = None,
        *,
        start: bool = True,
        record: str = "jobs",
        refresh: float = 0.2,
        make: MakeInterface = make_interface,
        clock: Callable[[], float] = time.time,
        record_clock: Callable[[], float] | None = None,
    ) -> Fleet:
        """Make a fleet; those that name the same record share it, as processes would.

        Ids are made by `record_clock`, or by `clock` where there is none.
        """
        kept = Record(self.records / f"{record}.sqlite3", record_clock or clock)
        fleet = Fleet(
            [profile or self.profile],
            kept,
            self.person,
            refresh=refresh,
            make=make,
            own_known_hosts=self.own_known_hosts,
            clock=clock,
        )
        self._open.append((fleet, kept))
        if start:
            fleet.start()
        return fleet

    def ledger(self) -> list[str]:
        """The lines that the simulator wrote."""
        path = self.directory / "ledger"
        return path.read_text().splitlines() if path.exists() else []

    def go(self) -> None:
        """Let those jobs end that wait for it."""
        (self.directory / "go").touch()

    def close(self) -> None:
        """Stop all fleets, and end what they started."""
        self.go()
        for fleet, record in self._open:
            fleet.stop()
            record.close()
        # Every workspace below the directory, whatever a test called it.
        own = (path.parent for path in self.directory.glob("*/.exauq-tui"))
        for workspace in {self.workspace, *own}:
            if workspace.is_dir() and self.script.exists():
                self._end_jobs(workspace)

    def interface(
        self, workspace: Path | None, *, direct: bool = False, max_running: int | None = None
    ) -> UnixServerScriptInterface:
        """Make an interface as a script would; it connects when it is first used.

        Args:
            workspace: Its workspace.
            direct: Whether it goes to the server itself, whatever is before that.
            max_running: How many jobs run at once.
        """
        profile = self.profile
        return UnixServerScriptInterface(
            self.sshd.user,
            self.sshd.host,
            profile.program,
            profile.script_path,
            "there",
            workspace_dir=workspace,
            key_filename=self.sshd.keys.ed25519,
            port=self.sshd.port if direct else profile.port,
            known_hosts=self.sshd.known_hosts if direct else profile.known_hosts,
            max_running=max_running,
            cancel_grace=1.0,
            connect=False,
        )

    def _end_jobs(self, workspace: Path) -> None:
        with self.interface(workspace, direct=True) as interface:
            reports = interface.look().reports
            interface.cancel_jobs([r.job_id for r in reports if r.status not in TERMINAL_STATUSES])
