"""The client half of the protocol, against streams that misbehave."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exauq_tui.errors import ConnectionLostError, ServerRefusedError
from exauq_tui.hardware.agent import AgentSession
from exauq_tui.hardware.frames import FrameReader, Reply, decode_field, encode_field, encode_request
from exauq_tui.hardware.server_program import (
    PARTS,
    bootstrap,
    seldom_used_part,
    server_program,
)
from tests.unit.agent_streams import MADE, Script, answering, echo, frame

ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
ANY_PATH = st.binary().map(
    lambda data: data.replace(b"\0", b"/").decode("utf-8", errors="surrogateescape")
)


# Fields and requests


@settings(deadline=None)  # machines that run tests are busy
@given(ANY_TEXT | ANY_PATH)
def test_whatever_a_path_may_hold_is_read_back_as_it_was(text: str) -> None:
    encoded = encode_field(text)
    assert encoded.count(b"\n") == 1
    assert (encoded[:1], encoded[-1:]) == (b"=", b"\n")
    line = encoded[1:-1].decode("utf-8", errors="surrogateescape")
    assert decode_field(line) == text


@settings(deadline=None)  # machines that run tests are busy
@given(st.lists(ANY_TEXT | ANY_PATH))
def test_a_request_says_how_long_it_is_in_bytes(fields: list[str]) -> None:
    head, _, payload = encode_request(7, "verb", fields).partition(b"\n")
    assert head == b"7 verb %d" % len(payload)
    assert payload.count(b"\n") == len(fields)


@pytest.mark.parametrize("text", ["a\0b", "half a character \ud800"])
def test_what_no_path_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ServerRefusedError):
        encode_field(text)


@settings(deadline=None)  # machines that run tests are busy
@given(st.text())
def test_any_line_of_a_reply_can_be_decoded(line: str) -> None:
    decode_field(line)


def test_the_server_program_holds_no_comment_lines_and_names_its_text() -> None:
    program = server_program()
    assert re.match(r"exauq_version=[0-9a-f]{12}\n", program)
    assert not re.search(r"^ *(?:#(?: |$)|$)", program.rstrip("\n"), re.MULTILINE)
    assert len(program) < 60_000  # one packet less is one round trip less at each connection


def functions(program: str) -> str:
    """What Bash makes of a program: all its functions, printed in its own way."""
    command = ["/bin/bash", "-p", "-c", 'eval "$(</dev/stdin)"; declare -f']
    return subprocess.run(command, input=program, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("parts", [PARTS, ["doctor.sh"]], ids=["the program", "a part"])
def test_what_is_left_out_of_the_server_program_changes_nothing(parts: Sequence[str]) -> None:
    scripts = resources.files("exauq_tui.hardware") / "scripts"
    whole = "\n".join((scripts / part).read_text() for part in parts)
    sent = server_program() if parts is PARTS else seldom_used_part(parts[0])
    assert functions(sent) == functions(whole)
    assert functions(sent).count("\nexauq_") >= 10


# A session


@pytest.fixture(autouse=True)
def _no_session_outlives_its_test() -> Iterator[None]:
    yield
    while MADE:
        MADE.pop().close()


@pytest.mark.parametrize("piece", range(1, 40))
def test_frames_may_come_split_at_any_byte(piece: int) -> None:
    session = AgentSession(Script(answering(echo), piece), "there")
    assert session.hello.start_dir == "/home/a b"
    assert session.hello.server_time == 1700000000.5
    assert session.request("ping").fields() == ["answer 1"]
    assert session.request("ping").fields() == ["answer 2"]


@settings(deadline=None)  # it waits for a thread
@given(st.binary(max_size=2000))
def test_noise_before_the_first_frame_is_passed_over(noise: bytes) -> None:
    stream = Script(answering(echo, noise), 7)
    session = AgentSession(stream, "there")
    assert session.request("ping").fields() == ["answer 1"]
    stream.close()


@settings(deadline=None)  # machines that run tests are busy
@given(st.lists(st.binary(max_size=40), max_size=5), st.data())
def test_a_reader_finds_every_frame_however_the_bytes_are_cut(
    payloads: list[bytes], data: st.DataObject
) -> None:
    said = b"".join(
        data.draw(st.sampled_from([b"", b"noise\n", b"EXAUQ 0 0 ok 0\n"])) + frame(b"ab", seq, text)
        for seq, text in enumerate(payloads)
    )
    reader, found = FrameReader("ab"), []
    while said:
        count = data.draw(st.integers(1, len(said)))
        found += reader.feed(said[:count])
        said = said[count:]
    assert found == [(seq, Reply("ok", text)) for seq, text in enumerate(payloads)]
    assert reader.rest == b""


@pytest.mark.parametrize(
    "noise",
    [
        b"Welcome to HPC\n",
        b"EXAUQ 0123456789abcdef 1 ok 3\nbad\n",
        b"EXAUQ \n",
        b"x" * 200_000 + b"\n",
        b"\xff\xfe\0\n",
    ],
)
def test_lines_that_are_not_ours_are_passed_over(noise: bytes) -> None:
    def noisy(seq: int, nonce: bytes) -> bytes:
        return noise + echo(seq, nonce)

    session = AgentSession(Script(answering(noisy)), "there")
    assert session.request("ping").fields() == ["answer 1"]


@pytest.mark.parametrize("head", [b"", b" 1", b" 1 ok", b" 1 ok x", b" 1 ok -4", b" x ok 1"])
def test_a_damaged_frame_is_passed_over_like_noise(head: bytes) -> None:
    def damaged(seq: int, nonce: bytes) -> bytes:
        return b"EXAUQ " + nonce + head + b"\n" + echo(seq, nonce)

    session = AgentSession(Script(answering(damaged)), "there")
    assert session.request("ping").fields() == ["answer 1"]


def test_an_answer_to_an_earlier_request_is_passed_over() -> None:
    session = AgentSession(
        Script(answering(lambda seq, nonce: echo(seq - 1, nonce) + echo(seq, nonce))), "there"
    )
    assert session.request("ping").fields() == ["answer 1"]


@pytest.mark.parametrize("noise", [b"spam " * 100_000, b"spam\n" * 100_000])
def test_endless_noise_is_a_refusal_that_shows_how_it_begins(noise: bytes) -> None:
    with pytest.raises(ServerRefusedError, match=r"spam.*start-up files"):
        AgentSession(Script(lambda *_: noise), "there")


def test_an_answer_that_breaks_off_is_a_lost_connection_wherever_it_does() -> None:
    whole = echo(1, b"0" * 16)
    for length in range(len(whole)):

        def cut(seq: int, nonce: bytes, length: int = length) -> bytes:
            return echo(seq, nonce)[:length]

        stream = Script(answering(cut))
        session = AgentSession(stream, "there")
        sent = threading.Timer(0.01, stream.end)
        sent.start()
        for _ in range(2):
            with pytest.raises(ConnectionLostError, match="connection to there ended"):
                session.request("look", timeout=20.0)
        assert not session.is_open
        sent.join()


def test_an_answer_is_waited_for_longer_while_it_is_the_link_that_is_silent() -> None:
    holds = iter([True, True, False])
    asked: list[bool] = []

    def hold_on() -> bool:
        asked.append(next(holds))
        return asked[-1]

    script = Script(answering(lambda seq, nonce: b""))
    session = AgentSession(script, "alice@hpc1", hold_on=hold_on)
    with pytest.raises(ConnectionLostError, match=r"within 0\.05 s"):
        session.request("look", timeout=0.05)
    assert asked == [True, True, False]


def test_no_answer_in_time_is_a_lost_connection() -> None:
    stream = Script(answering(lambda *_: b""))
    session = AgentSession(stream, "there")
    with pytest.raises(ConnectionLostError, match=r"not answer the request look within 0\.2 s"):
        session.request("look", timeout=0.2)
    assert not session.is_open


def test_a_field_that_cannot_be_sent_leaves_the_session_good() -> None:
    session = AgentSession(Script(answering(lambda seq, nonce: echo(2, nonce))), "there")
    with pytest.raises(ServerRefusedError):
        session.request("look", ["a\0b"])
    assert session.is_open
    assert session.request("look").fields() == ["answer 2"]


def test_a_request_that_is_interrupted_ends_the_session() -> None:
    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    stream = Script(answering(interrupted))
    session = AgentSession(stream, "there")
    with pytest.raises(KeyboardInterrupt):
        session.request("look")
    assert stream.closed


def test_a_command_that_could_not_be_started_is_a_refusal_with_its_last_words() -> None:
    stream = Script(lambda *_: b"")
    stream.unsendable = True
    stream.end()
    stream.words = "exit code 127: /bin/bash: not found"
    with pytest.raises(ServerRefusedError, match=r"could not run /bin/bash.*not found"):
        AgentSession(stream, "there")


@pytest.mark.parametrize(
    ("version", "words"), [(b"3.2.57(1)-release", r"Bash 3\.2\.57"), (b"", "another shell")]
)
def test_a_bash_that_is_too_old_is_named(version: bytes, words: str) -> None:
    def too_old(data: bytes, nonce: bytes) -> bytes:
        return b"\n" + frame(nonce, 0, version, b"oldbash")

    with pytest.raises(ServerRefusedError, match=words + ".*4.1 or newer"):
        AgentSession(Script(too_old), "there")


def test_a_request_of_another_thread_waits_for_its_turn() -> None:
    session = AgentSession(Script(answering(echo)), "there")
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.extend(session.request("ping").fields()))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(answers) == sorted(f"answer {number}" for number in range(1, 21))


@pytest.mark.parametrize("shell", ["dash", "busybox sh", "bash --posix", "bash"])
def test_the_first_line_is_understood_by_any_shell(shell: str) -> None:
    words = shell.split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed: its understanding of the first line is UNTESTED")
    done = subprocess.run(
        [*words, "-s"], input=bootstrap("abc123"), capture_output=True, timeout=30, check=False
    )
    assert done.stderr == b""
    if words[0] == "bash":
        assert b"\nEXAUQ abc123 0 ok " in done.stdout
    else:
        assert done.stdout == b"\nEXAUQ abc123 0 oldbash 0\n\n"


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ("3.2.57(1)-release", False),
        ("4.0.44(1)-release", False),
        ("4.1.2(1)-release", True),
        ("4.4.20(1)-release", True),
        ("5.0.17(1)-release", True),
        ("5.3.0(1)-release", True),
        ("10.0.0(1)-release", True),
    ],
)
def test_bash_is_taken_from_4_1_on(version: str, good: bool) -> None:
    # Another shell, which believes it is that Bash: the check is all that it understands.
    shell = next((name for name in ("dash", "busybox") if shutil.which(name)), None)
    if shell is None:
        pytest.skip("neither dash nor busybox is installed: the version check is UNTESTED")
    line = (
        bootstrap("abc123")
        .lstrip()
        .split(b"\n", 1)[0]
        .replace(b"IFS= read", b"echo good; IFS= read")
    )
    done = subprocess.run(
        [shell, *(["sh"] if shell == "busybox" else []), "-s"],
        input=f"BASH_VERSION='{version}'\n".encode() + line + b"\n",
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (b"good" in done.stdout) == good
    assert (b"oldbash %d\n%s\n" % (len(version), version.encode()) in done.stdout) != good
