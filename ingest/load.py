"""Load: thousands of simulated towers from one process, cheap enough not to be what is measured.

Every tower sends the same simulated half-hour, each from another place in it on. A message is a row of bytes in which
only time, number and samples are set; rows go to the broker as they are. Stations of weather send readings beside.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from core.clock import NS
from core.errors import SetupError
from core.records import Reading, SampleBlock
from core.station import parse_station
from ingest.broker import connect, make_bulk_client, parse_address
from ingest.encoding import encode_block, encode_reading
from ingest.payloads.block_template import find_values
from ingest.simulator import Tower, half_hour_samples, records
from ingest.topics import block_topic, reading_topic
from ingest.wire import PUBLISH, written

TICK_SECONDS = 0.02
"""How often the messages that are due are sent. [s]"""
WINDOW = 50_000
"""Most messages of a connection that wait for their confirmation; numbers of messages are used again after 65 535."""
NO_PROPERTIES = b"\0"
MOST_AT_ONCE = 10_000
"""Most messages in one write."""
LONGEST_LATE = 10
"""A late block comes up to so many block lengths later."""

Int64Array = NDArray[np.int64]
JOURNAL = np.dtype([("tower", "<i4"), ("seq", "<i8"), ("sent_ns", "<i8")])
"""What is noted of each block that is sent."""

_CHANNELS = (
    ("u", "U", "m s-1"), ("v", "V", "m s-1"), ("w", "W", "m s-1"), ("ts", "T_SONIC", "deg C"),
    ("co2", "CO2_DENSITY", "mmol m-3"), ("h2o", "H2O_DENSITY", "mmol m-3"), ("ta", "TA", "deg C"), ("pa", "PA", "kPa"),
    ("diag_sonic", "DIAG_SONIC", "1"), ("diag_irga", "DIAG_IRGA", "1"),
)  # fmt: skip
_WEATHER = (("TA", "deg C"), ("RH", "%"), ("PA", "kPa"), ("SW_IN", "W m-2"), ("PPFD_IN", "umol m-2 s-1"), ("P", "mm"))
_HEAD = """
[station]
id = "{id}"
name = "Simulated {kind} {number}"
latitude = {latitude:.4f}
longitude = {longitude:.4f}
altitude = 300.0
utc_offset = 8.0
source = "SIMULATED by Fluxtower (ingest/load.py); not measured"
"""
_TOWER = """
[site]
canopy_height = 18.0

[sonic]
model = "simulated sonic"
height = 32.0

[[stream]]
name = "ec"
kind = "block"
rate = {rate!r}
channels = [
{channels},
]

