"""What became of each byte of a followed file: by hand, through restarts, in the spool and in the status."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.clock import NS
from ingest.agent import files
from ingest.agent.config import AgentConfig
from ingest.agent.file_account import BLANK, FILLED, NO_RECORD, FollowedAccount
from ingest.agent.sender import Sender
from ingest.agent.source_reader import SourceReader
from ingest.agent.spool import Spool
from ingest.agent.status import Status
from tests.ingest.agent.following import Station, append
from tests.ingest.agent.making import START, expected, header, row, rows, source

SWAPPED = header().replace(b'"u","w","note"', b'"w","u","note"')
LACKING = header().replace(b'"u","w","note"', b'"u","x","note"')
BEHIND = "behind a new header: no column 'w'; it has RECORD, u, x, note: correct `columns` or `pattern`"
PARTS = (
    header(),  # lines 1 to 4
    rows(0, 12),  # to 16
    b"what no logger writes\r\n",  # 17
    b"\0" * 64 + b"\r\n",  # 18
    b"\r\n",  # 19
    rows(12, 3),  # to 22
    rows(5, 2),  # again, to 24
    SWAPPED,  # to 28
    rows(15, 3),  # to 31
    LACKING,  # to 35
    rows(18, 2),  # to 37
    row(START + 2 * NS)[:-9],  # not yet written to its end
)
TEXT = b"".join(PARTS)
WHOLE = len(TEXT) - len(PARTS[-1])


@pytest.fixture(autouse=True)
def always_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files change faster here than the clock of the file system ticks."""
    monkeypatch.setattr(files, "RESCAN_SECONDS", -1.0)


def account_in(station: Station) -> FollowedAccount:
    (position,) = station.positions.values()
    assert position.account is not None
    assert position.offset == WHOLE
    return position.account


def assert_as_counted_by_hand(account: FollowedAccount) -> None:
    told = account.as_json(WHOLE)
    assert told == {
        "file": "ts.dat",
        "bytes": WHOLE,
        "records": 12 + 1 + 3 + 2 + 3 + 2,
        "used": 12 + 3 + 3,
        "repeated": 2,
        "left_out": [
            {"reason": NO_RECORD, "line": 17, "records": 1, "bytes": 23},
            {"reason": FILLED, "line": 18, "records": 0, "bytes": 66},
            {"reason": BLANK, "line": 19, "records": 0, "bytes": 2},
            {"reason": BEHIND, "line": 36, "records": 2, "bytes": len(PARTS[10])},
        ],
        "balanced": True,
    }
    assert account.header_bytes == len(PARTS[0]) + len(PARTS[7]) + len(PARTS[9])
    assert account.record_bytes == sum(len(PARTS[i]) for i in (1, 5, 6, 8))
    assert (account.lines, account.bytes) == (37, WHOLE)


def test_every_byte_of_a_damaged_file_is_accounted_for(tmp_path: Path) -> None:
    station = Station(tmp_path)
    (tmp_path / "ts.dat").write_bytes(TEXT)
    station.finish()
    assert_as_counted_by_hand(account_in(station))


@pytest.mark.parametrize("step", [61, 257, 700])
def test_restarts_anywhere_count_nothing_twice(tmp_path: Path, step: int) -> None:
    """A file that grows by pieces, with the agent killed after each: what waited is read again, also half a header."""
    station = Station(tmp_path)
    for begin in range(0, len(TEXT), step):
        append(tmp_path / "ts.dat", TEXT[begin : begin + step])
        station.poll()
        station.start()
    station.finish()
    assert_as_counted_by_hand(account_in(station))


