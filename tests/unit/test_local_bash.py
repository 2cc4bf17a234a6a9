from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exauq_tui.errors import ConnectionLostError, ServerRefusedError
from exauq_tui.hardware.connection.local_bash import LocalBash, LocalStream

PATIENCE = 20.0


@pytest.fixture
def machine() -> Iterator[LocalBash]:
    transport = LocalBash()
    yield transport
    transport.close()


def read_all(stream: LocalStream) -> bytes:
    data = b""
    while piece := stream.receive(65536, PATIENCE):
        data += piece
    return data


def test_a_command_starts_in_the_home_directory(machine: LocalBash, isolated_home: Path) -> None:
    stream = machine.open_stream("exec /bin/bash -p -s", PATIENCE)
    stream.send(b"pwd; exit\n", PATIENCE)
    assert read_all(stream) == f"{isolated_home}\n".encode()


def test_a_command_starts_where_it_is_told(tmp_path: Path) -> None:
    place = tmp_path / "a 'b' $c"
    place.mkdir()
    assert read_all(LocalBash(place).open_stream("pwd", PATIENCE)) == f"{place}\n".encode()


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerRefusedError, match="gone"):
        LocalBash(tmp_path / "gone").open_stream("pwd", PATIENCE)


def test_a_command_has_a_session_of_its_own(machine: LocalBash) -> None:
    pid = int(read_all(machine.open_stream("echo $$; ps -o sid= -p $$ >&2", PATIENCE)))
    assert pid != os.getsid(0)
    stream = machine.open_stream('[ "$(ps -o sid= -p $$)" -eq $$ ] && echo own', PATIENCE)
    assert read_all(stream) == b"own\n"


def test_what_the_environment_would_have_bash_run_first_is_not_run(
    machine: LocalBash, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "noise").write_text("echo noise\n")
    monkeypatch.setenv("BASH_ENV", str(tmp_path / "noise"))
    assert read_all(machine.open_stream("echo quiet", PATIENCE)) == b"quiet\n"


def test_eight_megabytes_come_back_as_they_were(machine: LocalBash) -> None:
    data = os.urandom(8 << 20)
    stream = machine.open_stream("cat", PATIENCE)
    sender = threading.Thread(target=stream.send, args=(data, PATIENCE))
    sender.start()
    received = bytearray()
    while len(received) < len(data):
        received += stream.receive(1 << 20, PATIENCE)
    sender.join()
    assert received == data


def test_a_silent_stream_times_out_and_stays_good(machine: LocalBash) -> None:
    stream = machine.open_stream("cat", PATIENCE)
    with pytest.raises(TimeoutError):
        stream.receive(1, 0.1)
    stream.send(b"x", PATIENCE)
    assert stream.receive(1, PATIENCE) == b"x"


def test_a_command_that_reads_nothing_does_not_hold_the_sender_for_ever(
    machine: LocalBash,
) -> None:
    stream = machine.open_stream("sleep 60", PATIENCE)
    with pytest.raises(ConnectionLostError, match="took nothing in"):
        stream.send(bytes(1 << 20), 0.2)


def test_the_end_is_told_with_exit_code_and_last_words(machine: LocalBash) -> None:
    stream = machine.open_stream("echo no such luck >&2; exit 7", PATIENCE)
    assert stream.receive(1, PATIENCE) == b""
    assert stream.describe_end() == "exit code 7; it said: no such luck"
    with pytest.raises(ConnectionLostError, match="no such luck"):
        stream.send(b"x", PATIENCE)
    assert machine.open_stream("kill -9 $$", PATIENCE).describe_end() == "killed by signal 9"


def test_much_on_the_standard_error_blocks_nothing(machine: LocalBash) -> None:
    stream = machine.open_stream("head -c 9000000 /dev/zero >&2; echo done; echo end >&2", PATIENCE)
    assert read_all(stream) == b"done\n"
    assert stream.describe_end().endswith("end")


@pytest.mark.parametrize("whole", [False, True], ids=["stream", "transport"])
def test_closing_from_another_thread_ends_a_wait_at_once(machine: LocalBash, whole: bool) -> None:
    stream = machine.open_stream("cat", PATIENCE)
    errors: list[Exception] = []

    def wait() -> None:
        try:
            stream.receive(1, 60)
        except ConnectionLostError as error:
            errors.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.1)
    started = time.monotonic()
    (machine if whole else stream).close()
    waiter.join(PATIENCE)
    assert time.monotonic() - started < 15
    assert len(errors) == 1


def test_a_closed_command_ends_is_reaped_and_leaves_no_descriptor(machine: LocalBash) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    streams = [machine.open_stream("cat", PATIENCE) for _ in range(5)]
    for stream in streams:
        stream.close()
        with pytest.raises(ConnectionLostError):
            stream.receive(1, PATIENCE)
        with pytest.raises(ConnectionLostError):
            stream.send(b"x", PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while children():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_closed_transport_opens_nothing(machine: LocalBash) -> None:
    assert machine.is_open
    machine.close()
    assert not machine.is_open
    with pytest.raises(ConnectionLostError):
        machine.open_stream("cat", PATIENCE)


def children() -> list[str]:
    """Give the names of the commands below this process, zombies as well."""
    table = subprocess.run(
        ["ps", "-o", "comm=", "--ppid", str(os.getpid())],
        check=False,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return [name for name in table if name.startswith(("cat", "bash"))]
