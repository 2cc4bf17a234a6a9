"""The benchmarks run and tell what they found; how fast things are is not for tests to say."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import cancel, cold_start, idle, outputs, push, refresh, start_rate, submit, ui
from benchmarks.all import BENCHMARKS
from benchmarks.command import Benchmark, Options, parse
from benchmarks.lab import Lab, wait_until
from benchmarks.processes import processes_of
from benchmarks.report import Budget, Finding, Floor, table, timed
from tests.conftest import require_sshd

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[2]
FLOOR = Floor(round_trip=0.05, ping=0.05, exec_true=0.1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    require_sshd()
    with Lab(tmp_path_factory.mktemp("benchmarks")) as made:
        yield made


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "CALM", 0.1)
    monkeypatch.setattr(push, "FIRST_END", 0.3)
    monkeypatch.setattr(cancel, "GRACE", 1)
    monkeypatch.setattr(ui, "_SETTLES", 0.1)
    monkeypatch.setattr(ui, "_PAUSES", 0.001)
    monkeypatch.setattr(ui, "KEYS", 4)


@pytest.mark.parametrize(
    ("benchmark", "lines"),
    [
        (refresh.run, 2),
        (submit.run, 1),
        (outputs.run, 1),
        (cold_start.run, 1),
        (push.run, 2),
        (cancel.run, 3),
        (start_rate.run, 1),
        (idle.run, 2),
        (ui.run, 7),
    ],
    ids=lambda value: value.__module__.rpartition(".")[2] if callable(value) else "",
)
def test_a_benchmark_runs_and_fills_its_lines_of_the_table(
    lab: Lab, benchmark: Callable[[Lab, Options], list[Finding]], lines: int
) -> None:
    options = Options(jobs=(2,), round_trips=(0.001,), repeat=1, seconds=0.5)

    shown = table(benchmark(lab, options)).splitlines()

    assert len(shown) == 2 + lines
    assert len({line.count("|") for line in shown}) == 1


def test_all_runs_every_benchmark() -> None:
    modules = (refresh, submit, outputs, cold_start, push, cancel, start_rate, idle, ui)
    functions: list[Benchmark] = [module.run for module in modules]
    assert list(BENCHMARKS.values()) == functions


def test_nothing_is_left_of_a_laboratory(tmp_path: Path) -> None:
    require_sshd()
    with Lab(tmp_path) as lab:
        directory = lab.directory
        script = lab.write_script("sleeper.sh", "exec sleep 600\n")
        lab.interface(lab.new_directory(), script).submit_jobs(lab.new_jobs(3))
        assert processes_of(directory)
    assert not processes_of(directory)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_a_benchmark_that_is_interrupted_leaves_nothing_either(
    tmp_path: Path, number: signal.Signals
) -> None:
    require_sshd()
    program = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.cancel", "--jobs", "5", "--directory", tmp_path],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: any(tmp_path.rglob("input.csv.ready")), "jobs run", 60.0)
        program.send_signal(number)
        assert program.wait(60.0) != 0
    finally:
        program.kill()
    assert not processes_of(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_figure_is_set_against_floor_baseline_and_budget() -> None:
    budget = Budget(1.2, 0.010)
    found = timed("refresh", 0.06, FLOOR, baseline=6.0, budget=budget)
    assert table([found]).splitlines()[-1] == (
        "| refresh | 50 ms | 100 | 1.2 | 0.6 | 60 ms | ≤ 1.2 RTT + 10 ms | met |"
    )
    late = timed("refresh", 0.08, FLOOR, budget=budget)
    assert late.met is False


def test_a_budget_for_another_number_of_jobs_says_so() -> None:
    found = timed("submit", 0.1, FLOOR, budget=Budget(4, 0.150, 1000), jobs=200)
    assert found.budget == "≤ 4 RTT + 150 ms (at 1,000 jobs)"
    assert found.met is True
    for seconds in (0.1, 9.0):
        more = timed("submit", seconds, FLOOR, budget=Budget(4, 0.150, 1000), jobs=2000)
        assert more.met is None


def test_first_row_and_memory_are_judged_only_at_the_size_that_has_a_budget() -> None:
    assert ui.first_row_finding(10_000, 0.35, 0.2).met is True
    assert ui.first_row_finding(10_000, 0.36, 0.2).met is False
    assert ui.memory_finding(100_000, 150e6).met is True
    assert ui.memory_finding(100_000, 151e6).met is False
    for jobs in (1_000, 100_000):
        found = ui.first_row_finding(jobs, 0.30, 0.2)
        assert found.figure == "1.50 × (300 ms against 200 ms)"
        assert (found.budget, found.met) == ("", None)
    for rows in (1_000, 10_000):
        small = ui.memory_finding(rows, 60e6)
        assert (small.figure, small.budget, small.met) == ("60 MB", "", None)


def test_the_command_line_says_what_is_measured() -> None:
    options = parse("", ["--jobs", "5", "7", "--rtt", "0", "20", "--repeat", "2"])
    assert (options.jobs, options.round_trips, options.repeat) == ((5, 7), (0.0, 0.02), 2)
    assert options.sizes((1,), (2,)) == (5, 7)
    assert parse("", ["--short"]).sizes((1,), (2,)) == (2,)
    with pytest.raises(SystemExit):
        parse("", ["--jobs", "0"])
