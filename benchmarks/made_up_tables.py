"""Half-hourly tables of a made-up site, as the makers of tables write them; what is true of the site is known."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SOLAR_CONSTANT = 1361.0
MG_OF_UMOL = 0.0440095
"""1 umol of CO2. [mg]"""
FLUXES = ("FC", "LE", "H")
HEIHE_FLUXES = (("Hs", "H"), ("LE", "LE"), ("Fc", "FC"))
HEIHE_WEATHER = (("TA", "[C]"), ("RH", "[%]"), ("SW_IN", "[W+1m-2]"), ("NETRAD", "[W+1m-2]"), ("G", "[W+1m-2]"))
WEATHER = ("SW_IN", "TA", "RH", "VPD", "NETRAD", "G", "TS", "PA", "WS", "P", "PPFD_IN")


@dataclass(frozen=True)
class Climate:
    """What a made-up site is like.

    Attributes
    ----------
    latitude : tuple of float
        From, to. [deg]
    month : tuple of int
        In which its table begins: from, to.
    warmth, swing : float
        Mean temperature and half its daily range. [deg C]
    humidity : float
        Mean relative humidity. [%]
    uptake, respiration : float
        Largest uptake by light, respiration at 10 deg C. [umol m-2 s-1]
    wet : float
        Latent heat over what is available.
    """

    latitude: tuple[float, float]
    month: tuple[int, int]
    warmth: float
    swing: float
    humidity: float
    uptake: float
    respiration: float
    wet: float


CLIMATES = {
    "temperate forest": Climate((40, 55), (4, 9), 14, 5, 72, 26, 2.5, 0.55),
    "temperate, south": Climate((-45, -33), (10, 12), 16, 6, 65, 18, 2.2, 0.5),
    "boreal winter": Climate((58, 64), (1, 2), -12, 4, 85, 0.8, 1.0, 0.15),
    "boreal summer": Climate((58, 65), (5, 7), 13, 5, 70, 15, 3.0, 0.45),
    "tropics": Climate((-5, 10), (1, 11), 26, 3, 84, 30, 2.6, 0.65),
    "semi-arid": Climate((25, 38), (4, 10), 25, 9, 35, 5, 0.9, 0.2),
    "high grassland": Climate((30, 38), (5, 9), 6, 8, 60, 14, 2.5, 0.45),
}
"""Of the sites."""


@dataclass
class Site:
    """A made-up site: true values of each interval, FLUXNET names and units, and which of them were recorded."""

    climate: str
    latitude: float
    longitude: float
    utc_offset: float
    minutes: int
    starts: list[datetime]
    true: dict[str, Floats]
    present: dict[str, NDArray[np.bool_]]
    flag: NDArray[np.int64]

    @property
    def station_file(self) -> str:
        """Return the text of its station file."""
        return (
            f'[station]\nid = "made-up"\nname = "made up"\nlatitude = {self.latitude:.3f}\n'
            f"longitude = {self.longitude:.3f}\naltitude = 100.0\nutc_offset = {self.utc_offset}\n"
        )

    def given(self, name: str) -> Floats:
        """Return a variable as recorded; NaN is missing."""
        return np.where(self.present[name], self.true[name], np.nan)


def radiation_above(
    starts: Iterable[datetime], minutes: int, latitude: float, longitude: float, hours: float
) -> Floats:
    """Return potential radiation in the middle of intervals, after Spencer (1971). [W m-2]"""
    moments = [start + timedelta(minutes=minutes / 2) - timedelta(hours=hours) for start in starts]
    day = np.array([moment.timetuple().tm_yday - 1 + moment.hour / 24 for moment in moments])
    clock = np.array([moment.hour + moment.minute / 60 for moment in moments])
    angle = 2 * np.pi * day / 365
    tilt = (
        0.006918 - 0.399912 * np.cos(angle) + 0.070257 * np.sin(angle) - 0.006758 * np.cos(2 * angle)
        + 0.000907 * np.sin(2 * angle) - 0.002697 * np.cos(3 * angle) + 0.00148 * np.sin(3 * angle)
    )  # fmt: skip
    late = 229.18 * (
        0.000075 + 0.001868 * np.cos(angle) - 0.032077 * np.sin(angle) - 0.014615 * np.cos(2 * angle)
        - 0.040849 * np.sin(2 * angle)
    )  # fmt: skip
    hour = np.radians(15 * (clock + longitude / 15 + late / 60 - 12))
    phi = np.radians(latitude)
    height = np.sin(phi) * np.sin(tilt) + np.cos(phi) * np.cos(tilt) * np.cos(hour)
    return np.maximum(0.0, SOLAR_CONSTANT * height)


def make_site(seed: str, climate: str | None = None) -> Site:
    """Make up a site, some weeks of it."""
    dice, noise = random.Random(seed), np.random.default_rng(list(seed.encode()))
    climate = climate or dice.choice(list(CLIMATES))
    kind = CLIMATES[climate]
    latitude, longitude = dice.uniform(*kind.latitude), dice.uniform(-170, 170)
    offset = float(round(longitude / 15))
    minutes = 60 if dice.random() < 0.15 else 30
    n = dice.randint(30, 60) * 1440 // minutes
    begin = datetime(dice.randint(2005, 2023), dice.randint(*kind.month), dice.randint(1, 28))
    starts = [begin + timedelta(minutes=minutes * i) for i in range(n)]
    above = radiation_above(starts, minutes, latitude, longitude, offset)
    per_day = 1440 // minutes
    light = above * np.repeat(noise.uniform(0.25, 0.75, n // per_day), per_day) * noise.uniform(0.85, 1.05, n)
    hours = np.arange(n) * minutes / 60
    wave = np.cos((hours % 24 - 15) / 24 * 2 * np.pi)
    warmth = kind.warmth + kind.swing * wave + 2.5 * np.sin(hours / 24 / 5) + noise.normal(0, 0.4, n)
    humidity = np.clip(kind.humidity - 15 * wave + noise.normal(0, 3, n), 6, 99)
    deficit = 6.112 * np.exp(17.62 * warmth / (243.12 + warmth)) * (1 - humidity / 100)
    net = 0.78 * light - 50 + noise.normal(0, 8, n)
    soil = 0.09 * net + noise.normal(0, 2, n)
    heat = net - soil
    ustar = np.clip(noise.gamma(3, 0.1, n) + 0.0002 * light, 0.02, 2.5)
    respiration = kind.respiration * np.exp(0.06 * (warmth - 10))
    storage = np.where(light < 10, 0.2, -0.3) + noise.normal(0, 0.15, n)
    exchange = respiration - kind.uptake * light / (light + 350) + noise.normal(0, 0.6, n)
    rain = np.where(noise.random(n) < 0.03, noise.gamma(1, 1.0, n), 0.0)
    true = {
        "FC": exchange - storage, "SC": storage, "NEE": exchange, "LE": kind.wet * heat + noise.normal(0, 6, n),
        "H": (0.85 - kind.wet) * heat + noise.normal(0, 6, n), "USTAR": ustar, "SW_IN": light, "TA": warmth,
        "RH": humidity, "VPD": deficit, "NETRAD": net, "G": soil, "TS": kind.warmth + 0.3 * (warmth - kind.warmth),
        "PA": 85 + noise.normal(0, 0.2, n), "WS": 0.5 + 7 * ustar, "P": rain, "PPFD_IN": light * 2.02,
    }  # fmt: skip
    lost = noise.random(n) < dice.uniform(0.08, 0.3)
    present = {name: ~lost if name in ("FC", "SC", "LE", "H", "USTAR") else np.ones(n, bool) for name in true}
    flag = noise.choice(3, n, p=(0.6, 0.3, 0.1))
    return Site(climate, latitude, longitude, offset, minutes, starts, true, present, flag)


@dataclass
class Field:
    """A column of a table: its name, what it holds, its unit's word, and what brings the FLUXNET unit to it."""

    name: str
    variable: str
    unit: str = ""
    factor: float = 1.0
    shift: float = 0.0


