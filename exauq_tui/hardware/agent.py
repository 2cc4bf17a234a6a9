"""A conversation with the agent, the server program on one server, over a stream."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Sequence

from exauq_tui.errors import (
    ConnectionLostError,
    HardwareInterfaceFailureError,
    ServerRefusedError,
    SessionEndedError,
)
from exauq_tui.hardware.connection.transport import ByteStream
from exauq_tui.hardware.frames import (
    LONGEST_NOISE,
    FrameReader,
    Hello,
    Reply,
    decode_text,
    encode_request,
    printable,
)
from exauq_tui.hardware.server_program import bootstrap

_LIKELY = (
    ": perhaps a start-up file of the account reads what is meant for the program, "
    "or the server is very slow"
)
_PIECE = 256 * 1024
_LISTEN = 60.0
_VERDICT = 2.0
_LONGEST_HOLD = 300.0


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
        settings: What the agent is told (see `server_program.settings_of`).

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
        settings: str = "",
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
                self._send(bootstrap(self._nonce, settings), timeout)
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
            version = decode_text(reply.payload).strip()
            found = f"Bash {version}" if version else "another shell than Bash"
            raise ServerRefusedError(
                f"{self._where} has {found} as /bin/bash: Bash 4.1 or newer is needed there"
            )
        if reply.status != "ok":
            raise ServerRefusedError(f"{self._where}: {decode_text(reply.payload)}")
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
        if self._frames.passed_over > LONGEST_NOISE:
            raise ServerRefusedError(
                f"{self._where} sends other text than answers, beginning with "
                f"{decode_text(self._frames.noise)!r}: check what its shell start-up files print"
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
            said = printable(self._frames.noise + self._frames.rest[:200])
            return ServerRefusedError(
                f"{self._where} could not run /bin/bash, which jobs are managed with: {words}"
                + (f"; it printed: {said}" if said else "")
                + ". Check that Bash is installed there, that the account's login shell may run "
                "programs, and what its start-up files do"
            )
        unheard = printable(self._frames.rest[-200:])
        because = "; ".join(part for part in (words, unheard) if part)
        return SessionEndedError(
            f"the connection to {self._where} ended" + (f": {because}" if because else "")
        )
