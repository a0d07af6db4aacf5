"""Random errors, density methods and storage against EddyPro 6.2.1; provenance as in test_golden_halfhour.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from core.records import FluxRecord
from core.station import Station, parse_station
from fluxcalc.halfhour.flux.storage import add_storage
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.halfhour.test_golden_halfhour import (
    CORRECTED,
    DT,
    FACTORS,
    LOST_RECORDS,
    RAW,
    VARIANTS_FROM,
    close_up,
    differences,
    flags,
    synthetic_results,
    synthetic_samples,
)
from tests.fluxcalc.reference import HALFHOUR, STATIONS, needs_halfhour, read_csv, read_results, read_toa5

pytestmark = needs_halfhour

ERRORS = {
    "rand_err_Tau": lambda r: r.diagnostics["random_error_tau"],
    "rand_err_H": lambda r: r.diagnostics["random_error_h"],
    "rand_err_LE": lambda r: r.diagnostics["random_error_le"],
    "rand_err_co2_flux": lambda r: 1e6 * r.diagnostics["random_error_fc"],
}
SIXTEEN = range(VARIANTS_FROM, VARIANTS_FROM + 16)


@cache
def configured(name: str, *changes: tuple[str, str], options: tuple[str, ...] = (), **methods: str) -> Station:
    """Read a station file with changes in its text, methods and options."""
    text = (STATIONS / f"{name}.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    text += "\n[flux.methods]\n" + "".join(f'{key} = "{value}"\n' for key, value in methods.items())
    return parse_station(text + "\n[flux.options]\n" + "\n".join(options), f"{name}.toml")


def synthetic(number: int, station: Station) -> FluxRecord:
    start, samples = synthetic_samples(number)
    return process(close_up(samples) if number in LOST_RECORDS else samples, station, start)


def alpine(number: int, station: Station, *, first: datetime = datetime(2018, 7, 21, tzinfo=UTC)) -> FluxRecord:
    start = first + number * timedelta(minutes=30)
    path = HALFHOUR / "finse10hz" / "raw" / f"{start:%Y-%m-%dT%H%M%S}.csv.gz"
    return process(read_csv(path, start, 100_000_000), station, start)


def orchard(period: int, station: Station, *, hours: float = 0) -> FluxRecord:
    """Local time passes for UTC, unless hours are added."""
    local = datetime(2012, 6, 7, 12, 45, tzinfo=UTC) + period * timedelta(minutes=15)
    start = local + timedelta(hours=hours)
    path = HALFHOUR / "fluxpart20hz" / "raw" / f"TOA5_6843.ts_Above_2012_06_07_{local:%H%M}.dat.gz"
    samples = read_toa5(path, local, 15, DT, stamps_end=True)
    moved = type(samples)(samples.start_ns + round(hours * 3.6e12), samples.dt_ns, samples.channels)
    return process(moved, station, start)


def results(data: str, variant: str) -> list[dict[str, float]]:
    return read_results(HALFHOUR / data / f"{variant}.csv")


@pytest.mark.parametrize("number", SIXTEEN)
@pytest.mark.parametrize(
    ("variant", "method"), [("ru_fs01", "finkelstein_sims_2001"), ("ru_ml94", "mann_lenschow_1994")]
)
def test_synthetic_random_errors(number, variant, method):
    record, reference = synthetic(number, configured("synthetic", random_error=method)), synthetic_results(variant)
    worst = differences(record, reference[number], ERRORS)
    assert max(worst.values()) < 1e-5


@pytest.mark.parametrize("number", range(24))
def test_closed_path_random_errors(number):
    """At night the correlation often does not fall to 1/e within ten seconds."""
    worst = differences(alpine(number, configured("finse")), results("finse10hz", "ru_fs01")[number], ERRORS)
    assert max(worst.values()) < 3e-5


@pytest.mark.parametrize("period", [0, 1])
def test_orchard_random_errors(period):
    worst = differences(
        orchard(period, configured("orchard")), results("fluxpart20hz", "adv_ru_cw")[period], ERRORS | CORRECTED
    )
    assert max(worst.values()) < 5e-6


def test_forest_random_errors_with_the_whole_integral():
    """ICOS' settings: the correlation integrated to 20 s, whatever it does."""
    station = configured("forest", options=('random_error_scale = "integral"', "random_error_reach = 20.0"))
    start = datetime(2019, 7, 30, 11, 30, tzinfo=UTC)
    samples = read_csv(HALFHOUR / "dehoh20hz" / "raw" / "DE-HoH_EC_201907301200_v01.csv.gz", start, 50_000_000)
    (reference,) = results("dehoh20hz", "icos_dr_like")
    worst = differences(process(samples, station, start), reference, ERRORS)
    assert max(worst.values()) < 3e-5


