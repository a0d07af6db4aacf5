"""`fluxtower ingest`: raw files into a real TimescaleDB, once, twice, broken off, beside messages, and as they grow."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from core.clock import to_ns
from core.errors import ConfigError, StoreUnavailable
from core.records import SampleBlock
from core.station import Station
from core.store import Store
from fluxtower.batch.backfill import Request, assign_files, ingest_files, watch_folders
from ingest.backfill import backfill
from ingest.collector.acknowledgements import Acknowledgements
from tests.fluxcalc.reference import STATIONS
from tests.ingest.files.test_binary_files import FIRST, NAMES, UNITS
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.integration

TEXT = (STATIONS / "synthetic.toml").read_text()
FILES = """
[files]
pattern = "syn_*.dat*"
utc_offset = 0.0
[files.meteorology]
pattern = "met*.dat"
utc_offset = 0.0
"""

DT = timedelta(milliseconds=50)
N = 3000
"""Samples of all files: two and a half minutes, over a border of half-hours."""
BEGIN = FIRST + timedelta(minutes=29)


def values(n: int = N) -> np.ndarray:
    """What fits into float32 without loss."""
    return np.round(np.random.default_rng(3).normal(0, 3, (n, len(NAMES))), 3).astype(np.float32).astype(float)


def toa5(rows: np.ndarray, first: int, last: int) -> str:
    """Records ``first`` to ``last`` of the rows; stamps are ENDs."""
    head = [
        ("TOA5", "synth", "CR3000", "0", "CR3000.Std.31", "CPU:synth.CR3", "0", "ts_data"),
        ("TIMESTAMP", "RECORD", *NAMES), ("TS", "RN", *UNITS), ("", "", *["Smp"] * len(NAMES)),
    ]  # fmt: skip
    lines = [",".join(f'"{word}"' for word in row) for row in head]
    for i in range(first, last):
        stamp = f"{BEGIN + (i + 1) * DT:%Y-%m-%d %H:%M:%S.%f}"[:-4]
        lines.append(f'"{stamp}",{i},' + ",".join('"NAN"' if v != v else repr(v) for v in rows[i].tolist()))
    return "\n".join(lines) + "\n"


@pytest.fixture
def station(store: Store) -> Station:
    store.stations.put(TEXT + FILES, "synthetic.toml")
    return store.stations.read_all()[0].station


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files; the second begins in the middle of a block, one minute lies in two of them."""
    rows = values()
    folder = tmp_path / "raw"
    folder.mkdir()
    for number, (first, last) in enumerate([(0, 1113), (1113, 2100), (1900, N)]):
        (folder / f"syn_{number}.dat").write_text(toa5(rows, first, last))
    return folder


def stored(store: Store, station: Station) -> np.ndarray:
    samples = store.samples.read(station.station.id, station.flux.stream, BEGIN, BEGIN + N * DT)
    return np.array(list(samples.channels.values())).T


def run(store: Store, station: Station, paths: list[Path], **options: object):
    return backfill(store, station, station.flux.stream, paths, **options)


def test_every_sample_once(store, station, folder):
    parts: list[float] = []
    summary = run(
        store, station, sorted(folder.iterdir()), progress=lambda what, done, total: parts.append(done / total)
    )
    np.testing.assert_array_equal(stored(store, station), values())
    assert (summary.files, summary.samples, summary.present, summary.failed) == (3, N, 0, [])
    assert store.samples.read_span(station.station.id, station.flux.stream)[2] == N
    assert parts == sorted(parts)
    assert parts[-1] == 1
    counts = store.minutes.read(station.station.id, station.flux.stream, BEGIN, BEGIN + N * DT)
    assert counts.filter(channel="Ux")["n"].to_list() == [1200, 1200, 600]


def test_files_one_by_one_and_again(store, station, folder):
    for path in sorted(folder.iterdir(), reverse=True):
        assert not run(store, station, [path]).failed
    np.testing.assert_array_equal(stored(store, station), values())
    assert store.samples.read_span(station.station.id, station.flux.stream)[2] == N
    assert run(store, station, sorted(folder.iterdir())).known == 3
    again = run(store, station, sorted(folder.iterdir()), again=True)
    assert (again.samples, again.present, again.refused) == (0, N, 0)


