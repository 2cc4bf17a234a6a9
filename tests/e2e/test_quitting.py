"""Leaving the dashboard: the shell is back within a second, whatever a connection waits for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import OpenTerminal
from tests.e2e.site import Site
from tests.e2e.terminal import Terminal, wait_until
from tests.figures import Tell
from tests.live.proxy import Proxy
from tests.live.sshd import Sshd, StartSshd
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.live

MOST = 1.0


def known_hosts_for(proxy: Proxy, sshd: Sshd, place: Path) -> str:
    path = place / "known_hosts"
    path.write_text(sshd.known_hosts.read_text().replace(f":{sshd.port} ", f":{proxy.port} "))
    return str(path)


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or waits to be reaped; at the price of one file."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def up(terminal: Terminal, proxy: Proxy) -> None:
    terminal.wait_for("● UP")


def connecting_to_a_black_hole(terminal: Terminal, proxy: Proxy) -> None:
    terminal.wait_for("CONNECTING")
    wait_until(lambda: proxy.traffic().connections == 1, "a connection to the black hole")


def in_the_dark(terminal: Terminal, proxy: Proxy) -> None:
    terminal.wait_for("● UP")
    proxy.go_dark()
    terminal.wait_for("◐ STALE")


def asked_about_a_host_key(terminal: Terminal, proxy: Proxy) -> None:
    terminal.wait_for("SHA256:")


@pytest.mark.parametrize(
    "state",
    [up, connecting_to_a_black_hole, in_the_dark, asked_about_a_host_key],
    ids=lambda state: state.__name__,
)
def test_the_program_ends_within_a_second(
    open_terminal: OpenTerminal,
    place: Path,
    start_sshd: StartSshd,
    state: Callable[[Terminal, Proxy], None],
    tell: Tell,
) -> None:
    sshd = start_sshd(extra=("UsePAM no",))
    with Proxy(sshd.port) as proxy:
        if state is connecting_to_a_black_hole:
            proxy.go_dark()
        known = None if state is asked_about_a_host_key else known_hosts_for(proxy, sshd, place)
        Site(place, sshd, port=proxy.port, known_hosts=known)
        terminal = open_terminal()
        terminal.start()
        state(terminal, proxy)
        pid = terminal.app_pid()

        watch = Stopwatch(pid)
        terminal.press("C-q")  # also where a dialog is open

        def has_ended_now() -> bool:
            watch.look()
            return has_ended(pid)

        wait_until(has_ended_now, "the end of the program", pause=0.01)
        took = watch.seconds()
        assert terminal.wait_for_end() == 0
    tell(seconds=f"{took:.2f}")
    assert took < MOST
