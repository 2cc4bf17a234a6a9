"""Every exception that exauq-tui defines.

The tree::

    Exception
    ├── ExauqTuiError
    │   ├── HardwareInterfaceFailureError      a connection, server or file on it failed
    │   │   ├── AuthenticationError            the server refused who we say we are
    │   │   ├── HostKeyError                   the server is not who it should be
    │   │   ├── ConnectionLostError            the link broke or a wait ran out
    │   │   └── ServerRefusedError             the server was reached and answered no
    │   │       └── StillSubmittingError       it is just being submitted: ask again
    │   ├── SimulatorOutputParsingError        the output file does not hold one number
    │   ├── ConfigError                        a configuration file cannot be used
    │   ├── RecordError                        the local record cannot be read or written
    │   └── InputError                         data that a person gave cannot be used
    │       └── FilterError                    a filter cannot be understood
    └── ValueError
        └── JobExistsError                     a job of that id was submitted before

Foreign exceptions (paramiko's, the operating system's, SQLite's) are translated once,
where they enter the package, with ``raise ... from``.
"""


class ExauqTuiError(Exception):
    """Base of the errors that exauq-tui raises on purpose."""


class HardwareInterfaceFailureError(ExauqTuiError):
    """Trouble with the connection, the server or its files.

    The message says what was tried, where, and what the server answered.
    """


class AuthenticationError(HardwareInterfaceFailureError):
    """The server did not accept any of the ways in that were offered."""


class HostKeyError(HardwareInterfaceFailureError):
    """The server's host key is unknown and not accepted, or changed, or revoked.

    Attributes:
        changed: True where another key was known for this server, or the key was revoked;
            such a key is never accepted.
    """

    def __init__(self, message: str, *, changed: bool = False) -> None:
        super().__init__(message)
        self.changed = changed


class ConnectionLostError(HardwareInterfaceFailureError):
    """The link to the server broke, or an answer did not come in time."""


class SessionEndedError(ConnectionLostError):
    """The server ended the program that it ran for us; the connection may be as good as before."""


class ServerRefusedError(HardwareInterfaceFailureError):
    """The server was reached and said that it cannot do what was asked."""


class StillSubmittingError(ServerRefusedError):
    """A job of that id is just being submitted over another connection.

    Maybe it is the very same one, sent before that connection was lost: ask again.
    """


class SimulatorOutputParsingError(ExauqTuiError):
    """A simulator's output file does not hold exactly one floating-point number.

    Attributes:
        text: The file's text, or the start of it; None where that is not known.
    """

    def __init__(self, message: str, *, text: str | None = None) -> None:
        super().__init__(message)
        self.text = text


class ConfigError(ExauqTuiError):
    """A configuration file cannot be read or holds a wrong value."""


class RecordError(ExauqTuiError):
    """The local record of jobs cannot be read or written."""


class InputError(ExauqTuiError):
    """Simulator input or another value that a person gave cannot be used."""


class FilterError(InputError):
    """A filter cannot be understood; the message says what to write instead."""


class JobExistsError(ValueError):
    """A job of the same id was already submitted (a kind of ``ValueError``, as documented)."""
