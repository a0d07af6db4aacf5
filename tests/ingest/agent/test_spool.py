"""The spool keeps exactly the blocks that are not covered, whatever dies."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import NS
from core.records import Reading, SampleBlock
from core.settings import ROOT
from core.statements import read_statements
from ingest.agent.blocks import Piece, SentTimes
from ingest.agent.file_position import FilePosition
from ingest.agent.spool import Spool
from ingest.collector.watermark import Watermark, summarise
from ingest.payloads import MessageSource, decode
from tests.ingest.agent.making import START, source

FOLDER = Path("/nowhere")
EC = source(FOLDER)
MET = replace(source(FOLDER, rate=1 / 60, kind="reading"), stream="met")
LARGE_SPOOL_BYTES = 1 << 30


def open_spool(path: Path, max_bytes: int = LARGE_SPOOL_BYTES, *, compress: bool = False) -> Spool:
    return Spool(path, "cn-x", ["ec", "met"], max_bytes, compress=compress)


def piece(number: int, n: int = 10, position: FilePosition | None = None) -> Piece:
    samples = np.full((2, n), number, np.float32)
    return Piece(START + number * NS, NS // 10, samples, position)


def spooled(spool: Spool, stream: str = "ec") -> list[int]:
    seqs, after = [], -1
    while (block := spool.next_after(stream, after)) is not None:
        seqs.append(after := block.seq)
    return seqs


def test_every_statement_is_used() -> None:
    code = (ROOT / "ingest" / "agent" / "spool.py").read_text(encoding="utf-8")
    assert [name for name in read_statements("ingest.agent", "spool.sql") if f'"{name}"' not in code] == []


@pytest.mark.parametrize("compress", [True, False])
def test_what_is_kept_is_what_is_published(tmp_path: Path, compress: bool) -> None:
    spool = open_spool(tmp_path / "s.db", compress=compress)
    assert spool.put(EC, [piece(3), piece(4, n=7)]) == [0, 1]
    block = spool.read("ec", 1)
    assert block is not None
    (record,) = decode(MessageSource("cn-x", "ec", "block"), block.message, START)
    assert isinstance(record, SampleBlock)
    assert (record.seq, record.run, record.start_ns, record.dt_ns) == (1, spool.run, START + 4 * NS, NS // 10)
    assert record.channels == ("u", "w")
    np.testing.assert_array_equal(record.samples, piece(4, n=7).samples)
    one = Piece(START, MET.dt_ns, np.array([[21.3], [np.nan]], np.float32))
    assert spool.put(MET, [one]) == [0]
    block = spool.read("met", 0)
    assert block is not None
    assert b"21.3," in block.message
    (reading,) = decode(MessageSource("cn-x", "met", "reading"), block.message, START)
    assert isinstance(reading, Reading)
    assert (reading.seq, reading.run, reading.time_ns) == (0, spool.run, START)
    assert reading.values["u"] == 21.3
    assert np.isnan(reading.values["w"])
    assert spool.read("ec", 2) is None
    spool.close()


def test_positions_and_sent_times_come_back(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "s.db")
    run = spool.run
    position = FilePosition("abc", 1234, 77)
    spool.put(EC, [piece(0), piece(1), piece(5, position=FilePosition("abc", 99, 1))])
    spool.put(EC, [piece(2, n=0, position=position)])
    assert spooled(spool) == [0, 1, 2]
    spool.close()
    spool = open_spool(tmp_path / "s.db")
    assert spool.run == run
    assert spool.position("ec", "abc") == position
    assert spool.position("ec", "abd") is spool.position("met", "abc") is None
    assert spool.sent_times("ec").all() == [(START, START + 2 * NS), (START + 5 * NS, START + 6 * NS)]
    assert spool.sent_times("met").all() == []
    assert spool.put(EC, [piece(6)]) == [3]
    spool.close()


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=40))
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sent_times_on_disk_and_in_memory_are_the_union(
    tmp_path_factory: pytest.TempPathFactory, stretches: list[tuple[int, int]]
) -> None:
    spool = open_spool(tmp_path_factory.mktemp("spool") / "s.db")
    sent = SentTimes()
    slots: set[int] = set()
    for first, count in stretches:
        spool.put(EC, [Piece(first, 1, np.zeros((2, count), np.float32))])
        sent.add(first, first + count)
        slots.update(range(first, first + count))
    assert {slot for slot in range(100) if slot in sent} == slots
    assert spool.sent_times("ec").all() == sent.all()
    edges = [edge for span in sent.all() for edge in span]
    assert edges == sorted(set(edges))
    spool.close()


@given(st.data())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_put_watermark_and_restart_keeps_what_is_not_covered(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("spool") / "s.db"
    spool = open_spool(path)
    made: dict[str, int] = {"ec": 0, "met": 0}
    uncovered: dict[str, set[int]] = {"ec": set(), "met": set()}
    committed: dict[str, set[int]] = {"ec": set(), "met": set()}
    try:
        for _ in range(data.draw(st.integers(1, 12))):
            stream = data.draw(st.sampled_from(["ec", "met"]))
            action = data.draw(st.sampled_from(["put", "put", "cover", "stranger", "restart", "refused"]))
            if action == "put":
                count = data.draw(st.integers(1, 15))
                pieces = [replace(piece(made[stream] + i, n=1), dt_ns=NS) for i in range(count)]
                seqs = spool.put(EC if stream == "ec" else MET, pieces)
                assert seqs == list(range(made[stream], made[stream] + count))
                made[stream] += count
                uncovered[stream].update(seqs)
            elif action == "cover" and made[stream]:
                committed[stream] |= set(data.draw(st.lists(st.integers(0, made[stream] - 1))))
                watermark = summarise(spool.run, [(seq, seq) for seq in sorted(committed[stream])])
                if watermark is not None:
                    assert spool.forget_committed(stream, watermark) == len(uncovered[stream] & committed[stream])
                    uncovered[stream] -= committed[stream]
            elif action == "stranger":
                assert spool.forget_committed(stream, Watermark(spool.run + 1, 1000)) == 0
            elif action == "restart":
                spool.close()
                spool = open_spool(path)
            elif action == "refused":
                with pytest.raises(OverflowError):
                    spool.put(EC, [piece(1), Piece(2**70, 1, np.zeros((2, 1), np.float32))])
            for name, seqs_left in uncovered.items():
                assert spooled(spool, name) == sorted(seqs_left)
    finally:  # also where hypothesis gives an example up
        spool.close()


def test_a_full_spool_drops_the_oldest_and_counts_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = open_spool(tmp_path / "s.db", max_bytes=1 << 20)
    for number in range(400):
        spool.put(EC, [piece(number, n=1000)])
    left = spooled(spool)
    assert left == list(range(left[0], 400))
    assert 80 < len(left) < 128  # 8 kB each in a mebibyte
    assert spool.waiting()["ec"] == (len(left), START + left[0] * NS, 400 - len(left))
    assert spool.used_bytes <= 1 << 20
    assert spool.is_half_full
    assert (tmp_path / "s.db").stat().st_size <= 1 << 20
    assert "raise max_spool_bytes" in caplog.text
    spool.forget_committed("ec", Watermark(spool.run, 399))
    assert not spool.is_half_full
    spool.close()


def test_a_second_agent_is_kept_out(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "s.db")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        open_spool(tmp_path / "s.db")
    spool.close()


@pytest.mark.parametrize("damage", [b"no database at all" * 1000, b"\0" * 8192])
def test_a_damaged_spool_is_put_aside(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(damage)
    spool = open_spool(path)
    assert spool.put(EC, [piece(0)]) == [0]
    assert len(list(tmp_path.glob("s.db.damaged-*"))) == 1
    spool.close()


WRITER = """
import sys
from pathlib import Path
from tests.ingest.agent.test_spool import EC, FilePosition, open_spool, piece
spool = open_spool(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 1_000_000):
    (seq,) = spool.put(EC, [piece(number, position=FilePosition("f", number, 0))])
    print(number, seq, flush=True)
"""


def test_a_killed_writer_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Block and position are one: what was printed is there, and what is there has its position."""
    path = tmp_path / "s.db"
    following = 0
    chance = random.Random(1)
    for _ in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(following)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            printed = writer.stdout.readline()
            time.sleep(chance.uniform(0, 0.2))
            os.kill(writer.pid, signal.SIGKILL)
            printed += writer.stdout.read()
        whole, _, _ = printed.rpartition("\n")  # the kill may tear the line that is being printed
        last_number, last_seq = (int(word) for word in whole.splitlines()[-1].split())
        spool = open_spool(path)
        left = spooled(spool)
        position = spool.position("ec", "f")
        assert position is not None
        assert left == list(range(position.offset + 1))
        assert last_number == last_seq
        assert position.offset in (last_number, last_number + 1)
        following = position.offset + 1
        spool.close()
