"""Random cases for `benchmarks.qc`: a simulated weather station, a planted fault, and what the checks say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from core.clock import NS
from core.records import FloatArray
from core.station import Identity
from ingest.simulation.climates import CLIMATES
from ingest.simulation.weather import UNITS, StationWeather, make_weather, weather_stream
from ingest.simulation.weather_faults import WMO_ACCURACY, Fault, plant
from qc.slow import checks
from qc.slow import kernels as k
from qc.slow.buddy import HOUR_NS, find_outsiders
from qc.slow.finding import DAY_NS, ChannelSeries
from qc.slow.findings import find_all
from qc.slow.judging import judge
from qc.slow.limits import StreamLimits, stream_limits

SHORT, LONG, SEASON = (60, 12.0), (600, 75.0), (1800, 130.0)
"""Step [s] and length [days] of what readings, nights and fortnights, and windows of 60 days are judged by."""
SEEDS = 3
NEIGHBOURS = 30
"""Stations of a network of neighbours."""
LOCAL_ACCURACIES = 1.0
"""How far neighbours are from a station in the mean of a day, besides a constant: so many accuracies."""
MAX_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Attributes
    ----------
    sizes : (float, float)
        Smallest and largest size, in what ``measure`` says; drawn so that small and large ones are alike often.
    measure : str
        What the size is counted in.
    names : tuple of str
        Checks that call it by its name.
    examine : callable
        What is looked at.
    data : (int, float)
        ``SHORT``, ``LONG`` or ``SEASON``.
    """

    sizes: tuple[float, float]
    measure: str
    names: tuple[str, ...]
    examine: Callable[[StationWeather, StationWeather, Fault, np.random.Generator, float], set[str]]
    data: tuple[int, float] = SHORT


@dataclass(slots=True)
class Tally:
    """What became of the cases of a kind."""

    tried: int = 0
    found: int = 0
    named: int = 0
    by: dict[str, int] = field(default_factory=dict)

    def count(self, said: set[str], names: tuple[str, ...]) -> None:
        """Count a case by the checks that told it."""
        self.tried += 1
        self.found += bool(said)
        self.named += bool(said & set(names))
        for name in said:
            self.by[name] = self.by.get(name, 0) + 1


@cache
def clean(climate: str, number: int, data: tuple[int, float]) -> StationWeather:
    """Return clean readings; the season goes with the number."""
    step_s, days = data
    seed = 1000 * list(CLIMATES).index(climate) + number
    start = np.datetime64("2023-01-01", "ns").astype(np.int64) + int(number * 365 / SEEDS + 17 * seed % 100) * DAY_NS
    return make_weather(climate, seed, int(start), days, step_s)


@cache
def limits_of_simulation(step_s: int, climate: str) -> StreamLimits:
    """Return the default limits of such a station."""
    return stream_limits(weather_stream(step_s), clean(climate, 0, SHORT).site)


def run_case(kind: str, number: int, size: float | None = None, scale: float = 1.0) -> set[str]:
    """Plant a fault by chance; return the names of the checks that tell it.

    Parameters
    ----------
    kind : str
        Key of ``KINDS``.
    number : int
        Number of the case, the seed of all its chances.
    size : float, optional
        In place of one within the kind's sizes.
    scale : float
        Multiplies the limits of spike, step and rate.
    """
    facts = KINDS[kind]
    for attempt in range(MAX_ATTEMPTS):
        dice = np.random.default_rng([number, attempt, sum(kind.encode())])
        weather = clean(str(dice.choice(list(CLIMATES))), int(dice.integers(SEEDS)), facts.data)
        low, high = facts.sizes
        own = float(np.exp(dice.uniform(np.log(low), np.log(high)))) if size is None else size
        planted = plant(kind, weather, dice, own)
        if planted is not None:
            return facts.examine(weather, *planted, dice, scale)
    raise RuntimeError(f"{kind}: no weather has a place for it")


def _rows(weather: StationWeather) -> FloatArray:
    return np.column_stack([weather.values[name] for name in UNITS])


def scaled(limits: StreamLimits, scale: float) -> StreamLimits:
    """Return limits of which those of spike, step and rate are multiplied."""
    columns = [k.SPIKE_SUSPECT, k.SPIKE_BAD, k.NOISE_LEAST, k.STEP_SUSPECT, k.STEP_BAD, k.RATE_SUSPECT, k.RATE_BAD]
    table = limits.table.copy()
    table[:, columns] *= scale
    return replace(limits, table=table)


def alarms_at(scale: float) -> float:
    """Return the share of clean one-minute readings that spike, step and rate tell, of the worst variable."""
    worst = 0.0
    told = sum(1 << place for place in (k.SPIKE, k.STEP, k.RATE))
    for climate in CLIMATES:
        weather = clean(climate, 0, SHORT)
        limits = scaled(limits_of_simulation(SHORT[0], climate), scale)
        masks = judge(weather.times_ns, _rows(weather), limits, weather.site).checks
        worst = max(worst, float((masks & told != 0).mean(axis=0).max()))
    return worst


