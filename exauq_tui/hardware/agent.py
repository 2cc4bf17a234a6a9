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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from exauq_tui.errors import (
    ConnectionLostError,
    HardwareInterfaceFailureError,
    ServerRefusedError,
    SessionEndedError,
)
from exauq_tui.hardware.connection.transport import ByteStream

RECORDER_PARTS = ("core.sh", "lock.sh", "slots.sh", "runner.sh")
"""The parts that run once per job."""

PARTS = (
    *RECORDER_PARTS,
    *("judge.sh", "repair.sh", "tidy.sh", "stop.sh", "toolbox.sh", "workspace.sh"),
    *("submit.sh", "verbs.sh", "watch.sh", "agent.sh", "main.sh"),
)
"""The parts of the server program, in the order in which they are joined."""

RECORDER_END = ": the recorder ends here"
"""The line after the recorder's parts: the agent cuts its copy of them there."""

COMMAND = "exec /bin/bash -p -s"
"""What the login shell is asked to run: words that every shell understands alike.

``-p`` keeps Bash from importing functions and start-up files from the environment.
"""

_LIKELY = (
    ": perhaps a start-up file of the account reads what is meant for the program, "
    "or the server is very slow"
)
_PIECE = 256 * 1024
_LONGEST_NOISE = 256 * 1024
_LISTEN = 60.0
_VERDICT = 2.0
_LONGEST_HOLD = 300.0
_FOR_START_UP_FILES = b"\n" * 8
"""Lines for those start-up files that ask something: an empty one is an answer, and no command."""

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


def _printable(data: bytes) -> str:
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
    """Read a part. Whole-line comments go, but only those that no quoted text can hold."""
    path = resources.files("exauq_tui.hardware") / "scripts" / part
    comments = ("# ", "    # ", "        # ", "            # ")
    lines = path.read_text(encoding="ascii").splitlines()
    return [line for line in lines if line and not line.startswith(comments)]


