"""What one step hands to the next is a typed field of the half-hour: nothing is read out of its diagnostics."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import fluxcalc
from core.records import FluxRecord
from core.station import Station
from fluxcalc.halfhour.air import AirPerVolume
from fluxcalc.halfhour.interval import HalfHour, Meteorology
from fluxcalc.halfhour.lag.gas_lag import GasLag, LagSearch, read_true_lags
from fluxcalc.halfhour.record import build_record
from fluxcalc.halfhour.state import (
    FLUX_SHARES,
    Footprint,
    InstrumentReport,
    IntegralDeviations,
    RandomError,
    SonicWind,
    flux_name,
)
from fluxcalc.halfhour.steps import HALF_HOUR_STEPS, REGISTRIES, run_steps
from tests.fluxcalc.halfhour.towers import fitted
from tests.fluxcalc.reference import station
from tests.fluxcalc.samples import START, samples, turbulence

FOLDER = Path(fluxcalc.__file__).parent / "halfhour"
MAY_READ = {("interval.py", "diagnostics_with"), ("record.py", "build_record")}
"""Where the diagnostics of a half-hour are copied: when there are more of them, and into its record."""


# --- no step reads diagnostics


def reads(source: str) -> Iterator[tuple[str, int]]:
    """Yield (function, line) of all that looks at the diagnostics of anything but a parameter that is a record."""
    tree = ast.parse(source)
    owners = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "diagnostics_with" and not is_published(node, owners):
            yield "diagnostics_with", node.lineno
        named = isinstance(node, ast.Constant) and node.value == "diagnostics"
        if not named and not (isinstance(node, ast.Attribute) and node.attr == "diagnostics"):
            continue
        function = node
        while not isinstance(function, ast.FunctionDef | ast.Module):
            function = owners[function]
        if isinstance(function, ast.Module):
            yield "(module)", node.lineno
        elif named or not (isinstance(node.value, ast.Name) and node.value.id in record_parameters(function)):
            yield function.name, node.lineno


def is_published(node: ast.Attribute, owners: dict[ast.AST, ast.AST]) -> bool:
    """Whether what ``diagnostics_with`` gives goes into a half-hour, at once or by the name of ``published``."""
    user = owners[owners[node]]
    if isinstance(user, ast.Assign):
        return ast.unparse(user.targets[0]) == "published"
    return isinstance(user, ast.keyword) and user.arg == "diagnostics"


def record_parameters(function: ast.FunctionDef) -> set[str]:
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    return {one.arg for one in arguments if one.annotation and ast.unparse(one.annotation) == "FluxRecord"}


def test_no_step_reads_diagnostics():
    found = {
        (path.relative_to(FOLDER).as_posix(), name, line)
        for path in FOLDER.rglob("*.py")
        for name, line in reads(path.read_text())
    }
    assert {place[:2] for place in found} == MAY_READ
    assert len(found) == len(MAY_READ), found


def test_a_step_that_read_what_it_adds_to_would_be_found():
    for use in ("half.diagnostics_with()['wind_speed']", "next(iter(half.diagnostics_with()))"):
        assert [name for name, _ in reads(f"def step(half: HalfHour):\n    return {use}")] == ["diagnostics_with"]
    for use in (
        "return replace(half, diagnostics=half.diagnostics_with(a=1.0))",
        "published = half.diagnostics_with()",
    ):
        assert list(reads(f"def step(half: HalfHour):\n    {use}")) == []


@pytest.mark.parametrize(
    "body",
    [
        "return half.diagnostics['wind_speed']",
        "return half.diagnostics.get('wind_speed')",
        "noted = half.diagnostics; return noted['wind_speed']",
        "return 'wind_speed' in half.diagnostics",
        "return [half.diagnostics for _ in range(3)]",
        "return (lambda: half.diagnostics)()",
        "return getattr(half, 'diagnostics')['wind_speed']",
    ],
)
def test_a_step_that_read_them_would_be_found(body):
    assert [name for name, _ in reads(f"def step(half: HalfHour, station: Station):\n    {body}")] == ["step"]
    assert list(reads(f"def reader(half: FluxRecord):\n    {body}")) == [] or "getattr" in body


def run_forgetful(chosen: Station) -> HalfHour:
    """Take an interval through all steps; each finds the diagnostics of those before it gone."""
    half = HalfHour(START, START + timedelta(minutes=30), samples(turbulence()), Meteorology(), fitted())
    published: dict[str, float] = {}
    for step in HALF_HOUR_STEPS:
        half = step(replace(half, diagnostics={}), chosen)
        published |= half.diagnostics
    return replace(half, diagnostics=published)


@pytest.mark.parametrize(("key", "method"), [(key, name) for key, registry in REGISTRIES.items() for name in registry])
def test_a_half_hour_is_the_same_without_the_diagnostics_of_earlier_steps(key, method):
    chosen = station("synthetic", **{key: method})
    whole = build_record(run_steps(samples(turbulence()), chosen, START, fits=fitted()), chosen)
    forgetful = build_record(run_forgetful(chosen), chosen)
    for ours, theirs in ((forgetful.values, whole.values), (forgetful.diagnostics, whole.diagnostics)):
        assert list(ours) == list(theirs)
        assert list(ours.values()) == pytest.approx(list(theirs.values()), rel=0, abs=0, nan_ok=True)
    assert forgetful.reasons == whole.reasons


# --- the fields themselves


def record_of(published: dict[str, float]) -> FluxRecord:
    return FluxRecord("x", START, START + timedelta(minutes=30), {}, diagnostics=published)


def test_before_any_step_nothing_is_known():
    half = HalfHour(START, START, samples({}), Meteorology())
    unknown = (half.wind_speed, half.sonic_wind.speed, half.molar_volume, half.gas_mean("co2"), half.raw_stability)
    assert all(map(math.isnan, (*unknown, *half.integral_deviations, half.fluxes.h2o)))
    assert half.footprint is None
    assert half.diagnostics == {}


def test_the_wind_of_a_record_is_read_back():
    wind = SonicWind(36000, 2.0, -1.0, 2.0, 7.5, 210.0)
    assert wind.speed == 3.0
    assert SonicWind.read(record_of(wind.published())) == wind
    nothing = SonicWind.read(record_of({}))
    assert nothing.valid == 0
    assert math.isnan(nothing.speed)


def test_a_lag_that_was_not_looked_for_has_no_maximum():
    plain = GasLag(0.2).published("co2")
    assert plain == {"lag_co2_s": 0.2}
    assert read_true_lags(record_of(plain)) == {}


def test_true_lags_of_a_record_are_read_back():
    sought = GasLag(0.3, LagSearch(at_edge=False, nominal=False, maximum=0.3)).published("ch4")
    assert sought == {"lag_ch4_s": 0.3, "lag_ch4_nominal": 0.0, "lag_ch4_at_edge": 0.0, "lag_ch4_maximum_s": 0.3}
    fitted_one = GasLag(0.1, LagSearch(at_edge=True, nominal=True, maximum=math.nan, fitted=True)).published("h2o")
    assert (fitted_one["lag_h2o_fitted"], fitted_one["lag_h2o_nominal"], fitted_one["lag_h2o_at_edge"]) == (1, 1, 1)
    found = read_true_lags(record_of(sought | fitted_one))
    assert found.pop("ch4") == 0.3
    assert list(found) == ["h2o"]
    assert math.isnan(found["h2o"])


def test_a_random_error_is_read_back_by_its_flux():
    assert [flux_name(gas) for gas in ("co2", "h2o", "ch4")] == ["fc", "le", "fch4"]
    stored = record_of(RandomError(1e-7, 4.5).published("fch4"))
    assert RandomError.read(stored, "fch4") == (1e-7, 4.5)
    assert all(map(math.isnan, RandomError.read(stored, "fc")))


def test_the_state_of_the_air_is_read_back_only_where_it_was_known():
    assert AirPerVolume.read(record_of({"molar_volume": 0.024})) is None
    whole = record_of({"vaporisation": 2.45e6, "molar_volume": 0.024, "heat_capacity": 1200.0})
    assert AirPerVolume.read(whole) == (0.024, 1200.0, 2.45e6)


def test_what_cannot_be_tested_is_the_largest_deviation():
    deviations = IntegralDeviations(math.nan, 20.0)
    assert deviations.largest(("w",)) == 20.0
    assert math.isnan(deviations.largest(("u", "w")))
    assert IntegralDeviations(30.0, 20.0).largest(("u", "w")) == 30.0


def test_a_footprint_says_its_distances_by_share():
    found = Footprint(1, 40.0, 3.0, (10.0, 20.0, 30.0, 40.0, 90.0))
    assert [found.within(share) for share in FLUX_SHARES] == list(found.shares)
    published = found.published()
    assert (published["footprint_70"], published["footprint_90"], published["footprint_model"]) == (40.0, 90.0, 1.0)


def test_an_instrument_publishes_only_what_it_says():
    assert InstrumentReport(signal=0.9).published("irga_1") == {"irga_1_signal": 0.9}
    judged = InstrumentReport(bad=3, faults={"chopper": 2}, agc=0.5)
    assert judged.published("irga_2") == {"irga_2_agc": 0.5, "irga_2_chopper": 2.0, "bad_irga_2": 3.0}