@pytest.mark.parametrize("stop", [len(TEXT) // 4, len(TEXT) // 2, len(b"".join(PARTS[:7])) + 90, WHOLE - 3])
def test_a_restart_after_an_orderly_end_goes_on(tmp_path: Path, stop: int) -> None:
    """The end sends what waits, so that the position may lie within a header."""
    station = Station(tmp_path)
    (tmp_path / "ts.dat").write_bytes(TEXT[:stop])
    station.finish()
    station.start()
    append(tmp_path / "ts.dat", TEXT[stop:])
    station.finish()
    assert_as_counted_by_hand(account_in(station))


def test_a_file_that_is_another_is_counted_anew(tmp_path: Path) -> None:
    station = Station(tmp_path)
    path = tmp_path / "ts.dat"
    path.write_bytes(header() + rows(0, 30))
    station.poll()
    path.write_bytes(header() + rows(0, 1) + rows(40, 9))  # the same beginning, shorter
    station.poll()
    station.finish()
    (position,) = station.positions.values()
    assert position.account is not None
    assert position.account.as_json(path.stat().st_size) | {"file": ""} == {
        "file": "", "bytes": path.stat().st_size, "records": 10, "used": 9, "repeated": 1, "left_out": [],
        "balanced": True,
    }  # fmt: skip


def open_spool(path: Path) -> Spool:
    return Spool(path, "cn-x", ["ec"], 1 << 30, compress=False)


def test_the_status_shows_what_the_spool_kept(tmp_path: Path) -> None:
    """Of a whole file, read last, and of a damaged one; a restart forgets neither."""
    (tmp_path / "ts.dat").write_bytes(TEXT)
    given = source(tmp_path, flush_seconds=0.0)
    spool = open_spool(tmp_path / "spool.db")
    reader = SourceReader(given, spool)
    while reader.poll()[1]:
        pass
    reader.finish()
    (tmp_path / "ts_2.dat").write_bytes(header("two") + rows(100, 10))
    while reader.poll()[1]:
        pass
    reader.finish()
    before = facts(tmp_path, spool, reader)
    damaged, whole = before["accounts"]
    assert {name: before[name] for name in ("files", "files_with_rest", "records", "used")} == {
        "files": 2, "files_with_rest": 1, "records": 33, "used": 28
    }  # fmt: skip
    assert (damaged["file"], damaged["bytes"], damaged["balanced"]) == ("ts.dat", WHOLE, True)
    assert (whole["file"], whole["records"], whole["used"], whole["left_out"]) == ("ts_2.dat", 10, 10, [])
    spool.close()
    spool = open_spool(tmp_path / "spool.db")
    after = facts(tmp_path, spool, SourceReader(given, spool))
    assert damaged in after["accounts"]
    assert all(after[name] == before[name] for name in ("files", "files_with_rest", "records", "used"))
    spool.close()


def facts(folder: Path, spool: Spool, reader: SourceReader) -> dict[str, Any]:
    config = cast(AgentConfig, SimpleNamespace(status_file=folder / "status.json"))
    sender = cast(Sender, SimpleNamespace(is_connected=True, committed=0))
    told: dict[str, Any] = Status(config, spool, sender, [reader]).facts()["streams"]["ec"]
    return told


def test_a_spool_from_before_accounts_goes_on_and_says_from_where(tmp_path: Path) -> None:
    path = tmp_path / "ts.dat"
    path.write_bytes(header() + rows(0, 10))
    offset = path.stat().st_size
    given = source(tmp_path)
    spool = open_spool(tmp_path / "spool.db")
    reader = SourceReader(given, spool)
    reader.poll()
    spool.close()
    with sqlite3.connect(tmp_path / "spool.db") as old:  # as its first version made it
        old.executescript("ALTER TABLE place DROP COLUMN account; PRAGMA user_version = 1;")
    old.close()
    spool = open_spool(tmp_path / "spool.db")
    assert spool.accounts("ec").as_json()["files"] == 0
    append(path, b"what no logger writes\r\n" + rows(10, 10))
    reader = SourceReader(given, spool)
    reader.poll()
    (told,) = spool.accounts("ec").shown.values()
    assert told.account is not None
    assert (told.account.counted_from, told.account.used, told.account.bytes) == (offset, 10, told.offset)
    assert told.account.left_out[NO_RECORD].line == 15
    spool.close()


def test_the_log_says_what_became_of_a_file_that_is_done_with(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    station = Station(tmp_path)
    (tmp_path / "ts.dat").write_bytes(header() + rows(0, 10) + b"what no logger writes\r\n" + rows(10, 10))
    station.poll()
    (tmp_path / "ts_2.dat").write_bytes(header("two") + rows(100, 10))
    station.poll()
    assert "ts.dat: 21 records: 20 used; 1 left out from line 15: no record of its table" in caplog.text
    assert station.finish() == expected(0, 20) | expected(100, 10)
