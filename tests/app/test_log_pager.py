"""Opening a job's log in a pager."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exauq_tui.app import log_pager
from exauq_tui.app.log_pager import fetch, pager_command, pager_line
from exauq_tui.app.log_scan import Read
from exauq_tui.errors import ConnectionLostError, InputError
from exauq_tui.hardware.interface import LogChunk
from exauq_tui.hardware.status import JobStatus
from tests.app.fake_fleet import FakeFleet, job
from tests.app.harness import Dashboard, running, until
from tests.app.logs import numbered, reading


def test_of_what_is_no_text_only_colours_get_to_a_pager() -> None:
    colour = "\x1b[1;31mred\x1b[0m"
    assert pager_line(colour.encode() + b"\tand \x1b]52;c;aGk=\x07\x1b[2Jmore\x00") == (
        f"{colour}\tand more␀"
    )
    assert pager_line(b"10 %\r99 %\r") == "99 %"
    assert pager_line("größe \xff".encode()) == "größe ÿ"
    assert pager_line(b"\x9b31m \x1b") == "�31m ␛"


def read_of(log: bytes) -> Read:
    async def read(offset: int, limit: int) -> LogChunk:
        return LogChunk(offset, log[offset : offset + limit], len(log))

    return read


def test_the_end_of_a_long_log_is_fetched_into_a_private_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(log_pager, "MOST", 4000)
    monkeypatch.setattr(log_pager, "_PIECE", 999)
    log = numbered(1000)
    shares: list[float] = []
    with asyncio.run(fetch(read_of(log), len(log), shares.append)) as file:
        (path,) = tmp_path.iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert file.name == str(path)
        head, rest = path.read_bytes().split(b"\n", 1)
        assert head == b"[the last 4.0 kB of 8.9 kB]"
        assert rest == log[-4000:]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_fetched_leaves_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def read(offset: int, limit: int) -> LogChunk:
        if offset:
            raise ConnectionLostError("hpc1 is LOST")
        return LogChunk(0, b"x" * limit, 10 * limit)

    with pytest.raises(ConnectionLostError):
        asyncio.run(fetch(read, 5_000_000, lambda _: None))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(InputError, match="no file can be made"):
        asyncio.run(fetch(read, 100, lambda _: None))


def test_the_pager_is_what_the_person_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", f"{sys.executable} -u 'a b'")
    assert pager_command() == [sys.executable, "-u", "a b"]
    monkeypatch.setenv("PAGER", "no-such-pager -x")
    with pytest.raises(InputError, match="there is no pager no-such-pager"):
        pager_command()
    monkeypatch.setenv("PAGER", "'")
    with pytest.raises(InputError, match="PAGER cannot be understood"):
        pager_command()


PAGER = """\
import os, sys
from pathlib import Path
path = Path(sys.argv[1])
out = Path(os.environ["WITNESS"])
out.write_text(f"{path}\\n{os.environ.get('LESS')} {os.environ.get('LESSOPEN')}\\n")
with out.open("ab") as file:
    file.write(path.read_bytes())
"""


@pytest.fixture
def witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a pager writes what it was given."""
    program = tmp_path / "pager.py"
    program.write_text(PAGER)
    monkeypatch.setenv("PAGER", f"{sys.executable} '{program}'")
    monkeypatch.setenv("WITNESS", str(tmp_path / "witness"))
    monkeypatch.setenv("LESSOPEN", "|lesspipe %s")
    monkeypatch.delenv("LESS", raising=False)
    return tmp_path / "witness"


async def test_the_pager_shows_the_log_while_the_dashboard_is_suspended(
    witness: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspended: list[bool] = []

    @contextmanager
    def suspend(_: Dashboard) -> Iterator[None]:
        suspended.append(witness.exists())
        yield
        suspended.append(witness.exists())

    monkeypatch.setattr(Dashboard, "suspend", suspend)
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = numbered(100_000) + b"\x1b]52;c;aGk=\x07end\n"
    async with reading(fleet, "end") as (app, pilot):
        await pilot.press("E")
        await until(pilot, lambda: len(suspended) == 2)
        await until(pilot, lambda: "for the pager" not in app.text())
        assert "end" in app.text()
    assert suspended == [False, True]
    path, variables, text = witness.read_bytes().split(b"\n", 2)
    assert variables == b"-R None"
    assert text == numbered(100_000) + b"end\n"
    assert not Path(os.fsdecode(path)).exists()


async def test_a_terminal_that_cannot_be_suspended_is_told_of(witness: Path) -> None:
    fleet = FakeFleet([job(1, JobStatus.FAILED)])
    fleet.logs[1] = numbered(10)
    async with reading(fleet, "line 9") as (app, pilot):  # whose terminal is none
        await pilot.press("E")
        await until(pilot, lambda: "the dashboard cannot be suspended in it" in app.text())
    assert not witness.exists()


async def test_without_a_log_there_is_nothing_to_open(witness: Path) -> None:
    async with running(FakeFleet([job(1, JobStatus.PENDING_SUBMIT)])) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: "not sent yet" in app.text())
        await pilot.press("E")
        await until(pilot, lambda: app.told)
        assert "the job is not sent yet" in app.told[0]
    assert not witness.exists()
