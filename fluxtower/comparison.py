"""What is stored against what was sent, bit for bit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from core.clock import floor_to_grid, from_ns, to_ns
from core.records import Reading, SampleBlock
from core.store import Store

WINDOW_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Comparison:
    """Values sent, and how many of them the store does not give back as they were."""

    sent: int
    different: int


def compare(store: Store, records: Iterable[SampleBlock | Reading]) -> Comparison:
    """Read everything back and compare it with what was sent: a missing value counts as different, NaN equals NaN."""
    blocks: dict[tuple[str, str, datetime], list[SampleBlock]] = defaultdict(list)
    readings: dict[tuple[str, str], list[Reading]] = defaultdict(list)
    for record in records:
        if isinstance(record, SampleBlock):
            hour = floor_to_grid(from_ns(record.start_ns), WINDOW_MINUTES)
            blocks[record.station, record.stream, hour].append(record)
        else:
            readings[record.station, record.stream].append(record)
    sent = different = 0
    for (station, stream, hour), group in blocks.items():
        part = _compare_blocks(store, station, stream, hour, group)
        sent, different = sent + part.sent, different + part.different
    for (station, stream), some in readings.items():
        part = _compare_readings(store, station, stream, some)
        sent, different = sent + part.sent, different + part.different
    return Comparison(sent, different)


def _compare_blocks(
    store: Store, station: str, stream: str, hour: datetime, blocks: Sequence[SampleBlock]
) -> Comparison:
    longest = max(block.dt_ns * block.samples.shape[1] for block in blocks)
    end = hour + timedelta(minutes=WINDOW_MINUTES, microseconds=longest // 1000)
    stored = store.samples.read(station, stream, hour, end)
    sent = different = 0
    for block in blocks:
        first = round((block.start_ns - stored.start_ns) / block.dt_ns)
        for name, values in zip(block.channels, block.samples, strict=True):
            back = stored.channels[name][first : first + len(values)].astype(np.float32)
            sent += len(values)
            different += _count_different(values, back)
    return Comparison(sent, different)


def _compare_readings(store: Store, station: str, stream: str, readings: Sequence[Reading]) -> Comparison:
    times = [reading.time_ns for reading in readings]
    end = from_ns(max(times)) + timedelta(seconds=1)
    frame = store.readings.read(station, stream, from_ns(min(times)), end)
    index = {to_ns(time): i for i, time in enumerate(frame["time"])}
    rows = [index.get(time, -1) for time in times]
    sent = different = 0
    for name in readings[0].values:
        column = np.append(frame[name].to_numpy(), np.nan).astype(np.float32)
        values = np.array([reading.values[name] for reading in readings], dtype=np.float32)
        sent += len(values)
        different += _count_different(values, column[rows])
    different += sum(row < 0 for row in rows)
    return Comparison(sent, different)


def _count_different(values: np.ndarray, back: np.ndarray) -> int:
    same = (values == back) | (np.isnan(values) & np.isnan(back))
    return int(np.count_nonzero(~same))
