"""Streams with an agent at the other end that answers by script."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from exauq_tui.errors import ConnectionLostError

NUMBERS = ("host", "boot-id", "5.2.15(1)-release", "/home/a b", "/home/a b", "1700000000.5")


class Script:
    """A stream that answers by script: bytes to hand out, and what was sent.

    Args:
        answers: Called with each piece that is sent and the nonce; gives what comes back.
        piece: How many bytes are handed out at a time.
    """

    def __init__(self, answers: Callable[[bytes, bytes], bytes], piece: int = 1 << 20) -> None:
        self._answers = answers
        self._piece = piece
        self._waiting = bytearray()
        self._nonce = b""
        self._changed = threading.Condition()
        self._ended = False
        self.closed = False
        self.words = ""
        self.unsendable = False
        MADE.append(self)

    def send(self, data: bytes, timeout: float) -> None:
        if self.unsendable:
            raise ConnectionLostError("broken pipe")
        if not self._nonce:
            found = re.search(rb"EXAUQ ([0-9a-f]+) 0 oldbash", data)
            assert found is not None
            self._nonce = found[1]
        answer = self._answers(data, self._nonce)
        with self._changed:
            self._waiting += answer
            self._changed.notify_all()

    def receive(self, limit: int, timeout: float) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended or self.closed, timeout)
            if self.closed:
                raise ConnectionLostError("closed")
            if not self._waiting and not self._ended:
                raise TimeoutError
            piece = bytes(self._waiting[: min(limit, self._piece)])
            del self._waiting[: len(piece)]
            return piece

    def end(self) -> None:
        """Let the stream end after what is still to be read."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def describe_end(self) -> str:
        return self.words


MADE: list[Script] = []


def frame(nonce: bytes, seq: int, payload: bytes, status: bytes = b"ok") -> bytes:
    return b"EXAUQ %s %d %s %d\n%s\n" % (nonce, seq, status, len(payload), payload)


def hello(nonce: bytes) -> bytes:
    return b"\n" + frame(nonce, 0, "".join(f"{word}\n" for word in NUMBERS).encode())


def answering(
    replies: Callable[[int, bytes], bytes], before: bytes = b""
) -> Callable[[bytes, bytes], bytes]:
    """Say hello after `before`, then answer each request by its number and the nonce."""

    def answer(data: bytes, nonce: bytes) -> bytes:
        if b"oldbash" in data:
            return before + hello(nonce)
        if b"exauq" in data:
            return b""  # the rest of the server program
        return replies(int(data.split(b" ", 1)[0]), nonce)

    return answer


def echo(seq: int, nonce: bytes) -> bytes:
    return frame(nonce, seq, b"answer %d\n" % seq)
