"""Windows of stations are looked at, their findings stored, and the readings that these are about judged again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core.clock import EPOCH, NS, from_ns, to_ns
from core.errors import FluxTowerError, StoreError, UnknownVariable
from core.progress import Progress, no_progress
from core.records import FloatArray
from core.station import Identity
from core.store import (
    NewFinding,
    PlacedChannel,
    Store,
    StoredReadingsOfStretch,
    StreamRow,
    Window,
    end_window,
    replace_findings,
    touch_windows,
)
from core.variables import base_name, convert, variable
from qc.codes import BAD, REFUSED_FLAGS
from qc.judge.examinations import BY_NAME, DAY, EXAMINATIONS, GRACE, Examination, concerns, examine
from qc.judge.neighbours import BUDDY, NEAR_M, Place, distance_m, is_as_high
from qc.judge.rules import StreamRules, rules_of
from qc.judge.windows import windows_of
from qc.slow.buddy import find_outsiders
from qc.slow.finding import ChannelSeries, Finding

COMPARING = {BUDDY, *(one.check for one in EXAMINATIONS if one.compares)}
HOUR_NS = 3600 * NS
SECOND = timedelta(seconds=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlacedSeries:
    """A channel of a station as the checks of windows need it."""

    rules: StreamRules
    index: int

    @property
    def base(self) -> str:
        """Name of its variable without the place."""
        return base_name(self.rules.stream.variables[self.index])

    @property
    def unit(self) -> str:
        """In which it is sent."""
        return self.rules.stream.units[self.index]

    @property
    def channel(self) -> PlacedChannel:
        """As the store finds it, between the values that are possible at all."""
        stream = self.rules.stream
        facts = variable(stream.variables[self.index])
        bounds = [convert(one, facts.name, facts.unit, self.unit) for one in (facts.low, facts.high)]
        return PlacedChannel(stream.station_key, stream.key, self.index + 1, min(bounds), max(bounds))

    def standard(self, values: FloatArray) -> FloatArray:
        """Return values in the variable's own unit."""
        name = self.rules.stream.variables[self.index]
        own = variable(name).unit
        zero, one = convert(0.0, name, self.unit, own), convert(1.0, name, self.unit, own)
        return values * (one - zero) + zero

    def series(self, time_ns: NDArray[np.int64], values: FloatArray, interval_ns: int) -> ChannelSeries:
        """Return readings, or means of an interval, as the checks take them."""
        stream, i = self.rules.stream, self.index
        return ChannelSeries(stream.channels[i], stream.variables[i], self.unit, interval_ns, time_ns, values)


