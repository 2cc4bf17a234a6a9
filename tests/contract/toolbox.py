"""EXAUQ-Toolbox as far as a workspace shows of it.

Its job directories are made here with the files and formats that it uses: manager and runner
that stand alone, PID, PGID, JOBID and flags, and nothing of ours.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from tests.contract.machines import Machine


class Toolbox:
    """Makes and asks jobs as its client does, by one command per verb."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.workspace.mkdir(exist_ok=True)

    def submit(self, number: int, text: str, *coords: float, start: bool = True) -> Path:
        """Make a job of which `text` is the simulator; its process group is its own."""
        place = self.machine.job_dir(number)
        place.mkdir()
        (place / "input.csv").write_text(",".join(map(str, coords or (1.5, -2.0))) + "\n")
        script = self.machine.script(text, f"toolbox-{number}.sh")
        output, done = place / "output.txt", place / "COMPLETED"
        words = shlex.join(["bash", str(script), str(place / "input.csv"), str(output)])
        (place / "runner.sh").write_text(
            f"#!/bin/bash\n{words} && if [ -e {shlex.quote(str(output))} ]; "
            f"then touch {shlex.quote(str(done))}; fi\n"
        )
        (place / "exauq_manager.sh").write_text("#!/bin/bash\n# of another make\nexit 1\n")
        if start:
            log = shlex.quote(str(place / f"{script.name}.out"))
            runner = shlex.quote(str(place / "runner.sh"))
            # In a session and group of its own, as an ssh command would be; who started it goes.
            command = f"nohup /bin/bash {runner} >{log} 2>&1 </dev/null & echo $! $$"
            started = subprocess.run(
                ["setsid", "-w", "/bin/bash", "-c", command],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            pid, group = started.stdout.split()
            (place / "PID").write_text(pid)
            (place / "PGID").write_text(group)
            (place / "JOBID").write_text(f"user,{pid},Mon Jan  1 00:00:00 2024\n")
        return place

    def ask(self, number: int, verb: str) -> str:
        """Call a job's manager."""
        done = subprocess.run(
            ["/bin/bash", str(self.machine.job_dir(number) / "exauq_manager.sh"), verb],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd="/",
        )
        assert done.stderr == ""
        return done.stdout.strip()
