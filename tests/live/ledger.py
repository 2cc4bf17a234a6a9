"""What really ran: a simulator that writes of each run, outside the workspace, before all else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.contract.machines import alive

QUICK, UNTIL_GO, FOR_EVER = 1, 8, 9
"""Kinds of jobs: the first number of their inputs. The second one is their output."""

SIMULATOR = """\
# Writes "KIND,NUMBER ID PID" first of all. A 9 goes on until it is ended, with a child in its
# group and one that left it; an 8 until the file go-NUMBER is there.
id=${1%/*} id=${id##*/} here=${0%/*}
IFS=, read -r kind number _ <"$1"
echo "$kind,$number $id $$" >>"$here/ledger"
case $kind in
    9)
        sleep 3600 & child=$!
        setsid sleep 3600 &
        printf '%s\\n' "$id $child" "$id $!" >>"$here/children"
        wait
        exit 1 # not to be taken for one that completed, where its children end first
        ;;
    8) until [[ -e $here/go-$number ]]; do sleep 0.02; done ;;
esac
echo "$number" >"$2"
"""
"""Run by Bash; its ledger and its gates are beside it."""


@dataclass(frozen=True)
class Ledger:
    """What the simulators in one directory wrote."""

    directory: Path

    def runs(self) -> Counter[str]:
        """How often a simulator was started with each input."""
        return Counter(line.split()[0] for line in _lines(self.directory / "ledger"))

    def ids(self) -> set[str]:
        """The ids of the jobs that ran."""
        return {line.split()[1] for line in _lines(self.directory / "ledger")}

    def with_children(self) -> set[str]:
        """The ids of the jobs that have told of all their processes."""
        found = Counter(line.split()[0] for line in _lines(self.directory / "children"))
        return {job_id for job_id, count in found.items() if count > 1}

    def alive(self, job_ids: Iterable[str]) -> set[int]:
        """The processes of some jobs that still run."""
        wanted = set(job_ids)
        lines = [line.split()[1:] for line in _lines(self.directory / "ledger")]
        lines += [line.split() for line in _lines(self.directory / "children")]
        return {int(pid) for job_id, pid in lines if job_id in wanted and alive(int(pid))}

    def let_go(self, number: int) -> None:
        """Let the job of kind `UNTIL_GO` with this number end."""
        (self.directory / f"go-{number}").touch()


def _lines(path: Path) -> list[str]:
    """The whole lines of a file that is being written."""
    text = path.read_text() if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()
