"""What travels between us and the server program: fields, requests, replies; all pure.

`agent.sh` in ``scripts/`` describes the frames.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from exauq_tui.errors import ServerRefusedError

LONGEST_NOISE = 256 * 1024
"""So many bytes that are no frame are more than start-up files print."""

_ESCAPED = re.compile(r"\\.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Hello:
    """How the agent introduced itself.

    Attributes:
        host: The machine's host name.
        boot: The kernel's boot id.
        bash_version: The version of Bash that runs it.
        home: The account's home directory.
        start_dir: The directory that the session started in.
        server_time: The server's clock, in seconds since 1970.
    """

    host: str
    boot: str
    bash_version: str
    home: str
    start_dir: str
    server_time: float


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the agent.

    Attributes:
        status: "ok", "refused", "missing" or "unsafe".
        payload: The bytes, as they came.
    """

    status: str
    payload: bytes

    def lines(self) -> list[str]:
        """The lines of the payload, as they came: still encoded."""
        return decode_text(self.payload).split("\n")[:-1]

    def fields(self) -> list[str]:
        """The lines of the payload, decoded."""
        return [decode_field(line) for line in self.lines()]


def decode_text(data: bytes) -> str:
    """Decode what a server sent: UTF-8, other bytes kept so that they can be sent back."""
    return data.decode("utf-8", errors="surrogateescape")


def printable(data: bytes) -> str:
    """Show what a server printed, on one line and without what a terminal would obey."""
    text = data.decode("utf-8", errors="replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def encode_field(text: str) -> bytes:
    """Encode one field: any text that a path may be, on one line.

    Raises:
        ServerRefusedError: The text holds a NUL, or half a character, which no path can.
    """
    if "\0" in text:
        raise ServerRefusedError(f"{text!r} holds a NUL character, which no path or input can")
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    try:
        return b"=" + escaped.encode("utf-8", errors="surrogateescape") + b"\n"
    except UnicodeEncodeError as error:
        raise ServerRefusedError(f"{text!r} cannot be a path: {error.reason}") from error


def decode_field(line: str) -> str:
    """Decode one field of a reply."""
    return _ESCAPED.sub(lambda found: "\n" if found[0] == "\\n" else found[0][1:], line)


def encode_request(seq: int, verb: str, fields: Iterable[str]) -> bytes:
    """Encode one request frame."""
    payload = b"".join(encode_field(field) for field in fields)
    return b"%d %s %d\n%s" % (seq, verb.encode("ascii"), len(payload), payload)


class FrameReader:
    """Finds the agent's frames in what comes over a stream; anything else is passed over.

    Args:
        nonce: What marks a frame as an answer to us.
    """

    def __init__(self, nonce: str) -> None:
        self._header = re.compile(rb"EXAUQ %s ([0-9]+) ([a-z]+) ([0-9]+)" % nonce.encode())
        self._buffer = bytearray()
        self._searched = 0
        self._head: tuple[int, str, int] | None = None
        self.passed_over = 0
        self.noise = b""

    @property
    def rest(self) -> bytes:
        """What came and is no whole frame yet."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[tuple[int, Reply]]:
        """Take in bytes, and give the frames that are whole now, with their numbers."""
        self._buffer += data
        frames: list[tuple[int, Reply]] = []
        while True:
            if self._head is None and not self._find_head():
                return frames
            assert self._head is not None
            seq, status, length = self._head
            if len(self._buffer) <= length:
                return frames
            frames.append((seq, Reply(status, bytes(self._buffer[:length]))))
            del self._buffer[: length + 1]
            self._head = None

    def _find_head(self) -> bool:
        """Go on to the payload of the next frame; false where its first line is not here yet."""
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            if found := self._header.fullmatch(line):
                self._head = (int(found[1]), found[2].decode(), int(found[3]))
                return True
            self._pass_over(line)
        if len(self._buffer) > LONGEST_NOISE:
            self._pass_over(bytes(self._buffer))
            self._buffer.clear()
        self._searched = len(self._buffer)
        return False

    def _pass_over(self, noise: bytes) -> None:
        self.passed_over += len(noise)
        self.noise = (self.noise + noise)[:80]