class Examiner:
    """Looks at windows.

    Parameters
    ----------
    store : Store
        Of its own: what is new of its stations is told once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stations: dict[int, list[PlacedSeries]] = {}

    def examine_due(self, now: datetime, limit: int = 1) -> int:
        """Look at windows that are due; return how many."""
        windows = self._store.findings.find_due(now - GRACE, limit)
        if windows:
            stations = self._refresh()
            for window in windows:
                try:
                    self._examine(window, stations)
                except StoreError:
                    raise
                except Exception:  # the others are looked at all the same
                    log.exception("%s of station %s from %s", window.check_name, window.station, window.start)
                    with self._store.judgements.working() as work:
                        end_window(work.connection, window)
                if window.touched is not None and window.touched > window.complete + GRACE:
                    self._touch_near(window, stations)
        return len(windows)

    def examine_period(
        self, station: str, start: datetime, end: datetime, now: datetime, progress: Progress = no_progress
    ) -> int:
        """Look at every whole window of a station that looks at readings of [start, end); return how many."""
        stations = self._refresh()
        key = self._store.stations.read(station).key
        days = range((start - EPOCH) // DAY, -((EPOCH - end) // DAY))
        windows = sorted(set(windows_of(key, days)), key=lambda one: (one.start, one.check_name))
        done = [one for one in windows if one.complete <= now - GRACE]
        for i, window in enumerate(done):
            progress("windows", i, len(done))
            self._examine(window, stations)
        return len(done)

    def _touch_near(self, window: Window, stations: dict[int, list[PlacedSeries]]) -> None:
        """Make windows of near stations due, too: readings came late that they are compared with."""
        own = stations.get(window.station)
        if own and window.check_name in COMPARING:
            site, reach = own[0].rules.station.station, 2 * NEAR_M
            bases = sorted({one.base for one in own})
            near = {one.channel.station for base in bases for one in _near(window.station, site, base, stations, reach)}
            windows = [Window(key, window.check_name, window.start, window.complete) for key in sorted(near)]
            with self._store.judgements.reading() as work:
                touch_windows(work.connection, windows, own=False)

    def _refresh(self) -> dict[int, list[PlacedSeries]]:
        """Return the channels of each station (by its key), of layouts in force and earlier ones; read what is new."""
        catalogue = self._store.catalogue
        changed = catalogue.refresh()
        is_first = not self._stations
        if changed or is_first:
            fresh: dict[int, list[PlacedSeries]] = {}
            for stream in self._store.stations.read_streams(None):
                if stream.kind == "reading" and (is_first or stream.station in changed):
                    try:
                        rules = rules_of(stream, catalogue.station(stream.station))
                    except FluxTowerError as error:
                        log.error("windows of %s are not looked at: %s", stream.station, error)
                        continue
                    places = (PlacedSeries(rules, i) for i in range(len(stream.channels)) if _is_known(stream, i))
                    fresh.setdefault(stream.station_key, []).extend(places)
            self._stations |= fresh
        return self._stations

    def _examine(self, window: Window, stations: dict[int, list[PlacedSeries]]) -> None:
        if window.check_name == BUDDY:
            self._examine_network(window, stations)
            return
        examination = BY_NAME[window.check_name]
        own = [one for one in stations.get(window.station, []) if concerns(examination, one.base)]
        if examination.compares:
            found = self._compare(examination, window, own, stations)
        else:
            found = self._look(examination, window, own)
        self._put(window, found)

    def _look(
        self, examination: Examination, window: Window, own: Sequence[PlacedSeries]
    ) -> list[tuple[PlacedSeries, Finding]]:
        """Look at the readings of each channel by themselves."""
        start, end = examination.period(window.start)
        found = []
        for rules in {one.rules.stream.key: one.rules for one in own}.values():
            with self._store.judgements.reading() as work:
                stored = work.read(rules.stream, start, end - SECOND)
            if len(stored.time_ns):
                values = _usable(rules, stored)
                for one in (one for one in own if one.rules.stream.key == rules.stream.key):
                    series = one.series(stored.time_ns, values[:, one.index], rules.stream.dt_ns)
                    said = examine(examination, window.start, series, (), rules.station.station)
                    found += [(one, finding) for finding in said]
        return found

    def _compare(
        self,
        examination: Examination,
        window: Window,
        own: Sequence[PlacedSeries],
        stations: dict[int, list[PlacedSeries]],
    ) -> list[tuple[PlacedSeries, Finding]]:
        """Look at hourly means of each channel beside those of other sensors, at the station and near it."""
        start, end = examination.period(window.start)
        hours = np.arange(to_ns(start), to_ns(end), HOUR_NS)
        found = []
        for base in sorted({one.base for one in own}):
            ours = [one for one in own if one.base == base]
            all_ = [*ours, *_near(window.station, ours[0].rules.station.station, base, stations)]
            means = self._store.findings.read_hourly_means([one.channel for one in all_], hours)
            standard = [one.standard(row) for one, row in zip(all_, means, strict=True)]
            for i, one in enumerate(ours):
                others = [row for j, row in enumerate(standard) if j != i and np.isfinite(row).any()]
                site = one.rules.station.station
                said = examine(examination, window.start, one.series(hours, means[i], HOUR_NS), others, site)
                found += [(one, finding) for finding in said]
        return found

    def _examine_network(self, window: Window, stations: dict[int, list[PlacedSeries]]) -> None:
        """Look at the air temperature of a station and of all near it; what is found of these is theirs to find."""
        own = _first(stations.get(window.station, []), "TA")
        found: list[tuple[PlacedSeries, Finding]] = []
        if own is not None:
            site = own.rules.station.station
            members = [own, *_near(window.station, site, "TA", stations, reach=2 * NEAR_M)]
            hours = np.arange(to_ns(window.start), to_ns(window.start + DAY), HOUR_NS)
            means = self._store.findings.read_hourly_means([one.channel for one in members], hours)
            degrees = np.stack([one.standard(row) for one, row in zip(members, means, strict=True)])
            names = [one.rules.stream.channels[one.index] for one in members]
            sites = [one.rules.station.station for one in members]
            said = find_outsiders(sites, names, hours, degrees.T)
            found = [(own, finding) for id, finding in said if id == site.id]
        self._put(window, found)

    def _put(self, window: Window, found: Iterable[tuple[PlacedSeries, Finding]]) -> None:
        new = [
            NewFinding(
                one.rules.stream.key,
                said.channel,
                from_ns(said.start_ns),
                from_ns(said.end_ns),
                said.flag,
                said.reason,
                dict(said.data),
            )
            for one, said in found
        ]
        with self._store.judgements.working() as work:
            for stream, start, end in replace_findings(work.connection, window, new):
                work.request([stream], start, end)


def _usable(rules: StreamRules, stored: StoredReadingsOfStretch) -> FloatArray:
    """Return values, NaN what is bad by itself or what a person does not believe; findings say nothing here."""
    judged = rules.judge(stored.time_ns, stored.values)
    values = np.where(judged.flags == BAD, np.nan, stored.values)
    for i, manual in enumerate(stored.manual):
        if manual is not None:
            values[i, [flag in REFUSED_FLAGS for flag in manual]] = np.nan
    return values


def _near(
    station: int,
    site: Identity,
    base: str,
    stations: dict[int, list[PlacedSeries]],
    reach: float = NEAR_M,
) -> list[PlacedSeries]:
    """Return a sensor of a variable of each station near a site, without its own station; by the stations' keys.

    What is compared directly stands about as high; further ones are there because near ones are compared with them.
    """
    found = []
    for key, channels in sorted(stations.items()):
        there = [one for one in channels if one.base == base]
        if key == station or not there:
            continue
        other = Place.of(there[0].rules.station.station)
        if distance_m(Place.of(site), other) <= reach and (reach > NEAR_M or is_as_high(Place.of(site), other)):
            found += there[:1]
    return found


def _first(channels: Sequence[PlacedSeries], base: str) -> PlacedSeries | None:
    return next((one for one in channels if one.base == base), None)


def _is_known(stream: StreamRow, index: int) -> bool:
    try:
        facts = variable(stream.variables[index])
        convert(0.0, facts.name, facts.unit, stream.units[index])
    except (UnknownVariable, ValueError):
        return False
    return True
