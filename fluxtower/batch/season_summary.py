"""What `fluxtower season` prints of a season when it is made."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from fluxcalc.season.record import FLUXES, Season
from fluxcalc.season.report import SeasonReport

QUALITY_COLUMNS = ("measured", "filled good", "filled medium", "filled poor")
"""Words for the quality of filled fluxes, from 0."""
UNCERTAINTY_PARTS = ("random", "filling", "ustar", "joint")


def print_summary(season: Season, report: SeasonReport, products: str) -> None:
    """Print how much is filled, the sums with their uncertainty, thresholds, notes, what was not done and why.

    Parameters
    ----------
    season : Season
    report : SeasonReport
    products : str
        What was made of it: the folder, the run.
    """
    console = Console()
    console = console if console.is_terminal else Console(width=160)
    console.print(_fill_table(season))
    if report.sums:
        console.print(_sum_table(report))
    for line in (*_lines(report), f"{len(season.starts)} intervals: {products}"):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _fill_table(season: Season) -> Table:
    table = Table("flux", *QUALITY_COLUMNS, "gaps that stay")
    for name in FLUXES:
        quality = season.results.get(f"{name}_F_QC")
        if quality is not None:
            counts = [int((quality == code).sum()) for code in range(len(QUALITY_COLUMNS))]
            table.add_row(name, *map(str, counts), str(int(np.isnan(quality).sum())))
    return table


def _sum_table(report: SeasonReport) -> Table:
    table = Table("sum", "value", *("u*" if part == "ustar" else part for part in UNCERTAINTY_PARTS), "unit")
    for name, total in report.sums.items():
        values = (total.value, *(getattr(total, part) for part in UNCERTAINTY_PARTS))
        table.add_row(name, *("-" if np.isnan(x) else f"{x:.1f}" for x in values), total.unit)
    return table


def _lines(report: SeasonReport) -> list[str]:
    lines = []
    thresholds = [f"{one.label}: {one.value:.3f}" for one in report.thresholds if one.percentile is None]
    if thresholds:
        lines.append("thresholds of u* (m s-1): " + ", ".join(thresholds))
    if report.e0 is not None:
        lines.append(f"sensitivity of respiration to temperature, E0 (K): {report.e0:.2f}")
    if report.closure is not None and report.closure.count:
        lines.append(f"energy balance: slope {report.closure.slope:.2f}, sums {report.closure.ratio:.2f}")
    lines += report.notes
    lines += [f"not done: {name}: {why}" for name, why in report.reasons.items()]
    return lines
