"""paramiko's transport, made quiet, prompt to close, and able to say why the server hung up."""

from __future__ import annotations

import logging

import paramiko
from paramiko.common import cMSG_GLOBAL_REQUEST
from paramiko.packet import Packetizer

from exauq_tui.hardware.connection.sockets import Link

LOG_CHANNEL = "exauq_tui.paramiko"

# What goes wrong on a connection is told by exceptions. paramiko's thread would also write
# tracebacks to the standard error, across whatever is on the screen.
_log = logging.getLogger(LOG_CHANNEL)
_log.addHandler(logging.NullHandler())
_log.propagate = False

# A window is what may be on its way unacknowledged: 16 MiB keep 100 MB/s going at 150 ms.
WINDOW = 16 * 1024 * 1024


class _PacketizerWithoutTimer(Packetizer):
    """Leaves the handshake's time-out to who waits for it.

    paramiko's own is a thread that would keep the program from ending for as long.
    """

    def start_handshake(self, timeout: float) -> None:
        """Start no timer."""


class Session(paramiko.Transport):
    """A client's end of one SSH connection.

    Args:
        link: The way to the server.

    Attributes:
        link: The way to the server.
        farewell: What the server said when it hung up, or why it was given up; or "".
    """

    def __init__(self, link: Link) -> None:
        # paramiko asks only for send, recv, settimeout and close, whatever its stubs say.
        super().__init__(
            link,  # type: ignore[arg-type]
            default_window_size=WINDOW,
            packetizer_class=_PacketizerWithoutTimer,
        )
        self.link = link
        self.farewell = ""
        self.set_log_channel(LOG_CHANNEL)

    def ping(self) -> None:
        """Ask the server for a sign of life; it comes whatever its programs are doing.

        What paramiko has for this waits for the answer, or asks for none.
        """
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        self._send_user_message(message)  # type: ignore[attr-defined]  # not in the stubs

    def _parse_disconnect(self, message: paramiko.Message) -> None:
        """Keep the server's words, which paramiko only logs."""
        message.get_int()
        self.farewell = message.get_text().strip()