@dataclass
class Sheet:
    """A table that is about to be written; mistakes are planted in it.

    Attributes
    ----------
    site : Site
    maker : str
        A key of ``MAKERS``.
    fields : list of Field
        Columns beside the stamps.
    cells : dict of str to list of str
        Column -> its cells.
    starts, ends : list of datetime
        Stamps of the rows.
    file : str
        Its name.
    second : Sheet or None
        The meteorology beside it.
    """

    site: Site
    maker: str
    fields: list[Field]
    file: str
    cells: dict[str, list[str]] = field(default_factory=dict)
    starts: list[datetime] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)
    second: Sheet | None = None
    separator: str = ","

    def column_of(self, variable: str) -> tuple[Sheet, Field] | None:
        """Return the sheet and the column that hold a variable."""
        for one in self.fields:
            if one.variable == variable:
                return self, one
        return self.second.column_of(variable) if self.second is not None else None

    def set_values(self, column: Field, values: Floats) -> None:
        """Write values of a column, in its unit; NaN is missing."""
        missing = "NA" if self.separator == " " else "-9999"
        self.cells[column.name] = [f"{value:.7g}" if np.isfinite(value) else missing for value in values]


def _sheet(site: Site, maker: str, fields: list[Field], file: str) -> Sheet:
    sheet = Sheet(site, maker, fields, file)
    sheet.starts = list(site.starts)
    sheet.ends = [start + timedelta(minutes=site.minutes) for start in site.starts]
    for one in fields:
        if one.variable.endswith("_SSITC_TEST"):
            values = np.where(site.present["FC"], site.flag, np.nan)
        elif one.variable in site.true:
            values = site.given(one.variable) * one.factor + one.shift
        else:
            continue
        sheet.set_values(one, values)
    return sheet


