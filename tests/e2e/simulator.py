"""The simulator of the end-to-end tests: tells a ledger what it runs, and when it is done.

Run as ``python3 simulator.py input.csv output.txt``. A run is a line "start x1,x2,x3" and a line
"end x1,x2,x3" in the file ``ledger`` beside this script, which is outside the workspace; each is
added in one go, whoever else writes there. It takes x3 seconds; where x3 is 60 or more it waits
for a file ``gate`` beside the ledger. Told to end, it takes another half a second.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - starts fast


def simulate(x1: float, x2: float, x3: float) -> float:
    """Compute a number that tells the inputs of a test apart."""
    return math.sin(x1) * 10 + x2 * x2 + x3 / 7


def note(line: str) -> None:
    """Add a line to the ledger."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(f"{HERE}/ledger", flags, 0o666)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def end_slowly(number: int, _frame: object) -> None:
    """End as a solver does that saves its state first."""
    time.sleep(0.5)
    sys.exit(128 + number)


def main(input_file: str, output_file: str) -> None:
    """Run once."""
    signal.signal(signal.SIGTERM, end_slowly)
    with open(input_file, encoding="ascii") as source:  # noqa: PTH123 - starts fast
        text = source.read().strip()
    x1, x2, x3 = (float(field) for field in text.split(","))
    note(f"start {text}")
    if x3 < 60:
        time.sleep(x3)
    else:
        while not os.path.exists(f"{HERE}/gate"):  # noqa: PTH110 - starts fast
            time.sleep(0.1)
    with open(output_file, "w", encoding="ascii") as target:  # noqa: PTH123 - starts fast
        target.write(f"{simulate(x1, x2, x3)!r}\n")
    note(f"end {text}")


if __name__ == "__main__":
    main(*sys.argv[1:])
