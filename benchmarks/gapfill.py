"""How well artificial gaps are filled: `python benchmarks/gapfill.py SITE_DIR [--repeats 5]`.

SITE_DIR holds `input.parquet` (time: END stamp in local standard time; NEE, Rg, Tair, VPD and, where there are, rH and
Tsoil) and `gaps_*.parquet`, one for each year: the same time stamps, `valid` = what the filter of u* leaves of NEE (the
rest is not used at all), and a column for each scenario and repeat (`vs0` single half-hours, `s0` 1-8 h, `m0` 1.5 d,
`l0` 12 d, `x0` mixed), 1 = withheld. Machine learning and MDS (REddyProc's dialect) fill what is left of each year;
both are scored on the withheld values that MDS fills, pooled. Prints tables by length of gap and by day and night and,
last, one line of JSON:

    rmse_ratio   root mean square error of machine learning over that of MDS
    bias_ratio   mean absolute value of the mean error of each repeat, over the same of MDS
    coverage90   share of the withheld values within the 90 % interval
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.records import FloatArray  # noqa: E402
from fluxcalc.season.gapfill.machine_learning import fill_by_learning  # noqa: E402
from fluxcalc.season.gapfill.mds import fill_mds  # noqa: E402
from fluxcalc.sun import potential_radiation  # noqa: E402

DRIVERS = {"Rg": "radiation", "Tair": "temperature", "VPD": "deficit", "rH": "humidity", "Tsoil": "soil_temperature"}
GAP_SCENARIOS = ("vs", "s", "m", "l", "x")
PLACES = {"DE-Tha": (50.96, 13.57, 1.0), "DE-Geb": (51.1, 10.9, 1.0)}
"""Latitude, longitude, local standard time minus UTC. [deg], [deg], [h]"""
DAY_RADIATION = 10.0
"""Radiation above which it is day in the tables. [W m-2]"""


class Score(NamedTuple):
    """Errors (filled minus measured) on the withheld values of one repeat."""

    case: str
    scenario: str
    learned: FloatArray
    mds: FloatArray
    day: FloatArray
    covered: FloatArray
    seconds: float


def score_year(
    site: Path, gaps: Path, place: tuple[float, float, float], scenarios: tuple[str, ...], repeats: int
) -> list[Score]:
    """Fill a year's artificial gaps both ways."""
    withheld = pl.read_parquet(gaps)
    table = withheld.select("time").join(pl.read_parquet(site / "input.parquet"), on="time", how="left")
    ends = table["time"].str.to_datetime("%Y-%m-%d %H:%M")
    potential = potential_radiation(middles := ends.dt.offset_by("-15m"), *place)
    drivers = {ours: column(table, name) for name, ours in DRIVERS.items() if name in table.columns}
    measured = np.where(withheld["valid"].to_numpy() == 1, column(table, "NEE"), np.nan)
    scores = []
    for scenario in scenarios:
        for repeat in range(repeats):
            gap = withheld[f"{scenario}{repeat}"].to_numpy() == 1
            y = np.where(gap, np.nan, measured)
            before = time.process_time()
            learned = fill_by_learning(y, drivers, middles, potential)
            seconds = time.process_time() - before
            mds = fill_mds(y, drivers["radiation"], drivers["temperature"], drivers["deficit"], every_record=False)
            rows = gap & np.isfinite(measured) & np.isfinite(mds.value)
            truth = measured[rows]
            scores.append(
                Score(
                    gaps.stem.removeprefix("gaps_"),
                    scenario,
                    learned.value[rows] - truth,
                    mds.value[rows] - truth,
                    drivers["radiation"][rows] > DAY_RADIATION,
                    (learned.lower[rows] <= truth) & (truth <= learned.upper[rows]),
                    seconds,
                )
            )
            print(f"{scores[-1].case} {scenario}{repeat}", end="\r", file=sys.stderr, flush=True)
    return scores


