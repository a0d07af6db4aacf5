"""Station files: what is wrong is named with file, key, expected and got."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.station import (
    Analyzer,
    Channel,
    ChannelQuality,
    Files,
    Flux,
    Identity,
    LagLimits,
    Methods,
    Options,
    Screening,
    Site,
    Sonic,
    Spectroscopy,
    Stream,
    parse_station,
    read_station,
    with_line,
)
from fluxcalc.halfhour.steps import REGISTRIES, check_methods
from tests.core.test_store import STATION

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = STATION.format(id="cn-test")


ELSEWHERE = {  # what is wrong is told of another line than the changed one: where it shows, or where something lacks
    'name = "v"': "channels = [",
    '[[stream]]\nname = "met"': "[[stream]]",
    'variable = "U"': 'stream = "ec"',
    "rate = 20": "[[stream]]",
    "interval = 60": "[[stream]]",
}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'unit = "deg C"',
            'unit = "hPa"',
            "a.toml: stream[0].channels[3].unit: expected one of K, deg C, deg F, got 'hPa'",
        ),
        ('variable = "W"', 'variable = "WW"', "a.toml: stream[0].channels[2].variable: expected a known variable"),
        ("height = 30", "height = -41.8", "a.toml: sonic.height: expected greater than 0, got -41.8"),
        (
            "height = 30",
            "height = 8.0",
            "a.toml: sonic.height: expected more than the displacement height 8.04 m, got 8",
        ),
        (
            "latitude = 26.1",
            "latitude = 126.1",
            "a.toml: station.latitude: expected less than or equal to 90, got 126.1",
        ),
        ("latitude = 26.1", 'latitude = "north"', "a.toml: station.latitude: expected a valid number, got 'north'"),
        ("latitude = 26.1", "", "a.toml: station.latitude: expected a value, got nothing"),
        ("latitude = 26.1", "latitude = 1979-05-27", "a.toml: station.latitude: expected a valid number"),
        ("altitude = 300", "altitud = 300", "a.toml: station.altitud: expected no such key, got 300"),
        ("rate = 20", "", "a.toml: stream[0].rate: expected samples a second for a stream of blocks, got nothing"),
        ("interval = 60", "", "a.toml: stream[1].interval: expected seconds between readings, got nothing"),
        ('name = "v"', 'name = "u"', "a.toml: stream[0].channels: expected names that differ, got 'u' twice"),
        (
            '[[stream]]\nname = "met"',
            '[[stream]]\nname = "ec"',
            "a.toml: stream: expected names that differ, got 'ec' twice",
        ),
        (
            'stream = "ec"\nmet',
            'stream = "met"\nmet',
            "a.toml: flux.stream: expected a stream of kind block, got 'met'",
        ),
        (
            'meteorology = "met"',
            'meteorology = "x"',
            "a.toml: flux.meteorology: expected a stream of kind reading, got 'x'",
        ),
        ('variable = "U"', 'variable = "WS"', "a.toml: flux.stream: expected a channel that measures U, got none"),
        (
            "averaging_minutes = 30",
            "averaging_minutes = 7",
            "a.toml: flux.averaging_minutes: expected minutes that divide",
        ),
        ("[sonic]\nmodel", "[sonic]\nmodl", "a.toml: sonic.modl: expected no such key, got 'CSAT3'"),
        (
            'unit = "deg C" }',
            'unit = "deg C", qc = { step = [3, 1] } }',
            "a.toml: stream[0].channels[3].qc.step: expected the limit of suspect, then that of bad, got 3, 1",
        ),
        (
            'unit = "deg C" }',
            'unit = "deg C", qc = { range = [0, 9], suspect_range = [-1, 5] } }',
            "a.toml: stream[0].channels[3].qc.suspect_range: expected limits within `range`, got -1, 5",
        ),
        (
            'unit = "deg C" }',
            'unit = "deg C", qc = { off = ["spikes"] } }',
            "a.toml: stream[0].channels[3].qc.off[0]: expected 'range', 'climatology', 'spike'",
        ),
        ("canopy_height = 12", "canopy_height = twelve", "a.toml: (syntax): expected TOML, got Invalid value (at line"),
        ('id = "cn-test"', 'id = "../etc"', "a.toml: station.id: expected"),
    ],
)
def test_a_mistake_names_file_line_key_expected_and_got(old: str, new: str, message: str) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    with pytest.raises(ConfigError) as caught:
        parse_station(text, "a.toml")
    shown = re.sub(r"line \d+: ", "", str(caught.value), count=1)
    assert shown.startswith(message)
    line = text.splitlines()[(caught.value.line or 0) - 1]
    assert ELSEWHERE.get(old, new.splitlines()[-1] if new else "") in line


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "[[stream]]",
            '[[analyzer]]\nmodel = "x"\ngases = ["LE"]\n[[stream]]',
            "a.toml: analyzer[0].gases: expected the name of a gas: FLE, SLE or LE is something else",
        ),
        (
            'variable = "T_SONIC", unit = "deg C" }',
            'variable = "T_SONIC", unit = "deg C" }, { name = "o", variable = "O3_DENSITY", unit = "nmol m-3" }',
            "a.toml: analyzer: expected one with O3 among its gases, for a channel measures it, got none",
        ),
        (
            "[[stream]]",
            '[[analyzer]]\nmodel = "LI-7700"\ngases = ["CH4"]\n[analyzer.spectroscopy]\ntemperatures = [0, 10, 20]\n'
            "pressures = [90, 95, 100]\nkappa = [[1, 1, 1], [1, 1, 1]]\n[[stream]]",
            "a.toml: analyzer[0].spectroscopy.kappa: expected 3 rows of 3, got rows of [3, 3]",
        ),
        (
            "[[stream]]",
            '[[analyzer]]\nmodel = "LI-7700"\ngases = ["CH4"]\n[analyzer.spectroscopy]\ntemperatures = [0, 20, 10]\n'
            "pressures = [90, 95, 100]\nkappa = [[1, 1, 1], [1, 1, 1], [1, 1, 1]]\n[[stream]]",
            "a.toml: analyzer[0].spectroscopy.temperatures: expected ascending numbers, got 0, 20, 10",
        ),
    ],
)
def test_a_mistake_about_gases_is_named(old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_station(TEXT.replace(old, new, 1), "a.toml")
    assert re.sub(r"line \d+: ", "", str(caught.value), count=1).startswith(message)


def test_a_lag_window_is_that_of_a_gas_of_the_station() -> None:
    text = TEXT + "[flux.options.lag_windows.N2O]\nnominal = 1.0\n"
    with pytest.raises(ConfigError, match=r"flux.options.lag_windows.N2O: expected one of CO2, H2O, got N2O"):
        parse_station(text, "a.toml")


def test_an_unknown_method_names_the_choices() -> None:
    text = TEXT + '[flux.methods]\nrotation = "quadruple"\n'
    with pytest.raises(
        ConfigError, match=r"a.toml: flux.methods.rotation: expected one of .*double.*, got 'quadruple'"
    ):
        check_methods(parse_station(text, "a.toml"), "a.toml")
    error = with_line(ConfigError("a.toml", "flux.methods.rotation", "x", "y"), text)
    assert text.splitlines()[(error.line or 0) - 1] == 'rotation = "quadruple"'


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing.toml: \(file\): expected a readable UTF-8 text file"):
        read_station(tmp_path / "missing.toml")


def test_defaults_of_displacement_and_roughness_follow_the_canopy() -> None:
    station = parse_station(TEXT, "a.toml")
    assert station.site is not None
    assert (station.site.displacement, station.site.roughness) == pytest.approx((8.04, 1.8))
    assert station.measurement_height == pytest.approx(30 - 8.04)


@pytest.mark.parametrize("path", sorted((ROOT / "deploy" / "demo" / "stations").glob("*.toml")), ids=lambda p: p.name)
def test_the_example_stations_are_valid(path: Path) -> None:
    check_methods(read_station(path), path.name)


def test_every_key_and_every_method_is_documented() -> None:
    text = (ROOT / "docs" / "guide" / "station.md").read_text(encoding="utf-8")
    parts = (
        Identity,
        Site,
        Sonic,
        Analyzer,
        Stream,
        Channel,
        ChannelQuality,
        Flux,
        Methods,
        Options,
        LagLimits,
        Screening,
        Files,
        Spectroscopy,
    )
    keys = {key for part in parts for key in part.model_fields}
    assert [
        key for key in sorted(keys) if f"`{key}`" not in text and f".{key}`" not in text and f"{key} =" not in text
    ] == [
        "methods",  # parts of their own: [flux.methods], [flux.options]
        "options",
    ]
    for step, registry in REGISTRIES.items():
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{step}` "))
        assert sorted(row.split("`")[3::2]) == sorted(registry.own)
        assert row.split("`")[3] == Methods.model_fields[step].default


def test_a_season_needs_no_stream(tmp_path: Path) -> None:
    text = TEXT[: TEXT.index("[[stream]]")]
    path = tmp_path / "only.toml"
    path.write_text(text[: text.index("[site]")] if "[site]" in text else text)
    station = read_station(path, streams=False)
    assert (station.id, station.stream, station.streams) == ("cn-test", (), {})
    with pytest.raises(ConfigError, match=r"stream: expected a part \[\[stream\]\]; the season of a table alone"):
        read_station(path)
    with pytest.raises(ConfigError, match="stream"):
        parse_station("stream = []\n" + path.read_text(), "a.toml")
