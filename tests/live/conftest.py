"""What tests with a real server get: a simulator on it, and fleets that try again at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exauq_tui.monitor import pacing
from tests.live.outage import end
from tests.live.proxy import Proxy
from tests.live.site import Site
from tests.live.sshd import Sshd, StartSshd

MakeSite = Callable[..., Site]
"""Makes sites on a server, with `Site`'s options; each in a directory of its own."""


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[MakeSite]:
    sites: list[Site] = []

    def make(sshd: Sshd, **options: object) -> Site:
        directory = tmp_path / f"site-{len(sites)}"
        directory.mkdir()
        sites.append(Site(directory, sshd, **options))  # type: ignore[arg-type]
        return sites[-1]

    yield make
    for site in sites:
        site.close()


@pytest.fixture
def site(make_site: MakeSite, sshd: Sshd) -> Site:
    return make_site(sshd)


@pytest.fixture
def own_site(start_sshd: StartSshd, make_site: MakeSite) -> Iterator[Site]:
    """A site whose server a test may stop."""
    site = make_site(start_sshd())
    yield site
    end(site.sshd)
    site.sshd.start()


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have fleets try again after moments instead of seconds."""
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(pacing, "LONGEST_PAUSE", 0.3)


@pytest.fixture
def quiet_sshd(start_sshd: StartSshd) -> Sshd:
    """A server that spends no time on what is not tested here."""
    return start_sshd(extra=("UsePAM no",))


@pytest.fixture
def proxy(quiet_sshd: Sshd) -> Iterator[Proxy]:
    with Proxy(quiet_sshd.port) as made:
        yield made