def bootstrap(nonce: str) -> bytes:
    """Give the first bytes for a Bash that reads its commands from the connection.

    The first line that says something is plain POSIX: where another shell stands as /bin/bash
    it has to say so.
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
    return _FOR_START_UP_FILES + line.encode("ascii") + program


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
        if len(self._buffer) > _LONGEST_NOISE:
            self._pass_over(bytes(self._buffer))
            self._buffer.clear()
        self._searched = len(self._buffer)
        return False

    def _pass_over(self, noise: bytes) -> None:
        self.passed_over += len(noise)
        self.noise = (self.noise + noise)[:80]


class AgentSession:
    """A conversation with the agent on one server; safe to share between threads.

    A thread of its own reads what the server sends: answers go to the requests that wait for
    them, and news that the server sends unasked is kept for `take_pushes`. After any error the
    session is closed: a new one asks the server afresh.

    Args:
        stream: Where a Bash waits for commands.
        where: The server, for messages, such as ``alice@hpc1``.
        timeout: How long the agent may take to introduce itself, in seconds.
        hold_on: Tells whether an answer that is overdue is to be waited for: where it is the
            link that is silent, that is given up in its own time.
        on_news: Called from the reading thread after each push, and at the session's end.

    Raises:
        ConnectionLostError: The stream broke or nothing came in time.
        ServerRefusedError: There is no usable Bash on the server.
    """

    def __init__(
        self,
        stream: ByteStream,
        where: str,
        timeout: float = 30.0,
        on_news: Callable[[], None] | None = None,
        hold_on: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hold_on = hold_on
        self._stream = stream
        self._where = where
        self._on_news = on_news
        self._nonce = secrets.token_hex(8)
        self._frames = FrameReader(self._nonce)
        self._seq = 0
        self._sending = threading.Lock()
        # Guards what follows; notified when a reply came or the session ended.
        self._news = threading.Condition()
        self._replies: dict[int, Reply] = {}
        self._expected: set[int] = {0}
        self._pushes: list[bytes] = []
        self._end: HardwareInterfaceFailureError | None = None
        self._heard = self._begun = self._last = time.monotonic()
        self.pushed_at = self._begun
        self.latency: float | None = None
        self._reader = threading.Thread(target=self._read, name=f"agent-{where}", daemon=True)
        self._reader.start()
        try:
            # A command that ended at once takes nothing in, but has said why.
            with contextlib.suppress(ConnectionLostError):
                self._send(bootstrap(self._nonce), timeout)
            self.hello = self._greeted(self._await(0, timeout, "the server program"))
            # What start-up files printed before.
            self.noise = (self._frames.passed_over, self._frames.noise)
        except BaseException:
            self.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether requests can (as far as is known) be made."""
        return self._end is None

    @property
    def was_ended(self) -> bool:
        """Whether the server ended the session, as opposed to us or a silence."""
        return isinstance(self._end, SessionEndedError)

    @property
    def lasted(self) -> float:
        """For how many seconds the session has lasted, or did last."""
        return (time.monotonic() if self._end is None else self._last) - self._begun

    @property
    def silence(self) -> float:
        """For how many seconds nothing was heard from the server."""
        return time.monotonic() - self._heard

    def close(self) -> None:
        """End the session; callable from any thread, a waiting request fails at once."""
        self._ended(ConnectionLostError(f"the connection to {self._where} was closed here"))
        self._stream.close()

    def take_pushes(self) -> list[bytes]:
        """Take the news that the server sent unasked, oldest first.

        Raises:
            ConnectionLostError: There is none, and there will be none: the session ended.
        """
        with self._news:
            pushes, self._pushes = self._pushes, []
            if not pushes and self._end is not None:
                raise self._end
            return pushes

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
        with self._news:
            if self._end is not None:
                raise self._end
            self._seq += 1
            seq = self._seq
        frame = encode_request(seq, verb, fields)
        try:
            with self._news:
                self._expected.add(seq)
            begun = time.monotonic()
            with self._sending:
                self._send_or_learn_why_not(frame, timeout)
            reply = self._await(seq, timeout, f"the request {verb}")
            took = time.monotonic() - begun
            self.latency = took if self.latency is None else min(took, self.latency)
            return reply
        except BaseException:
            # Also ctrl+C: half a request would swallow the next one.
            self.close()
            raise

    def _greeted(self, reply: Reply) -> Hello:
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

    def _send_or_learn_why_not(self, data: bytes, timeout: float) -> None:
        try:
            self._send(data, timeout)
        except ConnectionLostError:
            # Where the server ended the session, the reading thread is about to know it.
            with self._news:
                self._news.wait_for(lambda: self._end is not None, _VERDICT)
                if self._end is not None:
                    raise self._end from None
            raise

    def _await(self, seq: int, timeout: float, what: str) -> Reply:
        """Wait for one answer; as long as bytes come, there is no reason to give up."""
        begun = asked = time.monotonic()
        with self._news:
            while seq not in self._replies:
                if self._end is not None:
                    raise self._end
                left = max(self._heard, asked) + timeout - time.monotonic()
                silence = time.monotonic() - max(self._heard, begun)
                if left <= 0 and silence < _LONGEST_HOLD and self._hold_on():
                    asked = time.monotonic()
                    continue
                if left <= 0:
                    self._expected.discard(seq)
                    hint = "" if seq else _LIKELY
                    raise ConnectionLostError(
                        f"{self._where} did not answer {what} within {timeout:g} s{hint}"
                    )
                self._news.wait(left)
            self._expected.discard(seq)
            return self._replies.pop(seq)

    # The reading thread

    def _read(self) -> None:
        try:
            while self._end is None:
                try:
                    data = self._stream.receive(_PIECE, _LISTEN)
                except TimeoutError:
                    continue
                if not data:
                    self._ended(self._explain_end())
                    break
                self._take(data)
        except HardwareInterfaceFailureError as error:
            self._ended(error)
        self._stream.close()

    def _take(self, data: bytes) -> None:
        pushed = False
        frames = self._frames.feed(data)
        with self._news:
            self._heard = time.monotonic()
            for seq, reply in frames:
                if reply.status == "push":
                    self._pushes.append(reply.payload)
                    self.pushed_at = self._heard
                    pushed = True
                elif seq in self._expected:
                    self._replies[seq] = reply
            self._news.notify_all()
        if self._frames.passed_over > _LONGEST_NOISE:
            raise ServerRefusedError(
                f"{self._where} sends other text than answers, beginning with "
                f"{_text(self._frames.noise)!r}: check what its shell start-up files print"
            )
        if pushed and self._on_news is not None:
            self._on_news()

    def _ended(self, error: HardwareInterfaceFailureError) -> None:
        """Keep the first reason for the end, and tell everybody who waits."""
        with self._news:
            if self._end is not None:
                return
            self._end = error
            self._last = time.monotonic()
            self._news.notify_all()
        if self._on_news is not None:
            self._on_news()

    def _explain_end(self) -> HardwareInterfaceFailureError:
        """Say why the stream ended where it should have gone on."""
        words = self._stream.describe_end()
        if 0 in self._expected and words:
            # The command itself came to an end, where a broken link would leave no words.
            said = _printable(self._frames.noise + self._frames.rest[:200])
            return ServerRefusedError(
                f"{self._where} could not run /bin/bash, which jobs are managed with: {words}"
                + (f"; it printed: {said}" if said else "")
                + ". Check that Bash is installed there, that the account's login shell may run "
                "programs, and what its start-up files do"
            )
        unheard = _printable(self._frames.rest[-200:])
        because = "; ".join(part for part in (words, unheard) if part)
        return SessionEndedError(
            f"the connection to {self._where} ended" + (f": {because}" if because else "")
        )
