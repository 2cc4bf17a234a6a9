"""paramiko's transport, made quiet, prompt to close, and able to say why the server hung up."""

from __future__ import annotations

import logging

import paramiko
from paramiko.common import cMSG_GLOBAL_REQUEST
from paramiko.packet import Packetizer

from exauq_tui.hardware.connection.host_certificates import SUFFIX
from exauq_tui.hardware.connection.questions import on_one_line
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
        prefers_certificates: Whether a host key with a certificate is asked for first.
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
        self.prefers_certificates = False
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

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """Give the host key algorithms in the order in which the server is asked for them."""
        names = tuple(super().preferred_keys)
        if not self.prefers_certificates:
            return names
        return tuple(sorted(names, key=lambda name: not name.endswith(SUFFIX)))

    def forget_secrets(self) -> None:
        """Drop what was typed to log in; paramiko keeps it as long as the connection."""
        handler = self.auth_handler
        if handler is not None:
            handler.password = None
            handler.interactive_handler = None
            handler.private_key = None

    def _parse_disconnect(self, message: paramiko.Message) -> None:
        """Keep the server's words, which paramiko only logs."""
        message.get_int()
        self.farewell = on_one_line(message.get_text()).strip()
