"""The client half of the server protocol: encoding, decoding, and one session over a stream.

The server half is the Bash program in ``scripts/``; `agent.sh` there describes the frames.
Everything but `AgentSession` is pure.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from exauq_tui.errors import ConnectionLostError, HardwareInterfaceFailureError, ServerRefusedError
from exauq_tui.hardware.connection.transport import ByteStream

PARTS = ("common.sh", "runner.sh", "stop.sh", "toolbox.sh", "agent.sh", "main.sh")
"""The parts of the server program, in the order in which they are joined."""

COMMAND = "exec /bin/bash -p -s"
"""What the login shell is asked to run: words that every shell understands alike.

``-p`` keeps Bash from importing functions and start-up files from the environment.
"""

_PIECE = 256 * 1024
_LONGEST_NOISE = 256 * 1024
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
        return _text(self.payload).split("\n")[:-1]

    def fields(self) -> list[str]:
        """The lines of the payload, decoded."""
        return [decode_field(line) for line in self.lines()]


def _text(data: bytes) -> str:
    """Decode what a server sent: UTF-8, other bytes kept so that they can be sent back."""
    return data.decode("utf-8", errors="surrogateescape")


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


@cache
def server_program() -> str:
    """Join the parts of the server program, without comments; its version names its text."""
    directory = resources.files("exauq_tui.hardware") / "scripts"
    kept = [
        line
        for part in PARTS
        for line in directory.joinpath(part).read_text(encoding="ascii").splitlines()
        # Only whole-line comments go, and only those that no quoted text can hold.
        if line.strip() and not line.startswith(("# ", "    # ", "        # "))
    ]
    text = "\n".join(kept)
    version = hashlib.sha256(text.encode("ascii")).hexdigest()[:12]
    return f"exauq_version={version}\n{text}\n"


def bootstrap(nonce: str) -> bytes:
    """Give the first bytes for a Bash that reads its commands from the connection.

    The first line is plain POSIX: where another shell stands as /bin/bash it has to say so.
    """
    program = server_program().encode("ascii")
    line = (
        'case "${BASH_VERSION-}" in 4.[1-9]*|[5-9].*|[1-9][0-9]*) '
        f"IFS= read -r -N {len(program)} EXAUQ_PROGRAM && "
        f'eval "$EXAUQ_PROGRAM" && exauq_main serve {nonce};; '
        f'*) printf "\\nEXAUQ {nonce} 0 oldbash %d\\n%s\\n" "${{#BASH_VERSION}}" '
        # What still comes is taken in, so that our end can be sure to get the answer.
        '"${BASH_VERSION-}"; cat >/dev/null;; esac; exit\n'
    )
    return line.encode("ascii") + program


class AgentSession:
    """A conversation with the agent on one server; safe to share between threads.

    One request is under way at a time. After any error the session is closed: a new one asks
    the server afresh.

    Args:
        stream: Where a Bash waits for commands.
        where: The server, for messages, such as ``alice@hpc1``.
        timeout: How long the agent may take to introduce itself, in seconds.

    Raises:
        ConnectionLostError: The stream broke or nothing came in time.
        ServerRefusedError: There is no usable Bash on the server.
    """

    def __init__(self, stream: ByteStream, where: str, timeout: float = 30.0) -> None:
        self._stream = stream
        self._where = where
        self._nonce = secrets.token_hex(8)
        self._seq = 0
        self._buffer = bytearray()
        self._lock = threading.Lock()
        self._closed = False
        self.latency: float | None = None
        try:
            self.hello = self._greet(timeout)
        except BaseException:
            self.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether requests can (as far as is known) be made."""
        return not self._closed

    def close(self) -> None:
        """End the session; callable from any thread, a waiting request fails at once."""
        self._closed = True
        self._stream.close()

    def request(self, verb: str, fields: Sequence[str] = (), timeout: float = 60.0) -> Reply:
        """Ask one thing and wait for the answer.

        Args:
            verb: What is asked.
            fields: Its arguments: data, whatever they hold.
            timeout: How long the server may be silent, in seconds.

        Raises:
            ConnectionLostError: The link broke, or no answer came in time. Whether the request
                was carried out is not known.
            ServerRefusedError: A field cannot be sent; the session is still good.
        """
        with self._lock:
            if self._closed:
                raise ConnectionLostError(f"the connection to {self._where} was closed")
            self._seq += 1
            frame = encode_request(self._seq, verb, fields)
            try:
                begun = time.monotonic()
                self._send(frame, timeout)
                while True:
                    seq, reply = self._receive_frame(timeout, f"the request {verb}")
                    if seq == self._seq:
                        self.latency = time.monotonic() - begun
                        return reply
            except BaseException:
                # Also ctrl+C: half a request would swallow the next one.
                self.close()
                raise

    def _greet(self, timeout: float) -> Hello:
        # A command that ended at once takes nothing in, but has said why.
        with contextlib.suppress(ConnectionLostError):
            self._send(bootstrap(self._nonce), timeout)
        _, reply = self._receive_frame(timeout, "the server program")
        if reply.status == "oldbash":
            version = _text(reply.payload).strip()
            found = f"Bash {version}" if version else "another shell than Bash"
            raise ServerRefusedError(
                f"{self._where} has {found} as /bin/bash: Bash 4.1 or newer is needed there"
            )
        if reply.status != "ok":
            raise ServerRefusedError(f"{self._where}: {_text(reply.payload)}")
        host, boot, version, home, start_dir, server_time = reply.fields()
        return Hello(host, boot, version, home, start_dir, float(server_time))

    def _send(self, data: bytes, timeout: float) -> None:
        # One large buffer would be sent in quadratic time (DESIGN.md, pitfalls).
        for start in range(0, len(data), _PIECE):
            self._stream.send(data[start : start + _PIECE], timeout)

    def _receive_frame(self, timeout: float, what: str) -> tuple[int, Reply]:
        """Wait for the next frame of ours; anything else on the stream is passed over."""
        header = re.compile(rb"EXAUQ %s ([0-9]+) ([a-z]+) ([0-9]+)" % self._nonce.encode())
        passed_over = 0
        while True:
            line = self._receive_line(timeout, what)
            if found := header.fullmatch(line):
                payload = self._receive_exactly(int(found[3]) + 1, timeout, what)[:-1]
                return int(found[1]), Reply(found[2].decode(), payload)
            passed_over += len(line)
            if passed_over > _LONGEST_NOISE:
                raise ServerRefusedError(
                    f"{self._where} sends other text than answers to {what}, beginning with "
                    f"{_text(line[:80])!r}: check what its shell start-up files print"
                )

    def _receive_line(self, timeout: float, what: str) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > _LONGEST_NOISE:
                # Noise without an end of line: keep what may be the start of a frame.
                return bytes(self._take(searched))
            self._receive_more(timeout, what)
        return bytes(self._take(end + 1))[:-1]

    def _receive_exactly(self, count: int, timeout: float, what: str) -> bytes:
        while len(self._buffer) < count:
            self._receive_more(timeout, what)
        return bytes(self._take(count))

    def _take(self, count: int) -> bytearray:
        taken = self._buffer[:count]
        del self._buffer[:count]
        return taken

    def _receive_more(self, timeout: float, what: str) -> None:
        try:
            data = self._stream.receive(_PIECE, timeout)
        except TimeoutError as error:
            raise ConnectionLostError(
                f"{self._where} did not answer {what} within {timeout:g} s"
            ) from error
        if not data:
            raise self._explain_end(what)
        self._buffer += data

    def _explain_end(self, what: str) -> HardwareInterfaceFailureError:
        """Say why the stream ended where an answer was due."""
        words = self._stream.describe_end()
        unheard = _text(bytes(self._buffer[-200:])).strip()
        because = "; ".join(part for part in (words, unheard) if part)
        if what == "the server program" and words:
            # The command itself came to an end, where a broken link would leave no words.
            return ServerRefusedError(
                f"{self._where} could not run /bin/bash, which jobs are managed with: {because}"
            )
        return ConnectionLostError(
            f"the connection to {self._where} ended during {what}"
            + (f": {because}" if because else "")
        )
