"""What a topic means: whose message it is, how it is read, and what the station file declares about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from paho.mqtt.matcher import MQTTMatcher

from core.errors import ConfigError, UnknownStation
from core.station import Station, Stream, overlap
from ingest.mqtt import topics
from ingest.payloads import FORMATS, STATE, MessageSource

MAX_KNOWN_TOPICS = 200_000
"""Topics that are remembered; wildcards match without end."""


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
        for station in stations.values():
            for topic, source in _mapped(station):
                if topic not in self._filters:  # should two stations have got the same topic, the first keeps it
                    self._filters[topic] = None
                    self._foreign[topic] = source

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

    def _find(self, topic: str) -> MessageSource:
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
        A topic that another station, or Fluxtower itself, uses.
    """
    taken = [(f"{root}/#", "Fluxtower itself")]
    for other in others:
        if other.id != station.id:
            taken += [(topic, f"station {other.id}") for _, topic in other.topic_filters]
    for key, topic in station.topic_filters:
        for used, by in taken:
            if overlap(topic, used):
                raise ConfigError(file, key, f"topics that are not used yet ({used!r} is, by {by})", repr(topic))


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