def _own(names: Iterable[str], end: str = "") -> list[Field]:
    return [Field(name + end, name) for name in names]


_FLAGS = [Field(f"{name}_SSITC_TEST", f"{name}_SSITC_TEST") for name in FLUXES]


def fluxnet(site: Site) -> Sheet:
    """FLUXNET names, as many sites share their tables."""
    return _sheet(site, "FLUXNET", [*_own(("FC", "SC", "LE", "H", "USTAR", *WEATHER)), *_FLAGS], "table.csv")


def base(site: Site) -> Sheet:
    """AmeriFlux BASE: lines of comment, positions in the names."""
    fields = [*_own(("FC", "SC", "LE", "H", "USTAR")), *_own(WEATHER, "_1_1_1"), *_FLAGS]
    return _sheet(site, "AmeriFlux BASE", fields, f"AMF_XX-Xxx_BASE_{'HR' if site.minutes == 60 else 'HH'}_1-5.csv")


def icos(site: Site) -> Sheet:
    """ICOS ETC L2: no flags of its own here."""
    fields = _own(("FC", "SC", "LE", "H", "USTAR", "SW_IN", "TA", "RH", "VPD", "NETRAD", "G", "TS", "PA", "WS", "P"))
    return _sheet(site, "ICOS ETC L2", fields, "ICOSETC_XX-Xxx_FLUXES_L2.csv")


def eddypro_fluxnet(site: Site) -> Sheet:
    """EddyPro's FLUXNET output."""
    fields = [
        Field("FILENAME_HF", ""), *_own(("H", "LE", "FC")), Field("SC_SINGLE", "SC"), Field("USTAR", "USTAR"),
        *(Field(f"{name}_EP", name) for name in ("TA", "PA", "RH", "VPD")), *_FLAGS, Field("NUM_BIOMET_VARS", ""),
        *_own(("SW_IN", "NETRAD", "G"), "_1_1_1"),
    ]  # fmt: skip
    sheet = _sheet(site, "EddyPro FLUXNET output", fields, "eddypro_fluxnet.csv")
    sheet.cells["FILENAME_HF"] = ["raw.ghg"] * len(site.starts)
    sheet.cells["NUM_BIOMET_VARS"] = ["3"] * len(site.starts)
    return sheet


