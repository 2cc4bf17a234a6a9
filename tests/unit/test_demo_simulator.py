"""The sample simulator, run as the program that it is."""

import ast
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exauq_tui.demo import simulator
from exauq_tui.demo.playground import SIMULATOR, sample_inputs


def run_simulator(
    directory: Path, text: str, *, speed: str = "0"
) -> subprocess.CompletedProcess[str]:
    (directory / "input.csv").write_text(text, encoding="utf-8")
    return subprocess.run(
        # -I: nothing of the package or of installed libraries is within reach.
        [sys.executable, "-I", str(SIMULATOR), "input.csv", "output.txt"],
        cwd=directory,
        env={**os.environ, "EXAUQ_DEMO_SPEED": speed},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_writes_one_number_that_is_the_ishigami_function_of_its_inputs(tmp_path: Path) -> None:
    done = run_simulator(tmp_path, "1.5,-2.25,0.5\n")
    assert done.returncode == 0, done.stderr
    expected = math.sin(1.5) + 7 * math.sin(-2.25) ** 2 + 0.1 * 0.5**4 * math.sin(1.5)
    assert float((tmp_path / "output.txt").read_text()) == pytest.approx(expected, rel=1e-12)


def test_the_output_file_holds_every_digit_of_the_number(tmp_path: Path) -> None:
    run_simulator(tmp_path, "0.1,0.2,0.3")
    assert float((tmp_path / "output.txt").read_text()) == simulator.ishigami(0.1, 0.2, 0.3)


def test_it_tells_its_progress_line_by_line(tmp_path: Path) -> None:
    lines = run_simulator(tmp_path, "1,2,3\n").stdout.splitlines()
    steps = [line for line in lines if line.startswith("step ")]
    assert len(steps) == simulator.STEPS
    assert steps[0].startswith("step  1/50  residual ")
    assert lines[-1].startswith("done, y = ")


def test_it_diverges_in_one_eighth_of_the_range_with_a_traceback_and_no_output(
    tmp_path: Path,
) -> None:
    first = run_simulator(tmp_path, "2.5,1,1\n")
    assert first.returncode == 1
    assert "Traceback (most recent call last):" in first.stderr
    assert "SolverDivergedError: solver diverged at step 20: residual " in first.stderr
    assert not (tmp_path / "output.txt").exists()
    assert run_simulator(tmp_path, "2.5,1,1\n").stderr == first.stderr


def test_about_one_in_eight_of_the_sample_inputs_makes_it_diverge() -> None:
    failing = [x for x in sample_inputs(24) if simulator.failing_step(*x) is not None]
    assert len(failing) == 3


def test_it_takes_between_two_and_twenty_five_seconds_depending_on_its_inputs() -> None:
    seconds = [simulator.run_seconds(*x) for x in sample_inputs(24)]
    assert min(seconds) >= 2
    assert max(seconds) <= 25
    assert max(seconds) > 3 * min(seconds)
    assert simulator.run_seconds(0, 1e9, -1e9) == 25


def test_its_seconds_are_multiplied_by_the_speed_variable(tmp_path: Path) -> None:
    started = time.monotonic()
    run_simulator(tmp_path, "1,0,0\n", speed="0.25")
    assert time.monotonic() - started >= 0.5


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1,2", "expected three finite numbers x1,x2,x3, found: 1,2"),
        ("1,2,3,4", "expected three finite numbers"),
        ("1,nan,3", "expected three finite numbers"),
        ("1,2,inf", "expected three finite numbers"),
        ("", "could not convert"),
        ("1,two,3", "could not convert"),
        ("1,2,3\n4,5,6", "could not convert"),
        ("1,2,\N{GREEK SMALL LETTER PI}", "can't decode"),
    ],
)
def test_it_refuses_other_inputs_in_one_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    done = run_simulator(tmp_path, text)
    assert done.returncode == 2
    assert done.stderr.startswith("simulator: ")
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "output.txt").exists()


def test_inputs_too_large_for_a_finite_result_are_reported(tmp_path: Path) -> None:
    done = run_simulator(tmp_path, "-1,0,1e300\n")
    assert done.returncode == 1
    assert "the inputs are too large" in done.stderr
    assert not (tmp_path / "output.txt").exists()


@pytest.mark.parametrize("speed", ["fast", "-1", "nan", "inf"])
def test_a_speed_that_is_no_number_from_zero_upwards_is_refused(tmp_path: Path, speed: str) -> None:
    done = run_simulator(tmp_path, "1,2,3\n", speed=speed)
    assert done.returncode == 2
    assert done.stderr.startswith("simulator: ")


def test_it_ends_by_itself_when_its_directory_is_deleted(tmp_path: Path) -> None:
    source = tmp_path / "input.csv"
    source.write_text("0,3,3\n", encoding="ascii")
    running = subprocess.Popen(
        [sys.executable, "-I", str(SIMULATOR), str(source), str(tmp_path / "output.txt")],
        env={**os.environ, "EXAUQ_DEMO_SPEED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert running.stdout is not None
    first_line = running.stdout.readline()
    source.unlink()
    rest, _ = running.communicate(timeout=30)
    assert first_line.startswith("x1 = ")
    assert "giving up at step" in rest
    assert running.returncode == 1


def test_it_uses_nothing_that_an_old_python_lacks() -> None:
    # The grammar is what a parser can check without an old Python at hand.
    ast.parse(SIMULATOR.read_text(encoding="utf-8"), feature_version=(3, 8))
