"""Two profiles of one account: whoever waits says for whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from exauq_tui.monitor.snapshot import ServerState
from tests.live.site import Site
from tests.unit.fake_interfaces import until

pytestmark = pytest.mark.live


@pytest.mark.parametrize("backend", ["paramiko", "openssh"])
def test_a_profile_that_waits_for_another_s_log_in_says_so(
    site: Site, backend: Literal["paramiko", "openssh"]
) -> None:
    site.person.may_answer.clear()
    one = replace(site.profile, known_hosts=None, ssh_backend=backend)
    fleet = site.fleet(one, start=False)
    fleet.add_server(replace(one, name="again", workspace_dir=str(site.directory / "other")))
    fleet.start()

    def told() -> set[tuple[str, ServerState, str]]:
        return {(view.name, view.state, view.message) for view in fleet.servers()}

    asks, waits = ServerState.HOST_KEY_UNKNOWN, ServerState.CONNECTING
    words = "waits for {}, which logs in to the same account"
    first = {("hpc1", asks, "waiting for your answer"), ("again", waits, words.format("hpc1"))}
    second = {("again", asks, "waiting for your answer"), ("hpc1", waits, words.format("again"))}
    until(lambda: told() in (first, second), "one that waits for the other")
    site.person.may_answer.set()
    up = ServerState.UP
    until(lambda: told() == {("hpc1", up, ""), ("again", up, "")}, "both")