def by_readings(
    weather: StationWeather, faulty: StationWeather, fault: Fault, _dice: np.random.Generator, scale: float
) -> set[str]:
    """Judge the readings of the fault and their past; what the clean readings have at the same place does not count."""
    limits = scaled(limits_of_simulation(weather.step_s, weather.site.id.partition("-")[0]), scale)
    begin = max(fault.begin - limits.look_back_ns // (weather.step_s * NS) - 2, 0)
    cut = slice(int(begin), min(fault.end + 3, weather.times_ns.size))
    place = list(UNITS).index(fault.channel)
    own = slice(fault.begin - begin, fault.end - begin)
    masks = [
        judge(one.times_ns[cut], _rows(one)[cut], limits, weather.site).checks[own, place] for one in (weather, faulty)
    ]
    new = masks[1] & ~masks[0]
    return {name for mask in np.unique(new) for name in checks.checks_of(int(mask))}


def series_of(weather: StationWeather, name: str) -> ChannelSeries:
    """Return a channel as the checks of stretches take it."""
    return ChannelSeries(name.lower(), name, UNITS[name], weather.step_s * NS, weather.times_ns, weather.values[name])


def neighbours_of(weather: StationWeather, channel: str, dice: np.random.Generator) -> FloatArray:
    """Return what neighbours say of a channel: the same weather, differences that stay and that change day by day."""
    days = (weather.times_ns // DAY_NS - weather.times_ns[0] // DAY_NS).astype(np.int64)
    count = int(days[-1]) + 1
    series = series_of(weather, channel)
    local = dice.normal(0, 1, count)
    for i in range(1, count):
        local[i] = 0.5 * local[i - 1] + 0.866 * local[i]
    accuracy = series.accuracy
    spread = LOCAL_ACCURACIES * accuracy * local[days] + dice.normal(0, accuracy, days.size)
    return np.asarray(series.standard + 3 * accuracy * dice.normal() + spread)


def by_stretches(
    weather: StationWeather, faulty: StationWeather, fault: Fault, dice: np.random.Generator, _scale: float
) -> set[str]:
    """Look for findings within the fault; those that the clean readings have, too, do not count."""
    measured = fault.channel in WMO_ACCURACY
    reference = neighbours_of(weather, fault.channel, dice) if measured else None
    told = []
    begin = weather.times_ns[fault.begin]
    end = weather.times_ns[fault.end - 1]
    for one in (weather, faulty):
        found = find_all(series_of(one, fault.channel), weather.site, reference)
        told.append({(f.check, f.start_ns) for f in found if f.start_ns <= end and f.end_ns > begin})
    return {check for check, _ in told[1] - told[0]}


def by_both(
    weather: StationWeather, faulty: StationWeather, fault: Fault, dice: np.random.Generator, scale: float
) -> set[str]:
    """Look for findings, and judge the readings."""
    return by_stretches(weather, faulty, fault, dice, scale) | by_readings(weather, faulty, fault, dice, scale)


def by_neighbours(
    weather: StationWeather, faulty: StationWeather, fault: Fault, dice: np.random.Generator, _scale: float
) -> set[str]:
    """Compare the hours of the fault with those of a network."""
    per_hour = 3600 // weather.step_s
    begin = fault.begin // per_hour * per_hour
    rows = slice(max(begin - 6 * per_hour, 0), begin + 12 * per_hour)
    sites, offsets = network(weather.site, dice)
    hours = weather.times_ns[rows][::per_hour] // HOUR_NS * HOUR_NS
    told = []
    for one in (weather, faulty):
        noise = np.random.default_rng(fault.begin).normal(0, 0.3, (hours.size, len(sites)))
        own = weather.values["TA"][rows].reshape(-1, per_hour).mean(axis=1)
        means = own[:, None] + offsets + noise
        means[:, 0] = one.values["TA"][rows].reshape(-1, per_hour).mean(axis=1)
        found = find_outsiders(sites, ["ta"] * len(sites), hours, means)
        told.append({f.start_ns for station, f in found if station == sites[0].id})
    return {"buddy"} if told[1] - told[0] else set()


def network(site: Identity, dice: np.random.Generator) -> tuple[list[Identity], FloatArray]:
    """Return a station with its neighbours within 30 km and 150 m of height, and how their temperatures differ."""
    sites, offsets = [site], [0.0]
    for i in range(NEIGHBOURS):
        height = float(np.clip(site.altitude + dice.uniform(-150, 150), -400, 8800))
        sites.append(
            site.model_copy(
                update={
                    "id": f"neighbour-{i}",
                    "latitude": site.latitude + dice.uniform(-0.2, 0.2),
                    "longitude": site.longitude + dice.uniform(-0.2, 0.2),
                    "altitude": height,
                }
            )
        )
        offsets.append(-0.0065 * (height - site.altitude) + dice.normal(0, 0.5))
    return sites, np.array(offsets)


_CHANGE = "WMO's erroneous one-minute changes"
_ACCURACY = "accuracies"
KINDS: dict[str, Kind] = {
    "spike": Kind((5, 50), _ACCURACY, ("spike",), by_readings),
    "step": Kind((1.2, 4), _CHANGE, ("step",), by_readings),
    "rate": Kind((1.2, 4), f"{_CHANGE} per minute of the gap", ("rate",), by_readings),
    "stuck": Kind((1.5, 5), "times that a value may stay", ("persistence",), by_readings),
    "vane": Kind((1.5, 5), "times that a direction may stay", ("persistence",), by_readings),
    "gust": Kind((2, 8), _ACCURACY, ("consistency",), by_readings),
    "dew": Kind((2, 8), _ACCURACY, ("consistency",), by_readings),
    "snow": Kind((0.7, 0.99), "share of the light kept away", ("consistency",), by_readings),
    "rain_on_path": Kind((30, 80), "percent of signal lost", ("consistency",), by_readings),
    "broken": Kind((1.02, 3), "ranges", ("range",), by_readings),
    "noise": Kind((5, 20), _ACCURACY, ("noise",), by_stretches, LONG),
    "level": Kind((5, 20), _ACCURACY, ("level",), by_stretches, SEASON),
    "drift": Kind((5, 20), f"{_ACCURACY} in 60 days", ("drift",), by_stretches, SEASON),
    "clock_30": Kind((1, 1.001), "half-hours", ("clock",), by_stretches, LONG),
    "clock_60": Kind((1, 1.001), "hours", ("clock",), by_stretches, LONG),
    "unit": Kind((1, 1.001), "", ("unit",), by_both, LONG),
    "night_offset": Kind((1.5, 5), "zero offsets of class A (10 W m-2)", ("night_offset",), by_stretches, LONG),
    "buddy": Kind((25, 75), _ACCURACY, ("buddy",), by_neighbours, LONG),
}
"""Kind -> how large it is planted; the smallest size is one that a rule of the field calls a fault."""


def false_alarms(seeds: int) -> dict[str, float]:
    """Return of each check the share of clean readings, or stretches, that it tells: the worst variable and climate."""
    shares: dict[str, float] = dict.fromkeys(checks.CHECKS, 0.0)
    for climate in CLIMATES:
        for data in (SHORT, LONG):
            masks = []
            for number in range(seeds):
                weather = clean(climate, number, data)
                limits = limits_of_simulation(data[0], climate)
                masks.append(judge(weather.times_ns, _rows(weather), limits, weather.site).checks)
            told = np.concatenate(masks)
            for mask in np.unique(told):
                for name in checks.checks_of(int(mask)):
                    places = np.array([name in checks.checks_of(int(one)) for one in np.unique(told)])
                    share = np.isin(told, np.unique(told)[places]).mean(axis=0).max()
                    shares[name] = max(shares[name], float(share))
            shares["any"] = max(shares.get("any", 0.0), float((told != 0).mean(axis=0).max()))
    for check, (stretch_count, alarms) in _stretch_alarms(seeds).items():
        shares[check] = alarms / stretch_count
    return shares


def _stretch_alarms(seeds: int) -> dict[str, tuple[int, int]]:
    """Return of each check the stretches that were judged, and those that were told."""
    lengths = {"night_offset": 1, "noise": 1, "unit": 1, "level": 1, "clock": 15, "drift": 60, "buddy": 1}
    counts = {check: [0, 0] for check in lengths}
    for climate in CLIMATES:
        for number in range(seeds):
            weather = clean(climate, number, LONG)
            dice = np.random.default_rng([number, 5])
            for name in UNITS:
                reference = neighbours_of(weather, name, dice) if name in WMO_ACCURACY else None
                found = find_all(series_of(weather, name), weather.site, reference)
                for check, days in lengths.items():
                    radiation = name in ("SW_IN", "PPFD_IN") or (check == "night_offset" and name == "SW_OUT")
                    if check == "buddy" or (check in ("night_offset", "clock") and not radiation):
                        continue
                    if check in ("level", "drift") and reference is None:
                        continue
                    counts[check][0] += int(LONG[1] / days)
                    counts[check][1] += sum(one.check == check for one in found)
            sites, offsets = network(weather.site, dice)
            hourly = weather.values["TA"][: 6 * 24 * 10].reshape(-1, 6).mean(axis=1)[:, None]
            means = hourly + offsets + dice.normal(0, 0.3, (hourly.size, len(sites)))
            hours = weather.times_ns[0] + np.arange(hourly.size) * HOUR_NS
            outsiders = find_outsiders(sites, ["ta"] * len(sites), hours, means)
            counts["buddy"][0] += means.size
            counts["buddy"][1] += sum(int(one.data["hours"]) for _, one in outsiders)
    return {check: (max(tried, 1), told) for check, (tried, told) in counts.items()}
