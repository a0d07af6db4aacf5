"""What a load is: how many towers and stations of weather, what goes wrong, and their station files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.clock import NS

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
source = "SIMULATED by Fluxtower (ingest/simulation/load); not measured"
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
