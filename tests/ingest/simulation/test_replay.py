from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from core.clock import NS, to_ns
from core.errors import PayloadError
from core.station import Station, parse_station
from ingest.files.toa5 import Table, parse, read
from ingest.simulation import replay

STATION = """
[station]
id = "x"
name = "x"
latitude = 26.0
longitude = 118.0
altitude = 10.0
utc_offset = 8.0
[[stream]]
name = "fast"
kind = "block"
rate = 10.0
channels = [
    { name = "b", variable = "V", unit = "m s-1" },
    { name = "a", variable = "U", unit = "m s-1" },
]
[[stream]]
name = "slow"
kind = "reading"
interval = 1800.0
channels = [{ name = "b", variable = "TA", unit = "deg C" }]
"""


@pytest.fixture
def station() -> Station:
    return parse_station(STATION, "x.toml")


def table(*rows: tuple[str, float, float]) -> Table:
    head = '"TOA5","x","CR6","1","o","p","s","t"\n"TIMESTAMP","a","b"\n"TS","",""\n"","",""\n'
    return parse((head + "".join(f'"{stamp}",{a},{b}\n' for stamp, a, b in rows)).encode(), "x")


def test_the_recorded_files_start_where_their_first_interval_starts(orchard: Station, demo: Path) -> None:
    first, second = (read(path) for path in sorted((demo / "data").glob("*.gz")))
    blocks = list(replay.blocks(first, orchard, "ec"))
    # the first stamp is 12:45:00.05 in UTC-8: the END of the 50 ms from 20:45:00.00 UTC
    assert blocks[0].start_ns == to_ns(datetime(2012, 6, 7, 20, 45, tzinfo=UTC))
    assert len(blocks) == 90
    assert {block.samples.shape for block in blocks} == {(8, 200)}
    assert [block.seq for block in blocks] == list(range(90))
    assert np.diff([block.start_ns for block in blocks]).tolist() == [10 * NS] * 89
    assert blocks[0].channels == ("Ux", "Uy", "Uz", "Ts", "co2", "h2o", "press", "diag_csat")
    joined = np.concatenate([block.samples for block in blocks], axis=1)
    for row, name in zip(joined, blocks[0].channels, strict=True):
        np.testing.assert_array_equal(row, first.frame[name].to_numpy().astype(np.float32))
    assert next(replay.blocks(second, orchard, "ec")).start_ns == blocks[-1].start_ns + 10 * NS


def test_gaps_are_nan_and_empty_blocks_are_not_sent(station: Station) -> None:
    rows = [("2026-07-01 08:00:00.1", 1, 2), ("2026-07-01 08:00:00.3", 3, 4), ("2026-07-01 08:00:30", 5, 6)]
    first, last = replay.blocks(table(*rows), station, "fast", seconds=10)
    midnight = to_ns(datetime(2026, 7, 1, tzinfo=UTC))
    assert (first.start_ns, last.start_ns) == (midnight, midnight + 20 * NS)
    assert (first.channels, first.dt_ns) == (("b", "a"), 100_000_000)
    np.testing.assert_array_equal(first.samples[:, :4], [[2, np.nan, 4, np.nan], [1, np.nan, 3, np.nan]])
    assert np.isnan(first.samples[:, 3:]).all()
    assert last.samples[:, -1].tolist() == [6, 5]
    assert np.isnan(last.samples[:, :-1]).all()


def test_stamps_that_are_a_little_off_find_their_slot(station: Station) -> None:
    rows = [("2026-07-01 08:00:00.099", 1, 2), ("2026-07-01 08:00:00.203", 3, 4), ("2026-07-01 08:00:09.999", 5, 6)]
    (block,) = replay.blocks(table(*rows), station, "fast", seconds=10)
    assert block.samples[1, [0, 1, 99]].tolist() == [1, 3, 5]


def test_rows_in_any_order_make_the_same_blocks(station: Station) -> None:
    rows = [(f"2026-07-01 08:00:{second:02d}.5", float(second), 0.0) for second in range(40)]
    ordered = list(replay.blocks(table(*rows), station, "fast", seconds=10))
    mixed = list(replay.blocks(table(*rows[::-1]), station, "fast", seconds=10))
    assert [block.start_ns for block in ordered] == [block.start_ns for block in mixed]
    for a, b in zip(ordered, mixed, strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)


def test_slow_rows_are_stamped_at_their_start(station: Station) -> None:
    rows = [("2026-07-01 00:30:00", 1, 21.5), ("2026-07-01 01:00:00", 1, float("nan"))]
    first, second = replay.readings(table(*rows), station, "slow")
    assert first.time_ns == to_ns(datetime(2026, 6, 30, 16, tzinfo=UTC))
    assert first.values == {"b": 21.5}
    assert second.time_ns - first.time_ns == 1800 * NS
    assert np.isnan(second.values["b"])


def test_an_empty_table_has_no_records(station: Station) -> None:
    assert list(replay.blocks(table(), station, "fast")) == []
    assert list(replay.readings(table(), station, "slow")) == []


def test_what_does_not_fit_says_so(station: Station, orchard: Station) -> None:
    with pytest.raises(PayloadError, match="no stream 'slow' of kind block; it has: fast"):
        next(replay.blocks(table(), station, "slow"))
    with pytest.raises(PayloadError, match=r"lacks Ux, Uy, .* it has TIMESTAMP, a, b"):
        next(replay.blocks(table(), orchard, "ec"))
