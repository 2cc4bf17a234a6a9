"""The Bash program that runs on servers: joined of its parts, and how it is started there."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

RECORDER_PARTS = ("core.sh", "lock.sh", "slots.sh", "runner.sh")
"""The parts that run once per job."""

PARTS = (
    *RECORDER_PARTS,
    *("judge.sh", "repair.sh", "tidy.sh", "stop.sh", "toolbox.sh", "workspace.sh"),
    *("submit.sh", "verbs.sh", "cancel.sh", "watch.sh", "agent.sh", "main.sh"),
)
"""The parts of the server program, in the order in which they are joined."""

RECORDER_END = ": the recorder ends here"
"""The line after the recorder's parts: the agent cuts its copy of them there."""

COMMAND = "exec /bin/bash -p -s"
"""What the login shell is asked to run: words that every shell understands alike.

``-p`` keeps Bash from importing functions and start-up files from the environment.
"""

_FOR_START_UP_FILES = b"\n" * 8
"""Lines for those start-up files that ask something: an empty one is an answer, and no command."""


@cache
def server_program() -> str:
    """Join the parts of the server program, without comments; its version names its text."""
    kept: list[str] = []
    for part in PARTS:
        kept += _lines_of(part)
        if part == RECORDER_PARTS[-1]:
            kept.append(RECORDER_END)
    text = "\n".join(kept)
    version = hashlib.sha256(text.encode("ascii")).hexdigest()[:12]
    return f"exauq_version={version}\n{text}\n"


@cache
def seldom_used_part(name: str) -> str:
    """Give a part that is sent only where it is used: by the request ``learn``."""
    return "\n".join(_lines_of(name))


def _lines_of(part: str) -> list[str]:
    """Read a part. Comments of whole lines go, and so does what lines begin with.

    No line of a quoted text in the parts is empty or begins with a space or one "#".
    """
    path = resources.files("exauq_tui.hardware") / "scripts" / part
    lines = (line.lstrip(" ") for line in path.read_text(encoding="ascii").splitlines())
    return [line for line in lines if line not in ("", "#") and not line.startswith("# ")]


def settings_of(grace: float, *, look_only: bool = False) -> str:
    """Give what an agent is told beside its nonce.

    Args:
        grace: Seconds that jobs have to end by themselves whose cancelling was left undone.
        look_only: Whether it is to change nothing on the server, come what may.
    """
    return f"{grace * 1000:.0f}" + (" look" if look_only else "")


def bootstrap(nonce: str, settings: str = "") -> bytes:
    """Give the first bytes for a Bash that reads its commands from the connection.

    `settings` are those of `settings_of`, or "" for the usual.

    The first line that says something is plain POSIX: where another shell stands as /bin/bash
    it has to say so.
    """
    program = server_program().encode("ascii")
    line = (
        'case "${BASH_VERSION-}" in 4.[1-9]*|[5-9].*|[1-9][0-9]*) '
        f"IFS= read -r -N {len(program)} EXAUQ_PROGRAM && "
        f'eval "$EXAUQ_PROGRAM" && exauq_main serve {nonce} {settings};; '
        f'*) printf "\\nEXAUQ {nonce} 0 oldbash %d\\n%s\\n" "${{#BASH_VERSION}}" '
        # What still comes is taken in, so that our end can be sure to get the answer.
        '"${BASH_VERSION-}"; cat >/dev/null;; esac; exit\n'
    )
    return _FOR_START_UP_FILES + line.encode("ascii") + program