@pytest.mark.parametrize("number", SIXTEEN)
def test_synthetic_fluxes_with_instrument_heat(number):
    """That run took the logger's clock for true solar time, in which its third half-hour is the first of the day."""
    station = configured("synthetic", ("longitude = 10.0", "longitude = 0.0"), density="burba_2008")
    record, reference = synthetic(number, station), synthetic_results("burba")[number]
    worst = differences(record, reference, RAW | FACTORS | CORRECTED)
    assert record.diagnostics["daytime"] == reference["daytime"]
    assert max(worst.values()) < 1e-5


@pytest.mark.parametrize("period", [0, 1])
def test_orchard_fluxes_with_instrument_heat(period):
    """Without a thermometer its surfaces follow the sonic's temperature, ours that of the air: 1 % of the heat."""
    record = orchard(period, configured("orchard", density="burba_2008"), hours=8)
    worst = differences(record, results("fluxpart20hz", "adv_burba")[period], RAW | FACTORS | CORRECTED)
    assert record.diagnostics["daytime"] == 1
    assert worst.pop("co2_flux") < 5e-4
    assert max(worst.values()) < 5e-5


@pytest.mark.parametrize("number", SIXTEEN)
def test_synthetic_fluxes_without_density_correction(number):
    record = synthetic(number, configured("synthetic", density="none"))
    worst = differences(record, synthetic_results("nowpl")[number], RAW | FACTORS | CORRECTED)
    assert max(worst.values()) < 1e-5


@pytest.mark.parametrize("period", [0, 1])
def test_orchard_fluxes_without_density_correction(period):
    record = orchard(period, configured("orchard", density="none"))
    worst = differences(record, results("fluxpart20hz", "adv_nowpl")[period], RAW | FACTORS | CORRECTED)
    assert max(worst.values()) < 5e-6


@pytest.mark.parametrize("number", range(24))
def test_closed_path_mole_fractions(number):
    """Fractions of moist air without the cell's temperature and pressure become dry ratios sample by sample."""
    moist = [(f"{gas}_MIXING_RATIO", gas) for gas in ("CO2", "H2O")]
    record, reference = alpine(number, configured("finse", *moist)), results("finse10hz", "molefrac")[number]
    worst = differences(record, reference, RAW | FACTORS | CORRECTED)
    assert max(worst.values()) < 3e-5
    ours, theirs = flags(record, reference)
    assert ours == theirs


STORAGE = {
    "H_strg": lambda r: r.values["SH"],
    "LE_strg": lambda r: r.values["SLE"],
    "co2_strg": lambda r: r.values["SC"],
}


@cache
def quick(name: str) -> Station:
    """Storage hangs on means alone: what takes time and leaves them as they are is left out."""
    return configured(name, spectral="none", random_error="none")


def assert_storage(before: FluxRecord, after: FluxRecord, station: Station, reference: dict[str, float]) -> None:
    """Small differences of means that agree to 1e-7: what counts is watts and micromoles."""
    record = add_storage(after, before, station)
    for name, ours in STORAGE.items():
        print(f"{record.start:%H:%M}  {name:20s} {ours(record):16.8g} {reference[name]:16.8g}")
        assert ours(record) == pytest.approx(reference[name], abs=2e-4, rel=1e-6)


@pytest.mark.parametrize("number", range(1, 24))
def test_synthetic_storage(number):
    before, after = (synthetic(n, quick("synthetic")) for n in (number - 1, number))
    assert_storage(before, after, quick("synthetic"), synthetic_results("express")[number])


@pytest.mark.parametrize("number", range(1, 63))
def test_alpine_storage(number):
    first = datetime(2018, 7, 20, 8, 30, tzinfo=UTC)
    before, after = (alpine(n, quick("finse"), first=first) for n in (number - 1, number))
    assert_storage(before, after, quick("finse"), results("finse10hz", "express")[number])


def test_orchard_storage():
    before, after = (orchard(period, quick("orchard")) for period in (0, 1))
    assert_storage(before, after, quick("orchard"), results("fluxpart20hz", "express")[1])
