"""Lines from a TCP server and a serial port: their values, and the grid that their arrival gives."""

from __future__ import annotations

import itertools
import os
import random
import socket
import time
import tty
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.clock import NS
from ingest.agent import lines
from ingest.agent.blocks import Piece
from ingest.agent.config import LineSourceConfig
from ingest.agent.lines import LineBlockMaker, LinePort, checksum_agrees, open_serial, read_line
from tests.conftest import free_port
from tests.waiting import PATIENCE, wait_for

DT = NS // 10
SOURCE = LineSourceConfig(
    "ec", "block", ("u", "w"), DT, NS, 1e9, "", 0, "127.0.0.1", 1, ("", "u", "w"), ",", ("-99",), 1.0
)
T0 = 1_782_900_000 * NS


def made(arrivals: list[int], source: LineSourceConfig = SOURCE) -> list[Piece]:
    maker = LineBlockMaker(source)
    return [piece for i, arrival in enumerate(arrivals) for piece in maker.add([i, -i], arrival)] + maker.finish()


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (b"Q,1.5,-2", [1.5, -2.0]),
        (b"\x02Q,+001.50, -2.0\x03", [1.5, -2.0]),
        (b"Q,,NAN", [np.nan, np.nan]),
        (b"Q,-99,3", [np.nan, 3.0]),
        (b"Q,1.5", None),
        (b"Q,1.5,2,3", None),
        (b"Q,1.5,x", None),
        (b"Q,1.5,\xff", None),
        (b"", None),
    ],
)
def test_a_line_is_read(line: bytes, values: list[float] | None) -> None:
    np.testing.assert_equal(read_line(line, SOURCE), values)


@pytest.mark.parametrize(
    ("line", "agrees"),
    [
        # worked out by hand: 'A' ^ 'B' = 41 ^ 42 = 03
        (b"\x02AB\x0303", True),
        (b"\x02AB\x0304", False),
        (b"\x02AC\x03 02", True),
        (b"\x02AB\x03", None),
        (b"AB\x0303", None),
        (b"Q,1,2,3", None),
        (b"", None),
    ],
)
def test_the_checksum_behind_etx(line: bytes, agrees: bool | None) -> None:
    assert checksum_agrees(line) is agrees


def gill(u: float, w: float, damage: bytes = b"") -> bytes:
    body = f"Q,{u:+08.3f},{w:+08.3f},".encode()
    digits = 0
    for byte in body:
        digits ^= byte
    return b"\x02" + (damage or body) + b"\x03%02X\r\n" % digits


def test_a_damaged_line_is_a_missing_sample() -> None:
    """One digit changed on the way, a letter, a lost field: each keeps its place in the block."""
    source = replace(SOURCE, fields=("", "u", "w", ""))
    server = socket.create_server(("127.0.0.1", 0))
    port = LinePort(replace(source, port=server.getsockname()[1]))
    port.poll()
    peer, _ = server.accept()
    damaged = {3: b"Q,+903.000,-003.000,", 5: b"Q,+00x.000,-005.000,", 7: b"Q,+007.000-007.000,"}
    peer.sendall(b"\r\nmenu\r\n" + b"".join(gill(i, -i, damaged.get(i, b"")) for i in range(10)))
    pieces = poll_until(port, 10)
    port.finish()
    peer.close()
    server.close()
    u = np.concatenate([piece.samples[0] for piece in pieces])
    expected = [np.nan if i in damaged else float(i) for i in range(10)]
    np.testing.assert_equal(u.tolist(), expected)
    assert port.bad_lines == 4  # and what is no sample at all


def test_digits_that_never_agree_are_another_maker_s() -> None:
    port = LinePort(replace(SOURCE, fields=("", "u", "w", "")))
    assert port._values(b"\x02Q,1,2,\x0300") == [1.0, 2.0]


def test_blanks_separate() -> None:
    assert read_line(b"  a 1   2.5 ", replace(SOURCE, separator=" ")) == [1.0, 2.5]


def test_lines_on_time_keep_the_grid() -> None:
    pieces = made([T0 + (i + 1) * DT for i in range(35)])
    assert [piece.start_ns for piece in pieces] == [T0, T0 + NS, T0 + 2 * NS, T0 + 3 * NS]
    assert [piece.n for piece in pieces] == [10, 10, 10, 5]
    assert np.concatenate([piece.samples[0] for piece in pieces]).tolist() == list(range(35))


