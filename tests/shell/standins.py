"""Machines where something else stands as /bin/bash, or where commonplace programs are missing.

A mount namespace of its own lets a session, and all that it starts, see another file as
/bin/bash; everybody else on this machine sees the real one.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

from exauq_tui.hardware.connection.transport import ByteStream
from exauq_tui.hardware.local import LocalScriptInterface
from tests.leaving_out import leave_out

# What Bash learned after 4.1 and our program uses where it is there. A Bash that reads its
# commands from -s takes them line by line, so that `read` in one of them finds what follows.
_OLD_BASH = """\
unset EPOCHREALTIME EPOCHSECONDS
BASH_VERSION={version}
BASH_COMPAT=4.1
printf() {{
    case $1,${{3-}} in
        *'%('*) return 1 ;;
        -v,*%b*) kill -SEGV "$BASHPID" ;; # what it does there
    esac
    builtin printf "$@"
}}
if [[ ${{1-}} == -s ]]; then
    while IFS= read -r stand_in_line; do eval "$stand_in_line"; done
else
    stand_in_file=$1
    shift
    . "$stand_in_file" "$@"
fi
"""


def stand_in(directory: Path, name: str, lines: str) -> Path:
    """Make a shell script that can stand as /bin/bash."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{lines}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def old_bash(directory: Path, version: str) -> Path:
    """Make a Bash that says it is of a version, and lacks what came after 4.1.

    It is this machine's own Bash: what else is different in an old one, it cannot show.
    """
    real = shutil.copy("/bin/bash", directory / "real-bash")
    program = directory / "old-bash.sh"
    program.write_text(_OLD_BASH.format(version=shlex.quote(version)), encoding="utf-8")
    # Called as `/bin/bash -p -s` or `/bin/bash [-p] FILE ARGUMENTS`.
    return stand_in(
        directory,
        "old-bash",
        f'[ "$1" != -p ] || shift\nexec {real} -p {program} "$@"',
    )


def with_bash(path: Path, command: str) -> str:
    """Give a command that runs another where the file `path` stands as /bin/bash."""
    inner = f'mount --bind "$0" /bin/bash && {command}'
    return f"exec unshare --mount /bin/sh -c {shlex.quote(inner)} {shlex.quote(str(path))}"


def require_stand_ins() -> None:
    """Leave the test out where nothing can stand as /bin/bash."""
    command = with_bash(Path("/bin/sh"), "true")
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        leave_out(f"mounting is NOT PERMITTED here, other Bashes are UNTESTED: {done.stderr}")


class StandInInterface(LocalScriptInterface):
    """Jobs on this machine, where the file `bash` stands as /bin/bash.

    Args:
        bash: That file.
        script: The simulator script.
        workspace: Where jobs live.
        max_running: How many run at once.
    """

    def __init__(self, bash: Path, script: Path, workspace: Path, max_running: int) -> None:
        self._stands_as_bash = bash
        super().__init__(
            "sh",
            str(script),
            "here",
            workspace_dir=str(workspace),
            max_running=max_running,
            cancel_grace=1.0,
        )

    def _start(self, command: str) -> ByteStream:
        return super()._start(with_bash(self._stands_as_bash, command))


def busybox_programs(directory: Path, *lacking: str) -> Path:
    """Make a directory of busybox's programs, without some; the only ones in a PATH."""
    directory.mkdir()
    busybox = shutil.which("busybox")
    assert busybox is not None, "busybox is missing: run scripts/install-tools test"
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        if name not in lacking:
            (directory / name).symlink_to(busybox)
    return directory
