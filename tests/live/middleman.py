"""A program that stands between sshd and the command of a session, as a ForceCommand.

What it lets through is told by a file, read when a session begins, so that a test can change it:
"all"; "a moment" (half a second); "one request"; "no pushes". Requests are noted in `FILE.log`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

_PROGRAM = re.compile(rb" -N ([0-9]+) ")
_FRAME = re.compile(rb"EXAUQ [0-9a-f]+ ([0-9]+) ([a-z]+) ([0-9]+)\n")


def command_for(home: Path, mode: Path) -> str:
    """Give the line of sshd_config that puts it in between."""
    return f"ForceCommand {sys.executable} -S -E {Path(__file__).resolve()} {home} {mode}"


def requests(mode: Path) -> list[str]:
    """Give the verbs that were asked so far, one per session."""
    log = Path(f"{mode}.log")
    return log.read_text().split() if log.exists() else []


def main(home: str, mode: str) -> None:
    """Run the command of the session."""
    os.chdir(home)
    os.environ["HOME"] = home
    words = ["/bin/sh", "-c", os.environ["SSH_ORIGINAL_COMMAND"]]
    how = Path(mode).read_text()
    if how == "all":
        os.execv(words[0], words)
    if how == "a moment":
        os.execvp("timeout", ["timeout", "0.5", *words])
    if how == "one request":
        _pass_one_request(words, Path(f"{mode}.log"))
    else:
        _pass_no_pushes(words)


def _pass_one_request(words: list[str], log: Path) -> None:
    heard = sys.stdin.buffer
    with subprocess.Popen(words, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        line = heard.readline()
        while line.strip() == b"":
            line = heard.readline()
        found = _PROGRAM.search(line)
        assert found is not None
        child.stdin.write(line + heard.read(int(found[1])))
        child.stdin.flush()
        head = heard.readline()
        if head:
            child.stdin.write(head + heard.read(int(head.split()[2])))
            with log.open("a") as file:
                file.write(head.split()[1].decode() + "\n")
        child.stdin.close()


def _pass_no_pushes(words: list[str]) -> None:
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        threading.Thread(target=_copy, args=(child.stdin,), daemon=True).start()
        while line := child.stdout.readline():
            found = _FRAME.fullmatch(line)
            payload = child.stdout.read(int(found[3]) + 1) if found else b""
            if not found or found[2] != b"push":
                sys.stdout.buffer.write(line + payload)
                sys.stdout.buffer.flush()


def _copy(to: BinaryIO) -> None:
    while data := os.read(0, 65536):
        to.write(data)
        to.flush()
    to.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