def find_place(site: Path) -> tuple[float, float, float]:
    """Find where the sun shines as it does at a site; the longitude is that of its clock's noon, its offset zero."""
    table = pl.read_parquet(site / "input.parquet")
    middles = table["time"].str.to_datetime("%Y-%m-%d %H:%M").dt.offset_by("-15m")
    radiation = column(table, "Rg")
    known = np.isfinite(radiation)

    def likeness(latitude: float, longitude: float) -> float:
        return float(np.corrcoef(radiation[known], potential_radiation(middles, latitude, longitude, 0.0)[known])[0, 1])

    latitude = 0.0
    for _ in range(2):
        longitude = max(np.arange(-180.0, 180.0, 3.0), key=lambda x: likeness(latitude, x))
        latitude = max(np.arange(-78.0, 79.0, 3.0), key=lambda x: likeness(x, longitude))
    return float(latitude), float(longitude), 0.0


def column(table: pl.DataFrame, name: str) -> FloatArray:
    """Return a column, NaN where it is missing."""
    return table[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def summary(scores: list[Score], part: str = "all") -> tuple[int, float, float, float, float, float]:
    """Return number, both pooled errors, both mean absolute biases of a repeat, and coverage."""
    rows = [{"all": np.ones(s.day.size, dtype=bool), "day": s.day, "night": ~s.day}[part] for s in scores]
    ours, mds, covered = (
        [getattr(s, name)[r] for s, r in zip(scores, rows, strict=True) if r.any()]
        for name in ("learned", "mds", "covered")
    )
    rmse = [float(np.sqrt((np.concatenate(errors) ** 2).mean())) for errors in (ours, mds)]
    bias = [float(np.mean([abs(e.mean()) for e in errors])) for errors in (ours, mds)]
    return sum(map(len, ours)), *rmse, *bias, float(np.concatenate(covered).mean())


def result(scores: list[Score]) -> dict[str, float]:
    """Return what the last line says."""
    _, ours, mds, bias, bias_mds, covered = summary(scores)
    figures = {"rmse_ratio": ours / mds, "bias_ratio": bias / bias_mds, "coverage90": covered}
    return {name: round(value, 4) for name, value in figures.items()}


def main() -> None:
    """Score a site and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path)
    parser.add_argument("--repeats", type=int, default=5, choices=range(1, 6))
    parser.add_argument("--place", type=float, nargs=3, metavar=("LATITUDE", "LONGITUDE", "UTC_OFFSET"),
                        help="of a site not known; without it, where its radiation fits")  # fmt: skip
    arguments = parser.parse_args()
    years = sorted(arguments.site.glob("gaps_*.parquet"))
    if not years:
        parser.error(f"no gaps_*.parquet in {arguments.site}")
    place = arguments.place or PLACES.get(arguments.site.resolve().name[:6]) or find_place(arguments.site)
    scores = [
        score for year in years for score in score_year(arguments.site, year, place, GAP_SCENARIOS, arguments.repeats)
    ]

    print(f"{'case':12} gaps  part       n  learned     MDS  ratio  |bias|     MDS  within 90 %")
    cases = sorted({score.case for score in scores})
    for case in [*cases, "all"] if len(cases) > 1 else cases:
        for scenario in [*GAP_SCENARIOS, "all"]:
            some = [s for s in scores if case in (s.case, "all") and scenario in (s.scenario, "all")]
            for part in ("all", "day", "night"):
                n, ours, mds, bias, bias_mds, covered = summary(some, part)
                print(
                    f"{case:12} {scenario:5} {part:5} {n:6} {ours:8.3f} {mds:7.3f} {ours / mds:6.3f}"
                    f" {bias:7.3f} {bias_mds:7.3f} {100 * covered:9.1f}"
                )
    seconds = [score.seconds for score in scores]
    print(
        f"processor time of a year's training and filling: median {np.median(seconds):.1f} s, most {max(seconds):.1f}"
    )
    print(json.dumps(result(scores)))


if __name__ == "__main__":
    main()
