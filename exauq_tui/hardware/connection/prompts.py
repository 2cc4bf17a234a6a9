"""How a script's user is asked on the terminal, where nobody passed in another way to ask."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from exauq_tui.errors import AuthenticationError, HostKeyError

if TYPE_CHECKING:
    from exauq_tui.hardware.interface import HostKey, HostKeyDecision

_DECISIONS = {
    "yes": "REMEMBER",
    "once": "ONCE",
    "no": "REFUSE",
    "": "REFUSE",
}
"""What is typed, and the name of the decision that it is."""


def has_terminal() -> bool:
    """Tell whether somebody could read a question and type the answer."""
    # Either may be None or closed where the program runs without a console.
    return all(
        stream is not None and not stream.closed and stream.isatty()
        for stream in (sys.stdin, sys.stderr)
    )


def ask_secret_on_terminal(prompt: str) -> str | None:
    """Ask for a secret without echo; None where the person ended the input instead.

    Raises:
        AuthenticationError: There is no terminal to ask on.
    """
    if not has_terminal():
        raise AuthenticationError(
            f"{prompt.strip().rstrip(':')}: this is needed, but there is no terminal to ask on. "
            "Give a key file (key_filename), an ssh-agent (use_ssh_agent), or ask_secret."
        )
    try:
        return getpass.getpass(prompt)
    except EOFError:
        return None


def accept_on_terminal(key: HostKey) -> HostKeyDecision:
    """Ask as ssh asks whether an unknown host key may be trusted.

    Raises:
        HostKeyError: There is no terminal to ask on.
    """
    # Here, as whoever only asks for a terminal needs none of it.
    from exauq_tui.hardware.interface import HostKeyDecision  # noqa: PLC0415

    if not has_terminal():
        raise HostKeyError(
            f"The host key of {key.host} is not known: {key.key_type} {key.fingerprint}. "
            f"{f'{key.note} ' if key.note else ''}There is no terminal to ask on. Compare the "
            "fingerprint with what the server's administrators say; then add the key to a "
            "known_hosts file (ssh-keyscan prints it), or pass accept_host_key."
        )
    note = f"{key.note}\n" if key.note else ""
    question = (
        f"The authenticity of host '{key.host}' can't be established.\n"
        f"{key.key_type} key fingerprint is {key.fingerprint}.\n{note}"
        "Are you sure you want to continue connecting (yes/once/no)? "
    )
    while True:
        sys.stderr.write(question)
        sys.stderr.flush()
        line = sys.stdin.readline()
        answer = line.strip().lower()
        if answer in _DECISIONS and (answer or not line):
            return HostKeyDecision[_DECISIONS[answer]]
        question = "Please type 'yes', 'once' (not to be asked again by this run) or 'no': "
