"""Leaving takes less than a second, whatever a connection is in the middle of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from exauq_tui.hardware.connection.pulse import LinkLimits
from exauq_tui.jobs import Input
from exauq_tui.monitor import standing
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.interfaces import make_interface
from exauq_tui.monitor.snapshot import ServerState
from tests.figures import Tell
from tests.live.conftest import MakeSite
from tests.live.outage import end
from tests.live.proxy import Proxy
from tests.live.site import Site
from tests.live.sshd import Sshd, StartSshd
from tests.live.test_links import busy_agent
from tests.stopwatch import Stopwatch
from tests.unit.fake_interfaces import TIMEOUT, Person, stands, until

pytestmark = pytest.mark.live

MOST = 1.0
QUICK = partial(make_interface, link_limits=LinkLimits(ping_after=0.3, lost_after=60.0))


@dataclass
class Scene:
    """A server behind a proxy.

    Attributes:
        site: The simulator there, reached through the proxy.
        proxy: It.
    """

    site: Site
    proxy: Proxy

    @property
    def person(self) -> Person:
        return self.site.person

    def fleet(self, **profile: Any) -> Fleet:
        return self.site.fleet(replace(self.site.profile, **profile), make=QUICK)

    def up(self, **profile: Any) -> Fleet:
        fleet = self.fleet(**profile)
        stands(fleet, ServerState.UP)
        return fleet


@pytest.fixture
def scene(
    quiet_sshd: Sshd, proxy: Proxy, make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    monkeypatch.setattr(standing, "SIGN_WITHIN", 0.5)
    scene = Scene(make_site(quiet_sshd, port=proxy.port), proxy)
    yield scene
    scene.person.may_answer.set()
    proxy.come_back()


def connecting_to_a_black_hole(scene: Scene) -> Fleet:
    scene.proxy.go_dark()
    fleet = scene.fleet()
    stands(fleet, ServerState.CONNECTING)
    until(lambda: scene.proxy.traffic().connections == 1)
    return fleet


def falling_silent_while_logging_in(scene: Scene) -> Fleet:
    scene.proxy.round_trip = 0.5  # so that there is time to go dark before it is logged in
    fleet = scene.fleet()
    until(lambda: scene.proxy.traffic().turns >= 3)
    scene.proxy.go_dark()
    assert fleet.server("hpc1").state is ServerState.CONNECTING
    return fleet


def asking_for_a_host_key(scene: Scene) -> Fleet:
    scene.person.may_answer.clear()
    fleet = scene.fleet(known_hosts=None)
    stands(fleet, ServerState.HOST_KEY_UNKNOWN)
    assert scene.person.asks.wait(TIMEOUT)
    return fleet


def asking_for_a_passphrase(scene: Scene) -> Fleet:
    scene.person.may_answer.clear()
    fleet = scene.fleet(key_filename=str(scene.site.sshd.keys.encrypted))
    stands(fleet, ServerState.AUTH_NEEDED)
    assert scene.person.asks.wait(TIMEOUT)
    return fleet


def refused(scene: Scene) -> Fleet:
    fleet = scene.fleet(key_filename=str(scene.site.sshd.keys.unwelcome))
    stands(fleet, ServerState.AUTH_NEEDED)
    return fleet


def idle(scene: Scene) -> Fleet:
    return scene.up()


def stale(scene: Scene) -> Fleet:
    fleet = scene.up()
    scene.proxy.go_dark()
    stands(fleet, ServerState.STALE)
    return fleet


def submitting_into_a_black_hole(scene: Scene) -> Fleet:
    fleet = scene.up()
    scene.proxy.go_dark()
    # More than the buffers on the way hold: whoever sends it is stuck.
    fleet.submit("hpc1", [Input(*range(20_000)) for _ in range(40)])
    stands(fleet, ServerState.STALE)
    return fleet


def lost(scene: Scene) -> Fleet:
    fleet = scene.up()
    end(scene.site.sshd)
    stands(fleet, ServerState.LOST)
    return fleet


def disconnected(scene: Scene) -> Fleet:
    fleet = scene.up()
    fleet.disconnect("hpc1")
    stands(fleet, ServerState.OFFLINE)
    return fleet


def idle_by_the_ssh_program(scene: Scene) -> Fleet:
    return scene.up(ssh_backend="openssh")


def in_the_dark_by_the_ssh_program(scene: Scene) -> Fleet:
    fleet = scene.up(ssh_backend="openssh")
    scene.proxy.go_dark()
    stands(fleet, ServerState.STALE)
    return fleet


def logging_in_to_a_black_hole_by_the_ssh_program(scene: Scene) -> Fleet:
    scene.proxy.go_dark()
    fleet = scene.fleet(ssh_backend="openssh")
    until(lambda: scene.proxy.traffic().connections == 1)
    return fleet


STATES: tuple[Callable[[Scene], Fleet], ...] = (
    connecting_to_a_black_hole,
    falling_silent_while_logging_in,
    asking_for_a_host_key,
    asking_for_a_passphrase,
    refused,
    idle,
    stale,
    submitting_into_a_black_hole,
    lost,
    disconnected,
    idle_by_the_ssh_program,
    in_the_dark_by_the_ssh_program,
    logging_in_to_a_black_hole_by_the_ssh_program,
)


def stop_in_time(fleet: Fleet, tell: Tell) -> None:
    watch = Stopwatch()
    fleet.stop()
    took = watch.seconds()
    tell(seconds=f"{took:.2f}")
    assert took < MOST


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_fleet_stops_within_a_second(
    scene: Scene, state: Callable[[Scene], Fleet], tell: Tell
) -> None:
    fleet = state(scene)
    stop_in_time(fleet, tell)


def test_a_fleet_stops_within_a_second_while_the_server_program_is_busy(
    scene: Scene, tell: Tell
) -> None:
    fleet = scene.up()
    with busy_agent(scene.site.sshd):
        fleet.submit("hpc1", [Input(1)])
        stop_in_time(fleet, tell)


def test_a_fleet_stops_within_a_second_while_the_server_program_has_not_said_hello(
    start_sshd: StartSshd, make_site: MakeSite, tell: Tell
) -> None:
    site = make_site(start_sshd(extra=("ForceCommand sleep 60",)))
    fleet = site.fleet()
    until(lambda: "Starting session" in site.sshd.log_text() or "Accepted" in site.sshd.log_text())
    assert fleet.server("hpc1").state is ServerState.CONNECTING
    stop_in_time(fleet, tell)
    end(site.sshd)