def eddypro_full(site: Site) -> Sheet:
    """EddyPro's full output, and its biomet beside it."""
    fields = [
        Field("Tau", "", "[kg+1m-1s-2]"), Field("qc_Tau", "TAU_SSITC_TEST", "[#]"),
        Field("H", "H", "[W+1m-2]"), Field("qc_H", "H_SSITC_TEST", "[#]"), Field("LE", "LE", "[W+1m-2]"),
        Field("qc_LE", "LE_SSITC_TEST", "[#]"), Field("co2_flux", "FC", "[µmol+1s-1m-2]"),
        Field("qc_co2_flux", "FC_SSITC_TEST", "[#]"), Field("co2_strg", "SC", "[µmol+1s-1m-2]"),
        Field("air_temperature", "TA", "[K]", 1.0, 273.15), Field("air_pressure", "PA", "[Pa]", 1000.0),
        Field("RH", "RH", "[%]"), Field("VPD", "VPD", "[Pa]", 100.0), Field("wind_speed", "WS", "[m+1s-1]"),
        Field("u*", "USTAR", "[m+1s-1]"),
    ]  # fmt: skip
    sheet = _sheet(site, "EddyPro", fields, "full_output.csv")
    weather = [
        Field("Rg_1_1_1", "SW_IN", "[W+1m-2]"), Field("Rn_1_1_1", "NETRAD", "[W+1m-2]"),
        Field("SHF_1_1_1", "G", "[W+1m-2]"),
    ]  # fmt: skip
    sheet.cells["Tau"] = [f"{0.9 * ustar**2:.6g}" for ustar in site.true["USTAR"]]
    sheet.second = _sheet(site, "EddyPro biomet", weather, "biomet.csv")
    return sheet


def reddyproc(site: Site) -> Sheet:
    """REddyProc's text, between tabs."""
    fields = [
        Field("NEE", "NEE", "umolm-2s-1"), Field("LE", "LE", "Wm-2"), Field("H", "H", "Wm-2"),
        Field("Rg", "SW_IN", "Wm-2"), Field("Tair", "TA", "degC"), Field("Tsoil", "TS", "degC"),
        Field("rH", "RH", "%"), Field("VPD", "VPD", "hPa"), Field("Ustar", "USTAR", "ms-1"),
    ]  # fmt: skip
    site.present["NEE"] = site.present["FC"]
    sheet = _sheet(site, "REddyProc", fields, "site.txt")
    sheet.separator = "\t"
    return sheet


def fullset(site: Site) -> Sheet:
    """FLUXNET FULLSET: what is missing was filled, which its quality columns tell."""
    site.present["NEE"] = site.present["FC"]
    names = {"SW_IN": "SW_IN_F", "TA": "TA_F", "VPD": "VPD_F", "NEE": "NEE_VUT_REF", "LE": "LE_F_MDS", "H": "H_F_MDS"}
    fields = [Field("USTAR", "USTAR"), *(Field(name, variable) for variable, name in names.items())]
    for one in fields[1:]:
        lost = np.arange(len(site.starts)) % 17 == 3
        site.present[one.variable] = site.present[one.variable] & ~lost
    sheet = _sheet(site, "FLUXNET FULLSET", fields, "FLX_XX-Xxx_FLUXNET_FULLSET_HH_2010_1-4.csv")
    for one in list(fields[1:]):
        there = site.present[one.variable]
        middle = float(np.mean(site.true[one.variable]))
        sheet.set_values(one, np.where(there, site.true[one.variable], middle))
        sheet.fields.append(Field(f"{one.name}_QC", ""))
        sheet.cells[f"{one.name}_QC"] = ["0" if known else "1" for known in there]
    return sheet


