"""The app's own log: lines of several processes, put aside when it grows, for one account."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exauq_tui import log_file
from exauq_tui.log_file import KEPT, close_log, open_log

LOGGER = logging.getLogger("exauq_tui.something")


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "data" / "exauq-tui.log"
    handler = open_log(path)
    yield path
    close_log(handler)


def test_an_entry_is_a_line_with_time_level_and_part(path: Path) -> None:
    LOGGER.info("%s is %s", "hpc1", "LOST")
    (line,) = path.read_text().splitlines()
    stamp, level, process, part, *words = line.split(" ")
    assert stamp.endswith("Z")
    assert stamp[10] == "T"
    assert (level, process, part) == ("INFO", str(os.getpid()), "exauq_tui.something:")
    assert words == ["hpc1", "is", "LOST"]


def test_only_this_account_can_read_it(path: Path) -> None:
    LOGGER.info("x")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_a_server_said_stays_on_its_line_and_steers_no_terminal(path: Path) -> None:
    LOGGER.warning("it said %s", "a\nb\x1b[31m\x07 \udcff ü")
    (line,) = path.read_text().splitlines()
    assert r"it said a\nb\x1b[31m\x07 \udcff ü" in line


def test_a_trace_is_kept_on_the_same_line(path: Path) -> None:
    try:
        raise ValueError("odd")
    except ValueError:
        LOGGER.exception("unexpected")
    (line,) = path.read_text().splitlines()
    assert r"\nValueError: odd" in line


def test_a_long_log_is_put_aside_and_few_are_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "LARGEST", 1000)
    for number in range(200):
        LOGGER.info("entry %d", number)
    files = sorted(path.parent.iterdir())
    assert len(files) == KEPT + 1
    assert all(file.stat().st_size < 1200 for file in files)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    lines = [line for file in (*files[:0:-1], files[0]) for line in file.read_text().splitlines()]
    numbers = [int(line.rsplit(" ", 1)[1]) for line in lines]
    assert numbers == list(range(numbers[0], 200))


def test_lines_of_several_processes_stay_whole_and_none_is_lost(path: Path) -> None:
    program = (
        "import logging, sys; from pathlib import Path; from exauq_tui import log_file as f; "
        "f.LARGEST, f.KEPT = 20_000, 50; f.open_log(Path(sys.argv[1])); "
        "[logging.getLogger('exauq_tui.x').info('%s %d', sys.argv[2], n) for n in range(300)]"
    )
    names = ("a", "b", "c")
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), n]) for n in names]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    words = [
        tuple(line.rsplit(" ", 2)[1:])
        for file in path.parent.iterdir()
        for line in file.read_text().splitlines()
    ]
    assert sorted(words) == sorted((name, str(n)) for name in names for n in range(300))


def test_a_place_that_cannot_be_written_is_no_reason_not_to_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert open_log(tmp_path / "file" / "log") is None
    LOGGER.info("nobody hears this")


def test_a_log_that_somebody_removed_is_begun_anew(path: Path) -> None:
    LOGGER.info("one")
    path.unlink()
    LOGGER.info("two")
    assert path.read_text().endswith("two\n")


def test_after_its_end_entries_go_where_they_went_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    close_log(open_log(tmp_path / "log"))
    LOGGER.warning("heard by others again")
    assert "heard by others again" in caplog.text
    assert "heard" not in (tmp_path / "log").read_text()
