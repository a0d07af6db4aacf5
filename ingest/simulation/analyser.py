"""A simulated analyser of mole fractions behind a valve: seeded, with the known truth.

All that a chain has to undo is put in on purpose: the air's course, tanks whose true content is not quite what is
assigned, a response with gain, curvature and a baseline that walks, the analyser's own effect of water, the old gas
that mixes with the new one after a change of the valve, and faults. A day depends on seed and date only, so that any
stretch can be made alone, and again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import lfilter

from core.clock import NS
from core.records import FloatArray, Reading
from core.station import Station, parse_station
from core.tanks import Tank, Tanks, parse_tank

DAY_NS, DAY_S = 86_400 * NS, 86_400
STEP_S = 5
GASES = ("CO2", "CH4")
CHANNELS = ("valve", "co2", "co2_dry", "ch4", "h2o", "pressure", "temperature", "flow")
INTAKES = {1: "10m", 2: "40m"}
REFERENCE_PORT, TARGET_PORT = 8, 12
STANDARD_PORTS = (9, 10, 11)
TANKS = {8: "SIM-R", 9: "SIM-1", 10: "SIM-2", 11: "SIM-3", 12: "SIM-T"}
CONTENT = {8: (411.0, 1960.0), 9: (385.0, 1850.0), 10: (415.0, 1975.0), 11: (455.0, 2120.0), 12: (422.0, 2005.0)}
"""CO2 [ppm] and CH4 [ppb] that the tanks are assigned."""
NEXT_REFERENCE, NEXT_CONTENT = "SIM-R2", (406.0, 1935.0)
"""What is at the reference's port after a change of the tank."""
WATER = {"CO2": (1.0, -0.0120, -2.674e-4), "CH4": (1.0, -0.00982, -2.393e-4)}
WATER_UNCERTAINTY = {"CO2": (0.0, 3e-5, 0.0), "CH4": (0.0, 3e-5, 0.0)}
SCALES = {"CO2": "WMO-CO2-X2019", "CH4": "WMO-CH4-X2004A"}
UNITS = {"CO2": 1.0, "CH4": 5.0}
"""Sizes of noise, drift and turbulence of CH4 [ppb] beside those of CO2 [ppm]."""
MIXING_S, VAPOUR_MIXING_S = 12.0, 25.0
"""Time constants of the cell after a change of the valve. [s]"""
Kind = Literal[
    "outage",
    "leak",
    "icing",
    "clogging",
    "weak_pump",
    "wrong_gas",
    "target_drift",
    "spike",
    "stuck_valve",
    "negative_water",
]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong in [start, end).

    ``size`` is, by kind: ``leak`` share of room air in the line; ``wrong_gas`` and ``target_drift`` CO2 more than there
    should be [ppm], and more with each day; ``spike`` height [ppm]; ``clogging`` loss of flow a day [share];
    ``negative_water`` what the water channel is off [%]. ``port`` says where.
    """

    kind: Kind
    start_ns: int
    end_ns: int
    size: float = 0.0
    port: int = 0

    def during(self, time: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which times are within it."""
        inside: NDArray[np.bool_] = (time >= self.start_ns) & (time < self.end_ns)
        return inside


@dataclass(frozen=True)
class AnalyserSamples:
    """What the analyser sends, and what is true.

    Attributes
    ----------
    time_ns : ndarray, shape (n,), int64
        [ns since 1970 UTC]
    values : ndarray, shape (n, channels)
        Columns of ``CHANNELS`` as the analyser sends them: water in %.
    truth : mapping of str to ndarray, shape (n,)
        Gas -> dry mole fraction of the air at the intake that is open; of a tank its true content.
    """

    time_ns: NDArray[np.int64]
    values: FloatArray
    truth: Mapping[str, FloatArray]

    @property
    def in_units(self) -> FloatArray:
        """The values in the units of the station file, as the store has them."""
        result: FloatArray = self.values * np.array([10.0 if name == "h2o" else 1.0 for name in CHANNELS])
        return result


