"""Whatever happens to a logger's files, each record is found once."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import NS
from ingest.agent import files
from tests.ingest.agent.following import Station, append
from tests.ingest.agent.making import START, expected, header, row, rows


@pytest.fixture(autouse=True)
def always_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files change faster here than the clock of the file system ticks."""
    monkeypatch.setattr(files, "RESCAN_SECONDS", -1.0)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def test_a_growing_file_is_cut_into_whole_blocks(station: Station) -> None:
    path = station.folder / "ts.dat"
    path.write_bytes(header() + rows(0, 25))
    station.poll()
    assert [piece.n for piece in station.kept] == [10, 10]
    assert [piece.start_ns for piece in station.kept] == [START, START + NS]
    append(path, rows(25, 7))
    station.poll()
    assert station.found == expected(0, 30)
    assert station.finish() == expected(0, 32)


def test_a_half_written_line_waits(station: Station) -> None:
    path = station.folder / "ts.dat"
    text = header() + rows(0, 30)
    for end in range(0, len(text) + 1, 37):
        path.write_bytes(text[:end])
        station.poll()
    path.write_bytes(text)
    assert station.finish() == expected(0, 30)
    assert station.follower.bad_lines == 0


def test_a_restart_goes_on_at_the_first_record_that_was_not_kept(station: Station) -> None:
    path = station.folder / "ts.dat"
    path.write_bytes(header())
    for first in range(0, 60, 6):
        append(path, rows(first, 6))
        station.poll()
        station.start()  # what waited in memory is gone
    assert station.finish() == expected(0, 60)
    assert station.follower.repeated == 0


@pytest.mark.parametrize("keeps_name", [True, False])
def test_a_rotated_file_is_read_to_its_end(station: Station, keeps_name: bool) -> None:
    path = station.folder / "ts.dat"
    path.write_bytes(header() + rows(0, 12))
    station.poll()
    append(path, rows(12, 3))
    path.rename(station.folder / ("ts_old.dat" if keeps_name else "backup.1"))
    path.write_bytes(header() + rows(15, 20))
    station.poll()
    station.poll()
    assert station.finish() == expected(0, 35)


def test_a_copied_and_truncated_file(station: Station) -> None:
    path = station.folder / "ts.dat"
    path.write_bytes(header() + rows(0, 25))
    station.poll()
    shutil.copy(path, station.folder / "ts.dat.1")  # another name than the pattern's
    path.write_bytes(header() + rows(25, 12))
    station.poll()
    append(path, rows(37, 3))
    assert station.finish() == expected(0, 40)


def test_a_file_that_lost_its_end_is_read_again_without_doubling(station: Station) -> None:
    path = station.folder / "ts.dat"
    whole = header() + rows(0, 45)
    path.write_bytes(whole)
    station.poll()
    path.write_bytes(whole[:-200])
    station.poll()
    station.start()
    path.write_bytes(whole + rows(45, 10))
    assert station.finish() == expected(0, 55)


def test_a_file_rewritten_beyond_the_place_is_noticed(station: Station) -> None:
    path = station.folder / "ts.dat"
    path.write_bytes(header() + rows(0, 1) + rows(10, 20))
    station.poll()
    assert station.found == expected(0, 1) | expected(10, 20)
    path.write_bytes(header() + rows(0, 1) + rows(100, 60))  # the same beginning, other records, longer
    station.poll()
    assert station.finish() == expected(0, 1) | expected(10, 20) | expected(100, 60)


def test_copies_and_overlaps_count_once(station: Station) -> None:
    (station.folder / "ts_a.dat").write_bytes(header() + rows(0, 40))
    (station.folder / "ts_b.dat").write_bytes(header() + rows(0, 35))  # an older copy
    (station.folder / "ts_c.dat").write_bytes(header() + rows(23, 40))
    station.poll()
    assert station.finish() == expected(0, 63)


