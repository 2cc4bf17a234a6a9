"""Writes what README.md takes from the code: the table of keys, and how fast things are.

Usage: python scripts/update_readme.py [--check]
       python -m benchmarks.all --short | python scripts/update_readme.py --speed
"""

from __future__ import annotations

import sys
from pathlib import Path

from exauq_tui.app.commands import markdown_table

README = Path(__file__).resolve().parent.parent / "README.md"


def replace_between(text: str, name: str, content: str) -> str:
    """Put `content` between the comments ``<!-- name:start -->`` and ``<!-- name:end -->``.

    Raises:
        ValueError: One of the comments is missing.
    """
    start, end = f"<!-- {name}:start -->\n", f"<!-- {name}:end -->\n"
    head, found_start, rest = text.partition(start)
    _, found_end, tail = rest.partition(end)
    if not (found_start and found_end):
        raise ValueError(f"README.md lacks {start.strip()} or {end.strip()}")
    return head + start + content + end + tail


def main(arguments: list[str]) -> int:
    """Write the file, or with --check tell by the exit code whether its keys are up to date."""
    old = README.read_text(encoding="utf-8")
    new = replace_between(old, "keys", f"\n{markdown_table()}\n")
    if "--speed" in arguments:
        report = sys.stdin.read()
        if "| met |" not in report:
            print("what comes in is not the report of benchmarks.all", file=sys.stderr)
            return 1
        new = replace_between(new, "speed", report)
    if "--check" in arguments:
        if new != old:
            print("README.md is out of date: run make readme", file=sys.stderr)
        return int(new != old)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
