"""`fluxtower process` with methods that need fits: a first pass makes and stores them, or a file gives them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from core.station import parse_station
from fluxcalc.halfhour.fits import NOTHING_FITTED
from fluxtower.batch.fits import read_fits_file, write_fits_file
from tests.fluxcalc.halfhour.wind.test_golden_frame import printed_planes
from tests.fluxcalc.reference import HALFHOUR, STATIONS, needs_halfhour, read_results
from tests.fluxcalc.samples import turbulence
from tests.fluxtower.raw import STATION, N, RunCommand, lines, write

ALPINE = (STATIONS / "finse.toml").read_text() + (
    '\n[files]\nformat = "csv"\ntime_columns = [""]\nutc_offset = 0.0\n[flux.methods]\nrotation = "planar_fit"\n'
)
COLUMNS = {"TAU": ("Tau", -1.0, 1e-5), "H": ("H", 1.0, 0.02), "LE": ("LE", 1.0, 0.02), "FC": ("co2_flux", 1.0, 0.002)}
"""Ours -> theirs, sign, and the difference that counts as none."""

OPTIMISED = STATION + '\n[flux.methods]\nlag = "optimised"\n'
TWELVE = 12


def delayed() -> list[str]:
    """Twelve minutes in which CO2 comes 0.3 s after the wind."""
    columns = turbulence(3, TWELVE * N)
    return lines(TWELVE, co2=np.roll(columns["co2"], 6))


@needs_halfhour
@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ("pf1", "planar_fit_least_periods = 20"),
        ("pf4", "planar_fit_least_periods = 10\nplanar_fit_sectors = [0.0, 90.0, 180.0, 270.0]"),
    ],
)
def test_planes_of_alpine_files_and_their_fluxes_are_those_of_the_peer(
    variant: str, options: str, tmp_path: Path, run: RunCommand
) -> None:
    station = f"{ALPINE}[flux.options]\n{options}\n"
    raw = HALFHOUR / "finse10hz" / "raw"
    result = run(raw, station=station, options=["--full"])
    assert (result.status, result.err) == (0, "")
    stored = tmp_path / "out.fits.json"
    sentence = f"fit of planes: from 64 half-hours, 2018-07-20T08:30Z to 2018-07-21T16:30Z, stored in {stored}"
    assert sentence in result.out
    fits = read_fits_file(stored, parse_station(station, "finse.toml")).fits
    planes = {(one.start, one.end or 360.0): (one.b0, one.b1, one.b2) for one in fits.planes}
    expected = printed_planes("finse10hz", variant)
    assert set(planes) == set(expected)
    assert all(planes[sector] == pytest.approx(expected[sector], abs=1e-7) for sector in planes)
    reference = read_results(HALFHOUR / "finse10hz" / f"{variant}.csv")
    assert len(result.rows) == len(reference) == 64
    for row, theirs in zip(result.rows, reference, strict=True):
        for name, (other, sign, least) in COLUMNS.items():
            limit = max(1e-3 * abs(theirs[other]), least)
            assert float(row[name]) == pytest.approx(sign * theirs[other], abs=limit), (row["TIMESTAMP_START"], name)
        assert float(row["USTAR"]) == pytest.approx(theirs["u*"], rel=1e-3)
    again = run(raw, station=station, options=["--full", "--fits", str(stored)])
    assert again.rows == result.rows
    assert "fit of planes: from 64 half-hours, 2018-07-20T08:30Z to 2018-07-21T16:30Z, read" in again.out


@pytest.mark.parametrize("workers", ["1", "2"])
def test_lags_are_fitted_and_the_file_gives_the_same_table(workers: str, tmp_path: Path, run: RunCommand) -> None:
    path = write(tmp_path / "a.dat", delayed())
    result = run(path, station=OPTIMISED, options=["--full", "--workers", workers])
    assert (result.status, result.err) == (0, "")
    assert "fit of lags: from 12 half-hours" in result.out
    stored = tmp_path / "out.fits.json"
    fits = json.loads(stored.read_text())["fits"]
    assert fits["lags"]["co2"][0]["nominal"] == pytest.approx(0.3)
    assert [float(row["lag_co2_s"]) for row in result.rows] == pytest.approx([0.3] * TWELVE)
    assert {row["lag_co2_fitted"] for row in result.rows} == {"1"}
    kept = stored.read_bytes()
    some = run(path, station=OPTIMISED, options=["--full", "--fits", str(stored), "--from", "2024-06-20 13:04"])
    assert some.rows == result.rows[4:]
    assert stored.read_bytes() == kept


def test_planes_and_spectra_are_fitted_one_upon_the_other(tmp_path: Path, run: RunCommand) -> None:
    minutes, cutoff = 24, 0.5
    columns = turbulence(3, minutes * N)
    keep = np.exp(-2 * np.pi * cutoff / 20)
    strong = 700 - 60 * columns["Uz"]
    slow = lfilter([1 - keep], [1, -keep], strong, zi=[keep * strong[0]])[0]
    station = STATION + (
        '\n[flux.methods]\nrotation = "planar_fit"\nspectral = "horst_1997"\nlag = "none"\n'
        "[flux.options]\nplanar_fit_least_periods = 10\n"
    )
    result = run(write(tmp_path / "a.dat", lines(minutes, co2=slow)), station=station, options=["--full"])
    assert result.status == 0, result.err
    assert f"fit of planes: from {minutes} half-hours" in result.out
    assert "fit of spectra: from " in result.out
    fits = json.loads((tmp_path / "out.fits.json").read_text())["fits"]
    assert len(fits["planes"]) == 1
    assert fits["cutoffs"]["co2"][0][2] == pytest.approx(cutoff, rel=0.25)
    applied = [float(row["cutoff_co2_hz"]) for row in result.rows]
    assert applied == pytest.approx([fits["cutoffs"]["co2"][0][2]] * minutes)


def test_too_few_half_hours_are_reported_and_the_others_go_on_without(tmp_path: Path, run: RunCommand) -> None:
    station = STATION + '\n[flux.methods]\nrotation = "planar_fit"\n'
    result = run(write(tmp_path / "a.dat", lines()), station=station, options=["--full"])
    assert result.status == 1
    assert result.err.startswith("problem: synthetic 2024-06-20T12:00Z to 2024-06-20T12:05Z: step fit_station failed: ")
    assert "no sector has the 30 that it needs" in result.err
    assert "fit of planes: none, half-hours go without" in result.out
    assert not (tmp_path / "out.fits.json").exists()
    assert "no plane has been fitted yet" in json.loads(result.rows[0]["REASONS"])["H"]


def test_a_period_of_its_own_is_fitted(tmp_path: Path, run: RunCommand) -> None:
    path = write(tmp_path / "a.dat", delayed())
    period = ["--fit-from", "2024-06-20 13:01", "--fit-to", "2024-06-20 13:12"]
    result = run(path, station=OPTIMISED, options=[*period, "--to", "2024-06-20 13:02"])
    assert "fit of lags: from 11 half-hours, 2024-06-20T12:01Z to 2024-06-20T12:12Z" in result.out
    assert len(result.rows) == 2
    beyond = run(path, station=OPTIMISED, options=["--fit-from", "2030-01-01"])
    assert beyond.status == 1
    assert "error: --fit-from, --fit-to: (time): expected a time that the files cover" in beyond.err


BAD = {
    "absent": (None, "expected a readable file of fits, got "),
    "rubbish": (b"\xff\x00", "(syntax): expected what `fluxtower process` writes as fits"),
    "another form": (b'{"station": "synthetic", "made_from": {}, "fits": {"planes": 3}}', "fits.planes: expected what"),
    "another station": (
        b'{"station": "elsewhere", "made_from": {}, "fits": {}}',
        "station: expected fits of 'synthetic', got 'elsewhere'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_of_fits_is_reported(name: str, tmp_path: Path, run: RunCommand) -> None:
    content, expected_words = BAD[name]
    file = tmp_path / "fits.json"
    if content is not None:
        file.write_bytes(content)
    result = run(write(tmp_path / "a.dat", lines(1)), station=OPTIMISED, options=["--fits", str(file)])
    assert (result.status, result.rows) == (1, [])
    assert result.err.startswith(f"error: {file}: ")
    assert expected_words in result.err


def test_a_file_without_a_fit_that_is_needed_says_so(tmp_path: Path, run: RunCommand) -> None:
    file = tmp_path / "fits.json"
    file.write_text('{"station": "synthetic", "made_from": {}, "fits": {}}')
    stored = read_fits_file(file, parse_station(STATION, "station.toml"))
    assert stored.fits == NOTHING_FITTED
    write_fits_file(stored, file)
    assert read_fits_file(file, parse_station(STATION, "station.toml")) == stored
    result = run(write(tmp_path / "a.dat", lines(1)), station=OPTIMISED, options=["--fits", str(file)])
    assert result.status == 0
    assert "fit of lags: none, half-hours go without" in result.out