def test_older_files_come_after_the_newest_and_only_with_room(station: Station) -> None:
    for part in range(3):
        (station.folder / f"ts_{part}.dat").write_bytes(header() + rows(100 * part, 100))
    station.poll(has_room=False)
    assert station.found == expected(200, 100)
    station.poll()
    assert [piece.start_ns for piece in station.kept[10:]] == [START + i * NS for i in range(20)]
    assert station.finish() == expected(0, 300)
    station.start()
    station.poll()
    assert len(station.kept) == 30


def test_a_full_spool_does_not_catch_up(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "READ_BYTES", 2000)
    path = station.folder / "ts.dat"
    path.write_bytes(header() + rows(0, 200))
    station.poll(has_room=False)
    assert station.kept == []
    station.poll()
    assert station.found == expected(0, 200)
    append(path, rows(200, 20))
    station.poll(has_room=False)  # this is being written now
    assert station.finish() == expected(0, 220)


def test_a_file_of_the_future_is_not_the_newest(station: Station) -> None:
    ahead = START + 20 * 365 * 86_400 * NS
    (station.folder / "ts_1.dat").write_bytes(header() + b"".join(row(ahead + i * NS // 10) for i in range(10)))
    path = station.folder / "ts_2.dat"
    path.write_bytes(header() + rows(0, 10))
    station.poll()
    append(path, rows(10, 10))
    station.poll(has_room=False)
    assert station.found.keys() >= expected(0, 20).keys()


def test_a_late_file_with_older_records_is_sent(station: Station) -> None:
    (station.folder / "ts_2.dat").write_bytes(header() + rows(55, 60))
    station.poll()
    (station.folder / "ts_1.dat").write_bytes(header() + rows(0, 55))
    assert station.finish() == expected(0, 115)


def test_more_files_than_are_followed_at_a_time(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FOLLOWED", 3)
    for part in range(20):
        (station.folder / f"ts_{part:02d}.dat").write_bytes(header() + rows(10 * part, 10))
        station.poll() if part == 15 else None
    for _ in range(10):
        station.poll()
    assert station.finish() == expected(0, 200)


def test_gzip_other_names_and_other_tables_are_left_alone(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    (station.folder / "ts.dat.gz").write_bytes(gzip.compress(header() + rows(0, 20)))
    (station.folder / "ts_zipped.gz").write_bytes(gzip.compress(header() + rows(0, 20)))
    (station.folder / "slow.dat").write_bytes(header() + rows(0, 20))
    (station.folder / "ts_other.dat").write_bytes(header().replace(b'"w"', b'"v"') + rows(0, 20))
    (station.folder / "ts_text.dat").write_bytes(b"hello\n" * 10)
    (station.folder / "ts_binary.dat").write_bytes(b"TOB1" * 100)
    (station.folder / "ts_dir.dat").mkdir()
    station.poll()
    station.poll()
    assert station.finish() == {}
    said = [record.getMessage() for record in caplog.records]
    assert len([one for one in said if "no column 'w'" in one]) == 1
    assert len([one for one in said if "this is no TOA5 file" in one]) == 2


def test_bad_lines_are_left_out_and_counted(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    bad = b"rubbish\n\xff\xfe\n" + rows(3, 1)[:20] + b"\n" + rows(4, 1).replace(b"2026-07-01", b"2026-13-01")
    (station.folder / "ts.dat").write_bytes(header() + rows(0, 5) + bad + rows(5, 10))
    assert station.finish() == expected(0, 15)
    assert station.follower.bad_lines == 4
    assert len(caplog.records) == 1


def swapped(text: bytes) -> bytes:
    """Put w before u, as after a change of the logger's program."""
    lines = []
    for line in text.splitlines(keepends=True):
        stamp, number, *rest = line.split(b",", 4)
        turned = line if line.startswith(b'"TOA5"') else b",".join([stamp, number, rest[1], rest[0], *rest[2:]])
        lines.append(turned)
    return b"".join(lines)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_new_header_inside_a_file_holds_from_there_on(station: Station, *, restarted: bool) -> None:
    whole = header() + rows(0, 25) + swapped(header() + rows(25, 25)) + header() + rows(50, 15)
    lines = whole.splitlines(keepends=True)
    path = station.folder / "ts.dat"
    path.write_bytes(b"".join(lines[:6]))
    for line in lines[6:]:
        station.poll()
        if restarted:
            station.start()
        append(path, line)
    assert station.finish() == expected(0, 65)
    assert station.follower.bad_lines == 0


def test_what_follows_a_header_that_lacks_a_column_is_left_out(
    station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    lacking = header().replace(b'"w"', b'"T"')
    path = station.folder / "ts.dat"
    path.write_bytes(header() + rows(0, 12) + lacking + rows(12, 10))
    station.poll()
    station.keep(station.follower.finish())
    station.start()  # a restart behind that header knows it, too
    append(path, rows(22, 5) + header() + rows(27, 8))
    assert station.finish() == expected(0, 12) | expected(27, 8)
    assert "has a new header" in caplog.text
    assert "no column 'w'" in caplog.text


def test_missing_values_and_gaps_are_missing(station: Station) -> None:
    text = rows(0, 3) + row(START + 3 * NS // 10).replace(b",3.0,", b',"NAN",')
    (station.folder / "ts.dat").write_bytes(header() + text + rows(7, 4))
    station.poll()
    (piece,) = station.kept
    assert np.isnan(piece.samples).tolist() == [
        [False, False, False, True, True, True, True, False, False, False],
        [False, False, False, False, True, True, True, False, False, False],
    ]


def test_readings_keep_their_own_time(tmp_path: Path) -> None:
    station = Station(tmp_path, rate=1 / 60, kind="reading")
    dt = 60 * NS
    times = [START + 17 * NS + i * dt for i in range(5)]  # on no whole minute
    (tmp_path / "ts.dat").write_bytes(header() + b"".join(row(time, dt) for time in (*times, times[2])))
    assert list(station.finish()) == times
    station.start()
    append(tmp_path / "ts.dat", row(times[-1] + dt, dt))
    assert list(station.finish()) == [*times, times[-1] + dt]


def test_a_file_that_cannot_be_read_is_no_busy_loop(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    path = station.folder / "ts.dat"
    path.write_bytes(header() + rows(0, 10))
    station.poll()
    append(path, rows(10, 10))

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(files, "is_unchanged", fail)
        assert station.follower.poll() == ([], False)
    assert station.finish() == expected(0, 20)


def test_silence_ends_a_block(tmp_path: Path) -> None:
    station = Station(tmp_path, flush_seconds=0.0)
    (tmp_path / "ts.dat").write_bytes(header() + rows(0, 4))
    station.poll()
    assert [piece.n for piece in station.kept] == [4]
    append(tmp_path / "ts.dat", rows(4, 8))
    station.poll()
    assert station.finish() == expected(0, 12)


def test_a_folder_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    station = Station(tmp_path / "card")
    station.poll()
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "ts.dat").write_bytes(header() + rows(0, 10))
    assert station.finish() == expected(0, 10)


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["grow", "half", "poll", "kill", "rotate", "copy", "cut"]), st.integers(1, 30)),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTIONS)
def test_any_history_of_a_file_gives_each_record_once(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int]]
) -> None:
    """The logger writes, renames and copies, the disk loses the end of a file and gets it back, the agent is killed."""
    station = Station(tmp_path_factory.mktemp("logger"))
    path = station.folder / "ts.dat"
    content, written, files_made = header(), 0, 0
    path.write_bytes(content)
    for action, number in actions:
        if action == "grow":
            content += rows(written, number)
            written += number
            path.write_bytes(content)
        elif action == "half":
            path.write_bytes(content + rows(written, 1)[:number])
        elif action == "poll":
            station.poll()
        elif action == "kill":
            station.start()
        elif action == "rotate" and content != header():
            files_made += 1
            path.write_bytes(content)
            path.rename(station.folder / f"ts_{files_made}.dat")
            content = header()
            path.write_bytes(content)
        elif action == "copy":
            files_made += 1
            (station.folder / f"ts_{files_made}.dat").write_bytes(content)
        elif action == "cut":
            path.write_bytes(content[: max(0, len(content) - 20 * number)])
            station.poll()
            path.write_bytes(content)
    path.write_bytes(content)
    station.poll()
    assert station.finish() == expected(0, written)
