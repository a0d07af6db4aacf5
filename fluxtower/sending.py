"""Replay and simulation from the command line: what is sent, with a progress bar."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np

from core.clock import floor_to_grid, from_ns, to_ns
from core.errors import ConfigError
from core.records import Reading, SampleBlock
from core.settings import Settings
from core.station import Station, read_station
from core.store import Store
from fluxtower.progress_bar import progress_bar
from ingest.files import toa5
from ingest.mqtt.publisher import Publisher
from ingest.simulation.load import Load, send, station_files
from ingest.simulation.replay import blocks, readings
from ingest.simulation.tower import Tower, records

CONNECT_SECONDS = 10.0


def send_files(settings: Settings, station_file: Path, files: list[Path], stream: str, speed: float) -> None:
    """Publish logger files as their station would have."""
    station = read_station(station_file)
    if not stream and station.flux is None:
        raise ConfigError(str(station_file), "flux", "a [flux] with a stream, or --stream NAME", "neither")
    stream = stream or (station.flux.stream if station.flux else "")
    opened = 0

    def count_files() -> Iterator[Path]:
        nonlocal opened
        for file in files:
            yield file
            opened += 1

    with Publisher(settings.broker_url, settings.topic_root) as publisher:
        publisher.wait_connected(CONNECT_SECONDS)
        sent = file_records(station, count_files(), stream)
        publish(publisher, sent, station.id, len(files), lambda _: opened, speed)


def send_simulation(
    settings: Settings, station_file: Path, start: datetime | None, days: float, speed: float, seed: int
) -> None:
    """Publish a simulated tower."""
    station = read_station(station_file)
    start = floor_to_grid(start or datetime.now(UTC) - timedelta(days=1), 30)
    with Publisher(settings.broker_url, settings.topic_root) as publisher:
        publisher.wait_connected(CONNECT_SECONDS)
        sent = records(Tower(station, seed=seed), start, days)
        publish(publisher, sent, station.id, days, days_since(start), speed)


def send_load(settings: Settings, load: Load, seconds: float, journal: Path | None, *, register: bool) -> None:
    """Publish what thousands of towers would, in real time."""
    if register:
        with Store(settings.store_dsn) as store:
            store.wait(CONNECT_SECONDS)
            register_load(store, load)
    what = f"{load.towers:,} towers"
    began = time.monotonic()
    with progress_bar(what, percent=True) as progress:

        def show(sent: int, late: float) -> None:
            progress(what, min(seconds, time.monotonic() - began), seconds)
            progress.set_note(f"{sent:,} blocks" + (f", {late:.1f} s late" if late > 1 else ""))

        send(load, settings.broker_url, settings.topic_root, seconds, journal=journal, report=show)
        progress(what, seconds, seconds)


def register_load(store: Store, load: Load) -> None:
    """Register the stations of a load, a thousand at a time."""
    for files in batched(station_files(load), 1000):
        store.stations.put_all(files)


def batched(items: Iterable[tuple[str, str]], most: int) -> Iterator[list[tuple[str, str]]]:
    """Give items in lists of at most so many."""
    rest = iter(items)
    while part := list(islice(rest, most)):
        yield part


def file_records(
    station: Station, files: Iterable[Path], stream: str, block_seconds: float = 10.0
) -> Iterator[SampleBlock | Reading]:
    """Read TOA5 files, given in the order of time, one after another as records of one stream."""
    tables = (toa5.read(file) for file in files)
    if stream in station.streams and station.streams[stream].kind == "reading":
        for table in tables:
            yield from readings(table, station, stream)
    else:
        yield from _join(block for table in tables for block in blocks(table, station, stream, block_seconds))


def publish(
    publisher: Publisher,
    sent: Iterable[SampleBlock | Reading],
    what: str,
    total: float,
    done: Callable[[int], float],
    speed: float = 0.0,
) -> int:
    """Publish records with a progress bar and wait until the broker has them all.

    Parameters
    ----------
    publisher : Publisher
        Connected.
    sent : iterable of SampleBlock or Reading
        What to send.
    what : str
        What the bar calls it.
    total : float
        Length of the bar.
    done : callable
        How much of the bar is done, from the time of the newest record [ns since 1970 UTC].
    speed : float
        Times real time; 0 is as fast as it goes.

    Returns
    -------
    int
        Messages sent.
    """
    with progress_bar(f"sending {what}", percent=True) as progress:

        def show(confirmed: int, newest_ns: int) -> None:
            progress(f"sending {what}", done(newest_ns), total)
            progress.set_note(f"{confirmed:,} messages, {from_ns(newest_ns):%Y-%m-%d %H:%M}Z")

        count = publisher.play(sent, speed=speed or math.inf, report=show)
        progress(f"sending {what}", total, total)
    return count


def days_since(start: datetime) -> Callable[[int], float]:
    """Return a measure of progress: days from ``start`` to a time in ns."""
    start_ns = to_ns(start)
    return lambda time_ns: (time_ns - start_ns) / 86_400e9


def _join(parts: Iterable[SampleBlock]) -> Iterator[SampleBlock]:
    """Put together a block whose samples lie on both sides of a file's border, and number the blocks through."""
    seq = 0
    whole: SampleBlock | None = None
    for part in parts:
        if whole is not None and part.start_ns == whole.start_ns:
            whole = replace(whole, samples=np.where(np.isnan(whole.samples), part.samples, whole.samples))
            continue
        if whole is not None:
            yield replace(whole, seq=seq)
            seq += 1
        whole = part
    if whole is not None:
        yield replace(whole, seq=seq)