def heihe(site: Site) -> Sheet:
    """Heihe and ChinaFLUX: fluxes alone, CO2 in mg, stamps of the end in Beijing time."""
    fields = [
        Field("Wnd", "WS"), Field("Ustar", "USTAR"), Field("Hs", "H"), Field("LE", "LE"),
        Field("Fc", "FC", "", MG_OF_UMOL), *(Field(f"QA_{own}", f"{name}_SSITC_TEST") for own, name in HEIHE_FLUXES),
    ]  # fmt: skip
    sheet = _sheet(site, "Heihe", fields, "heihe_EC.csv")
    weather = [Field(name, name, unit) for name, unit in HEIHE_WEATHER]
    sheet.second = _sheet(site, "EddyPro biomet", weather, "biomet.csv")
    return sheet


MAKERS: dict[str, Callable[[Site], Sheet]] = {
    "FLUXNET": fluxnet, "AmeriFlux BASE": base, "ICOS ETC L2": icos, "EddyPro FLUXNET output": eddypro_fluxnet,
    "EddyPro": eddypro_full, "REddyProc": reddyproc, "FLUXNET FULLSET": fullset, "Heihe": heihe,
}  # fmt: skip
"""Maker -> its table of a site."""


def write_lines(sheet: Sheet) -> list[str]:
    """Return the lines of a table as its maker writes them."""
    by_separator = sheet.separator.join
    names = [one.name for one in sheet.fields]
    units = [one.unit for one in sheet.fields]
    rows = list(zip(*(sheet.cells[name] for name in names), strict=True))
    match sheet.maker:
        case "EddyPro":
            head = ["file_info" + sheet.separator * (len(names) + 2)]
            head += [by_separator(["filename", "date", "time", *names])]
            head += [by_separator(["", "[yyyy-mm-dd]", "[HH:MM]", *units])]
            stamps = [["raw.ghg", f"{end:%Y-%m-%d}", f"{end:%H:%M}"] for end in sheet.ends]
        case "EddyPro biomet":
            head = [by_separator(["date", "time", *names]), by_separator(["[yyyy-mm-dd]", "[HH:MM]", *units])]
            stamps = [[f"{end:%Y-%m-%d}", f"{end:%H:%M}"] for end in sheet.ends]
        case "Heihe":
            head = [by_separator(["DATE/TIME", *names])]
            stamps = [[f"{end:%Y-%m-%d %H:%M}"] for end in sheet.ends]
        case "REddyProc":
            head = [by_separator(["Year", "DoY", "Hour", *names]), by_separator(["-", "-", "-", *units])]
            # its last half-hour of a day is 24.0 of that day
            days = [start.replace(hour=0, minute=0) for start in sheet.starts]
            stamps = [
                [f"{day:%Y}", f"{day.timetuple().tm_yday}", f"{(end - day) / timedelta(hours=1):g}"]
                for day, end in zip(days, sheet.ends, strict=True)
            ]
        case _:
            head = ["# Site: XX-Xxx", "# Version: 1-5"] if sheet.maker == "AmeriFlux BASE" else []
            head += [by_separator(["TIMESTAMP_START", "TIMESTAMP_END", *names])]
            both = zip(sheet.starts, sheet.ends, strict=True)
            stamps = [[f"{start:%Y%m%d%H%M}", f"{end:%Y%m%d%H%M}"] for start, end in both]
    return [*head, *(by_separator([*stamp, *row]) for stamp, row in zip(stamps, rows, strict=True))]


def heading(sheet: Sheet) -> int:
    """Return how many lines stand above the first row of a table."""
    return {"EddyPro": 3, "EddyPro biomet": 2, "REddyProc": 2, "AmeriFlux BASE": 3}.get(sheet.maker, 1)
