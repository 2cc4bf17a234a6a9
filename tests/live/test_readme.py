"""The README's library script, run as it stands there against a real server."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.live.sshd import Sshd

README = Path(__file__).resolve().parents[2] / "README.md"
SIMULATOR = """\
import sys

with open(sys.argv[1]) as source, open(sys.argv[2], "w") as target:
    print(sum(float(number) for number in source.read().split(",")), file=target)
"""


def library_example() -> str:
    text = README.read_text(encoding="utf-8")
    found = re.search(
        r"<!-- library-example:start -->\s*```python\n(.*?)```\s*<!-- library-example:end -->",
        text,
        re.DOTALL,
    )
    assert found is not None
    return found[1]


def test_the_library_example_prints_the_output_of_a_job_on_a_server(
    sshd: Sshd, isolated_home: Path
) -> None:
    script = sshd.home / "simulations of mine" / "model.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text(SIMULATOR, encoding="utf-8")
    (isolated_home / ".ssh").mkdir(mode=0o700)
    (isolated_home / ".ssh" / "known_hosts").write_text(sshd.known_hosts.read_text())
    place = (sshd.user, sshd.host, sshd.port, str(sshd.keys.ed25519))
    runs = (sys.executable, str(script))
    example, count = re.subn(
        r"^(user, host, port, key = ).*\n^(program, script = ).*$",
        lambda found: f"{found[1]}{place!r}\n{found[2]}{runs!r}",
        library_example(),
        flags=re.MULTILINE,
    )
    assert count == 1

    done = subprocess.run(
        [sys.executable, "-c", example],
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "1.5\n"  # the sum of the example's inputs