def test_only_what_messages_did_not_bring_is_stored(store, station, folder):
    """Live blocks of odd lengths at odd times, with a sample that the station did not have."""
    rows = values().astype(np.float32)
    rows[700] = np.nan
    begin = to_ns(BEGIN)
    live = [(0, 13), (13, 500), (650, 800), (1500, 1501), (2500, 2900)]
    blocks = [
        SampleBlock(
            station.station.id, station.flux.stream, begin + a * 50_000_000, 50_000_000, NAMES, rows[a:b].T.copy()
        )
        for a, b in live
    ]  # fmt: skip
    store.messages.commit(blocks, [])
    summary = run(store, station, sorted(folder.iterdir()))
    np.testing.assert_array_equal(stored(store, station), values())
    already = sum(b - a for a, b in live) - 1
    assert (summary.present, summary.samples) == (already, N - already)


def test_a_gap_that_a_sender_left_is_closed(store, station, folder):
    """Blocks 10 to 19 never came; the logger's files have their samples."""
    rows, begin, acknowledgements = values().astype(np.float32), to_ns(BEGIN), Acknowledgements(store, "test", len)
    blocks = [
        SampleBlock(
            station.station.id, station.flux.stream, begin + i * 10**9, 50_000_000, NAMES,
            rows[20 * i : 20 * i + 20].T.copy(), seq=i, run=1,
        )
        for i in (*range(10), *range(20, 150))
    ]  # fmt: skip
    acknowledgements.add_commit(blocks, [], store.messages.commit(blocks, []))
    acknowledgements.publish_due()
    store.gaps.search()
    (gap,) = store.gaps.find()
    assert (gap.starts, gap.blocks) == (BEGIN + timedelta(seconds=10), 10)
    run(store, station, sorted(folder.iterdir()))
    assert store.gaps.find() == []


def test_broken_off_and_begun_again(store, station, folder, monkeypatch):
    """The store goes away after the first half-hour."""
    commits = 0
    real = store.messages.commit

    def once(*arguments, **options):
        nonlocal commits
        commits += 1
        if commits == 2:
            raise StoreUnavailable("gone")
        return real(*arguments, **options)

    monkeypatch.setattr(store.messages, "commit", once)
    with pytest.raises(StoreUnavailable):
        run(store, station, sorted(folder.iterdir()))
    monkeypatch.undo()
    assert store.files.read(station.station.id, station.flux.stream)[0].name == "syn_0.dat"
    summary = run(store, station, sorted(folder.iterdir()))
    np.testing.assert_array_equal(stored(store, station), values())
    assert summary.samples + 1200 == N


def test_what_is_wrong_is_reported_and_the_rest_is_stored(store, station, folder):
    (folder / "syn_3.dat").write_text("nothing")
    far = toa5(values(), 0, 10).replace("2024-06-20", "2199-06-20")
    (folder / "syn_4.dat").write_text(far)
    cut = (folder / "syn_1.dat").read_text().replace('"2024-06-20 13:30:15.00"', '"2024-06-20 13:3x:15.00"')
    (folder / "syn_1.dat").write_text(cut)
    summary = run(store, station, sorted(folder.iterdir()))
    assert sorted(what.split(":")[0] for what in summary.failed) == ["syn_1.dat", "syn_3.dat", "syn_4.dat"]
    assert "2199" in "".join(summary.failed)
    missing = np.isnan(stored(store, station)).all(axis=1)
    assert np.flatnonzero(missing).tolist() == [1499]
    # a file with a fault is looked at again
    assert run(store, station, sorted(folder.iterdir())).known == 2


def test_a_damaged_file_is_stored_by_its_records(store, station, tmp_path):
    """Newer half first, a header with u and v in another order, zeros of a power cut, stamps of 1990."""
    rows = values()
    turned = rows[:, [1, 0, *range(2, len(NAMES))]]
    names = '"Ux","Uy"'
    older, newer = toa5(turned, 0, 1200).replace(names, '"Uy","Ux"'), toa5(rows, 1200, N)
    dead = toa5(rows, 0, 40).split("\n", 4)[4].replace("2024-06-20", "1990-01-01")
    path = tmp_path / "syn_1.dat"
    path.write_bytes((newer + older + dead).encode() + bytes(5000))
    assert names in newer
    summary = run(store, station, [path])
    np.testing.assert_array_equal(stored(store, station), rows)
    assert (summary.files, summary.samples, summary.contested) == (1, N, 0)
    (problem,) = summary.failed
    assert "40 records left out: stamps 1990-01-01" in problem
    account = summary.accounts[path]
    assert (account.read, account.placed.used, account.missing) == (N + 40, N, 0)
    assert sum(one.bytes for one in account.left_out) == 5000
    # a file with a fault is looked at again, a whole one is remembered once
    assert run(store, station, [path]).known == 0


