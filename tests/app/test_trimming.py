"""Memory that is given back."""

import ctypes
import subprocess
import sys

import pytest

from exauq_tui.app.trimming import give_memory_back

_PROGRAM = """
import os
from exauq_tui.app.trimming import give_memory_back

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

# Too small for pages of their own, too large for Python's own arenas; the last one stays.
pieces = [bytes(64_000) for _ in range(1000)]
del pieces[:-1]
before = held()
give_memory_back()
print(before - held() > 30_000_000)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="the C library cannot give memory back",
)
def test_what_was_freed_between_what_is_kept_is_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_c_library_that_cannot_do_so_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    asked = []

    class Library:
        def __init__(self, _: object) -> None:
            asked.append(platform)

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", Library)
    give_memory_back()
    assert asked == (["linux"] if platform == "linux" else [])
