"""How fast a season is, and what memory it takes: `python benchmarks/season.py [--site DIR] [--years N]`.

DIR is laid out as reference/season/<site> (input.parquet); without it a year is made up. Compiled beforehand; CPU
time of one process, the fastest of several runs. Prints a table and, last, one line of JSON. The whole site-year has
41 versions by thresholds of u* of 100 samples each of the moving point test and of change points, all of them filled
and partitioned by night and by day, and every uncertainty; without tables and figures. With --years the series is laid
end to end so many times and taken through the same once: VUT and CUT, `years_s` and the most memory the process had by
then; then every table and figure is written into a folder that is thrown away, and both are told again.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from fluxcalc.season.gapfill.mds import fill_mds  # noqa: E402
from fluxcalc.season.grid import TimeGrid, lay_grid  # noqa: E402
from fluxcalc.season.partition.daytime import partition_by_day  # noqa: E402
from fluxcalc.season.record import Season, SeasonMethods  # noqa: E402
from fluxcalc.season.report import report_season  # noqa: E402
from fluxcalc.season.steps import process_season  # noqa: E402
from fluxcalc.season.ustar.estimates import select_night  # noqa: E402
from fluxcalc.season.ustar.moving_point import bootstrap  # noqa: E402
from fluxcalc.season.ustar.season_labels import continuous_seasons, season_years  # noqa: E402
from fluxcalc.sun import potential_radiation  # noqa: E402
from fluxtower.batch.season_figures import draw_figures  # noqa: E402
from fluxtower.batch.season_tables import write_tables  # noqa: E402

COLUMN_NAMES = {"NEE": "NEE", "LE": "LE", "H": "H", "Rg": "SW_IN", "Tair": "TA", "VPD": "VPD", "Ustar": "USTAR"}
PLACE = (51.0, 13.6, 1.0)
BARS = {
    "mds_all_s": 0.05,
    "ustar_boot100_s": 1.0,
    "daytime_s": 2.0,
    "site_year_s": 30.0,
    "peak_mb": 1024.0,
    "years_peak_mb": 1024.0,
    "years_files_peak_mb": 1024.0,
}


def read_site(folder: Path) -> TimeGrid:
    """Half-hours of the reference; its stamps are of the end."""
    table = pl.read_parquet(folder / "input.parquet")
    starts = table["time"].str.to_datetime().dt.offset_by("-30m").alias("start")
    return lay_grid(table.select(starts, *(pl.col(old).alias(new) for old, new in COLUMN_NAMES.items())))


def make_year() -> TimeGrid:
    """A year of light, temperature and exchange, a third of which is missing."""
    random = np.random.default_rng(0)
    n = 17_520
    starts = pl.datetime_range(pl.datetime(2023, 1, 1), pl.datetime(2023, 12, 31, 23, 30), "30m", eager=True)
    above = potential_radiation(starts.dt.offset_by("15m"), *PLACE)
    light = above * np.repeat(random.uniform(0.3, 0.75, n // 48), 48)
    temperature = 9 - 9 * np.cos(np.arange(n) / n * 2 * np.pi) + light / 150 + random.normal(0, 1, n)
    ustar = random.gamma(3, 0.12, n)
    nee = 2.5 * np.exp(0.06 * (temperature - 10)) * np.where(light < 10, np.minimum(1, ustar / 0.2), 1)
    nee += random.normal(0, 0.6, n) - 22 * light / (light + 350)
    nee[random.random(n) < 0.33] = np.nan
    deficit = np.maximum(0, temperature / 2 + light / 100)
    series = {"NEE": nee, "LE": light / 4, "H": light / 5, "SW_IN": light, "TA": temperature, "VPD": deficit}
    return TimeGrid(starts, 30, {**series, "USTAR": ustar})


def repeat(grid: TimeGrid, years: int) -> TimeGrid:
    """The same again and again, as if it were many years."""
    n = len(grid.starts) * years
    first, step = grid.starts[0], timedelta(minutes=grid.minutes)
    starts = pl.datetime_range(first, first + (n - 1) * step, step, eager=True)
    return TimeGrid(starts, grid.minutes, {name: np.tile(values, years) for name, values in grid.variables.items()})


def peak() -> float:
    """Most memory that the process had. [MB]"""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fastest(what: Callable[[], object], times: int) -> float:
    """CPU seconds of the fastest of several runs after the first, which compiles."""
    what()
    found = []
    for _ in range(times):
        begin = time.process_time()
        what()
        found.append(time.process_time() - begin)
    return min(found)


def write(season: Season, methods: SeasonMethods) -> float:
    """Write tables and figures as `fluxtower season` does; return their size. [MB]"""
    with tempfile.TemporaryDirectory() as name:
        files = write_tables(season, Path(name), "years", {"title": "benchmark"})
        files += draw_figures(season, report_season(season, methods), Path(name), "years")
        return sum(file.stat().st_size for file in files) / 1e6


def main() -> None:
    """Time it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, help="folder with input.parquet")
    parser.add_argument("--years", type=int, default=0, help="years of the long run; 0 = none")
    given = parser.parse_args()
    site = given.site
    grid = read_site(site) if site else make_year()
    names = ("NEE", "SW_IN", "TA", "VPD")
    nee, radiation, temperature, deficit = (grid.variables[name] for name in names)
    labels = continuous_seasons(grid.starts)
    years = season_years(grid.starts, labels)
    night = select_night(nee, temperature, grid.variables["USTAR"], radiation, labels, years)
    whole = SeasonMethods(ustar="pooled", percentiles=41, samples=100)
    above = potential_radiation(grid.starts.dt.offset_by("15m"), *PLACE)
    missing = np.full(nee.size, np.nan)
    figures: dict[str, float] = {
        "mds_all_s": fastest(lambda: fill_mds(nee, radiation, temperature, deficit), 7),
        "ustar_boot100_s": fastest(lambda: bootstrap(night, 100), 3),
        "daytime_s": fastest(lambda: partition_by_day(nee, missing, radiation, temperature, deficit, above), 3),
        "site_year_s": fastest(lambda: process_season(grid, *PLACE, whole), 2),
    }
    figures["peak_mb"] = peak()
    if given.years:
        begin = time.process_time()
        season = process_season(repeat(grid, given.years), *PLACE, whole)
        figures |= {"years": given.years, "years_s": time.process_time() - begin, "years_peak_mb": peak()}
        print(f"{given.years} years: {len(season.results)} series of results; not done: {dict(season.reasons)}")
        begin = time.process_time()
        size = write(season, whole)
        figures |= {"years_files_s": time.process_time() - begin, "years_files_peak_mb": peak(), "years_files_mb": size}
    print(f"{site.name if site else 'made-up year'}: {len(grid.starts)} half-hours, {night.flux.size} of the night")
    for name, value in figures.items():
        print(f"{name:20} {value:>10.3f}" + (f"   wanted: {BARS[name]:g}" if name in BARS else ""))
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
