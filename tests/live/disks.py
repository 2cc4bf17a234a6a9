"""Small file systems that tests fill up."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.leaving_out import leave_out

_BLOCK = 4096
_PATIENCE = 30.0


@contextmanager
def small_disk(place: Path, kibibytes: int, *, inodes: int = 0) -> Iterator[Path]:
    """Mount a file system that is soon full; without the right to, the test is left out.

    Args:
        place: Where; made.
        kibibytes: Its size.
        inodes: How many files and directories it takes, 0 for very many.
    """
    place.mkdir()
    options = f"size={kibibytes}k" + (f",nr_inodes={inodes}" if inodes else "")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        leave_out(f"mounting is NOT PERMITTED here, full disks are UNTESTED: {done.stderr.strip()}")
    try:
        yield place
    finally:
        # Busy for a moment longer where a process of the test is just ending there.
        deadline = time.monotonic() + _PATIENCE
        while subprocess.run(["umount", str(place)], check=False, capture_output=True).returncode:
            if time.monotonic() > deadline:
                subprocess.run(["umount", "--lazy", str(place)], check=True)
                break
            time.sleep(0.05)


def fill(disk: Path, leave: int = 0) -> Path:
    """Fill a disk up to some blocks; give the file that makes room by being deleted."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * _BLOCK)
    if leave:
        os.truncate(filler, max(0, filler.stat().st_size - leave * _BLOCK))
    return filler


def use_up_inodes(disk: Path, leave: int = 0) -> Path:
    """Make files until no more can be made, but some; give the directory that holds them."""
    files = disk / "files"
    files.mkdir()
    made: list[Path] = []
    with suppress(OSError):
        while True:
            made.append(files / str(len(made)))
            made[-1].touch()
    for path in [path for path in made if path.exists()][:leave]:
        path.unlink()
    return files
