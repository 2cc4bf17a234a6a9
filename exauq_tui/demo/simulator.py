"""A sample simulator: the Ishigami function, dressed up as a solver that takes its time.

Run as ``python3 simulator.py input.csv output.txt``. The first file holds ``x1,x2,x3`` on one
line; one number is written to the second. Meant for inputs between -pi and pi:

- It runs for 2 to 25 seconds, longer where x2 and x3 are both far from zero.
- Where x1 is above three quarters of pi (an eighth of the range) the solver diverges: no output
  is written and the exit code is 1, every time.
- It tells its progress as it runs, so that there is a log to follow.

The seconds are multiplied by the environment variable ``EXAUQ_DEMO_SPEED`` (1 where unset; 0
means not to wait at all). It imports nothing beyond the standard library and runs on Python 3.8,
because a server's Python may be old.
"""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path

STEPS = 50
SHORTEST, LONGEST = 2.0, 25.0
DIVERGES_ABOVE = 0.75 * math.pi


class SolverDivergedError(RuntimeError):
    """The residual grew without bound, as it does in real solvers."""


def ishigami(x1: float, x2: float, x3: float) -> float:
    """Compute sin(x1) + 7 sin(x2)^2 + 0.1 x3^4 sin(x1), a usual test of sensitivity analysis."""
    # Products instead of powers: they overflow to infinity, which main() reports, not to an error.
    return math.sin(x1) + 7 * math.sin(x2) ** 2 + 0.1 * (x3 * x3 * x3 * x3) * math.sin(x1)


def run_seconds(x1: float, x2: float, x3: float) -> float:
    """Tell how long a run with these inputs takes, before the speed factor."""
    del x1  # decides about failure, not about effort
    stiffness = min(abs(x2), math.pi) * min(abs(x3), math.pi) / math.pi**2
    return SHORTEST + (LONGEST - SHORTEST) * stiffness


def failing_step(x1: float, x2: float, x3: float) -> int | None:
    """Tell at which step the solver diverges, or None where it does not."""
    if x1 <= DIVERGES_ABOVE:
        return None
    return 20 + int(abs(x2 * 1000) + abs(x3 * 1000)) % (STEPS - 25)


def residual_factor(step: int, diverges_at: int | None) -> float:
    """Tell by what the residual changes in a step."""
    return 19.0 if diverges_at is not None and step > diverges_at - 6 else 0.75


def progress_line(step: int, residual: float) -> str:
    """Tell about one step, for the log."""
    return f"step {step:2d}/{STEPS}  residual {residual:.3e}"


def read_input(path: Path) -> tuple[float, float, float]:
    """Read ``x1,x2,x3`` from the one line of a CSV file.

    Raises:
        ValueError: The file holds anything but three finite numbers.
    """
    fields = path.read_text(encoding="ascii").strip().split(",")
    numbers = [float(field) for field in fields]
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise ValueError(f"expected three finite numbers x1,x2,x3, found: {','.join(fields)}")
    return numbers[0], numbers[1], numbers[2]


def solve(x: tuple[float, float, float], input_path: Path, pause: float) -> float:
    """Go through the steps, telling about each, and return the result.

    Raises:
        SolverDivergedError: The inputs are among those for which the solver diverges.
    """
    diverges_at = failing_step(*x)
    residual = 1.0
    for step in range(1, STEPS + 1):
        time.sleep(pause)
        residual *= residual_factor(step, diverges_at)
        print(progress_line(step, residual), flush=True)
        if step == diverges_at:
            raise SolverDivergedError(f"solver diverged at step {step}: residual {residual:.3e}")
        if not input_path.exists():
            # The job's directory was deleted, so that nobody waits for the result any more.
            raise FileNotFoundError(f"{input_path} is gone: giving up at step {step}")
    return ishigami(*x)


def speed_factor() -> float:
    """Read by what the seconds are to be multiplied.

    Raises:
        ValueError: The variable holds anything but a finite number that is not negative.
    """
    text = os.environ.get("EXAUQ_DEMO_SPEED") or "1"
    factor = float(text)
    if not (math.isfinite(factor) and factor >= 0):
        raise ValueError(f"EXAUQ_DEMO_SPEED is {text}: expected a number from 0 upwards")
    return factor


def main(arguments: list[str]) -> int:
    """Run the simulator and return its exit code."""
    if len(arguments) != 2:
        print("usage: simulator.py INPUT.csv OUTPUT.txt", file=sys.stderr)
        return 2
    input_path, output_path = map(Path, arguments)
    try:
        x = read_input(input_path)
        seconds = run_seconds(*x) * speed_factor()
    except (OSError, ValueError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    print(f"x1 = {x[0]!r}, x2 = {x[1]!r}, x3 = {x[2]!r}")
    print(f"solving in {STEPS} steps, about {seconds:.1f} s", flush=True)
    result = solve(x, input_path, seconds / STEPS)
    if not math.isfinite(result):
        print(f"simulator: the result is {result}: the inputs are too large", file=sys.stderr)
        return 1
    output_path.write_text(f"{result!r}\n", encoding="ascii")
    print(f"done, y = {result!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