@dataclass(frozen=True)
class SimulatedAnalyser:
    """An analyser, its tanks, its air.

    Attributes
    ----------
    seed : int
        Which analyser, tanks and weather.
    humidity : float
        Water of the air at the intakes. [%]
    noise : float
        Sd of a sample of CO2. [ppm]
    walk : float
        Sd that the baseline of CO2 gathers in a day. [ppm]
    assigned_u : float
        Uncertainty of the assigned CO2 of a tank. [ppm]
    faults : tuple of Fault
        What goes wrong.
    x2007 : frozenset of int
        Ports whose tanks are assigned on X2007 while their files say X2019.
    water : mapping
        Coefficients that the station file has, if not the right ones; the analyser's own are about ``WATER``.
    degree : int
        Of the response function: 2 bends the analyser's response.
    change : str
        When the reference tank is replaced, ISO; empty: never.
    """

    seed: int = 1
    humidity: float = 1.2
    noise: float = 0.04
    walk: float = 0.15
    assigned_u: float = 0.02
    faults: tuple[Fault, ...] = ()
    x2007: frozenset[int] = frozenset()
    water: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: dict(WATER))
    degree: int = 1
    change: str = ""

    @cached_property
    def station(self) -> Station:
        """Its station file."""
        return parse_station(self.station_text, f"cn-simulated-co2-{self.seed}.toml")

    @cached_property
    def station_text(self) -> str:
        """Its station file as text."""
        ports = [
            f'[[mole_fraction.port]]\nnumber = {n}\nintake = "{name}"\nheight = {name[:-1]}'
            for n, name in INTAKES.items()
        ]
        roles = {REFERENCE_PORT: "reference", TARGET_PORT: "target"}
        ports += [
            f'[[mole_fraction.port]]\nnumber = {n}\ntank = "{tank}"\nrole = "{roles.get(n, "standard")}"'
            for n, tank in TANKS.items()
        ]
        if self.change:
            ports.append(
                f'[[mole_fraction.port]]\nnumber = {REFERENCE_PORT}\ntank = "{NEXT_REFERENCE}"\nrole = "reference"\n'
                f"start = {self.change}+00:00"
            )
        corrections = [
            f'[[mole_fraction.water_correction]]\ngas = "{gas}"\ncoefficients = {list(self.water[gas])}\n'
            f"uncertainties = {list(WATER_UNCERTAINTY[gas])}"
            for gas in GASES
        ]
        return (
            STATION_TEXT
            + "\n\n".join([*ports, *corrections])
            + f"\n\n[mole_fraction.calibration]\ndegree = {self.degree}\n"
        )

    @cached_property
    def tank_texts(self) -> dict[str, str]:
        """Its tank files as texts, by serial."""
        texts = {TANKS[port]: self._tank_text(TANKS[port], CONTENT[port], port in self.x2007) for port in TANKS}
        if self.change:
            texts[NEXT_REFERENCE] = self._tank_text(NEXT_REFERENCE, NEXT_CONTENT, False)
        return texts

    @cached_property
    def tanks(self) -> Tanks:
        """Its tanks."""
        now = datetime(2100, 1, 1, tzinfo=UTC)
        read: list[Tank] = [parse_tank(text, f"{serial}.toml", now=now) for serial, text in self.tank_texts.items()]
        return Tanks.of(read, self.tank_texts.values())

    @cached_property
    def true_content(self) -> dict[int, dict[str, float]]:
        """Port -> gas -> what its tank truly holds: assigned, give or take its uncertainty."""
        rng = np.random.default_rng((self.seed, 1))
        drawn = {}
        for port, content in CONTENT.items():
            errors = rng.normal(0.0, 1.0, len(GASES))
            sds = [self.assigned_u * UNITS[gas] for gas in GASES]
            drawn[port] = dict(
                zip(GASES, [c + e * s for c, e, s in zip(content, errors, sds, strict=True)], strict=True)
            )
        return drawn

    def samples(self, start_ns: int, end_ns: int) -> AnalyserSamples:
        """Return the samples of [start, end)."""
        days = [self._day(day) for day in range(start_ns // DAY_NS, -(-end_ns // DAY_NS))]
        time = np.concatenate([one.time_ns for one in days])
        keep = (time >= start_ns) & (time < end_ns)
        truth = {gas: np.concatenate([one.truth[gas] for one in days])[keep] for gas in GASES}
        return AnalyserSamples(time[keep], np.concatenate([one.values for one in days])[keep], truth)

    def readings(self, start_ns: int, end_ns: int) -> Iterator[Reading]:
        """Return the samples of [start, end) as readings of the stream ``analyser``."""
        made = self.samples(start_ns, end_ns)
        for time, row in zip(made.time_ns.tolist(), made.values.tolist(), strict=True):
            yield Reading(self.station.id, "analyser", time, dict(zip(CHANNELS, row, strict=True)))

    def _tank_text(self, serial: str, contents: tuple[float, ...], on_x2007: bool) -> str:
        parts = [f'[tank]\nserial = "{serial}"\ndescription = "simulated"']
        for gas, content in zip(GASES, contents, strict=True):
            # Hall et al. (2021): X2019 = 1.00079 X2007 - 0.142
            value = (content + 0.142) / 1.00079 if gas == "CO2" and on_x2007 else content
            parts.append(
                f'[[assignment]]\ngas = "{gas}"\nscale = "{SCALES[gas]}"\nstart = 2020-01-01\n'
                f"assign_date = 2020-01-01\nc0 = {value:.6f}\nu_c0 = {self.assigned_u * UNITS[gas]:g}"
            )
        return "\n\n".join(parts) + "\n"

    def _day(self, day: int) -> AnalyserSamples:
        rng = np.random.default_rng((self.seed, 2, day))
        time = day * DAY_NS + np.arange(0, DAY_S, STEP_S, dtype=np.int64) * NS
        port, since = schedule(time)
        for fault in self.faults:
            if fault.kind == "stuck_valve":
                stuck = fault.during(time)
                port, since = np.where(stuck, fault.port, port), np.where(stuck, 1e4, since)
        is_air = np.isin(port, list(INTAKES))
        hours = (time % DAY_NS) / (3600 * NS)
        moist = self.humidity * (1 + 0.15 * np.sin(2 * np.pi * (hours - 9) / 24))
        water_at = np.where(is_air, moist, 0.0)
        truth, seen = {}, {}
        for i, gas in enumerate(GASES):
            air = self._air(rng, gas, hours, day)
            content = np.select([port == p for p in TANKS], [self.true_content[p][gas] for p in TANKS], np.nan)
            if self.change:
                replaced = (port == REFERENCE_PORT) & (time >= at(self.change))
                content = np.where(replaced, NEXT_CONTENT[i], content)
            truth[gas] = np.where(is_air, air + (port == 2) * (-0.8, 2.0)[i], content)
            seen[gas] = self._disturbed(gas, time, port, truth[gas])
        change = np.flatnonzero(np.diff(port, prepend=port[:1]) != 0)
        before = np.zeros(len(port), np.int64)
        before[change] = change - 1
        before = np.maximum.accumulate(before)
        water_at = water_at + (water_at[before] - water_at) * np.exp(-since / VAPOUR_MIXING_S) * (before > 0)
        columns = {"valve": port.astype(float)}
        columns |= self._instrument(rng, time, port)
        water_at = np.maximum(water_at, 0.0)
        warmth = columns["temperature"] - 45.0
        for gas in GASES:
            mixed = seen[gas] + (seen[gas][before] - seen[gas]) * np.exp(-since / MIXING_S) * (before > 0)
            columns[gas.lower()] = self._response(rng, gas, day, time, mixed, water_at, warmth)
        shown = water_at + rng.normal(0.0, 0.001, len(time))
        for fault in self.faults:
            if fault.kind == "negative_water":
                shown = shown - fault.size * fault.during(time)
        columns["h2o"] = shown
        own = WATER["CO2"]
        columns["co2_dry"] = columns["co2"] / (own[0] + shown * (own[1] + shown * own[2]))
        there = np.ones(len(time), bool)
        for fault in self.faults:
            if fault.kind == "outage":
                there &= ~fault.during(time)
        values = np.stack([columns[name] for name in CHANNELS], axis=1)[there]
        return AnalyserSamples(time[there], values, {gas: one[there] for gas, one in truth.items()})

    def _air(self, rng: Generator, gas: str, hours: FloatArray, day: int) -> FloatArray:
        """Return the air's course: season, day, weather and turbulence."""
        base, season, daily = {"CO2": (424.0, 6.0, 7.0), "CH4": (2010.0, 20.0, 25.0)}[gas]
        slow = walk(np.random.default_rng((self.seed, 3, GASES.index(gas))), rng, day, len(hours), 4.0 * UNITS[gas])
        memory = float(np.exp(-STEP_S / 600.0))
        own = rng.normal(0.0, 0.4 * UNITS[gas] * np.sqrt(1 - memory**2), len(hours))
        turbulence: FloatArray = lfilter([1.0], [1.0, -memory], own)
        course = (
            base + season * np.cos(2 * np.pi * (day % 365 - 110) / 365) + daily * np.cos(2 * np.pi * (hours - 5) / 24)
        )
        result: FloatArray = course + slow + turbulence
        return result

    def _disturbed(self, gas: str, time: NDArray[np.int64], port: NDArray[np.int64], true: FloatArray) -> FloatArray:
        """Return what comes to the analyser where lines leak, tanks are others, or a car passes."""
        seen = true.copy()
        for fault in self.faults:
            here = fault.during(time) & ((port == fault.port) | (fault.port == 0))
            days = (time - fault.start_ns) / DAY_NS
            if fault.kind == "leak":
                seen[here] += fault.size * ((600.0 if gas == "CO2" else 2300.0) - seen[here])
            elif fault.kind == "wrong_gas":
                seen[here] += fault.size * UNITS[gas]
            elif fault.kind == "target_drift":
                seen[here] += fault.size * UNITS[gas] * days[here]
            elif fault.kind == "spike":
                middle, width = (fault.start_ns + fault.end_ns) / 2, (fault.end_ns - fault.start_ns) / 6
                seen[here] += fault.size * UNITS[gas] * np.exp(-0.5 * ((time[here] - middle) / width) ** 2)
        return seen

    def _instrument(self, rng: Generator, time: NDArray[np.int64], port: NDArray[np.int64]) -> dict[str, FloatArray]:
        pressure = 140.0 + rng.normal(0.0, 0.01, len(time))
        temperature = 45.0 + rng.normal(0.0, 0.003, len(time))
        flow = 230.0 + rng.normal(0.0, 1.0, len(time))
        for fault in self.faults:
            here = fault.during(time)
            if fault.kind == "weak_pump":
                pressure[here] -= 0.3
                flow[here] *= 0.6
            elif fault.kind == "clogging":
                days = (time - fault.start_ns) / DAY_NS
                at = here & (port == fault.port)
                loss = np.clip(fault.size * days[at], 0.0, 1.0)
                flow[at] *= 1 - loss
                # the controller holds the cavity's pressure until a third of the flow is gone
                pressure[at] -= 2.0 * np.maximum(loss - 1 / 3, 0.0)
            elif fault.kind == "icing":
                at = here & np.isin(port, list(INTAKES))
                flow[at] *= np.exp(-(time[at] - fault.start_ns) / (1800 * NS))
            elif fault.kind == "outage":
                after = time >= fault.end_ns
                temperature[after] -= 2.0 * np.exp(-(time[after] - fault.end_ns) / (600 * NS))
        return {"pressure": pressure, "temperature": temperature, "flow": flow}

    def _response(
        self,
        rng: Generator,
        gas: str,
        day: int,
        time: NDArray[np.int64],
        dry: FloatArray,
        water: FloatArray,
        warmth: FloatArray,
    ) -> FloatArray:
        """Return the moist, uncalibrated value: water, gain, curvature, baseline, temperature and noise."""
        fixed = np.random.default_rng((self.seed, 4, GASES.index(gas)))
        u0, u1, u2 = WATER_UNCERTAINTY[gas]
        c0, c1, c2 = WATER[gas]
        c1, c2 = c1 + fixed.normal(0.0, u1), c2 + fixed.normal(0.0, u2)
        gain, bend = 1.0 + fixed.normal(0.0, 0.002), fixed.normal(0.0, 1e-6) if self.degree == 2 else 0.0
        middle = CONTENT[REFERENCE_PORT][GASES.index(gas)]
        wet = dry * (c0 + u0 + water * (c1 + water * c2))
        # the gain drifts, too, but slowly
        drift = 2e-6 * np.sin(2 * np.pi * (time / DAY_NS) / 40 + fixed.uniform(0, 2 * np.pi))
        base = walk(fixed, rng, day, len(time), self.walk * UNITS[gas])
        leaps = sum(
            np.random.default_rng((self.seed, 5, fault.end_ns // NS)).normal(0.0, 0.2 * UNITS[gas])
            * (time >= fault.end_ns)
            for fault in self.faults
            if fault.kind == "outage"
        )
        noise = np.full(len(time), self.noise * UNITS[gas])
        for fault in self.faults:
            if fault.kind == "weak_pump":
                noise[fault.during(time)] *= 2.0
        own = (gain + drift) * (wet - middle) + bend * (wet - middle) ** 2
        result: FloatArray = (
            middle + own + base + leaps + 0.05 * UNITS[gas] * warmth + rng.normal(0.0, 1.0, len(time)) * noise
        )
        return result


def walk(fixed: Generator, rng: Generator, day: int, n: int, daily: float) -> FloatArray:
    """Return a random walk over a day that begins and ends where the days around it do; it stays near 0 for years.

    Between the midnights it is a Brownian bridge that gathers ``daily`` in a day.
    """
    root = int(fixed.integers(2**31))
    ends = [np.random.default_rng((root, number)).normal(0.0, daily) for number in (day, day + 1)]
    path = np.cumsum(rng.normal(0.0, daily / np.sqrt(n), n))
    share = np.arange(n) / n
    result: FloatArray = ends[0] + (ends[1] - ends[0]) * share + path - share * path[-1]
    return result


def schedule(time: NDArray[np.int64]) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the port that is open at each time, and for how long it has been. [s]

    The reference opens each hour; the standards follow at 0 and 12 h, the target at 3, 9, 15 and 21 h; the rest of the
    hour belongs to the intakes, half an hour each.
    """
    second = (time // NS) % DAY_S
    hour, rest = second // 3600, second % 3600
    starts = np.where(rest < 1800, 0, 1800)
    port = np.where(rest < 1800, 1, 2)
    for number, begin, end, when in _occasions():
        here = np.isin(hour, when) & (rest >= begin) & (rest < end)
        port, starts = np.where(here, number, port), np.where(here, begin, starts)
    last = np.select([np.isin(hour, (0, 12)), np.isin(hour, (3, 9, 15, 21))], [1740, 900], 300)
    starts = np.where((port == 1) & (rest >= last), last, starts)
    return port, (rest - starts).astype(np.float64)


def _occasions() -> list[tuple[int, int, int, tuple[int, ...]]]:
    standards = [(number, 300 + 480 * i, 780 + 480 * i, (0, 12)) for i, number in enumerate(STANDARD_PORTS)]
    return [(REFERENCE_PORT, 0, 300, tuple(range(24))), *standards, (TARGET_PORT, 300, 900, (3, 9, 15, 21))]


def at(text: str) -> int:
    """Return an ISO time (UTC if it says nothing else) in ns since 1970, for the faults of a scene."""
    time = datetime.fromisoformat(text)
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()) * NS


STATION_TEXT = """
[station]
id = "cn-simulated-co2"
name = "Simulated CO2 station"
name_zh = "模拟温室气体站"
latitude = 26.05
longitude = 119.3
altitude = 85
utc_offset = 8
source = "simulated: ingest/simulation/analyser.py"

[[stream]]
name = "analyser"
kind = "reading"
interval = 5
channels = [
    { name = "valve", variable = "VALVE", unit = "1" },
    { name = "co2", variable = "CO2", unit = "umol mol-1" },
    { name = "co2_dry", variable = "CO2_MIXING_RATIO", unit = "umol mol-1" },
    { name = "ch4", variable = "CH4", unit = "nmol mol-1" },
    { name = "h2o", variable = "H2O", unit = "mmol mol-1", gain = 10 },
    { name = "pressure", variable = "PA_CAVITY", unit = "Torr" },
    { name = "temperature", variable = "T_CAVITY", unit = "deg C" },
    { name = "flow", variable = "SAMPLE_FLOW", unit = "cm3 min-1" },
]

[mole_fraction]
stream = "analyser"
valve = "valve"
water = "h2o"

[[mole_fraction.gas]]
name = "CO2"
channel = "co2"
dry_channel = "co2_dry"

[[mole_fraction.gas]]
name = "CH4"
channel = "ch4"

[[mole_fraction.rule]]
channel = "pressure"
min = 139.6
max = 140.4

[[mole_fraction.rule]]
channel = "temperature"
min = 44.95
max = 45.05

[[mole_fraction.rule]]
channel = "flow"
min = 50

"""
