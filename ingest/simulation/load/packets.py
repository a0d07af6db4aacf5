"""The messages of a load as rows of bytes, in which only time, number and samples are set anew."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.clock import NS, from_ns
from core.records import Reading, SampleBlock
from core.station import parse_station
from ingest.encoding import encode_block, encode_reading
from ingest.mqtt.topics import block_topic, reading_topic
from ingest.mqtt.wire import PUBLISH, encode_length
from ingest.payloads.block_template import find_values
from ingest.simulation.load.stations import Load, station_files, tower_id, weather_id
from ingest.simulation.tower import Tower, half_hour_samples, records

NO_PROPERTIES = b"\0"
"""No properties, as MQTT 5 writes them; MQTT 3.1.1 has none."""
QOS_1 = PUBLISH | 2
"""First byte of a message of QoS 1."""

Int64Array = NDArray[np.int64]
Rows = NDArray[np.uint8]
"""Packets of one length, a row each."""


class Packets:
    """The messages of all towers as rows of bytes.

    Parameters
    ----------
    load : Load
        What is sent.
    root : str
        First levels of every topic.
    properties : bytes
        ``NO_PROPERTIES``; nothing in MQTT 3.1.1.

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
        packet, self.mid_at = _publish(block_topic(tower_id(0), "ec", root), payload, properties)
        numbers, arrays = find_values(payload)
        begin = len(packet) - len(payload)
        self._time = begin + numbers["t"][0]
        self._seq, self._seq_type = begin + numbers["seq"][0], np.dtype(f">u{numbers['seq'][1]}")
        self._arrays = [begin + at for at in arrays]
        self._rows = np.tile(np.frombuffer(packet, np.uint8), (load.towers, 1))
        at = packet.index(tower_id(0).encode()) + len("tower-")
        digits = "".join(f"{number:05d}" for number in range(load.towers)).encode()
        self._rows[:, at : at + 5] = np.frombuffer(digits, np.uint8).reshape(-1, 5)

    def rows(self, towers: slice, start_ns: Int64Array, seq: Int64Array, spiked: NDArray[np.bool_]) -> Rows:
        """Return the packets of some towers; their message numbers are not set yet."""
        rows = self._rows[towers]
        put_numbers(rows, self._time, start_ns.astype(">u8"))
        put_numbers(rows, self._seq, seq.astype(self._seq_type))
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


class WeatherPackets:
    """The messages of the stations of weather: a reading a minute each, one after the other.

    Parameters
    ----------
    load : Load
        What is sent.
    root : str
        First levels of every topic.
    begin_ns : int
        When sending begins. [ns since 1970 UTC]
    properties : bytes
        As for ``Packets``.
    """

    def __init__(self, load: Load, root: str, begin_ns: int, properties: bytes = NO_PROPERTIES) -> None:
        self._count, self._root, self._begin_ns, self._properties = load.weather, root, begin_ns, properties
        self._values: list[dict[str, float]] = []
        self._done = 0
        if load.weather:
            text, name = list(station_files(load))[load.towers]
            station = parse_station(text, name)
            day = records(Tower(station, seed=load.seed), datetime(2026, 7, 1, tzinfo=UTC), 1.0)
            self._values = [dict(record.values) for record in day if isinstance(record, Reading)]

    def values_at(self, time: datetime) -> dict[str, float]:
        """Return what every station measures at a time of the day: the sun stands where it does."""
        return self._values[60 * time.hour + time.minute]

    def due(self, now_ns: int) -> Iterator[tuple[Rows, int]]:
        """Give the packets that became due since this was last called, and where their message number stands."""
        minute = 60 * NS
        while self._done < self._count * (now_ns - self._begin_ns) // minute:
            round_, number = divmod(self._done, self._count)
            start = self._begin_ns // minute * minute + (round_ - 1) * minute
            reading = Reading(weather_id(number), "met", start, self.values_at(from_ns(start)))
            topic = reading_topic(reading.station, "met", self._root)
            packet, mid_at = _publish(topic, encode_reading(reading), self._properties)
            yield np.frombuffer(packet, np.uint8)[None].copy(), mid_at
            self._done += 1


def put_numbers(rows: Rows, at: int, values: NDArray[Any]) -> None:
    """Write a number into each row, as its type lies in memory."""
    size = values.dtype.itemsize
    rows[:, at : at + size] = values.reshape(-1, 1).view(np.uint8)


def _publish(topic: str, payload: bytes, properties: bytes) -> tuple[bytes, int]:
    """Return a packet with message number 0, and where this number stands."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + bytes(2) + properties + payload
    head = bytes([QOS_1]) + encode_length(len(body))
    return head + body, len(head) + 2 + len(name)