[flux]
stream = "ec"
"""
_MET = """
[[stream]]
name = "met"
kind = "reading"
interval = 60.0
channels = [
{channels},
]
"""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, as a chance for each block.

    Attributes
    ----------
    spikes : float
        One sample of one channel is far off.
    dropouts : float
        The block is never sent.
    late : float
        It is sent up to ten block lengths later, and so behind younger ones.
    duplicates : float
        It is sent twice.
    clock_jumps : float
        From then on the tower's clock is off by up to an hour.
    """

    spikes: float = 0.0
    dropouts: float = 0.0
    late: float = 0.0
    duplicates: float = 0.0
    clock_jumps: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent.

    Attributes
    ----------
    towers : int
        Towers with ten channels.
    rate : float
        Samples a second.
    block_seconds : float
        Length of a block. [s]
    weather : int
        Stations with 30 variables a minute.
    seed : int
        The same seed gives the same samples and faults.
    faults : Faults
        What goes wrong.
    """

    towers: int
    rate: float = 20.0
    block_seconds: float = 1.0
    weather: int = 0
    seed: int = 1
    faults: Faults = Faults()

    @property
    def n(self) -> int:
        """Samples of a block."""
        return round(self.rate * self.block_seconds)

    @property
    def block_ns(self) -> int:
        """Length of a block. [ns]"""
        return self.n * round(NS / self.rate)


def tower_id(number: int) -> str:
    """Return the id of a tower."""
    return f"tower-{number:05d}"


def weather_id(number: int) -> str:
    """Return the id of a station of weather."""
    return f"weather-{number:05d}"


def station_files(load: Load) -> Iterator[tuple[str, str]]:
    """Give the station files of a load: (text, name)."""
    tower = _TOWER.format(rate=load.rate, channels=_declared(_CHANNELS))
    for number in range(load.towers):
        yield _head(tower_id(number), "tower", number) + tower, f"{tower_id(number)}.toml"
    met = _MET.format(channels=_declared((f"{of}_{i}_1_1", of, unit) for i in range(1, 6) for of, unit in _WEATHER))
    for number in range(load.weather):
        yield _head(weather_id(number), "weather station", number) + met, f"{weather_id(number)}.toml"


def _declared(channels: Iterable[tuple[str, str, str]]) -> str:
    return ",\n".join(f'    {{ name = "{name}", variable = "{of}", unit = "{unit}" }}' for name, of, unit in channels)


def _head(id: str, kind: str, number: int) -> str:
    latitude, longitude = 20 + number % 200 / 10, 100 + number // 200 % 200 / 10
    return _HEAD.format(id=id, kind=kind, number=number, latitude=latitude, longitude=longitude)


class Packets:
    """The messages of all towers as rows of bytes.

    Parameters
    ----------
    load : Load
        What is sent.
    root : str
        First levels of every topic.
    properties : bytes
        No properties, as MQTT 5 writes them; nothing in MQTT 3.1.1.

    Attributes
    ----------
    mid_at : int
        Where the message number stands.
    """

    def __init__(self, load: Load, root: str, properties: bytes = NO_PROPERTIES) -> None:
        self._load = load
        text, name = next(station_files(load))
        station = parse_station(text, name)
        stream = station.streams["ec"]
        names = tuple(stream.channel_index)
        samples = half_hour_samples(Tower(station, seed=load.seed), stream, datetime(2026, 7, 1, 4, tzinfo=UTC))
        count = samples.shape[1] // load.n
        cut = samples[:, : count * load.n].astype("<f4").reshape(len(names), count, load.n)
        self._samples = np.ascontiguousarray(cut.transpose(1, 0, 2))
        now = time.time_ns() // load.block_ns * load.block_ns
        first = self._samples[0]
        example = SampleBlock(station.id, "ec", now, stream.dt_ns, names, first, now // load.block_ns)
        payload = encode_block(example)
        topic = block_topic(tower_id(0), "ec", root).encode()
        body = len(topic).to_bytes(2, "big") + topic + bytes(2) + properties + payload
        head = bytes([PUBLISH | 2]) + written(len(body))
        numbers, arrays = find_values(payload)
        begin = len(head) + len(body) - len(payload)
        self.mid_at = len(head) + 2 + len(topic)
        self._time = begin + numbers["t"][0]
        self._seq, self._seq_type = begin + numbers["seq"][0], np.dtype(f">u{numbers['seq'][1]}")
        self._arrays = [begin + at for at in arrays]
        self._rows = np.tile(np.frombuffer(head + body, np.uint8), (load.towers, 1))
        at = len(head) + 2 + topic.index(tower_id(0).encode()) + len("tower-")
        digits = "".join(f"{number:05d}" for number in range(load.towers)).encode()
        self._rows[:, at : at + 5] = np.frombuffer(digits, np.uint8).reshape(-1, 5)

    def rows(
        self, towers: slice, start_ns: Int64Array, seq: Int64Array, spiked: NDArray[np.bool_]
    ) -> NDArray[np.uint8]:
        """Return the packets of some towers; their message numbers are not set yet."""
        rows = self._rows[towers]
        _put(rows, self._time, start_ns.astype(">u8"))
        _put(rows, self._seq, seq.astype(self._seq_type))
        numbers = np.arange(self._load.towers)[towers]
        # towers begin at different places of the half-hour
        samples = self._samples[(seq + 37 * numbers) % len(self._samples)]
        if spiked.any():
            samples[spiked, seq[spiked] % samples.shape[1], 0] *= 20
        length = 4 * samples.shape[2]
        content = samples.view(np.uint8)
        for i, at in enumerate(self._arrays):
            rows[:, at : at + length] = content[:, i]
        return rows


def _put(rows: NDArray[np.uint8], at: int, values: NDArray[Any]) -> None:
    size = values.dtype.itemsize
    rows[:, at : at + size] = values.reshape(-1, 1).view(np.uint8)


class Connection:
    """A connection that sends packets as they are and counts their confirmations; a context manager."""

    def __init__(self, url: str) -> None:
        self._address = parse_address(url)
        self._changed = threading.Condition()
        self._connected = False
        self._broken = ""
        self._sent = 0
        self._confirmed = 0
        self._window = WINDOW
        self._client = make_bulk_client(self._address, "")
        self._client.on_acknowledged = self._on_acknowledged
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = partial(self._end, "ended")

    def __enter__(self) -> Self:
        connect(self._client, self._address)
        with self._changed:
            self._changed.wait_for(lambda: self._connected or bool(self._broken), 10)
        if not self._connected:
            self._client.loop_stop()
            raise SetupError(
                f"no MQTT broker takes messages at {self._address.host}:{self._address.port}",
                "start it with `fluxtower up`, or set FLUXTOWER_BROKER to one that runs",
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._client.on_disconnect = None
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, rows: NDArray[np.uint8], mid_at: int) -> None:
        """Send packets, whose message numbers are set there, as soon as the window has room for them.

        Raises
        ------
        SetupError
            The connection broke: what was not confirmed may be lost.
        """
        with self._changed:
            self._wait(lambda: self._sent - self._confirmed + len(rows) <= max(self._window, len(rows)))
            _put(rows, mid_at, ((self._sent + np.arange(len(rows))) % 65_535 + 1).astype(">u2"))
            self._sent += len(rows)
        self._client.send_packets(PUBLISH | 2, rows.tobytes())

    def flush(self) -> None:
        """Wait until everything is confirmed; as ``send``."""
        with self._changed:
            self._wait(lambda: self._confirmed >= self._sent)

    def _wait(self, done: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: done() or bool(self._broken))
        if self._broken:
            raise SetupError(
                f"the connection to the broker {self._broken}", "look into the broker's log, and start again"
            )

    def _on_connect(
        self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        with self._changed:
            self._window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
            self._connected = not reason.is_failure
            if reason.is_failure:
                self._broken = f"was refused: {reason}"
            self._changed.notify_all()

    def _end(self, how: str, *_: object) -> None:
        with self._changed:
            self._broken = self._broken or how
            self._changed.notify_all()

    def _on_acknowledged(self, mids: NDArray[np.uint16], refused: int) -> None:
        with self._changed:
            if refused:
                self._broken = self._broken or f"was answered with {refused} refusals"
            self._confirmed += len(mids)
            self._changed.notify_all()


def send(
    load: Load,
    url: str,
    root: str,
    seconds: float,
    *,
    connections: int = 2,
    journal: Path | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> int:
    """Send what a load's towers would, in real time.

    Parameters
    ----------
    load : Load
        What is sent.
    url, root : str
        The broker, and the first levels of every topic.
    seconds : float
        How long. [s]
    connections : int
        Connections to the broker that share the towers.
    journal : Path, optional
        File for what was sent: records of ``JOURNAL``.
    progress : callable, optional
        Called once a second with (blocks sent, how late the sender is [s]).

    Returns
    -------
    int
        Blocks sent, repeated ones too.

    Raises
    ------
    SetupError
        No broker, or the connection broke.
    """
    properties = NO_PROPERTIES if parse_address(url).version == "5" else b""
    packets = Packets(load, root, properties)
    random = np.random.default_rng(load.seed)
    offset = np.zeros(load.towers, np.int64)
    waiting: list[tuple[int, int, NDArray[np.uint8], tuple[int, int]]] = []
    begin = -(-time.time_ns() // load.block_ns) * load.block_ns
    weather = _weather(load, root, begin, properties)
    sent = done = 0
    told = time.monotonic()
    with ExitStack() as stack:
        lines = [stack.enter_context(Connection(url)) for _ in range(connections)]
        book = stack.enter_context(journal.open("wb")) if journal else None

        def out(rows: NDArray[np.uint8], towers: Int64Array, seq: Int64Array) -> None:
            nonlocal sent
            if book is not None:
                note = np.empty(len(rows), JOURNAL)
                note["tower"], note["seq"], note["sent_ns"] = towers, seq, time.time_ns()
                book.write(note.tobytes())
            lines[sent % len(lines)].send(rows, packets.mid_at)
            sent += len(rows)

        goal = load.towers * round(seconds * NS) // load.block_ns
        while done < goal:
            now = time.time_ns()
            # tower i of N sends its block of [t, t + length) at t + length + i / N of a length
            total = min(goal, load.towers * (now - begin) // load.block_ns)
            while done < total:
                block, first = divmod(done, load.towers)
                last = min(load.towers, first + total - done, first + MOST_AT_ONCE)
                towers = np.arange(first, last)
                seq = np.full(len(towers), begin // load.block_ns + block - 1)
                chance = random.random((5, len(towers))) if load.faults != Faults() else np.ones((5, len(towers)))
                jumps = chance[0] < load.faults.clock_jumps
                offset[first:last][jumps] = random.integers(-3600 * NS, 3600 * NS, int(jumps.sum()))
                start = seq * load.block_ns + offset[first:last]
                rows = packets.rows(slice(first, last), start, seq, chance[1] < load.faults.spikes)
                late = chance[2] < load.faults.late
                kept = ~late & (chance[3] >= load.faults.dropouts)
                again = kept & (chance[4] < load.faults.duplicates)
                for i in np.flatnonzero(late | again).tolist():
                    due = now + int(random.integers(load.block_ns, LONGEST_LATE * load.block_ns))
                    heapq.heappush(waiting, (due, first + i, rows[i : i + 1].copy(), (first + i, int(seq[i]))))
                chosen = rows if kept.all() else rows[kept]
                out(chosen, towers[kept], seq[kept])
                done += len(towers)
            while waiting and waiting[0][0] <= now:
                _, _, row, (tower, number) = heapq.heappop(waiting)
                out(row, np.array([tower]), np.array([number]))
            for row, mid_at in weather(now):
                lines[0].send(row, mid_at)
            late_by = (time.time_ns() - now) / NS
            if progress is not None and time.monotonic() - told >= 1.0:
                told = time.monotonic()
                progress(sent, late_by)
            time.sleep(max(0.0, TICK_SECONDS - late_by))
        for _, _, row, (tower, number) in waiting:
            out(row, np.array([tower]), np.array([number]))
        for line in lines:
            line.flush()
    return sent


def _weather(
    load: Load, root: str, begin: int, properties: bytes
) -> Callable[[int], Iterator[tuple[NDArray[np.uint8], int]]]:
    """Return what gives the packets of readings that became due since it was last called, and where their number is."""
    values: list[dict[str, float]] = []
    if load.weather:
        text, name = list(station_files(load))[load.towers]
        station = parse_station(text, name)
        day = records(Tower(station, seed=load.seed), datetime(2026, 7, 1, tzinfo=UTC), 1.0)
        values = [dict(record.values) for record in day if isinstance(record, Reading)]
    minute = 60 * NS
    done = 0

    def due(now: int) -> Iterator[tuple[NDArray[np.uint8], int]]:
        nonlocal done
        while done < load.weather * (now - begin) // minute:
            round_, number = divmod(done, load.weather)
            start = begin // minute * minute + (round_ - 1) * minute
            reading = Reading(weather_id(number), "met", start, values[(round_ + 37 * number) % len(values)])
            topic = reading_topic(reading.station, "met", root).encode()
            body = len(topic).to_bytes(2, "big") + topic + bytes(2) + properties + encode_reading(reading)
            head = bytes([PUBLISH | 2]) + written(len(body))
            yield np.frombuffer(head + body, np.uint8)[None].copy(), len(head) + 2 + len(topic)
            done += 1

    return due
