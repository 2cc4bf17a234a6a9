"""The slot filler, killed at each of its commands: no job is lost, and none begins twice."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from exauq_tui.hardware.server_program import server_program

# Jobs do not run here: it is written down that one was to begin, and START is made as its
# recorder would. What is written down and made is not interrupted.
FAKE = """
exec 2>/dev/null
exauq_launch() { echo "$2" >>"$1/launched" && exauq_claim "$2/START"; }
exauq_give_way() { exauq_launch "$@"; }
kill_after() {
    # A name of its own: the functions that are interrupted have variables too.
    local moments_left=$1
    shift
    set -T
    trap '[[ " ${FUNCNAME[*]} " == *" exauq_launch "* ]] || ((moments_left--)) ||
        kill -KILL $BASHPID' DEBUG
    "$@"
    trap - DEBUG
    echo survived
}
accept() { # name numbers
    local number
    for number in "${@:2}"; do
        mkdir "$ws/$number" && echo '0123456789abcdef 1700000000' >"$ws/$number/token" &&
            echo '#!/bin/bash' >"$ws/$number/exauq_manager.sh"
    done
    printf '%s\n' "${@:2}" end >"$ws/.exauq-tui/accepted-$1"
}
end_all() {
    local number
    while read -r number; do : >"$ws/$number/COMPLETED"; done <"$ws/launched"
}
ws=$1
exauq_queue_done_most=4 exauq_journal_most=50 exauq_slots_most=2
"""


def call(ws: Path, lines: str, *words: object) -> str:
    """Run Bash lines with the program's functions and our own; $1 is the workspace."""
    done = subprocess.run(
        [
            "/bin/bash",
            "-p",
            "-c",
            f"{server_program()}\n{FAKE}\n{lines}",
            "bash",
            ws,
            *map(str, words),
        ],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "EXAUQ_PROGRAM": server_program()},
    )
    return done.stdout


def accept(ws: Path, name: str, *numbers: int) -> None:
    """Leave jobs as a submission leaves them."""
    call(ws, 'accept "${@:2}"', name, *numbers)


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    assert call(tmp_path, 'exauq_prepare "$1" && echo made') == "made\n"
    return tmp_path


def begun(ws: Path) -> list[int]:
    path = ws / "launched"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


IS_KILLED = """
exauq_prepare "$ws"
moment=$2 limit=$3 mode=$4
echo "$limit" >"$ws/.exauq-tui/max_running"
accept 1 11 12
exauq_fill "$ws"
end_all
accept 2 30 21
accept 3 22 40 23 51 50
(kill_after "$moment" exauq_fill "$ws" $mode)
# A recorder that was killed right before it became the next one: after ten seconds that is known.
[[ $mode != ended ]] || : >"$ws/.exauq-tui/queue-launched"
# Jobs end, and each end calls a filler: of the kind that repairs nothing.
[[ $limit -eq 0 ]] || mode=ended
for n in 1 2 3; do
    end_all
    exauq_fill "$ws" $mode
done
"""


@pytest.mark.parametrize(
    "step", [29, pytest.param(1, marks=pytest.mark.long)], ids=["some moments", "all moments"]
)
@pytest.mark.parametrize(
    ("limit", "mode"), [(0, ""), (0, "repair"), (3, ""), (3, "repair"), (3, "ended")]
)
def test_wherever_a_filler_is_killed_the_next_one_goes_on(
    tmp_path: Path, limit: int, mode: str, step: int
) -> None:
    moment, survived = 0, False
    while not survived:
        ws = tmp_path / str(moment)
        ws.mkdir()
        survived = "survived" in call(ws, IS_KILLED, moment, limit, mode)
        assert begun(ws) == [11, 12, 30, 21, 22, 40, 23, 51, 50], moment
        assert len((ws / ".exauq-tui" / "queue").read_text().split()) <= 7 + 2
        moment += step
        assert moment < 10_000, "it is killed however late that is meant to happen"
    assert moment > 50


def test_what_was_dealt_with_leaves_the_queue_and_what_ended_the_slots(ws: Path) -> None:
    own = ws / ".exauq-tui"
    (own / "max_running").write_text("2\n")
    numbers = list(range(1, 60))
    accept(ws, "1", *numbers)
    for number in numbers:
        call(ws, 'exauq_fill "$1" ended')
        assert begun(ws) == numbers[: number + 1]
        waiting = (own / "queue").read_text().split()
        assert waiting[-len(numbers[number + 1 :]) or len(waiting) :] == [
            str(left) for left in numbers[number + 1 :]
        ]
        assert len(waiting) <= len(numbers) - len(begun(ws)) + 4
        assert len((own / "slots").read_text().split()) <= 2 * 2 + 101
        (ws / str(number) / "COMPLETED").touch()
    assert begun(ws) == numbers


def test_a_queue_that_cannot_be_shortened_stays_and_goes_on(ws: Path) -> None:
    accept(ws, "1", 1, 2, 3, 4)
    assert call(ws, 'tail() { return 1; }; exauq_fill "$1"; echo filled') == "filled\n"
    accept(ws, "2", 5, 6)
    call(ws, 'mv() { return 1; }; exauq_fill "$1"')
    accept(ws, "3", 7)
    call(ws, 'exauq_fill "$1"')
    assert begun(ws) == [1, 2, 3, 4, 5, 6, 7]
    assert {path.name for path in (ws / ".exauq-tui").glob("queue*")} == {"queue", "queue-done"}


def test_one_that_stands_in_the_queue_twice_takes_one_slot(ws: Path) -> None:
    (ws / ".exauq-tui" / "max_running").write_text("2\n")
    accept(ws, "1", 1, 2, 3)
    (ws / ".exauq-tui" / "queue").write_text("1\n1\n")
    # As it is with real recorders: START is made some time later.
    call(ws, 'exauq_launch() { echo "$2" >>"$1/launched"; }; exauq_fill "$1"')
    assert begun(ws) == [1, 2]


FAKE_LATE = 'exauq_launch() { echo "$2" >>"$1/launched"; }'


def test_a_job_that_was_just_launched_is_not_launched_again_before_it_begins(ws: Path) -> None:
    own = ws / ".exauq-tui"
    (own / "max_running").write_text("2\n")
    accept(ws, "1", 1, 2, 3)
    for mode in ("", "ended", ""):
        call(ws, f'{FAKE_LATE}; exauq_fill "$1" {mode}')
        assert begun(ws) == [1, 2]
    # Who connects does not wait: its recorder may be dead.
    call(ws, f'{FAKE_LATE}; exauq_fill "$1" repair')
    assert begun(ws) == [1, 2, 1, 2]
    # And nor does anybody after some seconds, or where the clock was set back.
    launched = own / "queue-launched"
    for change in (-10, 1000):
        text = launched.read_text()
        launched.write_text(re.sub("[0-9]+\n", lambda at: f"{int(at[0]) + change}\n", text))  # noqa: B023
        call(ws, f'{FAKE_LATE}; exauq_fill "$1" ended')
    assert begun(ws) == [1, 2] * 4


def test_a_job_that_comes_again_under_its_id_at_once_is_launched_at_once(ws: Path) -> None:
    (ws / ".exauq-tui" / "max_running").write_text("1\n")
    accept(ws, "1", 1)
    call(ws, f'{FAKE_LATE}; exauq_fill "$1"')
    shutil.rmtree(ws / "1")
    accept(ws, "2", 1)
    (ws / "1" / "token").write_text("fedcba9876543210 1700000001\n")
    call(ws, f'{FAKE_LATE}; exauq_fill "$1"')
    assert begun(ws) == [1, 1]
