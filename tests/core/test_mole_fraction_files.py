"""The part [mole_fraction] of a station file, and tank files: what is wrong is told with file, line, key and remedy."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.station import Station, parse_station, parse_station_json, station_json
from core.tanks import Tank, Tanks, check_tanks, parse_tank, read_tank, tanks_sha256

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
GUIDE = (ROOT / "docs" / "guide" / "co2_station.md").read_text(encoding="utf-8")
PART, TANK = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
HEAD = """
[station]
id = "cn-co2"
name = "A CO2 station"
latitude = 26.1
longitude = 119.3
altitude = 85
utc_offset = 8
"""


def station(part: str = PART) -> Station:
    return parse_station(HEAD + part, "a.toml")


def tank(text: str = TANK) -> Tank:
    return parse_tank(text, "CB11407.toml", now=NOW)


def tanks(*serials: str) -> Tanks:
    return Tanks.of(tank(TANK.replace("CB11407", serial)) for serial in serials)


def test_the_guide_is_read_as_it_is_meant() -> None:
    part = station().mole_fraction
    assert part is not None
    assert part.intakes == ("40m",)
    assert part.heights == {"40m": 40.0}
    assert part.tanks == ("CB11406", "CB11407", "CB11408", "CB11409")
    assert part.water_correction[0].start == datetime(2026, 3, 1, tzinfo=UTC)
    assert [gas.published_scale for gas in part.gas] == ["WMO-CO2-X2019", "WMO-CH4-X2004A"]
    assert part.port_at(9, 0) is None
    assert parse_station_json(station_json(station())) == station()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('stream = "analyser"', 'stream = "picarro"', "mole_fraction.stream: expected a stream of this file"),
        ('valve = "valve"', 'valve = "co2"', "mole_fraction.valve: expected a channel of VALVE, got one of CO2"),
        ('water = "h2o"\n', "", "mole_fraction.water: expected a channel of water vapour, for 'co2' is of moist air"),
        (
            'channel = "flow"',
            'channel = "flw"',
            "mole_fraction.rule[2].channel: expected a channel of stream 'analyser'",
        ),
        ("number = 10", "number = 8", "port 8 with tank CB11406 and tank CB11408 at the same time"),
        (
            'tank = "CB11408"\nrole = "standard"',
            'tank = "CB11408"\nrole = "target"',
            "at least 2 standards for degree 1",
        ),
        ('role = "reference"', 'role = "standard"', 'a tank with role = "reference"'),
        ("height = 40\n", "", "metres above ground beside an intake"),
        ('role = "target"', "", "reference, standard or target beside a tank"),
        ("-0.01203", "0.01203", "c1 from -0.05 to 0 per % of water"),
        ("2026-03-01T08:00:00+08:00", "2026-03-01T08:00:00", "a time with its zone"),
        ("min = 50", "", "rule[2].min: expected a limit: min, max or both"),
        ("min = 139.6", "min = 141", "at least min, 141, got 140.4"),
        ('name = "CH4"\nchannel = "ch4"', 'name = "CO2"\nchannel = "co2"', "'CO2' twice"),
        ('name = "CO2"\nchannel = "co2"\n', 'name = "CO2"\nchannel = "co2_dry"\n', "'co2_dry' is dry already"),
    ],
)
def test_mistakes_of_the_station_file(old: str, new: str, message: str) -> None:
    assert old in PART
    with pytest.raises(ConfigError, match=re.escape(message)) as raised:
        station(PART.replace(old, new, 1))
    assert raised.value.line is not None


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        (
            "assign_date = 2025-09-12\nc0 = 398.417",
            "assign_date = 2026-09-12\nc0 = 398.417",
            "assignment[0].assign_date",
            15,
        ),
        ("start = 2025-07-01", "start = 2027-07-01", "a calibration that was made, not later than 2026-06-01", 14),
        (
            'gas = "CH4"\nscale = "WMO-CH4-X2004A"',
            'gas = "CO2"\nscale = "WMO-CO2-X2019"',
            "assignments that do not overlap",
            24,
        ),
        ("u_c0 = 0.02", "u_c0 = -0.02", "greater than or equal to 0", 18),
        ('serial = "CB11407"', "serial = 11407", "a valid string", 2),
        ("sd_resid", "sd_residual", "no such key", 19),
    ],
)
def test_mistakes_of_a_tank_file(old: str, new: str, message: str, line: int) -> None:
    assert old in TANK
    with pytest.raises(ConfigError, match=re.escape(message)) as raised:
        tank(TANK.replace(old, new, 1))
    assert raised.value.line == line
    assert raised.value.file == "CB11407.toml"


def test_an_unknown_tank_is_named() -> None:
    known = tanks("CB11406", "CB11407", "CB11408")
    with pytest.raises(
        ConfigError, match=r"port\[4\].tank: expected a registered tank: .*tank add.*'CB11409'"
    ) as raised:
        check_tanks(station(), known, "a.toml", HEAD + PART)
    assert raised.value.line is not None
    check_tanks(station(), tanks("CB11406", "CB11407", "CB11408", "CB11409"), "a.toml")


def test_a_tank_that_is_not_assigned_is_named() -> None:
    one_gas = TANK[: TANK.index('\n[[assignment]]\ngas = "CH4"')]
    known = Tanks.of(parse_tank(one_gas.replace("CB11407", s), s, now=NOW) for s in tanks_of_guide())
    with pytest.raises(ConfigError, match=r"port\[2\].tank: expected a tank with an assignment of CH4, got 'CB11407'"):
        check_tanks(station(), known, "a.toml")


def tanks_of_guide() -> tuple[str, ...]:
    part = station().mole_fraction
    assert part is not None
    return part.tanks


def test_an_assignment_drifts_and_its_uncertainty_grows() -> None:
    drifting = TANK.replace("c1 = 0.0", "c1 = 0.05\nu_c1 = 0.03")
    one = tank(drifting).assignment[0]
    # 2027-07-01 is 730 days, 1.99863 years of 365.25 days, after 2025-07-01
    value, u = one.at(int(datetime(2027, 7, 1, tzinfo=UTC).timestamp()) * 10**9)
    assert value == pytest.approx(398.417 + 0.05 * 1.998631, abs=1e-6)
    assert u == pytest.approx((0.02**2 + (0.03 * 1.998631) ** 2) ** 0.5, rel=1e-6)


def test_a_later_assignment_takes_over() -> None:
    later = TANK + TANK[TANK.index("[[assignment]]") : TANK.index('\n[[assignment]]\ngas = "CH4"')].replace(
        "start = 2025-07-01", "start = 2026-01-01"
    ).replace("398.417", "398.467")
    both = tank(later)
    found = [
        both.assignment_at("CO2", "WMO-CO2-X2019", day(*date)) for date in ((2025, 12, 31), (2026, 1, 1), (2025, 6, 30))
    ]
    assert [one.c0 if one else None for one in found] == [398.417, 398.467, None]


def day(year: int, month: int, number: int) -> int:
    return int(datetime(year, month, number, tzinfo=UTC).timestamp()) * 10**9


def test_the_order_of_tank_files_does_not_matter_to_their_sha256() -> None:
    assert tanks_sha256(["a", "b"]) == tanks_sha256(["b", "a"]) != tanks_sha256(["a", "c"])


def test_a_tank_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "CB11407.toml").write_text(TANK, encoding="utf-8")
    read, text = read_tank(tmp_path / "CB11407.toml", now=NOW)
    assert text == TANK
    assert read.history[0].what == "connected to port 9"
    assert (read.assignment[0].sd_resid, read.assignment[0].assign_date.date().isoformat()) == (0.011, "2025-09-12")
    with pytest.raises(ConfigError, match="a readable UTF-8 text file"):
        read_tank(tmp_path / "missing.toml", now=NOW)
