from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.clock import NS, to_ns
from core.constants import R_UNIVERSAL, ZERO_CELSIUS
from core.errors import ConfigError
from core.records import Reading, SampleBlock
from core.station import Station, parse_station
from ingest.simulation import tower as simulator
from ingest.simulation.tower import Tower

NOON = datetime(2026, 7, 1, 4, tzinfo=UTC)
MIDNIGHT = datetime(2026, 7, 1, 16, tzinfo=UTC)


def in_streamline(tower: Tower, start: datetime) -> dict[str, np.ndarray]:
    """One half-hour as a computation sees it: doubly rotated wind, SI; from the published records only."""
    blocks = [r for r in simulator.records(tower, start, 1 / 48) if isinstance(r, SampleBlock)]
    u, v, w, ts, co2, h2o = np.concatenate([block.samples for block in blocks], axis=1).astype(float)
    yaw = np.arctan2(v.mean(), u.mean())
    u, v = u * np.cos(yaw) + v * np.sin(yaw), v * np.cos(yaw) - u * np.sin(yaw)
    pitch = np.arctan2(w.mean(), u.mean())
    u, w = u * np.cos(pitch) + w * np.sin(pitch), w * np.cos(pitch) - u * np.sin(pitch)
    return {"u": u, "v": v, "w": w, "ts": ts + 273.15, "co2": co2 * 1e-3, "h2o": h2o * 1e-3, "yaw": yaw, "pitch": pitch}


def covariance(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a - a.mean()) * (b - b.mean())).mean())


@pytest.mark.parametrize("start", [NOON, MIDNIGHT])
def test_what_is_built_in_is_recovered(forest: Station, start: datetime) -> None:
    tower = Tower(forest)
    truth = simulator.truth(tower, start)
    seen = in_streamline(tower, start)
    assert seen["u"].mean() == pytest.approx(truth.wind, rel=1e-5)
    assert np.sqrt(-covariance(seen["w"], seen["u"])) == pytest.approx(truth.ustar, rel=1e-4)
    assert covariance(seen["w"], seen["v"]) == pytest.approx(0, abs=1e-5)
    assert covariance(seen["w"], seen["ts"]) == pytest.approx(truth.w_t_sonic, rel=1e-4)
    assert covariance(seen["w"], seen["co2"]) == pytest.approx(truth.w_co2, rel=1e-3)
    assert covariance(seen["w"], seen["h2o"]) == pytest.approx(truth.w_h2o, rel=1e-3)
    assert (float(seen["yaw"]), float(seen["pitch"])) == pytest.approx((truth.yaw, truth.pitch), abs=1e-5)


@pytest.mark.parametrize("start", [NOON, MIDNIGHT])
def test_fluxes_follow_from_covariances_by_the_density_correction(forest: Station, start: datetime) -> None:
    """Webb et al. (1980) forwards, written out in mass units, gives the fluxes that were turned into covariances."""
    truth = simulator.truth(Tower(forest), start)
    vapour = truth.h2o_density * 0.01802
    dry = (truth.pa / (R_UNIVERSAL * truth.ta) - truth.h2o_density) * 0.02897
    carbon = truth.co2_density * 0.04401
    mu, ratio = 0.02897 / 0.01802, vapour / dry
    evaporation = (1 + mu * ratio) * (truth.w_h2o * 0.01802 + vapour / truth.ta * truth.w_ta)
    carbon_flux = (
        truth.w_co2 * 0.04401
        + mu * carbon / dry * truth.w_h2o * 0.01802
        + (1 + mu * ratio) * carbon / truth.ta * truth.w_ta
    )
    assert carbon_flux / 0.04401 == pytest.approx(truth.fc, rel=1e-6)
    latent_heat = (3147.5 - 2.37 * truth.ta) * 1e3
    assert evaporation * latent_heat == pytest.approx(truth.le, rel=1e-6)


def test_the_day_is_that_of_a_subtropical_forest(forest: Station) -> None:
    tower = Tower(forest)
    local_midnight = datetime(2026, 6, 30, 16, tzinfo=UTC)
    day = [simulator.truth(tower, local_midnight + i * timedelta(minutes=30)) for i in range(48)]
    fc = np.array([truth.fc for truth in day]) * 1e6
    assert ((fc[:9] > 1) & (fc[:9] < 8)).all()
    assert fc[18:30].max() < -5
    assert fc.min() > -30
    assert -0.5 > fc.mean() > -10
    assert 60 < max(truth.h for truth in day) < 300
    assert 150 < max(truth.le for truth in day) < 500
    assert all(0.05 < truth.ustar < 1 for truth in day)
    warmest = int(np.argmax([truth.ta for truth in day]))
    assert 26 <= warmest <= 33
    assert all(10 < truth.ta - ZERO_CELSIUS < 40 for truth in day)


def test_readings_are_consistent_with_what_is_built_in(forest: Station) -> None:
    tower = Tower(forest)
    made = [record for record in simulator.records(tower, NOON, 1 / 48) if isinstance(record, Reading)]
    met = [record.values for record in made if record.stream == "met"]
    truth = simulator.truth(tower, NOON)
    assert len(met) == 30
    assert np.mean([values["TA_1_1_1"] for values in met]) == pytest.approx(truth.ta - ZERO_CELSIUS, abs=0.05)
    assert np.mean([values["PA_1_1_1"] for values in met]) == pytest.approx(truth.pa / 1000, rel=1e-4)
    celsius = truth.ta - ZERO_CELSIUS
    saturation = 611.2 * np.exp(17.67 * celsius / (celsius + 243.5))
    assert np.mean([values["RH_1_1_1"] for values in met]) == pytest.approx(100 * truth.e / saturation, rel=1e-3)
    assert all(values["P_1_1_1"] >= 0 for values in met)