def test_late_arrivals_do_not_move_the_grid() -> None:
    """A serial server sends what it has every 300 ms, and up to 20 ms late: two lines of three are late."""
    chance = random.Random(2)
    arrivals = [T0 + -(-(i + 1) // 3) * 3 * DT + round(chance.uniform(0, 0.02) * NS) for i in range(999)]
    pieces = made(sorted(arrivals))
    assert sum(piece.n for piece in pieces) == 999
    assert all(0 <= piece.start_ns - (T0 + i * NS) <= 20_000_000 for i, piece in enumerate(pieces))


def test_an_instrument_with_another_clock_is_followed() -> None:
    """10.001 samples a second for a quarter of an hour: one more than declared, none lost, time right to 20 ms."""
    step = NS / 10.001
    count = 9000
    pieces = made([round(T0 + (i + 1) * step) for i in range(count)])
    assert sum(piece.n for piece in pieces) == count
    truth = [T0 + i * 10 * step for i in range(len(pieces))]
    assert max(abs(piece.start_ns - true) for piece, true in zip(pieces, truth, strict=True)) < 20_000_000
    assert all(later.start_ns > sooner.start_ns for sooner, later in itertools.pairwise(pieces))


def test_lost_lines_move_the_next_block_to_its_place() -> None:
    arrivals = [T0 + (i + 1) * DT for i in range(30) if i not in (12, 13, 14)]
    pieces = made(arrivals)
    assert [piece.start_ns - T0 for piece in pieces] == [0, NS, NS + 13 * DT]
    assert [piece.n for piece in pieces] == [10, 10, 7]


def test_a_silence_begins_a_new_block() -> None:
    arrivals = [T0 + (i + 1) * DT for i in (*range(14), *range(44, 60))]
    pieces = made(arrivals)
    assert [(piece.start_ns - T0, piece.n) for piece in pieces] == [
        (0, 10),
        (NS, 4),
        (44 * DT, 10),
        (54 * DT, 6),
    ]


def test_a_burst_after_a_stall_is_put_back_to_its_times() -> None:
    arrivals = [T0 + (i + 1) * DT if not 10 <= i < 40 else T0 + 41 * DT for i in range(60)]
    pieces = made(arrivals)
    assert sum(piece.n for piece in pieces) == 60
    assert abs(pieces[-1].start_ns - (T0 + 50 * DT)) < DT


def test_slow_lines_are_readings_on_the_grid() -> None:
    slow = replace(SOURCE, kind="reading", dt_ns=60 * NS, block_ns=60 * NS)
    pieces = made([T0 + 60 * NS + 300_000_000, T0 + 120 * NS - 200_000_000], slow)
    assert [(piece.start_ns - T0, piece.n) for piece in pieces] == [(0, 1), (60 * NS, 1)]


def poll_until(port: LinePort, count: int) -> list[Piece]:
    pieces: list[Piece] = []

    def enough() -> bool:
        pieces.extend(port.poll())
        return sum(piece.n for piece in pieces) >= count

    wait_for(enough)
    return pieces


def test_a_tcp_server_that_comes_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MIN_RETRY_SECONDS", 0.05)
    number = free_port()
    port = LinePort(replace(SOURCE, port=number))
    assert port.poll() == []  # nobody is there
    pieces: list[Piece] = []
    for part in range(2):
        with socket.create_server(("127.0.0.1", number)) as server:
            server.settimeout(PATIENCE)
            while port.fileno() < 0:
                port.poll()
                time.sleep(0.01)
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"7,8\r\n")  # the second half of a line
                text = b"".join(b"Q,%d,0\r\n" % (10 * part + i) for i in range(10))
                for at in range(0, len(text), 17):
                    connection.sendall(text[at : at + 17])
                pieces += poll_until(port, 10)
        while port.fileno() >= 0:
            pieces += port.poll()
    assert np.concatenate([piece.samples[0] for piece in pieces]).tolist() == list(range(20))
    assert port.bad_lines == 0
    pieces = port.finish()
    assert port.fileno() == -1


def test_a_serial_port() -> None:
    ours, theirs = os.openpty()
    tty.setraw(ours)
    device = os.ttyname(theirs)
    port = LinePort(replace(SOURCE, device=device, baud=115_200))
    assert port.poll() == []
    os.write(ours, b"half,1\nQ,1,2\rQ,3,4\r\nrubbish\nQ,")
    deadline = time.monotonic() + PATIENCE
    while not port.bad_lines:
        assert time.monotonic() < deadline
        assert port.poll() == []
    os.write(ours, b"5,6\n" + b"x" * 5000 + b"\nQ,7,8\n")
    time.sleep(0.1)
    for _ in range(5):
        port.poll()
    (piece,) = port.finish()
    assert piece.samples.tolist() == [[1, 3, 5, 7], [2, 4, 6, 8]]
    os.close(ours)
    os.close(theirs)


def test_what_is_no_serial_port_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="is no serial port"):
        open_serial(str(tmp_path / "file"), 9600)
    with pytest.raises(OSError, match="no speed of 9601 baud"):
        open_serial("/dev/null", 9601)
    port = LinePort(replace(SOURCE, device=str(tmp_path / "nothing"), baud=9600))
    assert port.poll() == []
    assert port.poll() == []
    assert caplog.text.count("No such file") == 1


def test_silence_sends_what_waits() -> None:
    ours, theirs = os.openpty()
    tty.setraw(ours)
    port = LinePort(replace(SOURCE, device=os.ttyname(theirs), baud=9600, flush_seconds=0.05))
    port.poll()
    os.write(ours, b"\nQ,1,2\n")
    (piece,) = poll_until(port, 1)
    assert piece.samples.tolist() == [[1], [2]]
    port.finish()
    os.close(ours)
    os.close(theirs)