def test_slow_readings(store, tmp_path):
    store.stations.put(TEXT.replace("[flux]", MET + "[flux]") + FILES, "synthetic.toml")
    station = store.stations.read_all()[0].station
    path = tmp_path / "met.dat"
    lines = ['"TOA5","s","CR3000","0","o","p","0","met"', '"TIMESTAMP","T","R"', '"TS","C","%"', '"","Avg","Avg"']
    lines += [f'"2024-06-20 13:{minute:02d}:00",{20 + minute},"NAN"' for minute in range(1, 60)]
    path.write_text("\n".join(lines) + "\n")
    summary = backfill(store, station, "met", [path])
    assert (summary.readings, summary.failed) == (59, [])
    frame = store.readings.read(station.station.id, "met", FIRST, FIRST + timedelta(hours=1))
    assert frame["T"].to_list() == [20.0 + minute for minute in range(1, 60)]
    assert frame["time"][0] == FIRST
    assert backfill(store, station, "met", [path], again=True).present == 59


MET = """
[[stream]]
name = "met"
kind = "reading"
interval = 60
channels = [{ name = "T", variable = "TA", unit = "deg C" }, { name = "R", variable = "RH", unit = "%" }]

"""


def test_the_command(store, station, folder, environment):
    command = [sys.executable, "-m", "fluxtower", "ingest", str(folder)]
    (folder / "notes.txt").write_text("hello")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "3,000 samples" in done.stdout.replace("\n", " ")
    assert "notes.txt: it fits [files] pattern of no station" in done.stderr
    assert done.returncode == 1
    done = subprocess.run(
        [*command, "--pattern", "*.dat"], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert "3 files had been read before" in done.stdout.replace("\n", " ")


def test_a_watched_folder(store, station, folder, tmp_path):
    inbox, stop = tmp_path / "inbox", threading.Event()
    inbox.mkdir()
    watcher = threading.Thread(target=watch_folders, args=(store, Request(), [inbox], "*", stop))
    watcher.start()
    try:
        time.sleep(0.5)
        text = (folder / "syn_0.dat").read_text()
        growing = inbox / "syn_0.dat"
        growing.write_text(text[: len(text) // 2])
        _wait_for(store, station, lambda n: 400 < n < 1113)
        growing.write_text(text)
        _wait_for(store, station, lambda n: n == 1113)
        (inbox / ".syn_1.dat.part").write_text("nothing")
        (inbox / "syn_1.dat").write_text((folder / "syn_1.dat").read_text())
        _wait_for(store, station, lambda n: n == 2100)
    finally:
        stop.set()
        watcher.join(PATIENCE)
    assert not watcher.is_alive()
    np.testing.assert_array_equal(stored(store, station)[:2100], values()[:2100])


def _wait_for(store: Store, station: Station, condition) -> None:
    def reached() -> bool:
        span = store.samples.read_span(station.station.id, station.flux.stream)
        return span is not None and condition(span[2])

    wait_for(reached)


def test_whose_file_it_is(store, station):
    other = TEXT.replace('id = "', 'id = "other-', 1).replace("[flux]\n", MET + '[flux]\nmeteorology = "met"\n')
    other += FILES.replace("syn_", "*_")
    store.stations.put(other, "other.toml")
    stations = {row.station.id: row.station for row in store.stations.read_all()}
    names = ("syn_1.dat", "x_1.dat", "x.txt", "met2.dat")
    owners, unassigned = assign_files([Path(name) for name in names], stations, Request())
    (second,) = (id for id in stations if id.startswith("other-"))
    assert owners == {(second, "ec"): [Path("x_1.dat")], (second, "met"): [Path("met2.dat")]}
    assert "several stations" in unassigned[0]
    assert "no station" in unassigned[1]
    with pytest.raises(ConfigError, match="--stream"):
        ingest_files(store, Request(station=station.station.id, stream="none"), [])