def test_carbon_dioxide_gathers_below_the_canopy_at_night_only(forest: Station) -> None:
    def profile(start: datetime) -> list[float]:
        made = simulator.records(Tower(forest), start, 1 / 48)
        return list(next(r.values for r in made if isinstance(r, Reading) and r.stream == "co2").values())

    top, middle, low = profile(MIDNIGHT)
    assert top + 2 < middle < low - 2
    assert 400 < top < 450
    day = profile(NOON)
    assert max(day) - min(day) < 1


def test_records_come_in_the_order_of_their_ends(forest: Station) -> None:
    ends = []
    for record in simulator.records(Tower(forest), NOON, 2 / 48):
        if isinstance(record, SampleBlock):
            ends.append(record.start_ns + record.samples.shape[1] * record.dt_ns)
        else:
            ends.append(record.time_ns + 60 * NS)
    assert ends == sorted(ends)
    assert len(ends) == 360 + 60 + 60


def test_any_half_hour_is_the_same_whatever_the_start(forest: Station) -> None:
    tower = Tower(forest, spikes=3)
    late = [r for r in simulator.records(tower, NOON + timedelta(hours=1), 1 / 48) if isinstance(r, SampleBlock)]
    long = [r for r in simulator.records(tower, NOON, 3 / 48) if isinstance(r, SampleBlock)]
    for a, b in zip(late, long[-180:], strict=True):
        assert (a.start_ns, a.seq) == (b.start_ns, b.seq)
        np.testing.assert_array_equal(a.samples, b.samples)
    other = next(simulator.records(Tower(forest, seed=2), NOON, 1 / 48))
    assert isinstance(other, SampleBlock)
    assert not np.array_equal(other.samples, long[0].samples)


def test_outages_and_spikes(forest: Station) -> None:
    out = NOON + timedelta(minutes=30)
    made = list(simulator.records(Tower(forest, outages=frozenset({out})), NOON, 3 / 48))
    blocks = [r for r in made if isinstance(r, SampleBlock)]
    assert len(blocks) == 360
    assert not any(to_ns(out) <= block.start_ns < to_ns(out) + 1800 * NS for block in blocks)
    assert sum(isinstance(r, Reading) for r in made) == 180
    stream = forest.streams["ec"]
    clean = simulator.half_hour_samples(Tower(forest), stream, NOON)
    spiky = simulator.half_hour_samples(Tower(forest, spikes=20), stream, NOON)
    changed = spiky != clean
    assert 15 <= changed.sum() <= 20
    jumps = np.abs(spiky - clean) / clean.std(axis=1, keepdims=True)
    assert jumps[changed].min() > 11.9


def test_a_day_has_all_its_messages(forest: Station) -> None:
    assert sum(1 for _ in simulator.records(Tower(forest), NOON, 1)) == 8640 + 1440 + 1440


def test_a_variable_that_cannot_be_simulated_is_an_error_of_the_station_file(orchard: Station) -> None:
    text = _TEMPLATE.format(variable="CH4_DENSITY", unit="mmol m-3")
    with pytest.raises(ConfigError, match=r"stream\.channels\.x\.variable: expected one of .*got CH4_DENSITY"):
        next(simulator.records(Tower(parse_station(text, "x.toml")), NOON, 1 / 48))
    assert next(simulator.records(Tower(orchard), NOON, 1 / 48))


_TEMPLATE = """
[station]
id = "x"
name = "x"
latitude = 26.0
longitude = 118.0
altitude = 10.0
utc_offset = 8.0
[site]
canopy_height = 10.0
[sonic]
model = "s"
height = 20.0
[[stream]]
name = "fast"
kind = "block"
rate = 10.0
channels = [{{ name = "x", variable = "{variable}", unit = "{unit}" }}]
"""


def test_a_history_is_what_is_built_in_with_noise_and_gaps(forest: Station) -> None:
    tower = Tower(forest)
    past = simulator.history(tower, NOON - timedelta(days=30), 30)
    assert [one.start for one in past] == [NOON - timedelta(days=30) + timedelta(minutes=30 * i) for i in range(1440)]
    truths = [simulator.truth(tower, one.start) for one in past]
    off = np.array([one.values["FC"] - 1e6 * true.fc for one, true in zip(past, truths, strict=True)])
    spread = np.array([0.3 + 0.06 * abs(1e6 * true.fc) for true in truths]) * np.sqrt(2)  # of a two-sided exponential
    lost = np.isnan(off)
    assert 0.15 < lost.mean() < 0.25
    assert all(bool(one.reasons) == gone for one, gone in zip(past, lost, strict=True))
    assert np.nanstd(off / spread) == pytest.approx(1, abs=0.1)
    assert abs(np.nanmean(off / spread)) < 4 / np.sqrt(1440)
    one, true = past[700], truths[700]
    assert one.values["TA"] == pytest.approx(true.ta - ZERO_CELSIUS)
    assert one.values["USTAR"] == true.ustar
    assert one.values["PA"] == pytest.approx(true.pa / 1000)
    # the dryness is what is missing to the humidity that there is
    assert one.values["VPD"] == pytest.approx(true.e / 100 * (100 / one.values["RH"] - 1))
    # another beginning gives the same half-hours
    again = simulator.history(tower, NOON - timedelta(days=2), 1)
    for one, same in zip(again, past[28 * 48 : 29 * 48], strict=True):
        assert one.start == same.start
        assert dict(one.values) == pytest.approx(dict(same.values), nan_ok=True)
