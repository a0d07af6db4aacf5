"""Files of frames: stored once, with an account of each, and what is wrong kept."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.store import Store
from fluxtower.batch.backfill import Request, ingest_files, split_frames
from tests.ingest.hj212.device import MN, TEXT, message, minute

pytestmark = pytest.mark.integration

START = datetime(2026, 7, 1, 0, 0, tzinfo=UTC)
STAMPS = [f"2026070108{part:02d}00" for part in range(60)]


def stored(store: Store) -> list[float]:
    found = store.readings.read("cn-device", "minutes", START, START + timedelta(days=1))
    return found["CO2"].to_list()


def test_a_file_of_frames_is_stored_once(store: Store, tmp_path: Path) -> None:
    store.stations.put(TEXT, "device.toml")
    file = tmp_path / "frames.txt.gz"
    file.write_bytes(gzip.compress(b"".join(minute(stamp, 400.0 + i) for i, stamp in enumerate(STAMPS))))
    first = ingest_files(store, Request(), [file])
    assert (first.files, first.readings, first.present, first.failed) == (1, 60, 0, [])
    assert stored(store) == [400.0 + i for i in range(60)]
    again = ingest_files(store, Request(station="cn-device"), [file])
    assert (again.readings, again.present, again.failed) == (0, 60, [])
    account = again.accounts[file]
    assert (account.read, account.placed.duplicate, account.missing) == (60, 60, 0)


def test_what_is_not_used_is_told(store: Store, tmp_path: Path) -> None:
    store.stations.put(TEXT, "device.toml")
    bad = minute(STAMPS[1], 401.0).replace(b"401", b"999")
    frames = [
        minute(STAMPS[0], 400.0),
        bad,
        message(f"DataTime={STAMPS[2]};a05001-Avg=402;a34004-Avg=7"),
        message(f"DataTime={STAMPS[3]};a05001-Avg=403", cn="2031"),
        minute(STAMPS[4], 404.0, mn="another"),
        minute(STAMPS[0], 777.0),
    ]
    file = tmp_path / "frames.txt"
    file.write_bytes(b"".join(frames))
    done = ingest_files(store, Request(), [file])
    assert stored(store) == [400.0, 402.0]
    account = done.accounts[file]
    assert (account.read, account.placed.used, account.placed.contested, account.missing) == (6, 2, 1, 0)
    assert [(one.line, one.records, one.reason[:20]) for one in account.left_out] == [
        (2, 1, "CRC: the frame says "),
        (4, 1, f"no stream of device '{MN}'"[:20]),
        (5, 1, "unknown device MN 'a"),
    ]
    assert account.notes == ["values 2051 a34004-Avg are no channel's, 1 times"]
    assert [what.partition(": ")[2][:30] for what in done.failed] == [
        "frame 2: kept as a reject: CRC",
        "frame 5: kept as a reject: unk",
        "1 readings have other values t",
    ]
    rejects = {reject.reason[:12]: store.rejects.read(reject.id)[1].strip() for reject in store.rejects.find()}
    assert rejects == {
        "CRC: the fra": bad.strip(),
        "unknown devi": frames[4].strip(),
        "another valu": frames[5].strip(),
    }


def test_frames_of_another_station_are_not_taken_by_mistake(store: Store, tmp_path: Path) -> None:
    store.stations.put(TEXT, "device.toml")
    store.stations.put(TEXT.replace("cn-device", "cn-other").replace(MN, "OTHER"), "other.toml")
    file = tmp_path / "frames.txt"
    file.write_bytes(minute(STAMPS[0], 400.0))
    done = ingest_files(store, Request(station="cn-other"), [file])
    assert stored(store) == []
    assert f"frames of device '{MN}' are station cn-device's: leave out --station" in done.failed[0]


def test_other_files_are_not_taken_for_frames(tmp_path: Path) -> None:
    frames, table, packed = tmp_path / "a.txt", tmp_path / "b.dat", tmp_path / "c.gz"
    frames.write_bytes(minute(STAMPS[0], 400.0))
    table.write_bytes(b'"TOA5","x"\r\n')
    packed.write_bytes(b"\x1f\x8bbroken")
    assert split_frames([frames, table, packed]) == ([frames], [table, packed])
