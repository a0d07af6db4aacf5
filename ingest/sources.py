"""What a topic means: whose message it is, how it is read, and what the station file declares about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from paho.mqtt.matcher import MQTTMatcher

from core.errors import ConfigError, PayloadError, UnknownStation
from core.station import HJ212, Station, Stream, overlap
from ingest.mqtt import topics
from ingest.payloads import FORMATS, STATE, MessageSource

MAX_KNOWN_TOPICS = 200_000
"""Topics that are remembered; wildcards match without end."""
DEVICE = "hj212:"
"""What the name of a device of HJ 212 has before it where the topic of a message stands; no topic of MQTT begins so."""


class Sources:
    """What every topic means, by the registered stations.

    Parameters
    ----------
    stations : mapping of str to Station
        By id.
    root : str
        First levels of our own topics, which no station file can give another meaning.
    """

    def __init__(self, stations: Mapping[str, Station], root: str) -> None:
        self._stations = stations
        self._root = root
        self._known: dict[str, MessageSource] = {}
        self._foreign = MQTTMatcher()  # type: ignore[no-untyped-call]
        self._filters: dict[str, None] = {}
        self._devices: dict[str, MessageSource] = {}
        for station in stations.values():
            for topic, source in _mapped(station):
                if topic not in self._filters:  # should two stations have got the same topic, the first keeps it
                    self._filters[topic] = None
                    self._foreign[topic] = source
            for mn, streams in _devices(station).items():
                self._devices.setdefault(mn, MessageSource(station.id, "", HJ212, streams=streams))

    @property
    def filters(self) -> tuple[str, ...]:
        """Topic filters of foreign messages, to subscribe to."""
        return tuple(self._filters)

    def resolve(self, topic: str) -> MessageSource:
        """Return what a topic means.

        Raises
        ------
        PayloadError
            No station uses that topic.
        UnknownStation
            It is one of our own topics, of a station that is not registered.
        """
        source = self._known.get(topic)
        if source is None:
            source = self._find(topic)
            if len(self._known) >= MAX_KNOWN_TOPICS:
                self._known.clear()
            self._known[topic] = source
        return source

    def device(self, mn: str) -> MessageSource:
        """Return what the frames of a device of HJ 212 mean.

        Raises
        ------
        PayloadError
            No station has a stream of that device.
        """
        if mn not in self._devices:
            raise PayloadError(
                f"unknown device MN {mn!a}: no stream of a registered station has it as `mn`: add it to the station "
                "file and run `fluxtower station add FILE.toml` again"
            )
        return self._devices[mn]

    def _find(self, topic: str) -> MessageSource:
        if topic.startswith(DEVICE):
            return self.device(topic.removeprefix(DEVICE))
        if not topic.startswith(self._root + "/"):
            for source in self._foreign.iter_match(topic):  # type: ignore[no-untyped-call]
                assert isinstance(source, MessageSource)
                return source
        ours = topics.parse(topic, self._root)
        station = self._stations.get(ours.station)
        if station is None:
            raise UnknownStation(ours.station)
        return MessageSource(ours.station, ours.stream, ours.kind, station.streams.get(ours.stream))


def check_topics(station: Station, file: str, others: Iterable[Station], root: str) -> None:
    """Check that a station's topics mean nothing else yet.

    Parameters
    ----------
    station : Station
        The one that is checked.
    file : str
        What to call it in errors.
    others : iterable of Station
        Stations that are registered; one of the same id is left out.
    root : str
        First levels of our own topics.

    Raises
    ------
    ConfigError
        A topic that another station, or Fluxtower itself, uses; or a device of HJ 212 that another station has.
    """
    registered = tuple(others)
    taken = [(f"{root}/#", "Fluxtower itself")]
    for other in registered:
        if other.id != station.id:
            taken += [(topic, f"station {other.id}") for _, topic in other.topic_filters]
    for key, topic in station.topic_filters:
        for used, by in taken:
            if overlap(topic, used):
                raise ConfigError(file, key, f"topics that are not used yet ({used!r} is, by {by})", repr(topic))
    _check_devices(station, file, registered)


def _check_devices(station: Station, file: str, others: Sequence[Station]) -> None:
    taken = {stream.mn: other.id for other in others if other.id != station.id for stream in other.stream if stream.mn}
    for i, stream in enumerate(station.stream):
        if stream.mn in taken:
            by = f"a device that is not used yet (station {taken[stream.mn]} has it)"
            raise ConfigError(file, f"stream[{i}].mn", by, repr(stream.mn))


def _devices(station: Station) -> dict[str, tuple[Stream, ...]]:
    """Return the streams of each device of HJ 212."""
    found: dict[str, tuple[Stream, ...]] = {}
    for stream in station.stream:
        if stream.mn:
            found[stream.mn] = (*found.get(stream.mn, ()), stream)
    return found


def _mapped(station: Station) -> Iterator[tuple[str, MessageSource]]:
    for stream in station.stream:
        if stream.topic is not None and stream.format is not None:
            offset = stream.logger_utc_offset
            ahead_ns = round((station.station.utc_offset if offset is None else offset) * 3600) * 10**9
            end = stamps_end(stream, stream.format)
            yield stream.topic, MessageSource(station.id, stream.name, stream.format, stream, ahead_ns, end)
    for topic in station.station.state_topics:
        yield topic, MessageSource(station.id, "", STATE)


def stamps_end(stream: Stream, format: str) -> bool:
    """Return whether stamps are interval ENDs; where the format is not to be had, no message of it is decoded."""
    if stream.stamps is not None:
        return stream.stamps == "end"
    try:
        return FORMATS[format].stamps == "end"
    except (KeyError, ConfigError):
        return False
