"""The program that ``ssh`` runs to ask a question (ssh(1), SSH_ASKPASS).

It hands the question to the process that started ``ssh``, and prints the answer. It is run
as a file, by itself and once per question, so it imports little. What it says begins with a
secret of that process, so that nothing else is mistaken for it.
"""

import os
import socket
import sys

SOCKET_VARIABLE = "EXAUQ_TUI_ASKPASS_SOCKET"
TOKEN_VARIABLE = "EXAUQ_TUI_ASKPASS_TOKEN"  # noqa: S105 - the variable's name
HINT_VARIABLE = "SSH_ASKPASS_PROMPT"
ANSWERED = b"+"


def main() -> int:
    """Ask, and print the answer; the exit code tells whether there was one."""
    question = "\0".join(
        (
            os.environ.get(TOKEN_VARIABLE, ""),
            os.environ.get(HINT_VARIABLE, ""),
            sys.argv[1] if len(sys.argv) > 1 else "",
        )
    )
    reply = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.connect(os.environ.get(SOCKET_VARIABLE, ""))
            link.sendall(os.fsencode(question))
            link.shutdown(socket.SHUT_WR)
            while data := link.recv(4096):
                reply += data
    except OSError:
        return 1  # whoever would have answered is gone
    if not reply.startswith(ANSWERED):
        return 1
    os.write(1, reply.removeprefix(ANSWERED) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
